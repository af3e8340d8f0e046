"""A trace as a sequence of records: what each node does, and the numbers that say on what.

A record is a ``shape`` (op, call site, params, type, and the address space of each operand) and a
``vector`` of whole numbers: how far back the operand was made, where a part of an input starts.
Repeated stretches of a trace are records of the same shapes whose vectors move by a fixed step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irgrad.ir.graph import Graph, Node, frozen, reachable
from irgrad.ir.op import Control
from irgrad.ops.create import constant, input_, item
from irgrad.ops.views import strided, strided_add, strided_set

_PLACED = (strided, strided_set, strided_add)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a trace: ``nodes[k]`` has shape ``shapes[k]`` and vector ``vectors[k]``.

    ``loose`` says of each shape which numbers of its vectors loops need no rule for: where a
    scalar of an input stands, how far back an operand was made. ``own`` is how many numbers stand
    before those of operands. ``ordinals`` are the positions of nodes in ``nodes``; ``parts`` are
    the reads of a part of an input, which are no records of their own.
    """

    nodes: list[Node]
    shapes: list[int]
    vectors: list[tuple[int, ...]]
    loose: dict[int, tuple[bool, ...]]
    own: dict[int, int]
    ordinals: dict[Node, int]
    parts: dict[Node, Node]


def records_of(graph: Graph) -> Records:
    """Return the records of the nodes that the outputs depend on."""
    wanted = set(reachable(graph.outputs))
    interned: dict[Any, int] = {}
    nodes: list[Node] = []
    shapes: list[int] = []
    vectors: list[tuple[int, ...]] = []
    loose: dict[int, tuple[bool, ...]] = {}
    owned: dict[int, int] = {}
    ordinals: dict[Node, int] = {}
    parts: dict[Node, Node] = {}
    places = {node: k for k, node in enumerate(graph.inputs)}
    kept = set(graph.outputs)
    texts: dict[int, tuple[Mapping[str, Any], Any]] = {}
    for node in graph.nodes:
        op = node.op
        if node not in wanted or op is input_ or op is constant:
            continue
        if op is strided and node.inputs[0] in places and node not in kept and _numbers(node):
            parts[node] = node.inputs[0]
            continue
        key: list[Any] = [op, node.origin, node.type]
        vector: list[int] = []
        free: list[bool] = []
        params = node.params
        if params:
            if op in _PLACED and _numbers(node):
                vector.extend(params["starts"])
                free.extend([False] * len(vector))
                key.append((params["sizes"], params["steps"], params["dropped"]))
            else:
                known = texts.get(id(params))
                if known is None:
                    known = texts[id(params)] = (params, frozen(params))
                key.append(known[1])
        own, leading = len(nodes), len(vector)
        if isinstance(node.type, tuple) or op is item or isinstance(op.lowering, Control):
            key.append(own)  # the only one of its shape
        for operand in node.inputs:
            made = ordinals.get(operand)
            if made is not None:
                vector.append(own - made)
                free.append(True)
                key.append("node")
            elif operand in parts:
                read = operand.params
                vector.extend(read["starts"])
                free.extend([not operand.array_type.rank] * len(read["starts"]))
                key.append(
                    (places[operand.inputs[0]], read["sizes"], read["steps"], read["dropped"])
                )
            elif operand.op is constant:
                key.append(operand.type)
            else:
                key.append(places[operand])
        name = tuple(key)
        ordinals[node] = own
        nodes.append(node)
        shape = interned.setdefault(name, len(interned))
        if shape not in loose:
            loose[shape], owned[shape] = tuple(free), leading
        shapes.append(shape)
        vectors.append(tuple(vector))
    return Records(nodes, shapes, vectors, loose, owned, ordinals, parts)


def _numbers(node: Node) -> bool:
    return all(type(start) is int for start in node.params["starts"])
