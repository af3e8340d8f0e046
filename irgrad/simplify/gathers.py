"""Sums of shifted parts, as the adjoint of a stencil is one: gathered instead of scattered.

A stencil that reads k neighbours has an adjoint that adds k shifted copies of the cotangent, each
in a pass over the array. Put into a frame of zeros once, the cotangent can be gathered in one pass:
each element adds what its k neighbours sent. Exact but for the order of the additions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Op
from irgrad.ops.create import constant, full
from irgrad.ops.elementwise import add, multiply
from irgrad.ops.views import strided, strided_add, strided_set
from irgrad.simplify.clean import live_uses, without_dead

FEWEST = 3
"""Shifted parts from which one pass over them pays for filling the frame."""
FARTHEST = 8
"""How far apart shifted parts may be along an axis."""
LEAST = 64
"""Elements from which a part is worth a frame."""


def gathered(graph: Graph) -> Graph:
    """Return the graph with such sums gathered; linear in its nodes."""
    if sum(node.op is strided_add for node in graph.nodes) < FEWEST:
        return graph
    readers = graph.consumers()
    outputs = set(graph.outputs)
    became: dict[Node, Node] = {}
    nodes: list[Node] = []
    inside: set[Node] = set()
    ends: dict[Node, list[Node]] = {}
    for node in reversed(graph.nodes):
        if node in inside or not _adds_shifted(node):
            continue
        chain = _chain(node, readers, outputs)
        if len(chain) >= FEWEST:
            ends[node] = chain
            inside.update(chain)
    if not ends:
        return graph
    for node in graph.nodes:
        if node in inside and node not in ends:
            continue
        if node in ends:
            became[node] = _gather(ends[node], became, nodes)
            continue
        operands = tuple(became.get(operand, operand) for operand in node.inputs)
        if operands != node.inputs:
            became[node] = Node(node.op, operands, node.params, node.type, node.origin)
        nodes.append(became.get(node, node))
    ended = tuple(became.get(node, node) for node in graph.outputs)
    return without_dead(nodes, live_uses(nodes, ended), replace(graph, outputs=ended))


def _adds_shifted(node: Node) -> bool:
    if node.op is not strided_add or node.params["dropped"]:
        return False
    size = dims.product(node.params["sizes"])
    return all(step == 1 for step in node.params["steps"]) and (
        not isinstance(size, int) or size >= LEAST
    )


def _chain(
    end: Node, readers: Mapping[Node, Sequence[Node]], outputs: set[Node]
) -> list[Node]:
    """Return the additions to one array that end in ``end``, the first one first."""
    chain = [end]
    while True:
        before = chain[-1].inputs[0]
        alone = len(readers[before]) == 1 and before not in outputs
        if not (alone and _adds_shifted(before) and _near(before, end)):
            return chain[::-1]
        chain.append(before)


def _near(node: Node, end: Node) -> bool:
    """Tell whether two parts are equally large, and a few places apart."""
    if node.params["sizes"] != end.params["sizes"]:
        return False
    apart = [
        a - b for a, b in zip(node.params["starts"], end.params["starts"], strict=True)
    ]
    return all(isinstance(by, int) and abs(by) <= FARTHEST for by in apart)


def _gather(chain: Sequence[Node], became: Mapping[Node, Node], nodes: list[Node]) -> Node:
    """Append the nodes that add what a chain adds, and return the last."""
    origin = chain[-1].origin

    def made(op: Op, *operands: Node, **params: Any) -> Node:
        type = op.infer(*[operand.type for operand in operands], **params)
        nodes.append(Node(op, operands, params, type, origin))
        return nodes[-1]

    rank = len(chain[0].params["starts"])
    first = chain[0].params["starts"]
    shifts = [[_number(s - f) for s, f in zip(node.params["starts"], first, strict=True)]
              for node in chain]  # fmt: skip
    lowest = [min(shift[axis] for shift in shifts) for axis in range(rank)]
    spread = [max(shift[axis] for shift in shifts) - lowest[axis] for axis in range(rank)]
    sizes = chain[0].params["sizes"]
    box = tuple(size + by for size, by in zip(sizes, spread, strict=True))

    frames: dict[Node, Node] = {}
    total: Node | None = None
    for node, shift in zip(chain, shifts, strict=True):
        update = became.get(node.inputs[1], node.inputs[1])
        factor, base = _scaled(update)
        if base not in frames:
            dtype = base.array_type.dtype
            zero = made(constant, value=np.zeros((), dtype)[()])
            shape = tuple(size + 2 * by for size, by in zip(sizes, spread, strict=True))
            empty = made(full, zero, shape=shape)
            frames[base] = made(strided_set, empty, base, **_part(spread, sizes))
        starts = [by - (s - low) for by, s, low in zip(spread, shift, lowest, strict=True)]
        term = made(strided, frames[base], **_part(starts, box))
        if factor is not None:
            term = made(multiply, factor, term)
        total = term if total is None else made(add, total, term)
    assert total is not None
    target = became.get(chain[0].inputs[0], chain[0].inputs[0])
    corner = [f + low for f, low in zip(first, lowest, strict=True)]
    return made(strided_add, target, total, **_part(corner, box))


def _scaled(node: Node) -> tuple[Node | None, Node]:
    """Split a number times an array."""
    if node.op is multiply:
        for factor, base in (node.inputs, node.inputs[::-1]):
            if not factor.array_type.rank and base.type == node.type:
                return factor, base
    return None, node


def _part(starts: Sequence[Dim], sizes: Sequence[Dim]) -> dict[str, Any]:
    return {
        "starts": tuple(starts), "sizes": tuple(sizes), "steps": (1,) * len(sizes), "dropped": ()
    }  # fmt: skip


def _number(dim: Dim) -> int:
    assert isinstance(dim, int)
    return dim


__all__ = ["gathered"]
