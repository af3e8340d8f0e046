"""Stretches of a trace as closed graphs, and what they read from outside."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import constant, input_, size
from irgrad.trace.tracer import Trace


def outside(stretch: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """Return the floating-point values from outside a stretch of a trace that ``outputs`` read.

    What a loop's body reads of its surroundings becomes an input of it when it is first read.
    """
    inside = {node for node in stretch if node.op is not input_}
    needed = set(outputs)
    for node in reversed(stretch):
        if node in needed:
            needed.update(node.inputs)
    before = dict.fromkeys(
        x for node in stretch if node in needed for x in node.inputs if x not in inside
    )
    before.update(dict.fromkeys(x for x in outputs if x not in inside))
    return [
        node
        for node in before
        if node.op not in (constant, size)
        and isinstance(node.type, ArrayType)
        and node.type.inexact
    ]


def closed(
    trace: Trace, start: int, seeds: Sequence[Node], outputs: Sequence[Node]
) -> tuple[Graph, list[Node]]:
    """Return what depends on ``seeds`` as a graph, and the other nodes it reads.

    Its inputs are the seeds and those. Only nodes recorded after the first ``start`` depend on the
    seeds. Linear in those.
    """
    stretch = trace.nodes[start:]
    needed = set(outputs)
    for node in reversed(stretch):
        if node in needed:
            needed.update(node.inputs)
    inside = set(seeds)
    order: list[Node] = []
    for node in stretch:
        if node in needed and node not in inside and any(x in inside for x in node.inputs):
            inside.add(node)
            order.append(node)
    read = dict.fromkeys(
        x for x in (*(x for node in order for x in node.inputs), *outputs) if x not in inside
    )
    became: dict[Node, Node] = {}
    for position, node in enumerate((*seeds, *read)):
        params = {"name": f"x{position}", "type": node.array_type, "position": position}
        became[node] = Node(input_, (), params, node.type)
    inputs = tuple(became.values())
    for node in order:
        operands = tuple(became[x] for x in node.inputs)
        became[node] = Node(node.op, operands, node.params, node.type, node.origin)
    nodes = (*inputs, *(became[node] for node in order))
    graph = Graph(inputs, nodes, tuple(became[x] for x in outputs), trace.assumptions.hints)
    return graph, list(read)
