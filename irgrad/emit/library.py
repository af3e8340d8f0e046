"""What an emitted file may call by name, and all that it then has to hold.

Three libraries: irgrad's vector math, its special functions (plain Python texts in the template
folder, one function a file, in `special/`), and SciPy's C functions. Which of them a text needs is
read off its calls, so nobody states it twice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from irgrad.emit import foreign, vector_math
from irgrad.emit.foreign import Entry
from irgrad.emit.templates import template_folder

__all__ = ["Needed", "called", "names", "needed", "special_source"]


@cache
def _special_functions() -> frozenset[str]:
    folder = template_folder() / "special"
    return frozenset(path.name.removesuffix(".py.jinja") for path in folder.glob("*.py.jinja"))


@cache
def special_source(function: str) -> str:
    """Return the text of one of irgrad's special functions, from `def` on."""
    return (template_folder() / "special" / f"{function}.py.jinja").read_text(encoding="utf-8")


@cache
def names() -> frozenset[str]:
    """Return every name that emitted code may call and its file must then provide."""
    return frozenset({*vector_math.BY_FUNCTION, *_special_functions(), *foreign.ENTRIES})


@cache
def called(text: str) -> tuple[str, ...]:
    """Return the library functions that a text of Python calls, in order of appearance."""
    found = {
        node.func.id: None
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return tuple(name for name in found if name in names())


@dataclass(frozen=True, slots=True)
class Needed:
    """What a file has to hold: functions of each library, each after those it calls."""

    vector_math: tuple[str, ...]
    special: tuple[str, ...]
    foreign: tuple[Entry, ...]


def needed(used: Iterable[str]) -> Needed:
    """Return all that the functions ``used`` need, themselves included."""
    special: dict[str, None] = {}
    kernels: dict[str, None] = {}
    entries: set[str] = set()

    def add(name: str) -> None:
        if name in foreign.ENTRIES:
            entries.add(name)
        elif name in vector_math.BY_FUNCTION:
            kernels.setdefault(name)
        elif name not in special:
            for inner in called(special_source(name)):
                if inner != name:
                    add(inner)
            special.setdefault(name)

    for name in used:
        add(name)
    return Needed(
        vector_math.closure(kernels),
        tuple(special),
        tuple(entry for entry in foreign.ENTRIES.values() if entry.name in entries),
    )
