"""``scan`` with few carries kept for its derivative: the binomial schedule.

The carries kept form a stack, the first iteration's at the bottom. The pullback takes iterations
from the last to the first: it runs on from the carry on top, keeping others on the way, until it
holds that of the iteration it is at, pulls back through that one, and drops it.

Reference: A. Griewank & A. Walther, Algorithm 799: revolve, TOMS 26 (2000), sections 2 and 3;
A. Griewank, Achieving logarithmic growth of temporal and spatial complexity in reverse automatic
differentiation (1992).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.control.loops import fori_loop, while_loop
from irgrad.differentiate.reverse import pull_back
from irgrad.inline.closures import closed, outside
from irgrad.inline.custom import with_rule
from irgrad.inline.leaves import added, lifted, marked, placeholder, tangent_type, zeros
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import convert
from irgrad.ops.custom import slope_by_snapshots
from irgrad.ops.replay import replayed
from irgrad.trace.tracer import Trace, Tracer

Step = Callable[[Any, Any], tuple[Any, Any]]
Leaves = list[Any]
Scan = Callable[[Step, Any, Any, bool], tuple[Any, Any]]
"""``scan(f, init, xs, reverse)``, whose own derivative would keep all carries."""


def scan_with_snapshots(
    trace: Trace, scan: Scan, f: Step, init: Any, xs: Any, length: Any, snapshots: int,
    reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Return what ``scan`` does; its derivative keeps ``snapshots`` carries at a time."""
    leaves, form = flatten(init)
    rows, row_form = flatten(xs)
    settled = [lifted(trace, leaf) for leaf in flatten(scan(f, init, xs, reverse)[0])[0]]
    # Copies, so that a derivative by them is not one by what f closes over.
    start = [
        Tracer(trace, trace.record(convert, (lifted(trace, leaf).node,), {"dtype": end.dtype}))
        for leaf, end in zip(leaves, settled, strict=True)
    ]
    rows = [marked(trace, lifted(trace, x)) for x in rows]
    xs = optree.tree_unflatten(row_form, rows)
    trace.depth += 1  # so that loops within an iteration have names of their own
    step = Stepped(trace, f, start, form, xs)
    trace.depth -= 1
    into = [leaf.node for leaf in (*start, *rows) if leaf.type.inexact] + step.read
    number = lifted(trace, 0)
    places = zeros(trace, ArrayType(np.dtype(np.int64), (snapshots + 1,)))
    top, places, _ = descended(length, snapshots, number, places, lambda *_: [], [])
    kept = [zeros(trace, x.type.with_shape((snapshots + 1, *x.type.shape))) for x in start]

    def forwards(state: Any, row: Any) -> tuple[Any, Any]:
        """Write each carry where the next one to keep belongs, which is the last to be there."""
        number, slot, kept, carry = state
        for stack, leaf in zip(kept, flatten(carry)[0], strict=True):
            stack[slot] = leaf
        after, made = f(carry, row)
        return (number + 1, slot + (number == places[slot]), kept, after), made

    first = optree.tree_unflatten(form, start)
    (_, _, kept, carry), made = scan(forwards, (number, number, kept, first), xs, reverse)
    outputs = [lifted(trace, leaf) for leaf in flatten((carry, made))[0]]
    begin = len(trace.nodes)
    seeds = [placeholder(trace, tangent_type(output.type)) for output in outputs]

    def run(place: Any, far: Any, carry: Leaves) -> Leaves:
        def once(i: Any, carry: Leaves) -> Leaves:
            at = length - 1 - i if reverse else i
            return step.after(carry, [x[at] for x in rows])

        return list(fori_loop(place, far, once, carry))

    def backwards(state: Any, row: Any) -> tuple[Any, Any]:
        number, top, places, kept, costate, sums = state
        values, seeded = row
        top, places, kept = descended(number + 1, snapshots, top, places, run, kept)
        by_carry, by_row, by_read = step.pulled([x[top] for x in kept], values, costate + seeded)
        sums = [total + slope for total, slope in zip(sums, by_read, strict=True)]
        return (number - 1, top - 1, places, kept, by_carry, sums), by_row

    count = len(start)
    costate = [seeds[k] for k in step.smooth]
    by_rows = [seeds[count + k] for k in step.smooth_ys]
    sums = [zeros(trace, node.array_type) for node in step.read]
    (*_, costate, sums), by_xs = scan(
        backwards, (lifted(trace, length) - 1, top, places, kept, costate, sums),
        (rows, by_rows), not reverse,
    )  # fmt: skip
    slopes = [slope_by_snapshots(slope) for slope in (*costate, *(by_xs or []), *sums)]
    body, known = closed(trace, begin, _nodes(seeds), _nodes(slopes))
    structure = flatten((carry, made))[1]
    found: tuple[Any, Any] = with_rule(
        trace, outputs, into, known, range(len(into)), body, structure
    )
    return found


