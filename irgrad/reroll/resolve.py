"""How each value that a statement reads reaches it: directly, carried by a loop, or on a tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType
from irgrad.reroll.instances import (
    Indices,
    Loop,
    Owners,
    Statement,
    operand_ordinals,
    trips_around,
)
from irgrad.reroll.records import Records


class UnresolvedError(Exception):
    """Iterations of a statement read what no record made and what is on a tape; or sizes vary."""



@dataclass(frozen=True, eq=False)
class Value:
    """What a statement has made last, as seen from the body that reads it."""

    statement: Statement


@dataclass(frozen=True, eq=False)
class Given:
    """What no record made: operand ``place`` of these instances, an argument or a constant."""

    ordinals: np.ndarray
    place: int
    indices: Indices


@dataclass(frozen=True, eq=False)
class Carry:
    """A value that a loop hands to its next iteration, and at the end to what follows.

    ``initial`` is where the first iteration has it from; None where none reads it.
    """

    loop: Loop
    source: Statement
    initial: Resolution | None


@dataclass(frozen=True, eq=False)
class Taped:
    """An element of the tape that keeps all values of its type that are read otherwise."""

    made: np.ndarray
    indices: Indices


Resolution = Value | Given | Carry | Taped


@dataclass(eq=False)
class Resolver:
    """Resolves reads, and notes what loops must carry and tapes must keep."""

    records: Records
    owners: Owners
    carries: dict[Loop, list[Carry]] = field(default_factory=dict)
    taped: dict[Statement, Kept] = field(default_factory=dict)
    tape_reads: list[Taped] = field(default_factory=list)
    reads: dict[tuple[Statement, int], Resolution] = field(default_factory=dict)
    _known: dict[Any, Carry] = field(default_factory=dict)

    def resolve_all(self, statements: Sequence[Statement], graph: Graph) -> list[Resolution | None]:
        """Resolve every operand that a record made; return how the outputs are reached."""
        ordinals = self.records.ordinals
        shapes = np.array(self.records.shapes)
        for statement in statements:
            kinds = np.unique(shapes[statement.ordinals], return_index=True)[1]
            alike = [self.records.nodes[statement.ordinals[k]] for k in kinds]
            for place in range(len(alike[0].inputs)):
                # A first iteration may start from what no record made.
                if any(node.inputs[place] in ordinals for node in alike):
                    made = operand_ordinals(self.records, statement, place)
                    given = Given(statement.ordinals, place, statement.indices)
                    self.reads[statement, place] = self.resolved(
                        made, statement.indices, statement.path, given
                    )
        outputs = [
            self.resolved(np.array([ordinals[node]]), (), ()) if node in ordinals else None
            for node in graph.outputs
        ]
        self.keep()
        self._check_sizes()
        return outputs

    def _check_sizes(self) -> None:
        """Refuse carries, and values on a tape, that are of several sizes."""
        if self.records.varied and self.records.sized:
            nodes = self.records.nodes
            carried = {carry.source for carries in self.carries.values() for carry in carries}
            for statement in carried.union(self.taped):
                if len({nodes[k].type for k in statement.ordinals}) > 1:
                    raise UnresolvedError

    def resolved(
        self,
        made: np.ndarray,
        indices: Indices,
        path: tuple[Loop, ...],
        given: Given | None = None,
    ) -> Resolution:
        """Return how a body inside ``path`` gets the records ``made`` in its iterations.

        A record is -1 where it is ``given`` instead.

        Raises: UnresolvedError.
        """
        if given is not None and (made < 0).all():
            return Given(given.ordinals, given.place, indices)
        found = self._without_tape(made, indices, path, given)
        if found is None:
            if (made < 0).any() or len(self._types(made)) > 1:
                raise UnresolvedError
            found = Taped(made, indices)
            self.tape_reads.append(found)
        return found

    def keep(self) -> None:
        """Find out which values the tapes must keep; forget carries that others stand in for."""
        if self.tape_reads:
            self._keep_reads()
        for loop, carries in self.carries.items():
            begun = {carry.source for carry in carries if carry.initial is not None}
            self.carries[loop] = [
                carry for carry in carries if carry.initial is not None or carry.source not in begun
            ]

    def _keep_reads(self) -> None:
        made = np.unique(np.concatenate([read.made for read in self.tape_reads]))
        owners = self.owners.owner[made]
        order = np.argsort(owners, kind="stable")
        bounds = np.flatnonzero(np.diff(owners[order])) + 1
        for group in np.split(made[order], bounds):
            statement = self.owners.statements[self.owners.owner[group[0]]]
            depth = len(statement.path)
            while depth and self.owners.is_last(statement, group, depth - 1):
                depth -= 1
            self._deliver(statement, depth)
            last = np.ones(len(statement.ordinals), bool)
            for level in range(depth, len(statement.path)):
                last &= statement.indices[level] == trips_around(statement, level) - 1
            self.taped[statement] = Kept(
                statement,
                depth,
                statement.ordinals[last],
                tuple(index[last] for index in statement.indices[:depth]),
            )

    def _without_tape(
        self,
        made: np.ndarray,
        indices: Indices,
        path: tuple[Loop, ...],
        given: Given | None = None,
    ) -> Resolution | None:
        begun = bool((made < 0).any())
        statement = None if begun else self.owners.single(made)
        if statement is not None and self._is_current(statement, made, indices, path):
            return Value(statement)
        if not path:
            return None
        first = indices[-1] == 0
        if not first.any():
            return None
        outer = tuple(index[first] for index in indices[:-1])
        constant = self._is_constant(made, first)
        if constant and not begun:
            return self._without_tape(made[first], outer, path[:-1])
        if given is not None:
            same = constant and self._is_given_once(given, made, first)
            given = Given(given.ordinals[first], given.place, outer)
            if same:
                return self._without_tape(made[first], outer, path[:-1], given)
        source = self.owners.single(made[~first])
        if source is None or not self._is_previous(source, made, indices, path):
            return None
        if len(self._types(made)) > 1:
            return None
        start = made[first].tobytes()
        key = (path[-1], source, start, self._what(given) if begun and given else ())
        carry = self._known.get(key)
        if carry is None:
            initial = self.resolved(made[first], outer, path[:-1], given)
            self._deliver(source, len(path))
            carry = self._known[key] = Carry(path[-1], source, initial)
            self.carries.setdefault(path[-1], []).append(carry)
        return carry

    def _what(self, given: Given) -> tuple[int, ...]:
        """Return which nodes are given, so that equal carries are one."""
        nodes = self.records.nodes
        return tuple([id(nodes[k].inputs[given.place]) for k in given.ordinals])

    def _is_current(
        self, statement: Statement, made: np.ndarray, indices: Indices, path: tuple[Loop, ...]
    ) -> bool:
        """Tell whether what the statement made last is what every iteration reads."""
        shared = _shared(statement.path, path)
        iterations = self.owners.iterations(statement, made)
        same = all(np.array_equal(iterations[k], indices[k]) for k in range(shared))
        if not same or not self.owners.is_last(statement, made, shared):
            return False
        self._deliver(statement, shared)
        return True

    def _is_previous(
        self, source: Statement, made: np.ndarray, indices: Indices, path: tuple[Loop, ...]
    ) -> bool:
        """Tell whether every iteration but the first reads what the one before it made last."""
        depth = len(path)
        if source.path[:depth] != path:
            return False
        later = indices[-1] > 0
        iterations = self.owners.iterations(source, made[later])
        for level in range(depth):
            expected = indices[level][later] - (level == depth - 1)
            if not np.array_equal(iterations[level], expected):
                return False
        return self.owners.is_last(source, made[later], depth)

    def _types(self, made: np.ndarray) -> set[Any]:
        """Return the types of the statements that made some records."""
        owners = np.unique(self.owners.owner[made[made >= 0]])
        nodes, statements = self.records.nodes, self.owners.statements
        return {nodes[statements[owner].first].type for owner in owners}

    def _is_constant(self, made: np.ndarray, first: np.ndarray) -> bool:
        """Tell whether all iterations of the innermost loop read the same."""
        entry = np.cumsum(first) - 1
        return np.array_equal(made[first][entry], made)

    def _is_given_once(self, given: Given, made: np.ndarray, first: np.ndarray) -> bool:
        """Tell whether all iterations of the innermost loop that are given a value get one."""
        nodes = self.records.nodes
        values = np.array([id(nodes[k].inputs[given.place]) for k in given.ordinals])
        opening = values[first][np.cumsum(first) - 1]
        return bool(((values == opening) | (made >= 0)).all())

    def _deliver(self, statement: Statement, depth: int) -> None:
        """Let the loops around a statement from ``depth`` inward hand on what it made last."""
        for loop in statement.path[depth:]:
            carries = self.carries.setdefault(loop, [])
            if not any(carry.source is statement for carry in carries):
                carries.append(Carry(loop, statement, None))


def _shared(a: tuple[Loop, ...], b: tuple[Loop, ...]) -> int:
    shared = 0
    for x, y in zip(a, b, strict=False):
        if x is not y:
            break
        shared += 1
    return shared


@dataclass(frozen=True, eq=False)
class Kept:
    """The values of a statement that a tape keeps: all, or those its inner loops end with.

    They are written in the body inside the ``depth`` outermost loops of the statement.
    """

    statement: Statement
    depth: int
    ordinals: np.ndarray
    indices: Indices


@dataclass(frozen=True, eq=False)
class Tape:
    """The array of all values of a type that are kept: its length, and the place of each record."""

    type: ArrayType
    length: int
    address: np.ndarray
