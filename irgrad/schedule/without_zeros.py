"""Loops that leave out what is zero, or does not matter, by how the arrays are made.

A product with a triangular matrix of 10 rows runs over 10 columns for every row as it stands. In
three loops over four rows each, which end where the rows do, it does two thirds of the work, and
each is as plain a loop as before. Five loops would do three fifths, but run only a twentieth
faster, and every loop costs a tenth of a second of compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from irgrad.ir import dims, loops
from irgrad.ir.graph import Node
from irgrad.schedule.dependence import SUM
from irgrad.schedule.reuse import renamed
from irgrad.schedule.storage import Place

PARTS = 3
"""Loops that one is taken apart into, at the most."""
WORTH = 0.8
"""The share of the work that must be left at the most."""

Patterns = Mapping[str, Any]
"""By array, what may be other than zero or matters; one element along axes of any length."""


def in_memory(
    patterns: Mapping[Node, Any], places: Mapping[Node, Place], name: Callable[[Node], str]
) -> Patterns:
    """Return the patterns of arrays by name, their axes as they lie in memory.

    Not of arrays that several nodes have in turn.
    """
    found: dict[str, Any] = {}
    shared = {place.root for node, place in places.items() if place.root is not node}
    for node, pattern in patterns.items():
        place = places.get(node)
        if place is None or place.scalar or place.root is not node or node in shared:
            continue
        left = tuple(axis for axis in range(pattern.ndim) if axis not in place.axes)
        lasting = np.transpose(pattern, (*left, *place.axes))
        found[name(node)] = lasting.any(axis=tuple(range(len(left))))
    return found


def without_zeros(
    statements: Sequence[loops.Statement],
    nonzero: Patterns,
    needed: Patterns,
    fresh: Callable[[str], str],
) -> list[loops.Statement]:
    """Return the statements with such loops taken apart; ``fresh`` makes names.

    Linear, but for pairs of nested loops with lengths that are numbers: those cost their product.
    """
    if not nonzero and not needed:
        return list(statements)
    return list(_taken_apart(statements, _Dead(nonzero, needed), fresh))


class _Dead:
    """Tells in which trips of two nested loops a body does nothing that matters."""

    def __init__(self, nonzero: Patterns, needed: Patterns) -> None:
        self._nonzero = nonzero
        self._needed = needed
        self._grid: dict[str, Any] = {}

    def trips(self, outer: loops.Loop, inner: loops.Loop) -> Any:
        """Return which trips (of ``outer``, of ``inner``) do nothing that matters."""
        assert isinstance(outer.extent, int)
        assert isinstance(inner.extent, int)
        columns = np.arange(inner.extent)[None, :]
        self._grid = {outer.variable: np.arange(outer.extent)[:, None], inner.variable: columns}
        return np.broadcast_to(self._body(inner.body, set()), (outer.extent, inner.extent))

    def _body(self, body: Sequence[loops.Statement], own: set[str]) -> Any:
        """Return where no statement of a body does anything; ``own`` are its variables."""
        dead: Any = np.True_
        for part in body:
            if isinstance(part, loops.Let) and not part.again:
                own.add(part.name)
            elif isinstance(part, loops.Accumulate):
                if part.name not in own:
                    dead = dead & self._adds_nothing(part.template, part.expression)
            elif isinstance(part, loops.Store):
                nothing = self._adds_nothing(part.template, part.expression)
                if part.template and part.array in self._needed:
                    nothing = nothing | ~self._at(self._needed[part.array], part.indices)
                dead = dead & nothing
            elif type(part) is loops.Loop:
                dead = dead & self._body(part.body, own)
            else:
                return np.False_
        return dead

    def _adds_nothing(self, template: str, expression: loops.Expression) -> Any:
        return self._zero(expression) if template == SUM else np.False_

    def _zero(self, expression: Any) -> Any:
        """Return where an expression is zero; recursion as deep as it."""
        if isinstance(expression, loops.Load) and expression.array in self._nonzero:
            return ~self._at(self._nonzero[expression.array], expression.indices)
        if isinstance(expression, loops.Apply) and expression.template == "x * y":
            return self._zero(expression.operands[0]) | self._zero(expression.operands[1])
        return np.False_

    def _at(self, pattern: Any, indices: Sequence[Any]) -> Any:
        """Return a pattern at indices for all trips: where they move otherwise, at any place."""
        places: list[Any] = []
        for axis, index in enumerate(indices):
            place = self._place(index)
            if pattern.shape[axis] == 1:
                places.append(0)
            elif place is None:
                pattern = pattern.any(axis=axis, keepdims=True)
                places.append(0)
            else:
                places.append(place)
        return pattern[tuple(places)]

    def _place(self, index: Any) -> Any:
        if isinstance(index, int):
            return index
        if isinstance(index, dims.Size):
            for variable, trips in self._grid.items():
                if index == dims.symbol(variable):
                    return trips
        return None


def _taken_apart(
    body: Sequence[loops.Statement], dead: _Dead, fresh: Callable[[str], str]
) -> Iterator[loops.Statement]:
    """Yield the statements of a body; recursion as deep as the nests."""
    for part in body:
        if not isinstance(part, loops.Loop):
            yield part
            continue
        cuts = _cuts(part, dead) if type(part) is loops.Loop else {}
        if cuts:
            yield from _parts(part, cuts, fresh)
        else:
            yield replace(part, body=tuple(_taken_apart(part.body, dead, fresh)))


Ends = Sequence[tuple[int, int]]
"""By part of a loop, the first trip of a loop inside it and the one after the last."""


def _cuts(loop: loops.Loop, dead: _Dead) -> dict[int, Ends]:
    """Return the loops inside ``loop`` that are worth cutting short, by their ids."""
    inside = [part for part in loops.every_statement(loop.body) if isinstance(part, loops.Loop)]
    if not isinstance(loop.extent, int) or loop.extent < 2 or len(inside) < 2:
        return {}  # two short loops alone are too little work for their code
    if any(_is_long(part) for part in loops.every_statement(loop.body)):
        return {}
    found: dict[int, Ends] = {}
    for inner in inside:
        if type(inner) is not loops.Loop or not isinstance(inner.extent, int):
            continue
        alive = ~dead.trips(loop, inner)
        if alive.all():
            continue
        parts = [alive[start : start + _rows(loop)] for start in range(0, loop.extent, _rows(loop))]
        ends = [_ends(part) for part in parts]
        work = sum(
            len(part) * (end - first) for part, (first, end) in zip(parts, ends, strict=True)
        )
        if work <= WORTH * loop.extent * inner.extent:
            found[id(inner)] = ends
    return found


def _rows(loop: loops.Loop) -> int:
    """Return the trips of a part of a loop."""
    assert isinstance(loop.extent, int)
    return -(-loop.extent // PARTS)


def _is_long(statement: loops.Statement) -> bool:
    """Tell whether a statement takes a kernel: work and code next to which a product is little."""
    stack: list[Any] = [getattr(statement, "expression", None)]
    while stack:
        part = stack.pop()
        if isinstance(part, loops.Apply):
            if part.vector_math is not None:
                return True
            stack.extend(part.operands)
    return False


def _ends(alive: Any) -> tuple[int, int]:
    """Return the first trip that does something in any row, and the one after the last."""
    (trips,) = np.nonzero(alive.any(axis=0))
    return (int(trips[0]), int(trips[-1]) + 1) if trips.size else (0, 0)


def _parts(
    loop: loops.Loop, cuts: Mapping[int, Ends], fresh: Callable[[str], str]
) -> Iterator[loops.Statement]:
    """Yield a loop in parts, the loops inside it cut short in each."""
    assert isinstance(loop.extent, int)
    rows = _rows(loop)
    for part, start in enumerate(range(0, loop.extent, rows)):
        body = _cut_short(loop.body, {inner: ends[part] for inner, ends in cuts.items()})
        names = [p.name for p in loops.every_statement(body) if isinstance(p, loops.Let)]
        if part:
            body = renamed(body, {name: fresh(name) for name in dict.fromkeys(names)})
        yield from _trips(loop, body, start, min(rows, loop.extent - start))


def _trips(
    loop: loops.Loop, body: tuple[loops.Statement, ...], first: int, count: int
) -> tuple[loops.Statement, ...]:
    """Return ``count`` trips of a loop from ``first`` on."""
    if not count:
        return ()
    place = first if count == 1 else dims.symbol(loop.variable) + first
    if first or count == 1:
        body = loops.placed(body, {loop.variable: place})
    return body if count == 1 else (replace(loop, extent=count, body=body),)


def _cut_short(
    body: Sequence[loops.Statement], ends: Mapping[int, tuple[int, int]]
) -> tuple[loops.Statement, ...]:
    """Return a body with some of the loops in it cut short; recursion as deep as the nests."""
    result: list[loops.Statement] = []
    for part in body:
        if not isinstance(part, loops.Loop):
            result.append(part)
            continue
        inside = _cut_short(part.body, ends)
        if id(part) in ends:
            first, end = ends[id(part)]
            result.extend(_trips(part, inside, first, end - first))
        else:
            result.append(replace(part, body=inside))
    return tuple(result)
