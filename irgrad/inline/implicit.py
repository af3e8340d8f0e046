"""Solutions of equations on traced values, differentiated by the equations they solve.

What an equation reads, by arguments or by closing over it, is found in the trace, so derivatives
by all of it are right. They do not go through the steps of the solver.

Reference: M. Blondel et al., Efficient and modular implicit differentiation (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.differentiate.reverse import pull_back
from irgrad.inline.closures import closed, outside
from irgrad.inline.custom import with_rule
from irgrad.inline.leaves import added, placeholder, zeros
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import item
from irgrad.ops.replay import replayed
from irgrad.ops.solution import solution
from irgrad.trace.bodies import Body, for_a_loop, with_inputs
from irgrad.trace.tracer import Trace, Tracer

Leaves = list[Tracer]
Map = Callable[[Leaves], Leaves]
"""A function of some leaves to as many of the same types."""

Solver = Callable[[Map, Leaves], Leaves]
"""Solves ``apply(x) = right`` for x, given ``apply`` and the right side."""


Transposed = Callable[[Leaves, Leaves, Leaves], Leaves]
"""Solves J'λ = right, given a root, the residual there, whose derivative is J, and the right."""


def implicit_solution(
    trace: Trace, residual: Map, found: Leaves, transposed: Transposed
) -> Leaves:
    """Return ``found``, a root of ``residual``, whose derivative follows from that."""
    # A placeholder for the root, which the rule reads from outside: no path leads from it to what
    # the solver read.
    roots = [placeholder(trace, leaf.type) for leaf in found]
    start = len(trace.nodes)
    rest = residual(roots)
    read = [
        node for node in outside(trace.nodes[start:], _nodes(rest)) if node not in _nodes(roots)
    ]
    seeds = [placeholder(trace, leaf.type) for leaf in found]
    turned = transposed(roots, rest, seeds)
    slopes = pull_back(trace, _given(rest, [-leaf for leaf in turned]), read)
    wanted = [k for k, slope in enumerate(slopes) if slope is not None]
    body, known = closed(
        trace, start, _nodes([*seeds, *roots]), _chosen(slopes, wanted)
    )
    structure = flatten(found)[1]
    known = [*_nodes(found), *known]
    return list(with_rule(trace, found, read, known, wanted, body, structure))


def linear_solution(
    trace: Trace, apply: Map, right: Leaves, solver: Solver, symmetric: bool
) -> Leaves:
    """Return x with ``apply(x) = right``, for a linear ``apply``, as ``solver`` finds it.

    Derivatives of any order are solutions of the same system or the transposed one.
    """
    types = [leaf.type for leaf in right]
    begin = len(trace.nodes)
    x = [placeholder(trace, type) for type in types]
    with for_a_loop(trace):
        y = apply(x)
    matrix, in_matrix = closed(trace, begin, _nodes(x), _nodes(y))
    seeds = [placeholder(trace, type) for type in types]
    start = len(trace.nodes)
    pulled = _pulled(trace, y, seeds, x, transposing=True)
    turned, in_turned = closed(trace, start, _nodes(seeds), _nodes(pulled))
    start = len(trace.nodes)
    read = [node for node in in_matrix if node.array_type.inexact]
    slopes = pull_back(trace, _given(y, [-seed for seed in seeds]), read)
    wanted = [k for k, slope in enumerate(slopes) if slope is not None]
    by_read = closed(
        trace, begin, _nodes([*seeds, *x]), _chosen(slopes, wanted)
    )
    parts = [_solve_graph(trace, types, solver, matrix, in_matrix)]
    if not symmetric:
        parts.append(_solve_graph(trace, types, solver, turned, in_turned))
    parts.append(by_read)
    everything = tuple(dict.fromkeys(
        [*(node for _, reads in parts for node in reads), *(read[k] for k in wanted)]
    ))
    counts = [len(right)] * (len(parts) - 1) + [2 * len(right)]
    graphs = [
        with_inputs(Body(graph, tuple(reads), None), count, everything)
        for (graph, reads), count in zip(parts, counts, strict=True)
    ]
    given = [*right, *(Tracer(trace, node) for node in everything)]
    value = replayed(graphs[0], given)
    node = trace.record(
        solution,
        tuple(leaf.node for leaf in (*value, *given)),
        {
            "results": len(right), "solve": graphs[0], "adjoint": graphs[-2], "slopes": graphs[-1],
            "wanted": tuple(everything.index(read[k]) for k in wanted), "flipped": False,
        },
    )  # fmt: skip
    return [
        Tracer(trace, trace.record(item, (node,), {"index": index})) for index in range(len(right))
    ]


