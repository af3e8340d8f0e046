"""What an emitted file may call by name, and all that it then has to hold.

Three libraries: irgrad's vector math, the texts that ops declare, and SciPy's C functions. Which
of them a text needs is read off its calls, so nobody states it twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from irgrad.emit import foreign, vector_math
from irgrad.emit.foreign import Entry
from irgrad.ops.texts import TEXTS, calls

__all__ = ["Needed", "called", "names", "needed"]


@cache
def names() -> frozenset[str]:
    """Return every name that emitted code may call and its file must then provide."""
    return frozenset({*vector_math.BY_FUNCTION, *TEXTS, *foreign.ENTRIES})


@cache
def called(text: str) -> tuple[str, ...]:
    """Return the library functions that a text of Python calls, in order of appearance."""
    return tuple(name for name in calls(text) if name in names())


@dataclass(frozen=True, slots=True)
class Needed:
    """What a file has to hold: functions of each library, each after those it calls."""

    vector_math: tuple[str, ...]
    texts: tuple[str, ...]
    foreign: tuple[Entry, ...]


def needed(used: Iterable[str]) -> Needed:
    """Return all that the functions ``used`` need, themselves included."""
    texts: dict[str, None] = {}
    kernels: dict[str, None] = {}
    entries: set[str] = set()

    def add(name: str) -> None:
        if name in foreign.ENTRIES:
            entries.add(name)
        elif name in vector_math.BY_FUNCTION:
            kernels.setdefault(name)
        elif name not in texts:
            for inner in called(TEXTS[name]):
                if inner != name:
                    add(inner)
            texts.setdefault(name)

    for name in used:
        add(name)
    return Needed(
        vector_math.closure(kernels),
        tuple(texts),
        tuple(entry for entry in foreign.ENTRIES.values() if entry.name in entries),
    )
