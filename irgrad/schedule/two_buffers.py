"""Arrays that a loop makes anew from themselves: two buffers that change places.

``a[1:-1] = f(a)`` reads neighbours of what it writes, so new values wait in an array of their own
until the old ones have been read. In a loop they are better written once: into a second buffer,
which has the same elements wherever the loop writes none, and the buffers then change places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from irgrad.ir import loops
from irgrad.ir.dims import Dim
from irgrad.schedule.copies import copy_nest
from irgrad.schedule.dependence import SUM
from irgrad.schedule.nest import parts_of
from irgrad.schedule.reuse import arrays_behind

FEWEST = 8
"""Iterations from which the copy that makes the second buffer is worth it."""


@dataclass(frozen=True, slots=True)
class Update:
    """A nest that fills ``scratch`` from an array, which the next one puts in the array's place."""

    array: str
    scratch: str
    nest: loops.Loop
    store: loops.Store


def in_two_buffers(
    statements: Sequence[loops.Statement],
    returned: frozenset[str],
    fresh: Callable[[str], str],
) -> list[loops.Statement]:
    """Return the statements with such loops on two buffers; linear, for each such loop."""
    made = {part.name: part for part in statements if isinstance(part, loops.Allocate)}
    bound = returned | frozenset(arrays_behind(statements).values())
    free = {name: part for name, part in made.items() if name not in bound}
    uses = Counter(loops.words(tuple(statements)))
    second: dict[str, str] = {}
    dropped: set[str] = set()

    def rewritten(part: loops.Statement, depth: int) -> list[loops.Statement]:
        """Return a statement with the loops in it rewritten; recursion as deep as the nests."""
        if not isinstance(part, loops.Loop):
            return [part]
        update = _update(part, free, uses)
        if update is None:
            body = [new for inner in part.body for new in rewritten(inner, depth + 1)]
            return [replace(part, body=tuple(body))]
        array, other = update.array, fresh(f"{update.array}_next")
        second[array] = other
        dropped.add(update.scratch)
        body = _on_two_buffers(part.body, update, other, made[array].dtype)
        copy = copy_nest(loops.Copy(other, array), made[array].shape, depth)
        return [copy, replace(part, body=tuple(body))]

    result: list[loops.Statement] = []
    for part in statements:
        result += rewritten(part, 0)
    return [
        new
        for part in result
        if not (isinstance(part, loops.Allocate) and part.name in dropped)
        for new in _with_second(part, second)
    ]


def _with_second(part: loops.Statement, second: Mapping[str, str]) -> list[loops.Statement]:
    """Return a statement, and after an allocation that of the second buffer."""
    if isinstance(part, loops.Allocate) and part.name in second:
        return [part, replace(part, name=second[part.name], fill=None)]
    return [part]


def _update(
    loop: loops.Loop, free: Mapping[str, loops.Allocate], uses: Mapping[str, int]
) -> Update | None:
    """Return how a loop updates an array that it uses for nothing else."""
    if type(loop) is not loops.Loop or (isinstance(loop.extent, int) and loop.extent < FEWEST):
        return None
    inside = Counter(loops.words(loop.body))
    for nest, then in zip(loop.body, loop.body[1:], strict=False):
        found = _pair(nest, then)
        if found is None or found.array not in free or found.scratch not in free:
            continue
        here = Counter(loops.words((nest, then)))
        scratch_elsewhere = uses[found.scratch] - here[found.scratch] - 1  # its allocation
        if scratch_elsewhere == 0 and inside[found.array] == here[found.array]:
            return found
    return None


def _pair(nest: loops.Statement, then: loops.Statement) -> Update | None:
    """Return what two nests do if the second puts in place what the first one has computed."""
    around, store = _perfect(nest)
    after, put = _perfect(then)
    if store is None or put is None or around != after or store.template:
        return None
    if put.expression != loops.Load(store.array, store.indices) or put.template not in ("", SUM):
        return None
    read = {part.array for part in _loads(nest)}
    if put.array not in read or store.array in read or not isinstance(then, loops.Loop):
        return None
    assert isinstance(nest, loops.Loop)
    return Update(put.array, store.array, nest, put)


def _perfect(
    part: loops.Statement,
) -> tuple[list[tuple[str, Dim]], loops.Store | None]:
    """Return the loops of a nest and its one store, which comes last; None where it isn't so."""
    around: list[tuple[str, Dim]] = []
    while type(part) is loops.Loop and part.body:
        around.append((part.variable, part.extent))
        *first, part = part.body
        if not all(isinstance(other, loops.Let) for other in first):
            return around, None
    return around, part if isinstance(part, loops.Store) and around else None


def _loads(nest: loops.Statement) -> list[loops.Load]:
    return [
        part
        for statement in loops.every_statement([nest])
        if isinstance(statement, loops.Let | loops.Store)
        for part in parts_of(statement.expression)
        if isinstance(part, loops.Load)
    ]


def _on_two_buffers(
    body: Sequence[loops.Statement], update: Update, other: str, dtype: np.dtype
) -> list[loops.Statement]:
    """Return a body that writes the other buffer and lets the two change places."""
    place = next(p for p, part in enumerate(body) if part is update.nest)
    nest = _written(update.nest, update, other, dtype)
    exchange = loops.Exchange(update.array, other)
    return [*body[:place], nest, *body[place + 2 :], exchange]


def _written(
    part: loops.Statement, update: Update, other: str, dtype: np.dtype
) -> loops.Statement:
    """Return the first nest with its store in the other buffer; recursion as deep as the nest."""
    if isinstance(part, loops.Loop):
        *first, last = part.body
        return replace(part, body=(*first, _written(last, update, other, dtype)))
    assert isinstance(part, loops.Store)
    put = update.store
    value = part.expression
    if put.template:
        old = loops.Load(update.array, put.indices)
        value = loops.Apply(SUM, (old, value), dtype)
    nodes = tuple(dict.fromkeys((*part.nodes, *put.nodes)))
    return loops.Store(other, put.indices, value, nodes)


__all__ = ["in_two_buffers"]
