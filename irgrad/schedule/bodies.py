"""What the bodies of loops and branches overwrite, and copies where they may not."""

from __future__ import annotations

from dataclasses import replace

from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import View, Write
from irgrad.ops import create
from irgrad.ops.control import loop, repeat
from irgrad.ops.views import strided


def is_begin(node: Node) -> bool:
    """Tell whether an array is a fill with a constant, which needs no memory of its own."""
    return (
        node.op is create.full
        and bool(node.array_type.rank)
        and node.inputs[0].op is create.constant
    )


def with_copies(body: Graph, states: int) -> Graph:
    """Return a body that overwrites no array which is needed afterwards, but a copy of it.

    Its first ``states`` inputs are its own to change. Linear in its nodes.
    """
    position = {node: number for number, node in enumerate(body.nodes)}
    readers = body.consumers()
    outputs = set(body.outputs)
    kept = set(body.inputs[states:])
    became: dict[Node, Node] = {}
    nodes: list[Node] = []

    def copied(node: Node) -> Node:
        params = {"dtype": node.array_type.dtype}
        nodes.append(Node(create.convert, (node,), params, node.type, node.origin))
        return nodes[-1]

    for node in body.nodes:
        if node in body.inputs:
            nodes.append(node)
            continue
        operands = [became.get(operand, operand) for operand in node.inputs]
        for place in overwritten(node):
            target = node.inputs[place]
            later = any(
                reader.op is not strided and position[reader] > position[node]
                for reader in readers[target]
            )
            again = node.inputs.count(target) > 1
            if later or again or target in outputs or target in kept or _looks_at(target):
                operands[place] = copied(operands[place])
        if tuple(operands) != node.inputs:
            became[node] = Node(node.op, tuple(operands), node.params, node.type, node.origin)
        nodes.append(became.get(node, node))
    ends = [became.get(node, node) for node in body.outputs]
    taken: set[Node] = set()
    for place, (start, end) in enumerate(zip(body.inputs[:states], body.outputs, strict=False)):
        if end.array_type.rank and (_origin(end) not in (start, None) or end in taken):
            ends[place] = copied(ends[place])
        taken.add(end)
    return replace(body, nodes=tuple(nodes), outputs=tuple(ends))


def overwritten(node: Node) -> list[int]:
    """Return the positions of the operands whose memory a node goes on writing."""
    if isinstance(node.op.lowering, Write):
        places = [0]
    elif node.op in (loop, repeat):
        places = list(range(node.params["carries"] + node.params.get("tapes", 0)))
    else:
        places = []
    return [p for p in places if node.inputs[p].array_type.rank and not is_begin(node.inputs[p])]


def _looks_at(node: Node) -> bool:
    """Tell whether an array may be part of another one's memory."""
    return isinstance(node.op.lowering, View)


def _origin(node: Node) -> Node | None:
    """Return the input whose memory an array is in, None where it is none's."""
    while node.op is not create.input_:
        if isinstance(node.op.lowering, Write):
            node = node.inputs[0]
        elif node.op is create.item and _goes_on(node):
            node = node.inputs[0].inputs[node.params["index"]]
        else:
            return None
    return node


def _goes_on(item: Node) -> bool:
    """Tell whether a result of a loop is a carry or a tape, in the memory it began in."""
    source, index = item.inputs[0], item.params["index"]
    return source.op in (loop, repeat) and index < source.params["carries"] + source.params.get(
        "tapes", 0
    )
