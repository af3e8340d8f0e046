"""Noticing that what a traced function read from outside has changed.

A trace fixes the value of every global and closure variable that the function reads. Each call
compares them with what they are now: objects by identity, arrays that entered the trace only
through a computation on them by content too. So a change leads to a new trace, never to a stale
result.
"""

from __future__ import annotations

import dis
import functools
import types
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """Variables and their values at trace time; arrays and the checksums of their contents."""

    variables: tuple[tuple[Callable[[], Any], Any], ...]
    contents: tuple[tuple[np.ndarray, int], ...]

    def unchanged(self) -> bool:
        """Tell whether everything still is as it was; linear in the watched arrays' sizes."""
        for read, value in self.variables:
            if read() is not value:
                return False
        return all(checksum(array) == known for array, known in self.contents)


Entry = tuple[dict[str, Any], str, Any]
"""A dict, a key in it, and what stands there."""


def entries(watched: Watched) -> tuple[Entry, ...] | None:
    """Return where all that is watched stands; None where something is more than a dict's entry."""
    found: list[Entry] = []
    for read, value in watched.variables:
        scope = getattr(read.func, "__self__", None) if isinstance(read, functools.partial) else 0
        if not isinstance(scope, dict):
            return None
        found.append((scope, read.args[0], value))  # type: ignore[attr-defined]
    return None if watched.contents else tuple(found)


def watching(
    jitted: Callable[..., Any], watched: Watched, captured: Sequence[np.ndarray]
) -> Callable[..., Any]:
    """Return the compiled function with captured arrays appended, refusing when they are stale."""

    def call(*args: Any) -> Any:
        if not watched.unchanged():
            raise ValueError("something the function read from outside has changed")
        try:
            return jitted(*args, *captured)
        except TypeError:  # a captured array is not contiguous
            return jitted(*args, *[np.require(a, requirements=["C", "A", "W"]) for a in captured])

    return call


def checksum(array: np.ndarray) -> int:
    """Return a checksum of an array's contents."""
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size else 0


def watch(function: Any, captured: Iterable[Any]) -> Watched:
    """Return the outside variables that ``function`` and the functions it names may read.

    ``captured`` are the arrays that became arguments of the emitted code: their contents are read
    anew at every call.
    """
    known = {id(array) for array in captured}
    variables: list[tuple[Callable[[], Any], Any]] = []
    contents: list[tuple[np.ndarray, int]] = []
    for read, value in _variables(function):
        variables.append((read, value))
        if isinstance(value, np.ndarray) and id(value) not in known and value.dtype != object:
            contents.append((value, checksum(value)))
    return Watched(tuple(variables), tuple(contents))


def _variables(function: Any) -> Iterator[tuple[Callable[[], Any], Any]]:
    seen: set[int] = set()
    stack = [function]
    count = 0
    while stack and count < _LIMIT:
        current = stack.pop()
        owner = getattr(current, "__self__", None)
        if owner is not None and hasattr(current, "__func__"):
            current = current.__func__
            for read, value in _attributes(owner, current):
                count += 1
                yield read, value
        if id(current) in seen:
            continue
        seen.add(id(current))
        if not isinstance(current, types.FunctionType):
            stack.extend(filter(callable, _parts(current)))
            continue
        for read, value in _own_variables(current):
            if isinstance(value, types.ModuleType):
                continue
            count += 1
            yield read, value
            if _is_function(value):
                stack.append(value)


def _is_function(value: Any) -> bool:
    """Tell whether a variable holds a function of the user's, or a transform of one."""
    if isinstance(value, types.FunctionType):
        return not _is_library(value)
    return hasattr(value, "__wrapped__") and not isinstance(value, type)


def _parts(made: Any) -> list[Any]:
    """Return the functions that a callable object was made from: a partial, a transform."""
    if isinstance(made, functools.partial):
        return [made.func, *made.args, *made.keywords.values()]
    return list(getattr(made, "__dict__", {}).values()) if hasattr(made, "__wrapped__") else []


def _is_library(function: types.FunctionType) -> bool:
    return "site-packages" in function.__code__.co_filename


def _own_variables(function: types.FunctionType) -> Iterator[tuple[Callable[[], Any], Any]]:
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not yet assigned
            continue
        yield _cell_reader(cell), value
    scope = function.__globals__
    for name in _global_names(function.__code__):
        if name in scope:
            yield _global_reader(scope, name), scope[name]


def _attributes(
    owner: Any, method: types.FunctionType
) -> Iterator[tuple[Callable[[], Any], Any]]:
    """Yield the attributes of an object that a method of it may read."""
    own = getattr(owner, "__dict__", {})
    for name in _names(method.__code__):
        if name in own:
            yield _attribute_reader(own, name), own[name]


# Partial functions are called without a frame of Python's: they are called at every call.


def _attribute_reader(own: dict[str, Any], name: str) -> Callable[[], Any]:
    return functools.partial(own.get, name)


def _cell_reader(cell: Any) -> Callable[[], Any]:
    return functools.partial(getattr, cell, "cell_contents")


def _global_reader(scope: dict[str, Any], name: str) -> Callable[[], Any]:
    return functools.partial(scope.get, name)


def _global_names(code: types.CodeType) -> Iterator[str]:
    """Yield the names that a code object and those inside it look up globally, attributes not."""
    for part in _every_code(code):
        for instruction in dis.get_instructions(part):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield instruction.argval


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the names, of attributes too, that a code object and those inside it may look up."""
    for part in _every_code(code):
        yield from part.co_names


def _every_code(code: types.CodeType) -> Iterator[types.CodeType]:
    stack = [code]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(const for const in current.co_consts if isinstance(const, types.CodeType))
