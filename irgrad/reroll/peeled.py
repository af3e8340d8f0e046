"""Iterations that stand beside their loop because they look different, and are its own.

``total = bias; for w, x in ...: total = total + w * x`` reads an argument the first time and its
own result afterwards, so its first iteration has another shape. In a triangular nest the first or
the last rows are too short to hold loops. Where the records beside a loop are what it would do
before its first iteration or after its last one, it takes them back; what a first iteration starts
from becomes the initial value of a carry.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.ir.graph import Node, frozen
from irgrad.reroll.instances import fitted
from irgrad.reroll.nests import Term
from irgrad.reroll.records import Records
from irgrad.reroll.spelled import Iteration, Leaf, Nest, lengths, spell


def take_back(terms: list[Term], records: Records) -> list[Term]:
    """Return the terms with the iterations beside a loop in it, inner loops first.

    Linear in the records, once for each iteration that is taken back.
    """
    bodies = [terms]
    for body in bodies:
        bodies.extend(term.body for term in body if term.body)
    for body in reversed(bodies):
        place = 0
        while place < len(body):
            count = _taken(body, place, records, first=True)
            if count:
                del body[place - count : place]
                place -= count
                continue
            count = _taken(body, place, records, first=False)
            if count:
                del body[place + 1 : place + 1 + count]
                continue
            place += 1
    return terms


def _taken(body: Sequence[Term], place: int, records: Records, *, first: bool) -> int:
    """Let a loop take back the iteration before its first one, or that after its last one.

    Returns how many of the terms beside it that was.
    """
    loop = body[place]
    step = -1 if first else 1
    if not loop.body or not 0 <= place + step < len(body):
        return 0
    origins = {records.nodes[leaf.ordinals[0]].origin for leaf in _leaves(loop)}
    nearest = _leaves(body[place + step])
    if all(records.nodes[leaf.ordinals[0]].origin not in origins for leaf in nearest):
        return 0
    nest = spell(loop)
    if nest is None:
        return 0
    made: list[Iteration] = []
    starts: list[int] = []
    count, covered = 0, np.zeros(len(loop.trips), np.int64)
    check = _Check(nest, records)
    for entry, trips in enumerate(loop.trips):
        iteration = nest.foreseen(entry, -1 if first else trips)
        if iteration is None or not iteration.records:
            return 0
        size = len(iteration.records)
        while not entry and covered[0] < size:
            count += 1
            if not 0 <= place + count * step < len(body):
                return 0
            covered += lengths(body[place + count * step])
        if covered[entry] != size:
            return 0
        end = int(nest.ends[entry])
        start = int(nest.starts[nest.entered[entry]]) - size if first else end
        if not check.is_iteration(iteration, start, entry, first):
            return 0
        made.append(iteration)
        starts.append(start)
    nest.extend(made, starts, first=first)
    return count


def _leaves(term: Term) -> Iterator[Term]:
    stack = [term]
    while stack:
        term = stack.pop()
        if term.body:
            stack.extend(term.body)
        else:
            yield term


class _Check:
    """Whether records are what an iteration of a loop would be."""

    def __init__(self, nest: Nest, records: Records) -> None:
        self.nest = nest
        self.records = records
        self._shapes: dict[tuple[Leaf, bool], set[int]] = {}
        self._carried: dict[tuple[Leaf, int, bool], bool] = {}
        self._rules: dict[tuple[Leaf, int], list[tuple[int, ...] | None]] = {}
        self._columns: dict[Leaf, list[int]] = {}

    def is_iteration(self, iteration: Iteration, start: int, entry: int, first: bool) -> bool:
        """Tell whether the records from ``start`` do what an iteration would."""
        for ordinal, (leaf, indices) in enumerate(iteration.records, start):
            shape = self.records.shapes[ordinal]
            direct = len(leaf.indices) == 2
            opening = not direct and indices[-1] == 0
            usual = self._seen(leaf, opening)
            if direct and first:
                usual = usual | self._seen(leaf, True)
                if len(usual) > 1:
                    return False
            if shape not in usual and not (
                first and len(usual) == 1 and self._begins(leaf, ordinal, opening)
            ):
                return False
            moves = (
                self._moves_evenly(leaf, ordinal, entry, first)
                if direct
                else self._follows(leaf, ordinal, indices)
            )
            if not moves:
                return False
        return True

    def _seen(self, leaf: Leaf, opening: bool) -> set[int]:
        """Return the shapes in the first iterations of the innermost loop, or in the others."""
        known = self._shapes.get((leaf, opening))
        if known is None:
            chosen = (leaf.indices[-1] == 0) == opening
            shapes = self.records.shapes
            known = {shapes[k] for k in np.array(leaf.term.ordinals)[chosen]}
            self._shapes[leaf, opening] = known
        return known

    def _begins(self, leaf: Leaf, ordinal: int, opening: bool) -> bool:
        """Tell whether a record differs from a leaf's only in what is carried from then on."""
        nodes = self.records.nodes
        node, usual = nodes[ordinal], nodes[self._first(leaf, opening)]
        if (node.op, node.origin, node.type) != (usual.op, usual.origin, usual.type):
            return False
        if _placed(node.params)[0] != _placed(usual.params)[0]:
            return False
        for place, operands in enumerate(zip(node.inputs, usual.inputs, strict=True)):
            here, later = (self._kind(operand) for operand in operands)
            if here != later and not (
                later == "record" and self._is_carried(leaf, place, opening)
            ):
                return False
        return True

    def _first(self, leaf: Leaf, opening: bool) -> int:
        """Return the first record of a leaf in a first iteration of its innermost loop, or not.

        That of all where there is no loop but the one that takes iterations back.
        """
        if len(leaf.indices) == 2:
            return leaf.term.ordinals[0]
        return leaf.term.ordinals[int(np.argmax((leaf.indices[-1] == 0) == opening))]

    def _kind(self, operand: Node) -> Any:
        """Return what kind of operand it is, and which one but for where a part starts."""
        if operand in self.records.ordinals:
            return "record"
        base = self.records.parts.get(operand)
        if base is not None:
            return base, _placed(operand.params)[0]
        return operand if operand.inputs or "value" not in operand.params else operand.type

    def _is_carried(self, leaf: Leaf, place: int, opening: bool = False) -> bool:
        """Tell whether every iteration but the first has an operand from the one before it.

        In an inner loop, the same one all along: a carry holds one value.
        """
        known = self._carried.get((leaf, place, opening))
        if known is None:
            ordinals, nodes = self.records.ordinals, self.records.nodes
            chosen = leaf.indices[1] > 0
            if len(leaf.indices) > 2:
                chosen &= (leaf.indices[-1] == 0) == opening
            own = np.array(leaf.term.ordinals)[chosen]
            made = np.array([ordinals.get(nodes[k].inputs[place], -1) for k in own])
            number = self.nest.entered[leaf.indices[0][chosen]] + leaf.indices[1][chosen]
            starts = self.nest.starts
            within = (starts[number - 1] <= made) & (made < starts[number])
            _, opened, iteration = np.unique(number, return_index=True, return_inverse=True)
            within &= made == made[opened[iteration]]
            known = self._carried[leaf, place, opening] = bool(within.all())
        return known

    def _follows(self, leaf: Leaf, ordinal: int, indices: tuple[int, ...]) -> bool:
        """Tell whether the numbers of a record in an inner loop are what its places say."""
        entry, *place = indices
        key = (leaf, entry)
        rules = self._rules.get(key)
        if rules is None:
            rules = self._rules[key] = self._fitted(leaf, entry)
        here = self.records.vectors[ordinal]
        return all(
            rule is not None and here[c] == rule[0] + sum(map(operator.mul, rule[1:], place))
            for c, rule in enumerate(rules)
        )

    def _fitted(self, leaf: Leaf, entry: int) -> list[tuple[int, ...] | None]:
        """Return how the numbers of a leaf's own params follow from its iterations."""
        chosen = leaf.indices[0] == entry
        ordinals = np.array(leaf.term.ordinals)[chosen]
        places = [index[chosen] for index in leaf.indices[1:]]
        own = self.records.own[self.records.shapes[ordinals[0]]]
        vectors = np.array([self.records.vectors[k][:own] for k in ordinals], np.int64)
        return [fitted(column, places) for column in vectors.T]

    def _moves_evenly(self, leaf: Leaf, ordinal: int, entry: int, first: bool) -> bool:
        """Tell whether what has moved by an even step so far moves so here."""
        begun, trips = int(self.nest.entered[entry]), self.nest.loop.trips[entry]
        near = leaf.term.ordinals[begun if first else begun + trips - 1]
        next_one = leaf.term.ordinals[begun + 1 if first else begun + trips - 2]
        here, there, beyond = (self.records.vectors[k] for k in (ordinal, near, next_one))
        columns: Sequence[int] = self._even_columns(leaf)
        if self.records.shapes[ordinal] != self.records.shapes[near]:
            columns = range(self.records.own[self.records.shapes[near]])
        return all(here[c] == 2 * there[c] - beyond[c] for c in columns)

    def _even_columns(self, leaf: Leaf) -> list[int]:
        """Return which numbers of a record must move evenly, or have done so in a plain loop."""
        known = self._columns.get(leaf)
        if known is not None:
            return known
        last = leaf.term.ordinals[self.nest.loop.trips[0] - 1]
        shape = self.records.shapes[last]
        loose = self.records.loose[shape]
        known = self._columns[leaf] = [c for c, free in enumerate(loose) if not free]
        alike = all(self.records.shapes[k] == shape for k in leaf.term.ordinals[:3])
        if alike and not self.nest.inner:
            first, second, third = (self.records.vectors[k] for k in leaf.term.ordinals[:3])
            carried = self._carried_columns(leaf, self.records.nodes[last], shape)
            known += [
                c
                for c, free in enumerate(loose)
                if free and c not in carried and third[c] - second[c] == second[c] - first[c]
            ]
        return known

    def _carried_columns(self, leaf: Leaf, node: Node, shape: int) -> set[int]:
        column = self.records.own[shape]
        found: set[int] = set()
        for place, operand in enumerate(node.inputs):
            if operand in self.records.ordinals:
                if self._is_carried(leaf, place):
                    found.add(column)
                column += 1
            elif operand in self.records.parts:
                axes = len(operand.params["starts"])
                column += axes * len(self.records.moving(operand.op))
        return found


def _placed(params: Any) -> tuple[Any, tuple[int, ...]]:
    """Return params without where a part starts, and that."""
    if "starts" not in params or not all(type(start) is int for start in params["starts"]):
        return (frozen(params) if params else None), ()
    return frozen({k: v for k, v in params.items() if k != "starts"}), params["starts"]


__all__ = ["take_back"]
