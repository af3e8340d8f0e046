"""Which scalars of a graph are grouped, and in which order their records run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from irgrad.ir.graph import Graph, Node, needed
from irgrad.ir.op import Elementwise
from irgrad.ir.types import ValueType
from irgrad.ops.views import strided


@dataclass(frozen=True, slots=True)
class Region:
    """Scalars that can be computed one after the other, with nothing else in between.

    ``outside`` are the nodes that they read and that are none of them, each once.
    """

    nodes: list[Node]
    outside: list[Node]
    dtype: np.dtype


def layers_of(graph: Graph, least: int) -> list[Region | Node]:
    """Return the nodes that the outputs need in an order of evaluation, scalars in regions.

    A scalar belongs to the region after the last node that is none on the way to it; regions of
    fewer than ``least`` stay single nodes. Linear.
    """
    wanted = needed(graph.nodes, graph.outputs)
    types = {id(node.type): node.type for node in graph.nodes}
    numbers = {key for key, type in types.items() if _is_number(type)}
    levels: dict[Node, int] = {}
    strata: list[list[Node]] = [[], []]  # scalars at even levels, what is none at odd ones
    for node in graph.nodes:
        if node not in wanted:
            continue
        level = 1
        scalar = (
            not node.params
            and id(node.type) in numbers
            and isinstance(node.op.lowering, Elementwise)
        )
        for operand in node.inputs:
            if levels[operand] > level:
                level = levels[operand]
            if id(operand.type) not in numbers:
                scalar = False
        if scalar == level % 2:
            level += 1
        levels[node] = level
        while len(strata) <= level:
            strata.append([])
        strata[level].append(node)
    layers: list[Region | Node] = []
    for level, nodes in enumerate(strata):
        region = None
        if not level % 2 and len(nodes) >= least:
            region = _region(nodes)
        layers.extend(nodes if region is None else [region])
    return layers


def _region(nodes: list[Node]) -> Region | None:
    """Return scalars as a region, None where their floating-point numbers are of several dtypes."""
    types = {id(node.type): node.array_type for node in nodes}.values()
    dtypes = {type.dtype for type in types if type.inexact}
    if len(dtypes) != 1:
        return None
    inside = set(nodes)
    read = dict.fromkeys(chain.from_iterable([node.inputs for node in nodes]))
    return Region(nodes, [node for node in read if node not in inside], dtypes.pop())


def _is_number(type: ValueType) -> bool:
    return not isinstance(type, tuple) and type.shape == () and type.dtype.kind in "fb"


def is_element(node: Node) -> bool:
    """Tell whether a node reads one element of an array, at a place that is known."""
    if node.op is not strided or isinstance(node.type, tuple) or node.type.shape:
        return False
    return all(type(start) is int for start in node.params["starts"])


def in_runs(rows: Sequence[Sequence[int]], kinds: Sequence[int], first: int) -> list[int]:
    """Return the records in an order of evaluation with long runs of one kind.

    ``rows`` are the places that each record reads, ``first`` is the place of the first record;
    ``kinds`` are numbered from 0. Greedy: the kind with the most records ready is done as long as
    it has any, those that become ready meanwhile included. Linear in operands, times the number
    of kinds for each run.
    """
    missing = [0] * len(rows)
    readers: list[list[int]] = [[] for _ in rows]
    ready: list[list[int]] = [[] for _ in range(max(kinds) + 1)]
    for record, row in enumerate(rows):
        for place in row:
            if place >= first:
                readers[place - first].append(record)
                missing[record] += 1
        if not missing[record]:
            ready[kinds[record]].append(record)
    order: list[int] = []
    while len(order) < len(rows):
        queue = max(ready, key=len)
        for record in queue:  # it grows meanwhile
            for reader in readers[record]:
                missing[reader] -= 1
                if not missing[reader]:
                    ready[kinds[reader]].append(reader)
        order += queue
        queue.clear()
    return order
