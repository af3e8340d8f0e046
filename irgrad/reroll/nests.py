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
from typing import Any

WINDOW = 64
"""How many terms the body of a loop may have."""

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


def recognise(shapes: Sequence[int], vectors: Sequence[Vector], window: int = WINDOW) -> list[Term]:
    """Return the terms that generate the records; time linear in records times ``window``."""
    stack: list[Term] = []
    on_top: list[int] = []
    lengths: list[int] = []
    loops: dict[Any, int] = {}
    fresh = (max(shapes) if shapes else 0) + 1
    for ordinal, (shape, vector) in enumerate(zip(shapes, vectors, strict=True)):
        stack.append(Term(shape, vector, [ordinal]))
        on_top.append(shape)
        lengths.append(0)
        while True:
            size = _absorbed(stack, on_top, lengths, window)
            if size:
                del stack[-size:], on_top[-size:], lengths[-size:]
                continue
            size = _repeated(stack, on_top, window)
            if not size:
                break
            loop = _rolled(stack, size, loops, fresh)
            del stack[-3 * size :], on_top[-3 * size :], lengths[-3 * size :]
            stack.append(loop)
            on_top.append(loop.shape)
            lengths.append(size)
    return stack


def _difference(a: Vector, b: Vector) -> Vector:
    return tuple([x - y for x, y in zip(a, b, strict=True)])


def _absorbed(stack: list[Term], on_top: list[int], lengths: list[int], window: int) -> int:
    """Let a loop take the terms above it as its next iteration; return how many, or 0."""
    top = len(stack) - 1
    for size in range(1, min(window, top) + 1):
        if lengths[top - size] != size:
            continue
        loop = stack[top - size]
        if loop.body[-1].shape != on_top[top]:
            continue
        group = stack[top - size + 1 :]
        if any(t.shape != known.shape for t, known in zip(group, loop.body, strict=True)):
            continue
        expected = zip(group, loop.last, loop.step, strict=True)
        if any(_difference(term.vector, last) != step for term, last, step in expected):
            continue
        loop.last = [term.vector for term in group]
        for known, term in zip(loop.body, group, strict=True):
            _join(known, term)
        loop.trips[0] += 1
        loop.vector = (loop.trips[0], *loop.vector[1:])
        return size
    return 0


def _repeated(stack: list[Term], on_top: list[int], window: int) -> int:
    """Return the length of a group that stands on top three times over, or 0."""
    count = len(stack)
    for size in range(1, min(window, count // 3) + 1):
        if on_top[-1] != on_top[-1 - size] or on_top[-1] != on_top[-1 - 2 * size]:
            continue
        if on_top[-size:] != on_top[-2 * size : -size]:
            continue
        if on_top[-size:] != on_top[-3 * size : -2 * size]:
            continue
        if all(
            _difference(stack[k].vector, stack[k - size].vector)
            == _difference(stack[k - size].vector, stack[k - 2 * size].vector)
            for k in range(count - 1, count - size - 1, -1)
        ):
            return size
    return 0


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
    pairs = [(known, term)]
    while pairs:
        into, source = pairs.pop()
        into.ordinals.extend(source.ordinals)
        into.trips.extend(source.trips)
        pairs.extend(zip(into.body, source.body, strict=True))
