"""The options of a compilation; part of the key of what is cached."""

from __future__ import annotations

import os
from dataclasses import dataclass

LONG = 300
"""Effort to compile from which a trace is searched for loops; shorter ones run faster without."""
MAX_NODES = 2 * 10**7
"""Nodes of a trace, unless set otherwise: about 20 GB."""


def most_nodes() -> int:
    """Return the limit to the length of a trace that the environment sets."""
    return int(os.environ.get("IRGRAD_MAX_NODES") or MAX_NODES)


@dataclass(frozen=True, slots=True)
class Options:
    """How a function is compiled.

    jit: compile the emitted source with numba; False runs it as plain Python.
    parallel: let threads share the outer loops.
    fastmath: let the compiler assume that no value is NaN or infinite.
    tier: "compiled" makes the first call wait for the compiler; "auto" answers by evaluating the
    graph until a compilation in the background is ready.
    max_nodes: where tracing stops with an error.
    """

    jit: bool = True
    parallel: bool = False
    fastmath: bool = False
    tier: str = "compiled"
    max_nodes: int = MAX_NODES

    def key(self) -> str:
        """Return the text that stands for the options in cache keys."""
        return f"fastmath={self.fastmath}" + (" parallel" if self.parallel else "")
