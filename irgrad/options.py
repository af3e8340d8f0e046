"""The options of a compilation; part of the key of what is cached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How a function is compiled.

    jit: compile the emitted source with numba; False runs it as plain Python.
    fastmath: let the compiler assume that no value is NaN or infinite.
    """

    jit: bool = True
    fastmath: bool = False

    def key(self) -> str:
        """Return the text that stands for the options in cache keys."""
        return f"fastmath={self.fastmath}"
