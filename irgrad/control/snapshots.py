"""Scans whose derivative keeps a few carries at a time, by the binomial schedule.

The steps are gone back over one by one. To have the carry of a step, those before it are run again
from the last carry that is kept, and another one is kept on the way while there is room. With s
carries kept and no step run more than r times, as many as b(s, r) = (s + r)! / (s! r!) steps can be
gone back over. The schedule below runs T steps r T - b(s + 1, r - 1) times in all, which is the
least there is, r being the least with b(s, r) >= T.

Reference: A. Griewank, Achieving logarithmic growth of temporal and spatial complexity in reverse
automatic differentiation, Optimization Methods and Software 1 (1992); A. Griewank and A. Walther,
Algorithm 799: revolve, ACM TOMS 26 (2000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control.carries import check_structure, tree_of
from irgrad.control.plain import plain_scan
from irgrad.control.repeats import while_loop
from irgrad.differentiate.reverse import pull_back
from irgrad.inline.closures import closed, outside
from irgrad.inline.custom import with_rule
from irgrad.inline.leaves import added, lifted, placeholder, tangent_type, zeros
from irgrad.ir.graph import Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import convert
from irgrad.ops.replay import replayed
from irgrad.trace.bodies import for_a_loop
from irgrad.trace.tracer import Trace, Tracer

Values = list[Any]


def next_kept(steps: Any, room: Any) -> Any:
    """Return how far from the last kept carry the next one is kept.

    steps: how many are to be gone back over from there, 2 or more. room: how many carries may be
    kept, that one included. Where it is 1 there is no next one: the distance to the last step.
    """

    def more(state: Any) -> Any:
        runs, reach = state
        return runs + 1, reach * (room + runs + 1) // (runs + 1)

    runs, reach = while_loop(lambda state: state[1] < steps, more, (0, 1))
    before = reach * runs // (room + runs)  # b(room, runs - 1)
    behind = before * room // (room + runs - 1)  # b(room - 1, runs - 1)
    return np.minimum(before, steps - behind)


def scan_in_snapshots(
    trace: Trace,
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: tuple[Sequence[Tracer], Any],
    count: int,
    room: int,
    reverse: bool,
) -> tuple[Any, Any]:
    """Scan ``count`` steps; the derivative keeps ``room`` carries, fewer than there are steps."""
    arrays, structure = xs
    leaves, form = flatten(init)
    usual, _ = plain_scan(trace, f, init, xs, count, reverse)  # for the types alone
    types = [leaf.type for leaf in flatten(usual)[0]]
    start = [as_type(lifted(trace, x), type) for x, type in zip(leaves, types, strict=True)]
    places = _first_places(trace, count, room)

    def kept_on_the_way(carry: Any, x: Any) -> tuple[Any, Any]:
        values, kept, found, number = carry
        slot = np.where(number == places[found], found, room)
        for array, value in zip(kept, flatten(values)[0], strict=True):
            array[slot] = value
        values, y = f(values, x)
        return (values, kept, found + (slot < room), number + 1), y

    kept = [_rows(trace, type, room + 1) for type in types]
    start_of_all = tree_of(form, start), kept, 0, 0
    (carry, kept, _, _), ys = plain_scan(trace, kept_on_the_way, start_of_all, xs, count, reverse)
    ends, results = flatten(carry)[0], flatten(ys)[0]
    step = Step(trace, f, (form, structure), types, [x.type for x in arrays])
    outputs = [*ends, *results]
    seeds = [placeholder(trace, tangent_type(x.type)) for x in outputs]
    begin = len(trace.nodes)
    slopes = step.back(seeds, kept, places, arrays, count, room, reverse)
    primals = [*(x.node for x in start), *(x.node for x in arrays), *step.read]
    wanted = [k for k, node in enumerate(primals) if node.array_type.inexact]
    body, read = closed(trace, begin, [x.node for x in seeds], [x.node for x in slopes])
    made = flatten((carry, ys))[1]
    found: tuple[Any, Any] = with_rule(trace, outputs, primals, read, wanted, body, made)
    return found


def _first_places(trace: Trace, count: int, room: int) -> Any:
    """Return the steps before which carries are kept the first time, and one that never comes."""

    def place(carry: Any, _: Any) -> tuple[Any, None]:
        places, last, found = carry
        places[found] = last
        return (places, last + next_kept(count - last, room - found), found + 1), None

    whole = ArrayType(np.dtype(np.int64))
    start = _rows(trace, whole, room + 1) - 1, 0, 0
    (places, _, _), _ = plain_scan(trace, place, start, ([], flatten(None)[1]), room, False)
    return places


def _rows(trace: Trace, type: ArrayType, rows: int) -> Tracer:
    return zeros(trace, type.with_shape((rows, *type.shape)))


def as_type(value: Tracer, type: ArrayType) -> Tracer:
    """Return a value in the dtype that a carry has after the first step."""
    return value if value.dtype == type.dtype else convert(value, dtype=type.dtype)


class Step:
    """One step and its derivative as closed graphs; ``read`` are the values that both read."""

    def __init__(
        self,
        trace: Trace,
        f: Callable[[Any, Any], tuple[Any, Any]],
        forms: tuple[Any, Any],
        carry: Sequence[ArrayType],
        row: Sequence[ArrayType],
    ) -> None:
        self.trace = trace
        self.smooth = [type.inexact for type in carry]
        values = [placeholder(trace, type) for type in carry]
        parts = [placeholder(trace, type.with_shape(type.shape[1:])) for type in row]
        begin = len(trace.nodes)
        with for_a_loop(trace):
            after, y = f(tree_of(forms[0], values), tree_of(forms[1], parts))
        check_structure(forms[0], after)
        ends = [
            as_type(lifted(trace, leaf), type)
            for leaf, type in zip(flatten(after)[0], carry, strict=True)
        ]
        results = [lifted(trace, leaf) for leaf in flatten(y)[0]]
        made = [*ends, *results]
        own = {x.node for x in (*values, *parts)}
        stretch = trace.nodes[begin:]
        self.read: list[Node] = [
            x for x in outside(stretch, [x.node for x in made]) if x not in own
        ]
        seeds = [placeholder(trace, tangent_type(x.type)) for x in made]
        given: dict[Node, Tracer] = {}
        for end, seed in zip(made, seeds, strict=True):
            if end.type.inexact:
                added(given, end.node, seed)
        into = [x.node for x in (*values, *parts) if x.type.inexact] + self.read
        pulled = [
            (zeros(trace, x.array_type) if found is None else found).node
            for x, found in zip(into, pull_back(trace, given, into), strict=True)
        ]
        seen = [x.node for x in (*values, *parts)]
        self._forward = closed(trace, begin, seen, [x.node for x in ends])
        self._backward = closed(trace, begin, [*seen, *(x.node for x in seeds)], pulled)

    def after(self, carry: Sequence[Any], row: Sequence[Any]) -> Values:
        """Return the carry after a step."""
        return self._run(self._forward, [*carry, *row])

    def pulled(self, carry: Sequence[Any], row: Sequence[Any], seeds: Sequence[Any]) -> Values:
        """Return the cotangents of carry, row and what is read, given those of the results."""
        return self._run(self._backward, [*carry, *row, *seeds])

    def _run(self, graph: Any, arguments: Values) -> Values:
        needed = [Tracer(self.trace, node) for node in graph[1]]
        return list(replayed(graph[0], [*arguments, *needed]))

    def back(
        self,
        seeds: Sequence[Tracer],
        kept: Sequence[Any],
        places: Any,
        arrays: Sequence[Tracer],
        steps: int,
        room: int,
        reverse: bool,
    ) -> Values:
        """Return the cotangents of the first carry, of the rows, and of what the steps read."""
        count = len(self.smooth)
        last = steps - 1

        def row_of(number: Any) -> Values:
            return [x[last - number if reverse else number] for x in arrays]

        def ran_again(state: Any) -> Any:
            """Go on to where the next carry is kept, and keep it if there is room."""
            kept, places, top, values, number, target = state
            free = room - top
            distance = next_kept(target - number + 1, free)
            _, values = while_loop(
                lambda pair: pair[0] < distance,
                lambda pair: (pair[0] + 1, self.after(pair[1], row_of(number + pair[0]))),
                (0, values),
            )
            top = top + (free > 1)
            slot = np.where(free > 1, top, room)
            for array, value in zip((*kept, places), (*values, number + distance), strict=True):
                array[slot] = value
            return kept, places, top, values, number + distance, target

        def gone_back(carry: Any, row: Any) -> tuple[Any, Any]:
            kept, places, top, costate, sums, number = carry
            parts, y_seeds = row
            state = kept, places, top, [x[top] for x in kept], places[top], number
            kept, places, top, values, _, _ = while_loop(
                lambda state: state[4] < state[5], ran_again, state
            )
            every = iter(costate)
            ends = [next(every) if smooth else 0.0 for smooth in self.smooth]
            found = self.pulled(values, parts, [*ends, *y_seeds])
            costate, rest = found[: len(costate)], found[len(costate) :]
            slopes, more = rest[: len(rest) - len(sums)], rest[len(rest) - len(sums) :]
            sums = [a + b for a, b in zip(sums, more, strict=True)]
            top = top - ((places[top] == number) & (top > 0))
            return (kept, places, top, costate, sums, number - 1), slopes

        costate = [x for x, smooth in zip(seeds[:count], self.smooth, strict=True) if smooth]
        sums = [zeros(self.trace, node.array_type) for node in self.read]
        rows, form = flatten((list(arrays), list(seeds[count:])))
        start = list(kept), places, room - 1, costate, sums, last
        (_, _, _, costate, sums, _), slopes = plain_scan(
            self.trace, gone_back, start, (rows, form), steps, not reverse
        )
        return [*costate, *slopes, *sums]


__all__ = ["next_kept", "scan_in_snapshots"]
