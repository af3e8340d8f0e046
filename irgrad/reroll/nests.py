"""Nested loop recognition: the nest of affine loops that generates a sequence of records.

Terms stand on a stack: records, and loops over a few terms. Three consecutive groups of terms of
equal shapes whose vectors move by equal steps become a loop of three trips; a group that follows a
loop as its next iteration would is absorbed. A loop's trips are part of its vector, so triangular
nests are loops like others; its steps are part of its shape.

Where a program reads is not always affine in the iterations: the values of a triangular nest that
are kept in lists stand at places quadratic in them, and a list of edges follows no rule. So what
the addresses do not bring together is looked at again without the loose ones among them, by the
operations and call sites alone.

Reference: Ketterlin & Clauss, Prediction and trace compression of data access addresses through
nested loop recognition, CGO 2008.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import sub
from typing import Any

WINDOW = 2048
"""How many terms the body of a loop may have."""

MOST = 4 * WINDOW
"""How many terms may stand side by side: where there are more, the records have no pattern."""

CHANCE = 4
"""Nodes to a statement: where loops save less than that, the repetition in them is chance."""

TRIAL = 1024
"""After how many terms it is asked whether the nests found are worth going on."""

CANDIDATES = 24
"""How many lengths of a group are tried at most each time a term is added."""

Vector = tuple[int, ...]
_Four = tuple[int, int, int, int]


class Term:
    """A record, or a loop over ``body``.

    ``ordinals`` are the positions in the trace of a record's instances, in order; ``trips`` how
    often a loop ran, each time it was entered.
    """

    __slots__ = ("body", "last", "ordinals", "shape", "step", "trips", "vector")

    def __init__(self, shape: int, vector: Vector, ordinals: list[int]) -> None:
        self.shape = shape
        self.vector = vector
        self.ordinals = ordinals
        self.body: list[Term] = []
        self.trips: list[int] = []
        self.step: list[Vector] = []
        self.last: list[Vector] = []

    def __repr__(self) -> str:
        return f"Loop{self.trips}{self.body}" if self.body else f"{self.shape}@{self.vector}"


class Stack:
    """Terms, each linked to the one below it that stands on three of the same shapes as well.

    Three groups of two terms or more have that in common. Loops are linked by the shape of their
    last term.
    """

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self.same: list[int] = []
        self.alike: list[int] = []
        self._fours: list[_Four] = [(-1, -1, -1, -1)]
        self._by_four: dict[_Four, int] = {}
        self._by_end: dict[int, int] = {}

    def push(self, term: Term) -> None:
        """Put a term on top."""
        place = len(self.terms)
        _, third, second, first = self._fours[-1]
        four = (third, second, first, term.shape)
        self.terms.append(term)
        self.same.append(self._by_four.get(four, -1))
        self._fours.append(four)
        self._by_four[four] = place
        if term.body:
            end = term.body[-1].shape
            self.alike.append(self._by_end.get(end, -1))
            self._by_end[end] = place
        else:
            self.alike.append(-1)

    def drop(self, count: int) -> None:
        """Take terms off the top."""
        for _ in range(count):
            term = self.terms.pop()
            self._by_four[self._fours.pop()] = self.same.pop()
            below = self.alike.pop()
            if term.body:
                self._by_end[term.body[-1].shape] = below

    def ending_like(self, term: Term) -> int:
        """Return the place of the topmost loop whose body ends with a term of this shape, or -1."""
        return self._by_end.get(term.shape, -1)


class Names:
    """Numbers for the shapes of loops, behind those of records."""

    def __init__(self, fresh: int) -> None:
        self._fresh = fresh
        self._known: dict[Any, int] = {}

    def of(self, body: Sequence[Term], step: Sequence[Vector]) -> int:
        """Return the number of loops over terms of these shapes that move by these steps."""
        name = (tuple([term.shape for term in body]), tuple(step))
        return self._known.setdefault(name, self._fresh + len(self._known))


def recognitions(
    shapes: Sequence[int], vectors: Sequence[Vector], loose: Mapping[int, tuple[bool, ...]]
) -> Iterator[list[Term]]:
    """Yield terms that generate the records, the strictest first; each linear.

    ``loose`` says of each shape which numbers of its vectors are addresses that need no rule. They
    are given up on what the strictest terms leave, then altogether. Where there is no pattern,
    nothing is yielded.
    """
    fresh = len(loose)

    def singles() -> Iterator[Term]:
        pairs = enumerate(zip(shapes, vectors, strict=True))
        return (Term(shape, vector, [ordinal]) for ordinal, (shape, vector) in pairs)

    def again(terms: Iterable[Term]) -> list[Term]:
        names = Names(fresh)
        return nested((_loosened(term, loose, names) for term in terms), names, promising=True)

    strict = nested(singles(), Names(fresh))
    further = again(strict) if len(strict) > 2 else []
    if strict:
        yield strict
    if further:
        yield further
    if further or not strict:
        whole = again(singles())
        if whole:
            yield whole


def nested(terms: Iterable[Term], names: Names, *, promising: bool = False) -> list[Term]:
    """Return the nests that generate a sequence of terms, none if it has no pattern; linear.

    ``promising`` asks for none unless they soon are a fraction of the terms.
    """
    stack = Stack()
    for number, term in enumerate(terms):
        stack.push(term)
        while True:
            size = _absorbed(stack, WINDOW)
            if size:
                stack.drop(size)
                continue
            size = _repeated(stack, WINDOW)
            if not size:
                break
            loop = _rolled(stack.terms, size, names)
            stack.drop(3 * size)
            stack.push(loop)
        if len(stack.terms) > MOST:
            return []
        if promising and not number % TRIAL and CHANCE * len(stack.terms) > number + TRIAL:
            return []
    return stack.terms


def statements(terms: Sequence[Term]) -> int:
    """Return how many records stand in terms and the bodies of their loops."""
    count = 0
    stack = list(terms)
    while stack:
        term = stack.pop()
        count += not term.body
        stack.extend(term.body)
    return count


def _loosened(term: Term, loose: Mapping[int, tuple[bool, ...]], names: Names) -> Term:
    """Return a copy of a term in which every loose address is 0.

    As deep as the nest, whose depth is at most the logarithm of its records.
    """

    def copied(term: Term) -> tuple[Term, tuple[bool, ...]]:
        if not term.body:
            mask = loose[term.shape]
            return Term(term.shape, _masked(term.vector, mask), term.ordinals[:]), mask
        pairs = [copied(part) for part in term.body]
        masks = [mask for _, mask in pairs]
        body = [part for part, _ in pairs]
        step = [_masked(vector, mask) for vector, mask in zip(term.step, masks, strict=True)]
        vector = (term.trips[0], *(number for part in body for number in part.vector))
        loop = Term(names.of(body, step), vector, [])
        loop.body, loop.step, loop.trips = body, step, term.trips[:]
        loop.last = [_masked(last, mask) for last, mask in zip(term.last, masks, strict=True)]
        return loop, (False, *(flag for mask in masks for flag in mask))

    return copied(term)[0]


def _masked(vector: Vector, mask: tuple[bool, ...]) -> Vector:
    if True not in mask:
        return vector
    return tuple([0 if flag else number for number, flag in zip(vector, mask, strict=True)])


def _difference(a: Vector, b: Vector) -> Vector:
    return tuple(map(sub, a, b))


def _absorbed(stack: Stack, window: int) -> int:
    """Let a loop take the terms above it as its next iteration; return how many, or 0."""
    terms = stack.terms
    top = len(terms) - 1
    place = stack.ending_like(terms[top])
    for _ in range(CANDIDATES):
        if place < max(top - window, 0):
            break
        size = top - place
        loop = terms[place]
        place = stack.alike[place]
        if len(loop.body) != size:
            continue
        group = terms[-size:]
        if not _continues(loop, group):
            continue
        loop.last = [term.vector for term in group]
        for known, term in zip(loop.body, group, strict=True):
            _join(known, term)
        loop.trips[0] += 1
        loop.vector = (loop.trips[0], *loop.vector[1:])
        return size
    return 0


def _continues(loop: Term, group: list[Term]) -> bool:
    """Tell whether a group is what the next iteration of a loop would be."""
    for term, known, last, step in zip(group, loop.body, loop.last, loop.step, strict=True):
        if term.shape != known.shape or _difference(term.vector, last) != step:
            return False
    return True


def _repeated(stack: Stack, window: int) -> int:
    """Return the length of a group that stands on top three times over, or 0."""
    terms, same = stack.terms, stack.same
    top = len(terms) - 1
    longest = min(window, (top + 1) // 3)
    shape, vector = terms[top].shape, terms[top].vector
    if longest and terms[top - 1].shape == shape and _move_evenly(terms, 1):
        return 1
    place = same[top]
    for _ in range(CANDIDATES):
        size = top - place
        if place < 0 or size > longest:
            break
        # Most candidates fail here, and by the thousand where there is no pattern: no calls.
        first = terms[place - size]
        if (
            first.shape == shape
            and (not vector or first.vector[-1] + vector[-1] == 2 * terms[place].vector[-1])
            and _move_evenly(terms, size)
        ):
            return size
        place = same[place]
    return 0


def _move_evenly(terms: list[Term], size: int) -> bool:
    """Tell whether the three groups of ``size`` terms on top are three iterations of a loop."""
    top = len(terms) - 1
    for k in range(top, top - size, -1):
        third, second, first = terms[k], terms[k - size], terms[k - 2 * size]
        if not third.shape == second.shape == first.shape:
            return False
        if third.vector == second.vector == first.vector:
            continue
        if _difference(third.vector, second.vector) != _difference(second.vector, first.vector):
            return False
    return True


def _rolled(stack: list[Term], size: int, names: Names) -> Term:
    """Return the loop of the three groups on top."""
    first, second, third = (stack[len(stack) - k * size :][:size] for k in (3, 2, 1))
    step = [_difference(b.vector, a.vector) for a, b in zip(first, second, strict=True)]
    vector = (3, *(number for term in first for number in term.vector))
    loop = Term(names.of(first, step), vector, [])
    loop.body, loop.step, loop.trips = first, step, [3]
    loop.last = [term.vector for term in third]
    for group in (second, third):
        for known, term in zip(first, group, strict=True):
            _join(known, term)
    return loop


def _join(known: Term, term: Term) -> None:
    """Add the instances of ``term`` to those of a term of the same shape."""
    if not known.body:
        known.ordinals += term.ordinals
        return
    pairs = [(known, term)]
    while pairs:
        into, source = pairs.pop()
        into.ordinals.extend(source.ordinals)
        into.trips.extend(source.trips)
        pairs.extend(zip(into.body, source.body, strict=True))
