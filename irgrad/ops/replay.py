"""Running a closed graph where traced values are: its nodes are recorded once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.evaluate import evaluate_body
from irgrad.ir.graph import Graph
from irgrad.ir.op import Operand
from irgrad.ir.rename import with_sizes
from irgrad.ops.control import repeat


def replayed(graph: Graph, arguments: Sequence[Any]) -> Sequence[Any]:
    """Record the nodes of ``graph`` where ``arguments`` are traced; evaluate them on numbers.

    Each ``while`` counts its trips anew.
    """
    operands: list[Any] = [x for x in arguments if isinstance(x, Operand)]
    if not operands:
        return evaluate_body(graph, arguments, {})
    traced = max(operands, key=lambda operand: operand.tape.depth)  # of the innermost body
    trace = traced.tape
    known = {
        node: traced.lift(argument).node
        for node, argument in zip(graph.inputs, arguments, strict=True)
    }
    counts: dict[str, Dim] = {}
    for node in graph.nodes:
        if node in known:
            continue
        params = node.params
        if node.op is repeat:
            count = f"count{len(trace.nodes)}"
            counts[params["count"]] = dims.symbol(count)
            params = {**params, "count": count}
        if counts and params:
            params = {key: with_sizes(param, counts) for key, param in params.items()}
        known[node] = trace.record(node.op, tuple(known[x] for x in node.inputs), params)
    return [type(traced)(trace, known[node]) for node in graph.outputs]
