"""Loops made lean: what no trip changes is no carry, and is computed once before the loop.

A carry that the body hands on as it is, and one that always equals another, need no carry of their
own. What a body computes from values outside the loop alone is moved out, and so is an element of
an array that the loop writes, but not there. Exact.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from irgrad.ir.graph import Graph, Node
from irgrad.ops.accesses import apart, bounds_of, versions_of, written_by, written_last
from irgrad.ops.control import loop
from irgrad.ops.create import constant, input_, item, size
from irgrad.ops.fixed import fixed_values, symbols_of
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


def hoisted(graph: Graph) -> Graph:
    """Return the graph with its loops made lean, those in bodies first; linear.

    Nothing else is changed, so rules of the user's and what is to be computed again stay.
    Recursion as deep as the nests.
    """
    nodes = [_with_lean_bodies(node) for node in graph.nodes]
    if any(map(operator.is_not, nodes, graph.nodes)):
        became = dict(zip(graph.nodes, nodes, strict=True))
        for place, node in enumerate(nodes):
            operands = tuple(became[operand] for operand in node.inputs)
            if operands != node.inputs:
                fresh = Node(node.op, operands, node.params, node.type, node.origin)
                became[graph.nodes[place]] = nodes[place] = fresh
        outputs = tuple(became[node] for node in graph.outputs)
        graph = replace(graph, nodes=tuple(nodes), outputs=outputs)
    return lean(graph)


def _with_lean_bodies(node: Node) -> Node:
    if node.op is not loop:
        return node
    body = hoisted(node.params["body"])
    if body is node.params["body"]:
        return node
    return Node(loop, node.inputs, {**node.params, "body": body}, node.type, node.origin)


def _lean(node: Node, nodes: list[Node]) -> list[Node] | None:
    """Append a leaner loop and what it needs; return its results, None where it is lean."""
    body: Graph = node.params["body"]
    carries, tapes = node.params["carries"], node.params["tapes"]
    states = carries + tapes
    stands_for = _repeated(node, body, carries)
    untouched = _untouched(node.params, states)
    moved = _moved(node.params, states, stands_for, untouched)
    if not stands_for and not moved:
        return None
    operand_of = dict(zip(body.inputs, node.inputs, strict=True))
    outside: dict[Node, Node] = {}

    def seen(inner: Node) -> Node:
        """Return a value of the body as one outside it, made there where it is not."""
        if inner in operand_of:
            return operand_of[inner]
        if inner not in outside:
            if inner in untouched:
                base, known = written_last(node.inputs[untouched[inner]], inner.params)
                if known is not None:
                    outside[inner] = known
                    return known
                operands: tuple[Node, ...] = (base,)
            else:
                operands = tuple(map(seen, inner.inputs))  # as deep as what is moved
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


def _untouched(params: Mapping[str, Any], states: int) -> dict[Node, int]:
    """Return the elements that a body reads of states which it never writes there, and of which.

    Linear in the nodes of the body for each state.
    """
    body: Graph = params["body"]
    found: dict[Node, int] = {}
    for number, start in enumerate(body.inputs[:states]):
        if not start.array_type.rank:
            continue
        versions = versions_of(body, number)
        reads = [
            node
            for node in body.nodes
            if node.op is strided
            and node.inputs[0] in versions
            and not node.array_type.rank
            and params["index"] not in symbols_of(node)
        ]
        writes = written_by(params, number) if reads else None
        for node in reads:
            if writes is not None and all(apart(write, bounds_of(node.params)) for write in writes):
                found[node] = number
    return found


def _moved(
    params: Mapping[str, Any],
    states: int,
    stands_for: Mapping[Node, Node | None],
    untouched: Collection[Node],
) -> list[Node]:
    """Return the last of the values that are worth moving out: those that others here read."""
    body: Graph = params["body"]
    same = {start for start, other in stands_for.items() if other is None}
    fixed = fixed_values(body.nodes, same.union(body.inputs[states:]), params["index"], untouched)
    read = {o for n in body.nodes if n not in fixed for o in n.inputs} | set(body.outputs)
    return [n for n in body.nodes if n in fixed and n in read and n.op not in (constant, size)]


def _input(like: Node, number: int) -> Node:
    type = like.array_type
    return Node(input_, (), {"name": f"fixed_{number}", "type": type, "position": number}, type)


__all__ = ["hoisted", "lean"]
