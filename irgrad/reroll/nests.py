"""Nested loop recognition: the nest of affine loops that generates a sequence of records.

Terms stand on a stack: records, and loops over a few terms. Three consecutive groups of terms of
equal shapes whose vectors move by equal steps become a loop of three trips; a group that follows a
loop as its next iteration would is absorbed. A loop's trips are part of its vector, so triangular
nests are loops like others; its steps are part of its shape.

Reference: Ketterlin & Clauss, Prediction and trace compression of data access addresses through
nested loop recognition, CGO 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import Any

WINDOW = 2048
"""How many terms the body of a loop may have."""

MOST = 4 * WINDOW
"""How many terms may stand side by side: where there are more, the records have no pattern."""

CANDIDATES = 64
"""How many lengths of a group are tried at most each time a term is added."""

Vector = tuple[int, ...]


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
    """Terms, each linked to the one below it of the same shape, and loops by their last term."""

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self.same: list[int] = []
        self.alike: list[int] = []
        self._by_shape: dict[int, int] = {}
        self._by_end: dict[int, int] = {}

    def push(self, term: Term) -> None:
        """Put a term on top."""
        place = len(self.terms)
        self.terms.append(term)
        self.same.append(self._by_shape.get(term.shape, -1))
        self._by_shape[term.shape] = place
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
            self._by_shape[term.shape] = self.same.pop()
            below = self.alike.pop()
            if term.body:
                self._by_end[term.body[-1].shape] = below

    def ending_like(self, term: Term) -> int:
        """Return the place of the topmost loop whose body ends with a term of this shape, or -1."""
        return self._by_end.get(term.shape, -1)


def recognise(shapes: Sequence[int], vectors: Sequence[Vector], window: int = WINDOW) -> list[Term]:
    """Return the terms that generate the records, none where they have no pattern; linear."""
    stack = Stack()
    loops: dict[Any, int] = {}
    fresh = (max(shapes) if shapes else 0) + 1
    for ordinal, (shape, vector) in enumerate(zip(shapes, vectors, strict=True)):
        stack.push(Term(shape, vector, [ordinal]))
        while True:
            size = _absorbed(stack, window)
            if size:
                stack.drop(size)
                continue
            size = _repeated(stack, window)
            if not size:
                break
            loop = _rolled(stack.terms, size, loops, fresh)
            stack.drop(3 * size)
            stack.push(loop)
        if len(stack.terms) > MOST:
            return []
    return stack.terms


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
    terms = stack.terms
    top = len(terms) - 1
    shape = terms[top].shape
    place = stack.same[top]
    for _ in range(CANDIDATES):
        if place < 0:
            break
        size = top - place
        place = stack.same[place]
        if size > window or 3 * size > top + 1:
            return 0
        if terms[top - 2 * size].shape == shape and _move_evenly(terms, size):
            return size
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


def _rolled(stack: list[Term], size: int, loops: dict[Any, int], fresh: int) -> Term:
    """Return the loop of the three groups on top."""
    first, second, third = (stack[len(stack) - k * size :][:size] for k in (3, 2, 1))
    step = [_difference(b.vector, a.vector) for a, b in zip(first, second, strict=True)]
    name = (tuple(term.shape for term in first), tuple(step))
    vector = (3, *(number for term in first for number in term.vector))
    loop = Term(loops.setdefault(name, fresh + len(loops)), vector, [])
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
