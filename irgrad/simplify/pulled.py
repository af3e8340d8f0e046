"""Products pulled out of loops: a small one in each trip becomes a large one for all.

A product of a matrix and a row of an array, both from outside the loop, needs nothing of what the
loop computes: all rows are multiplied before it. A carry that does nothing but add up outer
products is one product after the loop, of all left factors and all right ones. Exact but for the
order of the additions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Op
from irgrad.ops.contract import contract
from irgrad.ops.control import loop
from irgrad.ops.create import constant, full, input_, item
from irgrad.ops.elementwise import add
from irgrad.ops.views import strided, strided_set
from irgrad.simplify.clean import live_uses, without_dead

WIDEST = 8
"""How many times the elements of the rows their products may have, to be kept all at once."""


class Row(NamedTuple):
    """The row that a trip reads of an array from outside: that of the trip, ``first`` further."""

    source: Node
    first: Dim


@dataclass(frozen=True)
class Sum:
    """A carry that adds up outer products of ``factor`` and a row."""

    carry: int
    factor: Node
    row: Row
    factor_first: bool


def pulled(graph: Graph) -> Graph:
    """Return the graph with such products outside its loops; linear, but for the bodies."""
    if not any(node.op is loop for node in graph.nodes):
        return graph
    became: dict[Node, Node] = {}
    nodes: list[Node] = []
    changed = False
    for node in graph.nodes:
        operands = tuple(became.get(operand, operand) for operand in node.inputs)
        fresh = node
        if operands != node.inputs:
            fresh = Node(node.op, operands, node.params, node.type, node.origin)
        if node.op is loop:
            puller = _Puller(fresh, graph.hints, nodes)
            if puller.sums or puller.products:
                changed = True
                results = puller.build()
                became.update({item: results[item.params["index"]] for item in _items(node, graph)})
                continue
        elif node in became:
            continue
        if fresh is not node:
            became[node] = fresh
        nodes.append(fresh)
    if not changed:
        return graph
    outputs = tuple(became.get(node, node) for node in graph.outputs)
    return without_dead(nodes, live_uses(nodes, outputs), replace(graph, outputs=outputs))


def _items(node: Node, graph: Graph) -> list[Node]:
    return [other for other in graph.nodes if other.op is item and other.inputs[0] is node]


class _Puller:
    """One loop, and what of it is pulled out; nodes made for that are appended to ``nodes``."""

    def __init__(self, node: Node, hints: Mapping[str, int], nodes: list[Node]) -> None:
        self.node = node
        self.nodes = nodes
        params = node.params
        self.body: Graph = params["body"]
        self.carries: int = params["carries"]
        self.states: int = self.carries + params["tapes"]
        self.index = dims.symbol(params["index"])
        self.outside = dict(
            zip(self.body.inputs[self.states :], node.inputs[self.states :], strict=True)
        )
        self.hints = hints
        self.readers = self.body.consumers()
        self.sums = [found for k in range(self.carries) if (found := self._sum(k)) is not None]
        self.products = {
            other: made for other in self.body.nodes if (made := self._product(other)) is not None
        }

    def _row(self, node: Node) -> Row | None:
        """Return the row that a node reads, None where it is none."""
        params = node.params
        if node.op is not strided or node.inputs[0] not in self.outside:
            return None
        shape = node.inputs[0].array_type.shape
        first = params["starts"][0] - self.index
        whole = len(shape) == 2 and params["dropped"] == (0,) and params["steps"][1] == 1
        if not whole or params["starts"][1] != 0 or params["sizes"][1] != shape[1]:
            return None
        return None if self._varies(first) else Row(node.inputs[0], first)

    def _varies(self, dim: Dim) -> bool:
        return not set(dims.symbols(self.index)).isdisjoint(dims.symbols(dim))

    def _sum(self, number: int) -> Sum | None:
        start, end = self.body.inputs[number], self.body.outputs[number]
        alone = len(self.readers[start]) == 1 and not self.readers[end]
        if end.op is not add or not alone or self.body.outputs.count(end) > 1:
            return None
        if start not in end.inputs or start in self.body.outputs:
            return None
        (outer,) = (operand for operand in end.inputs if operand is not start)
        if outer.op is not contract or len(self.readers[outer]) > 1 or outer.type != start.type:
            return None
        letters = (outer.params["left"], outer.params["right"])
        if len(letters[0]) != 1 or len(letters[1]) != 1 or letters[0] == letters[1]:
            return None
        for place, operand in enumerate(outer.inputs):
            row, factor = self._row(operand), outer.inputs[1 - place]
            varies = any(map(self._varies, (*factor.array_type.shape, *outer.array_type.shape)))
            if row is not None and not varies:
                return Sum(number, factor, row, outer.params["result"][0] == letters[1 - place])
        return None

    def _product(self, node: Node) -> tuple[Node, Row, int] | None:
        """Return the matrix, the row and its place in a product of two from outside."""
        if node.op is not contract or node.array_type.rank != 1:
            return None
        for place, operand in enumerate(node.inputs):
            row, matrix = self._row(operand), node.inputs[1 - place]
            if row is None or matrix not in self.outside or matrix.array_type.rank != 2:
                continue
            wide, narrow = (self._number(n.array_type.shape[0]) for n in (node, operand))
            if wide <= WIDEST * narrow:
                return matrix, row, place
        return None

    def _number(self, dim: Dim) -> int:
        return dims.evaluate(dim, {name: self.hints.get(name, 1000) for name in dims.symbols(dim)})

    def _made(self, op: Op, *operands: Node, **params: Any) -> Node:
        type = op.infer(*[operand.type for operand in operands], **params)
        node = Node(op, operands, params, type, self.node.origin)
        self.nodes.append(node)
        return node

    def build(self) -> list[Node]:
        """Append the loop that is left and what is done outside it; return its results."""
        trips = self.node.params["trips"]
        before = {node: self._multiplied(node, trips) for node in self.products}
        inputs = {node: _input(all_.type, k) for k, (node, all_) in enumerate(before.items())}
        factors = list(dict.fromkeys(found.factor for found in self.sums))
        tapes = [_input(f.array_type.with_shape((trips, *f.array_type.shape)), k)
                 for k, f in enumerate(factors)]  # fmt: skip
        stay = [k for k in range(self.carries) if k not in {found.carry for found in self.sums}]
        kept = [*stay, *range(self.carries, self.states)]

        nodes: list[Node] = []
        known: dict[Node, Node] = {}
        for old in self.body.nodes:
            fresh = tuple(known.get(operand, operand) for operand in old.inputs)
            if old in inputs:
                known[old] = _applied(strided, (inputs[old],), _part(self.index, old))
            elif fresh != old.inputs:
                known[old] = Node(old.op, fresh, old.params, old.type, old.origin)
            nodes.append(known.get(old, old))
        writes = []
        for tape, factor in zip(tapes, factors, strict=True):
            value = known.get(factor, factor)
            writes.append(_applied(strided_set, (tape, value), _part(self.index, value)))
        outputs = (*(known.get(n, n) for n in map(self.body.outputs.__getitem__, kept)), *writes)
        order = (*inputs.values(), *tapes, *nodes, *writes)
        start = (*(self.body.inputs[k] for k in kept), *tapes, *self.outside, *inputs.values())
        live = live_uses(order, outputs)
        given = set(start)
        body = replace(
            self.body,
            inputs=start,
            nodes=(*start, *(n for n in order if n in live and n not in given)),
            outputs=outputs,
        )
        empty = [self._zeros(tape) for tape in tapes]
        operands = (*(self.node.inputs[k] for k in kept), *empty, *self.outside.values())
        params = {**self.node.params, "body": body, "carries": len(stay)}
        params["tapes"] += len(tapes)
        left = self._made(loop, *operands, *before.values(), **params)
        results = {k: self._made(item, left, index=p) for p, k in enumerate(kept)}
        for found in self.sums:
            tape = self._made(item, left, index=len(kept) + factors.index(found.factor))
            results[found.carry] = self._added_up(found, tape, trips)
        return [results[k] for k in range(self.states)]

    def _zeros(self, tape: Node) -> Node:
        type = tape.array_type
        zero = self._made(constant, value=np.zeros((), type.dtype)[()])
        return self._made(full, zero, shape=type.shape)

    def _rows(self, row: Row, trips: Dim) -> Node:
        """Return the rows of all trips."""
        source = self.outside[row.source]
        width = source.array_type.shape[1]
        return self._made(
            strided, source, starts=(row.first, 0), sizes=(trips, width), steps=(1, 1), dropped=()
        )

    def _multiplied(self, node: Node, trips: Dim) -> Node:
        matrix, row, place = self.products[node]
        rows = self._rows(row, trips)
        left, right, result = (node.params[key] for key in ("left", "right", "result"))
        trip = next(letter for letter in "zyx" if letter not in left + right)
        if place == 0:
            operands, left = (rows, self.outside[matrix]), trip + left
        else:
            operands, right = (self.outside[matrix], rows), trip + right
        return self._made(contract, *operands, left=left, right=right, result=trip + result)

    def _added_up(self, found: Sum, tape: Node, trips: Dim) -> Node:
        rows = self._rows(found.row, trips)
        result = "fr" if found.factor_first else "rf"
        total = self._made(contract, tape, rows, left="tf", right="tr", result=result)
        return self._made(add, self.node.inputs[found.carry], total)


def _input(type: Any, number: int) -> Node:
    return Node(input_, (), {"name": f"pulled_{number}", "type": type, "position": number}, type)


def _applied(op: Op, inputs: tuple[Node, ...], params: dict[str, Any]) -> Node:
    return Node(op, inputs, params, op.infer(*[node.type for node in inputs], **params))


def _part(index: Dim, value: Node) -> dict[str, Any]:
    shape: Sequence[Dim] = value.array_type.shape
    return {
        "starts": (index, *(0 for _ in shape)),
        "sizes": (1, *shape),
        "steps": (1,) * (len(shape) + 1),
        "dropped": (0,),
    }


__all__ = ["pulled"]
