"""A trace as a sequence of records: what each node does, and the numbers that say on what.

A record is a ``shape`` (op, call site, params, type, and the address space of each operand) and a
``vector`` of whole numbers: how far back the operand was made, where a part of an input starts.
Repeated stretches of a trace are records of the same shapes whose vectors move by a fixed step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node, frozen, needed
from irgrad.ir.op import Control, Op
from irgrad.ir.types import ArrayType, ValueType
from irgrad.ops.create import constant, full, input_, item
from irgrad.ops.shape import broadcast, reshape
from irgrad.ops.views import strided, strided_add, strided_set

_PART = ("starts", "sizes")
_MEASURES: Mapping[Op, tuple[str, ...]] = {
    strided: _PART,
    strided_set: _PART,
    strided_add: _PART,
    full: ("shape",),
    reshape: ("shape",),
    broadcast: ("shape",),
}
"""The params that are places and sizes, which may move with the iterations."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a trace: ``nodes[k]`` has shape ``shapes[k]`` and vector ``vectors[k]``.

    ``loose`` says of each shape which numbers of its vectors loops need no rule for: where a
    scalar of an input stands, how far back an operand was made. ``own`` is how many numbers stand
    before those of operands. ``ordinals`` are the positions of nodes in ``nodes``; ``parts`` are
    the reads of a part of an input, which are no records of their own. ``sized`` tells whether
    sizes are among the numbers, and ``varied`` whether one call makes arrays of several sizes.
    """

    nodes: list[Node]
    shapes: list[int]
    vectors: list[tuple[int, ...]]
    loose: dict[int, tuple[bool, ...]]
    own: dict[int, int]
    ordinals: dict[Node, int]
    parts: dict[Node, Node]
    sized: bool
    varied: bool

    def moving(self, op: Op) -> tuple[str, ...]:
        """Return which params of an op may move with the iterations."""
        return _moving(op, self.sized)


def _moving(op: Op, sized: bool) -> tuple[str, ...]:
    names = _MEASURES.get(op, ())
    return names if sized else names[: names.count("starts")]


def records_of(graph: Graph, *, sized: bool = False) -> Records:
    """Return the records of the nodes that the outputs depend on."""
    wanted = needed(graph.nodes, graph.outputs)
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
    texts: dict[int, tuple[Mapping[str, Any], Any, list[int]]] = {}
    known_sizes: dict[Any, Any] = {}
    types = _numbered(graph, lambda type: type)
    kinds = _numbered(graph, _kind) if sized else types
    varied = False
    # A part of what an input holds at first and records make later is a record both times.
    renewed = {
        id(node.origin)
        for node in graph.nodes
        if node.op is strided and node.inputs[0] not in places
    }

    def measured(op: Op, params: Mapping[str, Any]) -> tuple[Any, list[int]]:
        known = texts.get(id(params))
        if known is None:
            known = texts[id(params)] = (params, *_measured(params, _moving(op, sized)))
        return known[1], known[2]

    def free(node: Node, leading: int) -> tuple[bool, ...]:
        flags = [False] * leading
        for operand in node.inputs:
            if operand in ordinals:
                flags.append(True)
            elif operand in parts:
                _, numbers = measured(strided, operand.params)
                flags.extend([not operand.array_type.rank] * len(numbers))
        return tuple(flags)

    for node in graph.nodes:
        op = node.op
        if node not in wanted or op is input_ or op is constant:
            continue
        held = op is strided and node.inputs[0] in places and node not in kept
        if held and id(node.origin) not in renewed:
            parts[node] = node.inputs[0]
            continue
        # By identity: origins are unique, and hashing one hashes code objects.
        site = id(node.origin)
        shape = node.type.shape if isinstance(node.type, ArrayType) else ()
        if shape and known_sizes.setdefault((op, site), shape) != shape:
            varied = True
        key: list[Any] = [op, site, kinds[id(node.type)]]
        vector: list[int] = []
        if node.params:
            text, numbers = measured(op, node.params)
            key.append(text)
            vector.extend(numbers)
        own, leading = len(nodes), len(vector)
        if isinstance(node.type, tuple) or op is item or isinstance(op.lowering, Control):
            key.append(own)  # the only one of its shape
        for operand in node.inputs:
            made = ordinals.get(operand)
            if made is not None:
                vector.append(own - made)
                key.append("node")
            elif operand in parts:
                text, numbers = measured(strided, operand.params)
                vector.extend(numbers)
                key.append((places[operand.inputs[0]], text))
            elif operand.op is constant:
                key.append(("constant", types[id(operand.type)]))
            else:
                key.append(places[operand])
        number = interned.setdefault(tuple(key), len(interned))
        if number not in loose:
            loose[number], owned[number] = free(node, leading), leading
        ordinals[node] = own
        nodes.append(node)
        shapes.append(number)
        vectors.append(tuple(vector))
    return Records(nodes, shapes, vectors, loose, owned, ordinals, parts, sized, varied)


def _numbered(graph: Graph, of: Callable[[ValueType], Any]) -> dict[int, int]:
    """Return a number for each type in a graph, by its identity; the same where ``of`` is."""
    types = {id(node.type): node.type for node in graph.nodes}
    known: dict[Any, int] = {}
    return {key: known.setdefault(of(type), len(known)) for key, type in types.items()}


def _measured(params: Mapping[str, Any], moving: tuple[str, ...]) -> tuple[Any, list[int]]:
    """Return what params say but for the constants in places and sizes, and those."""
    numbers: list[int] = []
    rest: list[Dim] = []
    for name in moving:
        for dim in params[name]:
            varying, number = (0, dim) if type(dim) is int else dims.apart(dim)
            rest.append(varying)
            numbers.append(number)
    others = {name: value for name, value in params.items() if name not in moving}
    return (tuple(rest), frozen(others) if others else ()), numbers


def _kind(type: ValueType) -> Any:
    """Return what is the same in types whose sizes differ by constants."""
    if isinstance(type, tuple):
        return type
    return type.dtype, tuple([dims.apart(dim)[0] for dim in type.shape])
