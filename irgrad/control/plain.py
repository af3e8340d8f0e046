"""A scan as one loop, and on numbers as ordinary Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control.carries import (
    check_structure,
    row_at,
    run_loop,
    settled,
    state_of,
    tree_of,
)
from irgrad.errors import ArgumentError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import input_
from irgrad.ops.views import strided, strided_set
from irgrad.trace.bodies import Body
from irgrad.trace.operands import as_node
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Trace, Tracer


def plain_scan(
    trace: Trace,
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: tuple[Sequence[Tracer], Any],
    count: Dim,
    reverse: bool,
    recompute: bool = False,
) -> tuple[Any, Any]:
    """Scan in one loop, whose derivative keeps what it needs of every iteration."""
    arrays, structure = xs
    state, form = state_of(trace, init)
    index = f"t{trace.depth}"
    place = dims.symbol(index)
    result_form: list[Any] = []

    def run(*values: Any) -> Any:
        carry, ys = f(tree_of(form, values), tree_of(structure, [_row(x, place) for x in arrays]))
        parts, y_form = flatten(ys)
        result_form[:] = [y_form]
        check_structure(form, carry)
        return [*flatten(carry)[0], *parts]

    body, state = settled(trace, index, count, state, form, run)
    graph, tapes = _with_tapes(body, len(state), count, place)
    results = run_loop(trace, graph, body.entered, state, tapes, index, count, reverse, recompute)
    return tree_of(form, results[: len(state)]), tree_of(result_form[0], results[len(state) :])


def scan_at_once(
    f: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any, length: int | None, reverse: bool
) -> tuple[Any, Any]:
    leaves, structure = flatten(xs)
    count = len(leaves[0]) if leaves else length
    if count is None:
        raise ArgumentError("scan over nothing", remedy="give xs, or length=")
    rows: list[Any] = [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        carry, rows[i] = f(carry, tree_of(structure, [leaf[i] for leaf in leaves]))
    if not rows:
        return carry, None
    forms = [flatten(row) for row in rows]
    stacked = [np.stack(parts) for parts in zip(*(parts for parts, _ in forms), strict=True)]
    return carry, tree_of(forms[0][1], stacked)


def _row(array: Tracer, place: Dim) -> Any:
    inner = current_trace()
    assert inner is not None
    seen = Tracer(inner, as_node(inner, array))
    return strided(seen, **row_at(place, array.type.shape[1:]))


def _with_tapes(
    body: Body, carries: int, count: Dim, place: Dim
) -> tuple[Graph, tuple[ArrayType, ...]]:
    """Return the body that writes what it makes besides carries to tapes, and the tapes' types."""
    graph = body.graph
    made = graph.outputs[carries:]
    types = tuple(node.array_type.with_shape((count, *node.array_type.shape)) for node in made)
    tapes = []
    for position, type in enumerate(types):
        params = {"name": f"tape_{position}", "type": type, "position": carries + position}
        tapes.append(Node(input_, (), params, type))
    writes = []
    for tape, node in zip(tapes, made, strict=True):
        params = row_at(place, node.array_type.shape)
        writes.append(Node(strided_set, (tape, node), params, tape.type))
    inputs = (*graph.inputs[:carries], *tapes, *graph.inputs[carries:])
    rest = [node for node in graph.nodes if node not in graph.inputs]
    nodes = (*inputs, *rest, *writes)
    outputs = (*graph.outputs[:carries], *writes)
    return Graph(inputs, nodes, outputs, graph.hints, (), graph.name), types
