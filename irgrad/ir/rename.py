"""Other sizes for those that a graph, a node's params, and the graphs among them, name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType


def with_sizes(value: Any, sizes: Mapping[str, Dim]) -> Any:
    """Return a param, a type or a graph with size symbols replaced. Linear in its nodes."""
    if isinstance(value, dims.Size):
        return dims.substitute(value, sizes)
    if isinstance(value, ArrayType):
        return value.with_shape(tuple(with_sizes(dim, sizes) for dim in value.shape))
    if isinstance(value, tuple):
        return tuple(with_sizes(part, sizes) for part in value)
    if isinstance(value, Graph):
        return _graph(value, sizes)
    return value


def _graph(graph: Graph, sizes: Mapping[str, Dim]) -> Graph:
    became: dict[Node, Node] = {}
    for node in graph.nodes:
        params = {key: with_sizes(param, sizes) for key, param in node.params.items()}
        inputs = tuple([became[operand] for operand in node.inputs])
        type = with_sizes(node.type, sizes)
        became[node] = Node(node.op, inputs, params, type, node.origin)
    return replace(
        graph,
        inputs=tuple(became[node] for node in graph.inputs),
        nodes=tuple(became[node] for node in graph.nodes),
        outputs=tuple(became[node] for node in graph.outputs),
    )


def with_numbers(graph: Graph) -> Graph:
    """Return a graph with numbers for the sizes that its guards fix, and without these guards.

    Linear; the graph itself where they fix none.
    """
    numbers: dict[str, Dim] = {}
    for guard in graph.guards:
        for size, number in ((guard.left, guard.right), (guard.right, guard.left)):
            if guard.relation == "==" and isinstance(number, int) and str(size) in graph.hints:
                numbers[str(size)] = number
    if not numbers:
        return graph
    guards = tuple(
        dims.Guard(left, guard.relation, right)
        for guard in graph.guards
        if isinstance(left := with_sizes(guard.left, numbers), dims.Size)
        | isinstance(right := with_sizes(guard.right, numbers), dims.Size)
    )
    hints = {name: hint for name, hint in graph.hints.items() if name not in numbers}
    return replace(_graph(graph, numbers), guards=guards, hints=hints)