def _solve_graph(
    trace: Trace, types: Sequence[ArrayType], solver: Solver, matrix: Graph, reads: list[Node]
) -> tuple[Graph, list[Node]]:
    """Return the graph that solves a system with any right side, and what it reads besides."""
    known = [Tracer(trace, node) for node in reads]
    start = len(trace.nodes)
    right = [placeholder(trace, type) for type in types]

    def apply(x: Leaves) -> Leaves:
        return list(replayed(matrix, [*x, *known]))

    found = solver(apply, right)
    return closed(trace, start, _nodes(right), _nodes(found))


def _nodes(leaves: Leaves) -> list[Node]:
    return [leaf.node for leaf in leaves]


def _chosen(slopes: Sequence[Tracer | None], wanted: Sequence[int]) -> list[Node]:
    return [slope.node for slope in (slopes[k] for k in wanted) if slope is not None]


def _given(outputs: Leaves, cotangents: Leaves) -> dict[Node, Tracer]:
    seeds: dict[Node, Tracer] = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        added(seeds, output.node, cotangent)
    return seeds


def _pulled(
    trace: Trace, outputs: Leaves, cotangents: Leaves, into: Leaves, transposing: bool = False
) -> Leaves:
    """Return the cotangents of ``into``, zeros where no path leads there."""
    found = pull_back(
        trace, _given(outputs, cotangents), _nodes(into), transposing=transposing
    )
    return [
        zeros(trace, leaf.type) if slope is None else slope
        for slope, leaf in zip(found, into, strict=True)
    ]


def integral_solution(
    trace: Trace,
    integrand: Callable[[Tracer], Leaves],
    ends: Leaves,
    integral: Callable[[Callable[[Tracer], Leaves], Leaves], Leaves],
) -> Leaves:
    """Return ``integral(integrand, ends)``, whose derivative is the integral of the derivative.

    By the ends, where these are finite, it is the integrand there.
    """
    point = placeholder(trace, ends[0].type)
    start = len(trace.nodes)
    with for_a_loop(trace):
        values = integrand(point)
    read = [node for node in outside(trace.nodes[start:], _nodes(values)) if node != point.node]
    function, in_function = closed(trace, start, [point.node], _nodes(values))
    found = integral(integrand, ends)
    seeds = [placeholder(trace, leaf.type) for leaf in values]
    slopes = pull_back(trace, _given(values, seeds), read)
    wanted = [k for k, slope in enumerate(slopes) if slope is not None]
    derivative, in_derivative = closed(
        trace, start, _nodes([*seeds, point]), _chosen(slopes, wanted)
    )
    begin = len(trace.nodes)

    def at(graph: Graph, reads: list[Node], *leaves: Tracer) -> Leaves:
        return list(replayed(graph, [*leaves, *(Tracer(trace, node) for node in reads)]))

    by_read = (
        integral(lambda x: at(derivative, in_derivative, *seeds, x), ends) if wanted else []
    )
    by_ends = []
    for end, sign in zip(ends, (-1.0, 1.0), strict=True):
        there = at(function, in_function, end)
        parts: list[Any] = [np.sum(s * v) for s, v in zip(seeds, there, strict=True)]
        by_ends.append(sign * sum(parts[1:], parts[0]))
    body, known = closed(trace, begin, _nodes(seeds), _nodes([*by_read, *by_ends]))
    count = len(read)
    primals = [*read, *_nodes(ends)]
    structure = flatten(found)[1]
    wanted += [count, count + 1]
    return list(with_rule(trace, found, primals, known, wanted, body, structure))
