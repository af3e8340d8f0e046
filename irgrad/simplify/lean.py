"""Loops made lean: what no trip changes is no carry, and is computed once before the loop.

A carry that the body hands on as it is, and one that always equals another, need no carry of their
own. What a body computes from values outside the loop alone is moved out. Exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Contraction, Elementwise, Reduction
from irgrad.ops.control import loop
from irgrad.ops.create import constant, input_, item, size
from irgrad.ops.views import strided


def lean(graph: Graph) -> Graph:
    """Return the graph with its loops made lean; linear, but for the bodies."""
    if not any(node.op is loop for node in graph.nodes):
        return graph
    became: dict[Node, Node] = {}
    results: dict[Node, list[Node]] = {}
    nodes: list[Node] = []
    changed = False
    for node in graph.nodes:
        if node.op is item and node.inputs[0] in results:
            became[node] = results[node.inputs[0]][node.params["index"]]
            continue
        operands = tuple(became.get(operand, operand) for operand in node.inputs)
        if operands != node.inputs:
            became[node] = Node(node.op, operands, node.params, node.type, node.origin)
        fresh = became.get(node, node)
        if node.op is loop:
            made = _lean(fresh, nodes)
            if made is not None:
                results[node] = made
                changed = True
                continue
        nodes.append(fresh)
    if not changed:
        return graph
    outputs = tuple(became.get(node, node) for node in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def _lean(node: Node, nodes: list[Node]) -> list[Node] | None:
    """Append a leaner loop and what it needs; return its results, None where it is lean."""
    body: Graph = node.params["body"]
    carries, tapes = node.params["carries"], node.params["tapes"]
    states = carries + tapes
    stands_for = _repeated(node, body, carries)
    moved = _fixed_nodes(body, states, stands_for, node.params["index"])
    if not stands_for and not moved:
        return None
    operand_of = dict(zip(body.inputs, node.inputs, strict=True))
    outside: dict[Node, Node] = {}

    def seen(inner: Node) -> Node:
        """Return a value of the body as one outside it, made there where it is not."""
        if inner in operand_of:
            return operand_of[inner]
        if inner not in outside:
            operands = tuple(map(seen, inner.inputs))  # as deep as one expression that is moved
            outside[inner] = Node(inner.op, operands, inner.params, inner.type, inner.origin)
            nodes.append(outside[inner])
        return outside[inner]

    known: dict[Node, Node] = {}
    fixed: list[tuple[Node, Node]] = []
    for start, other in stands_for.items():
        if other is None:  # the body hands it on as it is
            known[start] = _input(start, len(fixed))
            fixed.append((known[start], operand_of[start]))
        else:
            known[start] = other
    for inner in moved:
        known[inner] = _input(inner, len(fixed))
        fixed.append((known[inner], seen(inner)))
    kept = [k for k in range(states) if body.inputs[k] not in stands_for]
    rest: list[Node] = []
    for old in body.nodes:
        if old in known or old in body.inputs:
            continue
        operands = tuple(known.get(operand, operand) for operand in old.inputs)
        if operands != old.inputs:
            known[old] = Node(old.op, operands, old.params, old.type, old.origin)
        rest.append(known.get(old, old))
    inputs = (
        *(body.inputs[k] for k in kept), *body.inputs[states:], *(inner for inner, _ in fixed)
    )  # fmt: skip
    outputs = tuple(known.get(body.outputs[k], body.outputs[k]) for k in kept)
    leaner = replace(body, inputs=inputs, nodes=(*inputs, *rest), outputs=outputs)
    operands = (
        *(node.inputs[k] for k in kept), *node.inputs[states:], *(outer for _, outer in fixed)
    )  # fmt: skip
    params = {**node.params, "body": leaner, "carries": len(kept) - tapes}
    types = loop.infer(*[operand.type for operand in operands], **params)
    assert isinstance(types, tuple)
    left = Node(loop, operands, params, types, node.origin)
    if kept:
        nodes.append(left)
    results: dict[int, Node] = {}
    for position, k in enumerate(kept):
        results[k] = Node(item, (left,), {"index": position}, types[position], node.origin)
        nodes.append(results[k])
    for k in range(states):
        if k not in results:
            other = stands_for[body.inputs[k]]
            results[k] = node.inputs[k] if other is None else results[body.inputs.index(other)]
    return [results[k] for k in range(states)]


def _repeated(node: Node, body: Graph, carries: int) -> dict[Node, Node | None]:
    """Return the carries that equal earlier ones, and those that stay what they are (None)."""
    found: dict[Node, Node | None] = {}
    first: dict[tuple[Node, Node], Node] = {}
    for k in range(carries):
        start, end = body.inputs[k], body.outputs[k]
        if end is start:
            found[start] = None
        elif not start.array_type.rank:  # an array is written in place: it has its own memory
            other = first.setdefault((node.inputs[k], end), start)
            if other is not start:
                found[start] = other
    return found


def _fixed_nodes(
    body: Graph, states: int, stands_for: Mapping[Node, Node | None], index: str
) -> list[Node]:
    """Return the last of the values that are worth moving out: those that others here read."""
    same = set(body.inputs[states:]) | {s for s, other in stands_for.items() if other is None}
    fixed: set[Node] = set()
    for node in body.nodes:
        if node.op is input_ or isinstance(node.type, tuple) or index in _symbols(node):
            continue
        if node.op in (constant, size):
            fixed.add(node)
        elif all(operand in fixed or operand in same for operand in node.inputs):
            lowering = node.op.lowering
            number = node.op is strided and not node.type.shape
            if number or isinstance(lowering, Elementwise | Reduction | Contraction):
                fixed.add(node)
    read = {o for n in body.nodes if n not in fixed for o in n.inputs} | set(body.outputs)
    return [n for n in body.nodes if n in fixed and n in read and n.op not in (constant, size)]


def _symbols(node: Node) -> set[str]:
    """Return the size symbols in the params and the shape of a node."""
    assert not isinstance(node.type, tuple)
    found: set[str] = set()
    stack: list[Any] = [*node.params.values(), node.type.shape]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(part)
        elif isinstance(part, dims.Size):
            found.update(dims.symbols(part))
    return found


def _input(like: Node, number: int) -> Node:
    type = like.array_type
    return Node(input_, (), {"name": f"fixed_{number}", "type": type, "position": number}, type)


__all__ = ["lean"]
