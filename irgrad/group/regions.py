"""Which scalars of a graph are grouped, and in which order their records run."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ir.op import Elementwise
from irgrad.ops.views import strided


@dataclass(frozen=True, slots=True)
class Region:
    """Scalars that can be computed one after the other, with nothing else in between."""

    nodes: list[Node]
    dtype: np.dtype


def layers_of(graph: Graph, least: int) -> list[Region | Node]:
    """Return the nodes that the outputs need in an order of evaluation, scalars in regions.

    A scalar belongs to the region after the last node that is none on the way to it; regions of
    fewer than ``least`` stay single nodes. Linear.
    """
    wanted = set(reachable(graph.outputs))
    scalars: list[list[Node]] = [[]]
    others: list[list[Node]] = [[]]
    stages: dict[Node, int] = {}
    groupable: set[Node] = set()
    for node in graph.nodes:
        if node not in wanted:
            continue
        grouped = is_groupable(node)
        stage = 1 if grouped else 0
        for operand in node.inputs:
            known = stages[operand]
            if grouped and known > 0 and operand not in groupable:
                known += 1
            if known > stage:
                stage = known
        stages[node] = stage
        if grouped:
            groupable.add(node)
        while len(scalars) <= stage:
            scalars.append([])
            others.append([])
        (scalars if grouped else others)[stage].append(node)
    layers: list[Region | Node] = []
    for inside, outside in zip(scalars, others, strict=True):
        dtypes = {node.array_type.dtype for node in inside if node.array_type.inexact}
        if len(inside) >= least and len(dtypes) == 1:
            layers.append(Region(inside, dtypes.pop()))
        else:
            layers.extend(inside)
        layers.extend(outside)
    return layers


def is_groupable(node: Node) -> bool:
    """Tell whether a node is an operation on scalars, floating-point numbers or truth values."""
    if node.params or not isinstance(node.op.lowering, Elementwise) or not _is_number(node):
        return False
    return all(_is_number(operand) for operand in node.inputs)


def _is_number(node: Node) -> bool:
    type = node.type
    return not isinstance(type, tuple) and type.shape == () and type.dtype.kind in "fb"


def is_element(node: Node) -> bool:
    """Tell whether a node reads one element of an array, at a place that is known."""
    if node.op is not strided or isinstance(node.type, tuple) or node.type.shape:
        return False
    return all(type(start) is int for start in node.params["starts"])


def in_runs(nodes: Sequence[Node], kinds: Mapping[Node, Hashable]) -> list[Node]:
    """Return the nodes in an order of evaluation with long runs of one kind.

    Greedy: the kind with the most nodes ready is done as long as it has any, those that become
    ready meanwhile included. Linear in edges, times the number of kinds for each run.
    """
    inside = set(nodes)
    missing: dict[Node, int] = {}
    readers: dict[Node, list[Node]] = {node: [] for node in nodes}
    ready: dict[Hashable, list[Node]] = {kind: [] for kind in dict.fromkeys(kinds.values())}
    for node in nodes:
        sources = {operand for operand in node.inputs if operand in inside}
        missing[node] = len(sources)
        for source in sources:
            readers[source].append(node)
        if not sources:
            ready[kinds[node]].append(node)
    order: list[Node] = []
    while len(order) < len(nodes):
        queue = max(ready.values(), key=len)
        position = 0
        while position < len(queue):
            node = queue[position]
            position += 1
            order.append(node)
            for reader in readers[node]:
                missing[reader] -= 1
                if not missing[reader]:
                    ready[kinds[reader]].append(reader)
        queue.clear()
    return order
