"""Results of loops that nothing reads: carries, tapes and stacks that are dropped with their work.

A loop that is run again for its derivative keeps more than the first run of it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ops.control import loop, repeat
from irgrad.ops.create import item


def without_unread(graph: Graph) -> Graph:
    """Return the graph with loops that compute what is read of them. Linear, but for the bodies."""
    read = _read(graph)
    if all(len(kept) == _results(node) for node, kept in read.items()):
        return graph
    became: dict[Node, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        fresh = _fresh(node, became, read)
        became[node] = fresh
        nodes.append(fresh)
    return replace(
        graph, nodes=tuple(nodes), outputs=tuple(became[node] for node in graph.outputs)
    )


def _results(node: Node) -> int:
    assert isinstance(node.type, tuple)
    return len(node.type)


def _read(graph: Graph) -> dict[Node, list[int]]:
    """Return the results that are needed of each loop that is."""
    picked: dict[Node, set[int]] = {}
    found: dict[Node, list[int]] = {}
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node not in needed:
            continue
        if node.op is item and node.inputs[0].op in (loop, repeat):
            picked.setdefault(node.inputs[0], set()).add(node.params["index"])
        if node.op not in (loop, repeat):
            needed.update(node.inputs)
            continue
        found[node] = kept = _kept(node, picked.get(node, set()))
        states = _states(node)
        needed.update(node.inputs[k] for k in kept if k < states)
        needed.update(node.inputs[states:])
    return found


def _states(node: Node) -> int:
    count: int = node.params["carries"] + node.params.get("tapes", 0)
    return count


def _kept(node: Node, picked: set[int]) -> list[int]:
    """Return the results of a loop that are read, or that those depend on."""
    body: Graph = node.params["body"]
    position = {x: k for k, x in enumerate(body.inputs[: _states(node)])}
    kept = set(picked)
    if node.op is repeat:
        condition: Graph = node.params["condition"]
        states = dict(zip(condition.inputs, range(_states(node)), strict=False))
        kept |= {states[x] for x in reachable(condition.outputs) if x in states}
    while True:
        wanted = reachable([body.outputs[k] for k in sorted(kept)])
        more = kept | {position[x] for x in wanted if x in position}
        if more == kept:
            return sorted(kept)
        kept = more


def _fresh(node: Node, became: dict[Node, Node], read: dict[Node, list[int]]) -> Node:
    """Return a node on the new nodes, with those of its results that are read."""
    inputs = tuple([became[operand] for operand in node.inputs])
    params = node.params
    type = node.type
    if node.op is item and node.inputs[0] in read:
        kept = read[node.inputs[0]]
        if node.params["index"] in kept:
            params = {"index": kept.index(node.params["index"])}
    elif node in read and len(read[node]) < _results(node):
        kept, states = read[node], _states(node)
        stay = [k for k in kept if k < states]
        inputs = (*(inputs[k] for k in stay), *inputs[states:])
        params = {**params, "body": _with(params["body"], stay, states, kept)}
        params["carries"] = sum(k < node.params["carries"] for k in stay)
        if node.op is loop:
            params["tapes"] = len(stay) - params["carries"]
        else:
            condition: Graph = params["condition"]
            params["condition"] = replace(
                _with(condition, stay, states, [0]), outputs=condition.outputs
            )
        type = node.op.infer(*[operand.type for operand in inputs], **params)
    if inputs == node.inputs and params is node.params:
        return node
    return Node(node.op, inputs, params, type, node.origin)


def _with(body: Graph, stay: Sequence[int], states: int, kept: Sequence[int]) -> Graph:
    """Return a body with the states ``stay`` and the outputs ``kept``, and what they need."""
    inputs = (*(body.inputs[k] for k in stay), *body.inputs[states:])
    outputs = tuple(body.outputs[k] for k in kept)
    needed = set(reachable(outputs)) | set(inputs)
    nodes = tuple(node for node in body.nodes if node in needed)
    return replace(body, inputs=inputs, nodes=nodes, outputs=outputs)
