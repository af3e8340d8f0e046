"""Sums into an element that a loop does not move: kept in a local variable while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from irgrad.ir import dims, loops
from irgrad.schedule.names import letters


def keep_sums_local(
    statements: Sequence[loops.Statement], fresh: Callable[[str], str]
) -> list[loops.Statement]:
    """Return the statements with ``array[fixed] += x`` inside a loop folded in a local variable.

    LLVM can't tell that the element is not also read or written through another array, and would
    go through memory at every step.
    """
    views: dict[str, str] = {}
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Slice | loops.Rearrange):
            views[part.name] = views.get(part.array, part.array)
    return _rewritten(statements, views, fresh)


def _rewritten(
    statements: Sequence[loops.Statement], views: dict[str, str], fresh: Callable[[str], str]
) -> list[loops.Statement]:
    result: list[loops.Statement] = []
    for statement in statements:
        if not isinstance(statement, loops.Loop):
            result.append(statement)
            continue
        body = _rewritten(statement.body, views, fresh)
        if isinstance(statement, loops.Share):  # each thread has sums of its own
            result.append(replace(statement, body=tuple(body)))
            continue
        kept = _fixed_sums(replace(statement, body=tuple(body)), views)
        locals_ = {
            element: fresh(f"{element[0]}_{letters(element[1])}") for element in kept
        }
        for (array, indices), name in locals_.items():
            result.append(loops.Let(name, loops.Load(array, indices)))
        result.append(replace(statement, body=tuple(_folded(part, locals_) for part in body)))
        for (array, indices), name in locals_.items():
            result.append(loops.Store(array, indices, loops.Name(name)))
    return result


Element = tuple[str, tuple[Any, ...]]


def _fixed_sums(loop: loops.Loop, views: dict[str, str]) -> dict[Element, loops.Store]:
    """Return the elements that the body of ``loop`` only ever folds into, and never moves."""
    found: dict[Element, loops.Store] = {}
    for part in loop.body:
        if isinstance(part, loops.Store) and part.template and _is_fixed(part, loop.variable):
            found[part.array, part.indices] = part
    arrays = {array for array, _ in found}
    for array in arrays:
        own = [indices for name, indices in found if name == array]
        if not _apart(own) or _used_otherwise(loop, array, set(own), views):
            found = {element: part for element, part in found.items() if element[0] != array}
    return found


def _is_fixed(store: loops.Store, variable: str) -> bool:
    return all(
        isinstance(index, int | dims.Size) and variable not in set(dims.symbols(index))
        for index in store.indices
    )


def _apart(elements: Sequence[tuple[Any, ...]]) -> bool:
    """Tell whether elements differ in numbers alone, so that none can be another."""
    shapes = {tuple(None if isinstance(i, int) else i for i in element) for element in elements}
    return len(shapes) == 1


def _used_otherwise(
    loop: loops.Loop, array: str, own: set[tuple[Any, ...]], views: dict[str, str]
) -> bool:
    """Tell whether the loop touches the array's memory in any other way."""
    root = views.get(array, array)
    stack: list[Any] = []
    for part in loops.every_statement(loop.body):
        if isinstance(part, loops.Store):
            mine = part.array == array and part.indices in own and part.template
            if not mine and views.get(part.array, part.array) == root:
                return True
            if mine and part not in loop.body:
                return True
            stack.extend((part.expression, *part.indices))
        elif isinstance(part, loops.Let | loops.Accumulate):
            stack.append(part.expression)
        elif not isinstance(part, loops.Loop):
            return True  # a call, a copy, a view: not worth looking into
    while stack:
        part = stack.pop()
        if isinstance(part, loops.Load):
            if views.get(part.array, part.array) == root:
                return True
            stack.extend(part.indices)
        elif isinstance(part, loops.Apply):
            stack.extend(part.operands)
    return False


def _folded(part: loops.Statement, names: dict[Element, str]) -> loops.Statement:
    if isinstance(part, loops.Store) and (part.array, part.indices) in names and part.template:
        name = names[part.array, part.indices]
        dtype = getattr(part.expression, "dtype", np.dtype(np.float64))
        return loops.Accumulate(name, part.template, part.expression, dtype, part.nodes)
    return part