def _pulled(
    trace: Trace, outputs: Sequence[Tracer], seeds: Sequence[Tracer], into: Sequence[Node]
) -> list[Tracer]:
    """Return the cotangents of ``into``, zeros where no path leads there."""
    given: dict[Node, Tracer] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if output.type.inexact:
            added(given, output.node, seed)
    return [
        zeros(trace, node.array_type) if slope is None else slope
        for node, slope in zip(into, pull_back(trace, given, into), strict=True)
    ]


def _nodes(leaves: Leaves) -> list[Node]:
    return [leaf.node for leaf in leaves]


def stride(length: Any, snapshots: Any) -> Any:
    """Return how far to run before the next carry is kept, of ``length`` iterations left.

    ``snapshots`` counts those that may be kept, with the one at hand. Of the splits that need the
    fewest evaluations it is the longest. With C(s + r, r) iterations in reach of s snapshots and r
    runs through each: C(s + r - 1, r - 1) of them, unless fewer leave the rest in reach.
    """

    def more(state: Any) -> Any:
        reach, _, runs = state
        return reach * (snapshots + runs + 1) // (runs + 1), reach, runs + 1

    _, before, runs = while_loop(lambda state: state[0] < length, more, (1, 1, 0))
    fewer = before * snapshots // (snapshots + runs - 1)
    return np.minimum(before, length - fewer)


def descended(
    end: Any, snapshots: int, top: Any, places: Any, run: Callable[..., Leaves], kept: Leaves
) -> tuple[Any, Any, Leaves]:
    """Run on from the carry on top of the stack until it is that of iteration ``end - 1``.

    places: (snapshots + 1,), the iterations that the stack's carries are of. Its last row is for
    the carry under way where no more may be kept.
    """

    def onwards(state: Any) -> Any:
        top, places, kept = state
        place = places[top]
        far = place + stride(end - place, snapshots - top)
        carry = run(place, far, [stack[top] for stack in kept])
        top = top + 1
        places[top] = far
        for stack, value in zip(kept, carry, strict=True):
            stack[top] = value
        return top, places, kept

    found: tuple[Any, Any, Leaves] = while_loop(
        lambda state: state[1][state[0]] < end - 1, onwards, (top, places, kept)
    )
    return found


class Stepped:
    """One iteration and its pullback as closed graphs, and the traced numbers they read besides."""

    def __init__(self, trace: Trace, f: Step, carry: Sequence[Tracer], form: Any, xs: Any) -> None:
        rows, row_form = flatten(xs)
        state = [placeholder(trace, leaf.type) for leaf in carry]
        row = [placeholder(trace, x.type.with_shape(x.type.shape[1:])) for x in rows]
        inputs = [leaf.node for leaf in (*state, *row)]
        begin = len(trace.nodes)
        after, made = f(optree.tree_unflatten(form, state), optree.tree_unflatten(row_form, row))
        ends = [lifted(trace, leaf) for leaf in flatten(after)[0]]
        ends = [
            end if end.dtype == leaf.dtype else lifted(trace, end.astype(leaf.dtype))
            for end, leaf in zip(ends, state, strict=True)
        ]
        ys = [lifted(trace, leaf) for leaf in flatten(made)[0]]
        results = [leaf.node for leaf in (*ends, *ys)]
        self.trace = trace
        self.read = [n for n in outside(trace.nodes[begin:], results) if n not in inputs]
        self.forward, self.known = closed(trace, begin, inputs, results[: len(ends)])
        self.count = len(state)
        self.smooth = [k for k, leaf in enumerate(carry) if leaf.type.inexact]
        self.smooth_rows = [k for k, leaf in enumerate(row) if leaf.type.inexact]
        self.smooth_ys = [k for k, leaf in enumerate(ys) if leaf.type.inexact]
        outputs = [*(ends[k] for k in self.smooth), *(ys[k] for k in self.smooth_ys)]
        seeds = [placeholder(trace, leaf.type) for leaf in outputs]
        into = [inputs[k] for k in self.smooth]
        into += [inputs[self.count + k] for k in self.smooth_rows]
        slopes = _nodes(_pulled(trace, outputs, seeds, [*into, *self.read]))
        seeded = [*inputs, *(seed.node for seed in seeds)]
        self.backward, self.needed = closed(trace, begin, seeded, slopes)

    def after(self, carry: Leaves, row: Leaves) -> Leaves:
        """Return the carry after an iteration."""
        return self._replayed(self.forward, self.known, [*carry, *row])

    def pulled(self, carry: Leaves, row: Leaves, seeds: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Return the cotangents of the carry, of the row, and of what is read besides."""
        found = self._replayed(self.backward, self.needed, [*carry, *row, *seeds])
        first, second = len(self.smooth), len(self.smooth) + len(self.smooth_rows)
        return found[:first], found[first:second], found[second:]

    def _replayed(self, graph: Graph, known: Sequence[Node], values: Leaves) -> Leaves:
        return list(replayed(graph, [*values, *(Tracer(self.trace, node) for node in known)]))
