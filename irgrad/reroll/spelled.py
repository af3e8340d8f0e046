"""A loop with its iterations spelled out: what it would do in one more, and room for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from irgrad.reroll.instances import Indices, fitted, iterations
from irgrad.reroll.nests import Term


@dataclass(eq=False)
class Leaf:
    """A record in the loop; ``indices`` are which time the loop was entered, and iterations."""

    term: Term
    indices: Indices


@dataclass(eq=False)
class Inner:
    """A loop inside the loop, and how its trips follow from the indices it is entered at."""

    term: Term
    indices: Indices
    rule: tuple[int, ...]
    body: list[Leaf | Inner] = field(default_factory=list)


@dataclass(eq=False)
class Iteration:
    """An iteration that a loop would do: its records in order, and the trips of its loops.

    A record comes with its indices: which time the loop was entered, and iterations.
    """

    records: list[tuple[Leaf, tuple[int, ...]]] = field(default_factory=list)
    trips: dict[Inner, list[int]] = field(default_factory=dict)


@dataclass(eq=False)
class Nest:
    """A loop, its body, and the ordinal of the first record of each of its iterations.

    ``entered`` is the number of the first iteration each time the loop was entered, among all.
    """

    loop: Term
    body: list[Leaf | Inner]
    leaves: list[Leaf]
    inner: list[Inner]
    starts: np.ndarray
    entered: np.ndarray
    ends: np.ndarray

    def foreseen(self, entry: int, number: int) -> Iteration | None:
        """Return iteration ``number``, -1 or one more than there are; None if it can't be."""
        made = Iteration()
        stack: list[tuple[Iterator[Leaf | Inner], tuple[int, ...]]]
        stack = [(iter(self.body), (entry, number))]
        while stack:
            rest, indices = stack[-1]
            part = next(rest, None)
            if part is None:
                stack.pop()
            elif isinstance(part, Leaf):
                made.records.append((part, indices))
            else:
                offset, *factors = part.rule
                count = offset + sum(a * b for a, b in zip(factors, indices, strict=True))
                if count < 1:  # the build knows a body by its instances, so each has to run
                    return None
                made.trips.setdefault(part, []).append(count)
                stack.extend((iter(part.body), (*indices, q)) for q in reversed(range(count)))
        return made

    def extend(self, made: Sequence[Iteration], starts: Sequence[int], *, first: bool) -> None:
        """Make these the first or the last iterations, one each time the loop was entered."""
        new: dict[Leaf, list[int]] = {leaf: [] for leaf in self.leaves}
        for iteration, start in zip(made, starts, strict=True):
            for ordinal, (leaf, _) in enumerate(iteration.records, start):
                new[leaf].append(ordinal)
        for leaf, ordinals in new.items():
            leaf.term.ordinals = sorted(leaf.term.ordinals + ordinals)
        for part in self.inner:
            counts = np.bincount(part.indices[0], minlength=len(made))
            places = np.cumsum(counts) - counts if first else np.cumsum(counts)
            blocks = [iteration.trips.get(part, []) for iteration in made]
            where = np.repeat(places, [len(block) for block in blocks])
            values = [number for block in blocks for number in block]
            part.term.trips = np.insert(np.array(part.term.trips), where, values).tolist()
        self.loop.trips = [number + 1 for number in self.loop.trips]


def spell(loop: Term) -> Nest | None:
    """Return a loop with its iterations spelled out, None where trips follow no rule.

    Linear in the records of the loop.
    """
    body: list[Leaf | Inner] = []
    leaves: list[Leaf] = []
    inner: list[Inner] = []
    stack: list[tuple[Term, Indices, list[Leaf | Inner]]]
    stack = [(loop, (np.arange(len(loop.trips)),), body)]
    while stack:
        term, indices, into = stack.pop()
        within = iterations(np.array(term.trips), indices)
        for part in term.body:
            if not part.body:
                leaf = Leaf(part, within)
                leaves.append(leaf)
                into.append(leaf)
                continue
            rule = fitted(np.array(part.trips), within)
            if rule is None:
                return None
            nested = Inner(part, within, rule)
            inner.append(nested)
            into.append(nested)
            stack.append((part, within, nested.body))
    sizes = np.sum([lengths(part) for part in loop.body], axis=0)
    trips = np.array(loop.trips)
    entered = np.cumsum(trips) - trips
    before = np.cumsum(sizes) - sizes
    firsts = np.full(len(trips), np.iinfo(np.int64).max)
    for leaf in leaves:
        np.minimum.at(firsts, leaf.indices[0], np.array(leaf.term.ordinals))
    starts = before + np.repeat(firsts - before[entered], trips)
    ends = firsts + _summed(sizes, trips)
    return Nest(loop, body, leaves, inner, starts, entered, ends)


def lengths(term: Term) -> np.ndarray:
    """Return how many records a term is, each time it is come to.

    As deep as the nest, whose depth is at most the logarithm of its records.
    """
    if not term.body:
        return np.ones(len(term.ordinals), np.int64)
    sizes = np.sum([lengths(part) for part in term.body], axis=0)
    return _summed(sizes, np.array(term.trips))


def _summed(sizes: np.ndarray, trips: np.ndarray) -> np.ndarray:
    """Return the sums of ``sizes`` over stretches as long as ``trips``."""
    total = np.concatenate([[0], np.cumsum(sizes)])
    ends = np.cumsum(trips)
    result: np.ndarray = total[ends] - total[ends - trips]
    return result
