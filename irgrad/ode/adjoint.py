"""The continuous adjoint: derivatives of a solution by an equation integrated backwards.

Reference: L. Pontryagin et al., The Mathematical Theory of Optimal Processes (1962); R. Chen
et al., Neural ordinary differential equations (2018), appendix B. The state is integrated back with
its adjoint, from each of the states that were returned anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control import scan
from irgrad.differentiate.reverse import pull_back
from irgrad.inline.closures import closed, outside
from irgrad.inline.custom import with_rule
from irgrad.inline.leaves import added, placeholder, zeros
from irgrad.ir.graph import Node
from irgrad.ode.dormand_prince import State
from irgrad.ode.steps import Span, advanced, begun
from irgrad.ops.replay import replayed
from irgrad.trace.bodies import for_a_loop
from irgrad.trace.tracer import Trace, Tracer


def continuously(span: Span, start: Any, state: State, times: Any, states: State) -> State:
    """Return the states at some times, with the derivative that the adjoint equation gives them."""
    trace: Trace = times.tape
    equation = Adjoint(trace, span, start, state)
    seeds = [placeholder(trace, leaf.type) for leaf in states]
    known = [placeholder(trace, leaf.type) for leaf in states]
    begin = len(trace.nodes)
    slopes = equation.back(span, start, state, times, known, seeds)
    body, read = closed(
        trace, begin, [x.node for x in (*seeds, *known)], [slope.node for slope in slopes]
    )
    primals = [*(x.node for x in (*state, start, times)), *equation.read]
    reads = [*(x.node for x in states), *read]
    structure = flatten(states)[1]
    return list(with_rule(trace, states, primals, reads, range(len(primals)), body, structure))


class Adjoint:
    """What the right-hand side and its derivatives are, as one closed graph.

    ``read`` are the traced numbers that it reads besides time and state.
    """

    def __init__(self, trace: Trace, span: Span, start: Any, state: State) -> None:
        self.trace = trace
        self.count = len(state)
        point = [placeholder(trace, x.type) for x in (start, *state)]
        own = {x.node for x in point}
        begin = len(trace.nodes)
        with for_a_loop(trace):
            slopes = span.field(point[0], point[1:])
        ends = [slope.node for slope in slopes]
        self.read: list[Node] = [x for x in outside(trace.nodes[begin:], ends) if x not in own]
        seeds = [placeholder(trace, x.type) for x in state]
        given: dict[Node, Tracer] = {}
        for slope, seed in zip(slopes, seeds, strict=True):
            added(given, slope.node, seed)
        into = [*(x.node for x in point[1:]), *self.read]
        pulled = [
            (zeros(trace, x.array_type) if found is None else found).node
            for x, found in zip(into, pull_back(trace, given, into), strict=True)
        ]
        seen = [x.node for x in (*point, *seeds)]
        self.graph, self.needed = closed(trace, begin, seen, [*ends, *pulled])

    def at(self, time: Any, state: State, costate: State) -> tuple[State, State, State]:
        """Return the slopes, and the costate's product with their derivatives by state and read."""
        needed = [Tracer(self.trace, node) for node in self.needed]
        found = list(replayed(self.graph, [time, *state, *costate, *needed]))
        count = self.count
        return found[:count], found[count : 2 * count], found[2 * count :]

    def back(
        self, span: Span, start: Any, state: State, times: Any, states: State, seeds: State
    ) -> list[Any]:
        """Return the cotangents of the first state, its time, the other times, and what is read."""
        count = self.count

        def field(time: Any, values: State) -> State:
            slope, by_state, by_read = self.at(time, values[:count], values[count : 2 * count])
            return [*slope, *(-x for x in (*by_state, *by_read))]

        def interval(carry: Any, row: Any) -> Any:
            costate, sums, size = carry
            time, before, there, seed = row
            costate = [a + b for a, b in zip(costate, seed, strict=True)]
            slope, _, _ = self.at(time, there, costate)
            here = sum(np.sum(s * k) for s, k in zip(seed, slope, strict=True))
            backwards = replace(
                span, field=field, end=before, direction=-span.direction,
                settings=replace(span.settings, first_step=size),
            )  # fmt: skip
            begin = begun(backwards, time, [*there, *costate, *sums])
            done = advanced(backwards, begin, before)
            found = done["state"]
            size = np.where(done["steps"] > 0, np.abs(done["size"]), size)
            return (found[count : 2 * count], found[2 * count :], size), here

        previous = np.concatenate([np.reshape(start, (1,)), times[:-1]])
        first_step = span.settings.first_step
        if first_step is None:
            first_step = 1e-2 * np.abs(times[-1] - start) + 1e-8
        zero = [np.zeros_like(x) for x in state]
        sums = [np.zeros_like(Tracer(self.trace, node)) for node in self.read]
        (costate, sums, _), by_times = scan(
            interval, (zero, sums, first_step), (times, previous, states, seeds), reverse=True
        )
        slope, _, _ = self.at(start, state, costate)
        by_start = -sum(np.sum(c * k) for c, k in zip(costate, slope, strict=True))
        return [*costate, by_start, by_times, *sums]
