"""Statements of recognised nests, and where each value they read was made.

Everything here is by enumeration: arrays over the instances of a statement, in the order of the
trace, so that what holds is checked for every instance and not deduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.reroll.nests import Term
from irgrad.reroll.records import Records

Indices = tuple[np.ndarray, ...]


@dataclass(eq=False)
class Loop:
    """A loop of a nest: the loop it stands in, its depth, and its body.

    ``trips`` says how often it ran each time it was entered, ``indices`` in which iterations of
    the loops around it that was.
    """

    depth: int
    trips: np.ndarray
    indices: tuple[np.ndarray, ...]
    body: list[Loop | Statement] = field(default_factory=list)


@dataclass(eq=False)
class Statement:
    """A record that is repeated: its loops (outermost first), its instances in the trace.

    ``indices[k]`` is the iteration of the k-th loop for every instance.
    """

    path: tuple[Loop, ...]
    ordinals: np.ndarray
    indices: tuple[np.ndarray, ...]
    number: int

    @property
    def first(self) -> int:
        """The position in the trace of the first instance."""
        return int(self.ordinals[0])


def statements_of(terms: Sequence[Term]) -> tuple[list[Loop | Statement], list[Statement]]:
    """Return the nests with their iterations spelled out, and all statements in order."""
    found: list[Statement] = []
    top: list[Loop | Statement] = []
    stack: list[tuple[Iterator[Term], tuple[Loop, ...], tuple[np.ndarray, ...], list[Any]]]
    stack = [(iter(terms), (), (), top)]
    while stack:
        rest, path, indices, body = stack[-1]
        term = next(rest, None)
        if term is None:
            stack.pop()
        elif not term.body:
            statement = Statement(path, np.array(term.ordinals), indices, len(found))
            found.append(statement)
            body.append(statement)
        else:
            trips = np.array(term.trips)
            loop = Loop(len(path), trips, indices)
            body.append(loop)
            counted = np.arange(trips.sum()) - np.repeat(np.cumsum(trips) - trips, trips)
            inner = (*(np.repeat(index, trips) for index in indices), counted)
            stack.append((iter(term.body), (*path, loop), inner, loop.body))
    return top, found


def iterations(trips: np.ndarray, indices: Indices) -> Indices:
    """Return the indices of a loop's iterations, from those it is entered at."""
    counted = np.arange(trips.sum()) - np.repeat(np.cumsum(trips) - trips, trips)
    return (*(np.repeat(index, trips) for index in indices), counted)


def fitted(values: np.ndarray, indices: Sequence[np.ndarray]) -> tuple[int, ...] | None:
    """Return the offset and coefficients that give ``values`` from ``indices``, None if none do."""
    if not len(values):
        return (0,) * (len(indices) + 1)
    table = np.stack([np.ones(len(values), np.int64), *indices], 1)
    if len(indices) and len(values) > 400:
        chosen = np.unique(np.linspace(0, len(values) - 1, 300).astype(np.int64))
        chosen = np.concatenate([np.arange(50), chosen, _corners(indices)])
    else:
        chosen = np.arange(len(values))
    solution = np.linalg.lstsq(
        table[chosen].astype(float), values[chosen].astype(float), rcond=None
    )[0]
    whole = np.rint(solution).astype(np.int64)
    if not np.array_equal(table @ whole, values):
        return None
    return tuple(int(number) for number in whole)


def _corners(indices: Sequence[np.ndarray]) -> np.ndarray:
    """Return instances at which each index moves, while the loops inside stand at their start."""
    return np.concatenate([np.flatnonzero(index == 1)[:3] for index in indices])


class Owners:
    """Which statement made a record, and as which of its instances."""

    def __init__(self, statements: Sequence[Statement], count: int) -> None:
        self.statements = statements
        self.owner = np.full(count, -1, np.int64)
        self.instance = np.zeros(count, np.int64)
        for statement in statements:
            self.owner[statement.ordinals] = statement.number
            self.instance[statement.ordinals] = np.arange(len(statement.ordinals))

    def single(self, made: np.ndarray) -> Statement | None:
        """Return the statement that made all of these records, if it is one."""
        owners = self.owner[made]
        if len(made) and (owners == owners[0]).all():
            return self.statements[int(owners[0])]
        return None

    def iterations(self, statement: Statement, made: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the iterations in which a statement made these records."""
        instance = self.instance[made]
        return tuple(index[instance] for index in statement.indices)

    def is_last(self, statement: Statement, made: np.ndarray, depth: int) -> bool:
        """Tell whether they were made in the last iterations of the loops from ``depth`` inward."""
        instance = self.instance[made]
        for level in range(depth, len(statement.path)):
            trips = trips_around(statement, level)
            if not np.array_equal(statement.indices[level][instance], trips[instance] - 1):
                return False
        return True


def trips_around(statement: Statement, level: int) -> np.ndarray:
    """Return how often the loop at ``level`` ran around every instance of a statement.

    A loop that was entered and did not run has no instance, so entries are found by their indices.
    """
    loop = statement.path[level]
    if not level:
        return np.repeat(loop.trips, len(statement.ordinals))
    bounds = [int(index.max()) + 1 for index in loop.indices]
    entries = np.ravel_multi_index(loop.indices, bounds)
    wanted = np.ravel_multi_index(statement.indices[:level], bounds)
    result: np.ndarray = loop.trips[np.searchsorted(entries, wanted)]
    return result


def operand_ordinals(records: Records, statement: Statement, place: int) -> np.ndarray:
    """Return which record operand ``place`` of each instance is, -1 where it is none."""
    ordinals, nodes = records.ordinals, records.nodes
    return np.array([ordinals.get(nodes[k].inputs[place], -1) for k in statement.ordinals])
