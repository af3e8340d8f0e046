"""The options of a compilation; part of the key of what is cached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How a function is compiled.

    jit: compile the emitted source with numba; False runs it as plain Python.
    fastmath: let the compiler assume that no value is NaN or infinite.
    tier: "compiled" makes the first call wait for the compiler; "auto" answers by evaluating the
    graph until a compilation in the background is ready.
    """

    jit: bool = True
    fastmath: bool = False
    tier: str = "compiled"

    def key(self) -> str:
        """Return the text that stands for the options in cache keys."""
        return f"fastmath={self.fastmath}"
