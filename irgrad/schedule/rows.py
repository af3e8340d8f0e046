"""Innermost loops over flat arrays, made to vectorise.

An index such as ``33 * i + k`` may be negative for all that numba knows, and a fixed number of
trips is unrolled before LLVM looks for vectors: either leaves scalar code. So a loop of many trips
goes through views of the rows it touches, and takes its trips from a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.schedule.names import Names

LEAST = 12
"""Trips from which a loop of a known number of them is worth vectorising."""


def through_rows(statements: Sequence[loops.Statement], names: Names) -> list[loops.Statement]:
    """Return the statements with such loops rewritten."""
    # Recursion as deep as the nests.
    result: list[loops.Statement] = []
    for part in statements:
        if type(part) is loops.Loop and is_simple(part):
            result += _vectorised(part, names)
        elif isinstance(part, loops.Loop):
            result.append(replace(part, body=tuple(through_rows(part.body, names))))
        else:
            result.append(part)
    return result


def is_simple(loop: loops.Loop) -> bool:
    """Tell whether a loop holds nothing but arithmetic on elements."""
    simple = loops.Let | loops.Store | loops.Accumulate
    if isinstance(loop.extent, int) and loop.extent < LEAST:
        return False
    return all(isinstance(part, simple) for part in loop.body)


def _vectorised(loop: loops.Loop, names: Names) -> list[loops.Statement]:
    """Return the views that a loop needs, and the loop; the loop alone where it needs none."""
    elements = list(elements_of(loop))
    if not any(_moves_with_others(element, loop.variable) for element in elements):
        return [loop]
    views: dict[tuple[str, tuple[Any, ...]], str] = {}
    known: dict[loops.Load, loops.Load] = {}
    slices: list[loops.Statement] = []
    for element in elements:
        if element in known or step_of(element, loop.variable) != 1:
            continue
        if element.indices == (dims.symbol(loop.variable),):
            continue
        counts = not views and isinstance(loop.extent, int)
        places = row(element, loop.variable, loop.extent, bounded=counts)
        key = (element.array, element.indices)
        if key not in views:
            views[key] = names.view(element.array)
            slices.append(loops.Slice(views[key], element.array, places))
        known[element] = loops.Load(views[key], (dims.symbol(loop.variable),))
    if not known:
        return [loop]
    over = next(iter(views.values())) if isinstance(loop.extent, int) else ""
    body = tuple(with_elements(part, known) for part in loop.body)
    return [*slices, replace(loop, body=body, over=over)]


def elements_of(loop: loops.Loop) -> Iterator[loops.Load]:
    """Yield the elements that are read or written at indices that are sizes."""
    for part in loop.body:
        stack: list[Any] = [part.expression]  # type: ignore[union-attr]
        if isinstance(part, loops.Store):
            stack += part.indices
            yield from _affine(loops.Load(part.array, part.indices))
        while stack:
            inner = stack.pop()
            if isinstance(inner, loops.Load):
                stack += inner.indices
                yield from _affine(inner)
            elif isinstance(inner, loops.Apply):
                stack += inner.operands


def _affine(element: loops.Load) -> Iterator[loops.Load]:
    if all(isinstance(index, int | dims.Size) for index in element.indices):
        yield element


def step_of(element: loops.Load, variable: str) -> int | None:
    """Return by how many places an element moves a trip, None where that isn't one number."""
    moving = [index for index in element.indices if variable in dims.symbols(index)]
    if not moving:
        return 0
    start = _at_number(moving[0], variable, 0)
    step = _at_number(moving[0], variable, 1) - start
    if len(moving) > 1 or not isinstance(step, int):
        return None
    return step if start + step * dims.symbol(variable) == moving[0] else None


def _at_number(index: Dim, variable: str, number: int) -> Dim:
    placed: Dim = dims.substitute(index, {variable: number})
    return placed


def _moves_with_others(element: loops.Load, variable: str) -> bool:
    """Tell whether one index holds this loop's variable and that of a loop around it."""
    return any(
        variable in dims.symbols(index)
        and any(name.startswith("@") and name != variable for name in dims.symbols(index))
        for index in element.indices
    )


def row(
    element: loops.Load, variable: str, extent: Dim, *, bounded: bool
) -> tuple[loops.AxisSlice, ...]:
    """Return the slices that pick the elements of ``extent`` trips."""
    places = []
    for index in element.indices:
        start = _at_number(index, variable, 0)
        if variable in dims.symbols(index):
            places.append(loops.AxisSlice(start, extent, 1, bounded))
        else:
            places.append(loops.AxisSlice(start, 1, 0))
    return tuple(places)


def with_elements(part: Any, known: dict[loops.Load, loops.Load]) -> Any:
    """Return a statement or an expression with elements named otherwise."""
    if isinstance(part, loops.Store):
        target = known.get(loops.Load(part.array, part.indices))
        if target is None:
            indices = tuple(with_elements(index, known) for index in part.indices)
            target = loops.Load(part.array, indices)
        expression = with_elements(part.expression, known)
        return replace(part, array=target.array, indices=target.indices, expression=expression)
    if isinstance(part, loops.Let | loops.Accumulate):
        return replace(part, expression=with_elements(part.expression, known))
    if isinstance(part, loops.Load):
        if part in known:
            return known[part]
        return replace(part, indices=tuple(with_elements(index, known) for index in part.indices))
    if isinstance(part, loops.Apply):
        return replace(part, operands=tuple(with_elements(o, known) for o in part.operands))
    return part
