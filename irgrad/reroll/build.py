"""From statements and resolved reads to a graph with ``loop`` nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType
from irgrad.ops.control import loop as loop_op
from irgrad.ops.create import constant, full, input_, item
from irgrad.ops.index import gather
from irgrad.ops.views import strided, strided_set
from irgrad.reroll.instances import Indices, Loop, Statement, fitted
from irgrad.reroll.records import Records
from irgrad.reroll.resolve import (
    Carry,
    Given,
    Resolution,
    Resolver,
    Tape,
    Taped,
    UnresolvedError,
    Value,
)


class Scope:
    """The body being built: its nodes, and the inputs through which it sees what is outside."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.outer = outer
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []
        self.entered: list[Node] = []
        self.values: dict[Any, Node] = {}

    def add(self, op: Op, inputs: tuple[Node, ...], params: Any, origin: Any = None) -> Node:
        """Append a node, its type inferred."""
        type = op.infer(*[node.type for node in inputs], **params)
        node = Node(op, inputs, params, type, origin)
        self.nodes.append(node)
        return node

    def input(self, type: ArrayType) -> Node:
        """Add an input."""
        params = {"name": f"x{len(self.inputs)}", "type": type, "position": len(self.inputs)}
        node = Node(input_, (), params, type)
        self.inputs.append(node)
        return node

    def once(self, op: Op, inputs: tuple[Node, ...], params: Any, key: Any) -> Node:
        """Append a node unless the body has it already."""
        name = (op, inputs, key)
        node = self.values.get(name)
        if node is None:
            node = self.values[name] = self.add(op, inputs, params)
        return node

    def see(self, key: Any) -> Node:
        """Return what ``key`` names here or outside; from outside it becomes an input."""
        around: list[Scope] = []
        scope = self
        while key not in scope.values:
            around.append(scope)
            assert scope.outer is not None, f"nothing is named {key}"
            scope = scope.outer
        node = scope.values[key]
        for inner in reversed(around):
            inner.entered.append(node)
            node = inner.values[key] = inner.input(node.array_type)
        return node


class Builder:
    """Builds the graph nest by nest."""

    def __init__(
        self,
        graph: Graph,
        records: Records,
        statements: Sequence[Statement],
        resolver: Resolver,
        tapes: dict[ArrayType, Tape],
        assumptions: dims.Assumptions,
    ) -> None:
        self.graph = graph
        self.records = records
        self.resolver = resolver
        self.tapes = tapes
        self.assumptions = assumptions
        self.top = Scope()
        self.arrays: dict[Any, np.ndarray] = {}
        for node in graph.inputs:
            self.top.values[node] = node
        self.written: dict[Loop, dict[ArrayType, None]] = {}
        self.after: dict[Loop, list[Statement]] = {}
        for statement, kept in resolver.taped.items():
            type = records.nodes[statement.first].array_type
            for loop in statement.path[: kept.depth]:
                self.written.setdefault(loop, {})[type] = None
            if kept.depth < len(statement.path):
                self.after.setdefault(statement.path[kept.depth], []).append(statement)

    def build(
        self, top: Sequence[Loop | Statement], outputs: Sequence[Resolution | None]
    ) -> tuple[Graph, list[np.ndarray]]:
        """Return the graph, and the arrays of constants that are its last inputs."""
        for type, tape in self.tapes.items():
            self.top.values["tape", type] = self.zeros(
                self.top, type.with_shape((tape.length, *type.shape))
            )
        self.body(top, self.top)
        results = tuple(
            self.given(self.top, node) if found is None else self.reach(found, self.top)
            for node, found in zip(self.graph.outputs, outputs, strict=True)
        )
        inputs = (*self.graph.inputs, *self.top.inputs)
        nodes = (*inputs, *self.top.nodes)
        graph = self.graph
        return (
            Graph(inputs, nodes, results, graph.hints, graph.guards, graph.name),
            list(self.arrays.values()),
        )

    def body(self, items: Sequence[Loop | Statement], scope: Scope) -> None:
        """Build the items of one body in order."""
        for part in items:
            if isinstance(part, Loop):
                self.loop(part, scope)
            else:
                self.statement(part, scope)

    def statement(self, statement: Statement, scope: Scope) -> None:
        """Build one node, and keep its value where others read it from a tape."""
        node = self.records.nodes[statement.first]
        inputs = tuple([self.operand(statement, place, scope) for place in range(len(node.inputs))])
        params = node.params
        if statement.path and self.records.moving(node.op):
            nodes = [self.records.nodes[k] for k in statement.ordinals]
            moving = self.placed(statement.indices, nodes)
            if moving is None:  # an iteration that was taken back reads elsewhere
                raise UnresolvedError
            params = moving
        result = scope.add(node.op, inputs, params, node.origin)
        scope.values["value", statement] = result
        kept = self.resolver.taped.get(statement)
        if kept is not None and kept.depth == len(statement.path):
            self.keep(statement, scope)

    def keep(self, statement: Statement, scope: Scope) -> None:
        """Write what a statement has made last to its tape."""
        kept = self.resolver.taped[statement]
        value = scope.see(("value", statement))
        type = value.array_type
        place = fitted(self.tapes[type].address[kept.ordinals], kept.indices)
        assert place is not None, "a tape's layout makes every write affine"
        key = ("tape", type)
        written = row(affine(place), type)
        scope.values[key] = scope.add(strided_set, (scope.see(key), value), written)

    def operand(self, statement: Statement, place: int, scope: Scope) -> Node:
        """Return the node that stands for an operand in every iteration."""
        found = self.resolver.reads.get((statement, place))
        if found is not None:
            return self.reach(found, scope)
        return self.outside(Given(statement.ordinals, place, statement.indices), scope)

    def outside(self, found: Given, scope: Scope) -> Node:
        """Return the node that stands for what no record made, in every iteration."""
        nodes = [self.records.nodes[k].inputs[found.place] for k in found.ordinals]
        node = nodes[0]
        if len({self.source(other) for other in nodes}) > 1:
            raise UnresolvedError
        if found.indices and node in self.records.parts:
            base = scope.see(self.records.parts[node])
            params = self.placed(found.indices, nodes)
            if params is None:
                return self.picked(base, found.indices, nodes, scope)
            return scope.once(strided, (base,), params, tuple(params.values()))
        if found.indices and node.op is constant:
            return self.constants(found.indices, [node.params["value"] for node in nodes], scope)
        return self.given(scope, node)

    def source(self, node: Node) -> Any:
        """Return what constants, or parts of one input, have in common; others are themselves."""
        if node.op is constant:
            return node.type
        return self.records.parts.get(node, node)

    def given(self, scope: Scope, node: Node) -> Node:
        """Return a constant or an input."""
        if node.op is constant:
            value = node.params["value"]
            return scope.once(constant, (), node.params, (value.dtype, value.tobytes()))
        if node in self.records.parts:
            return scope.once(strided, (scope.see(self.records.parts[node]),), node.params, node)
        return scope.see(node)

    def picked(
        self, base: Node, indices: Indices, nodes: Sequence[Node], scope: Scope
    ) -> Node:
        """Return scalars of an array that stand at places without a rule."""
        starts = np.array([node.params["starts"] for node in nodes])
        places = tuple([self.constants(indices, column, scope) for column in starts.T])
        axes = tuple(range(len(places)))
        return scope.once(gather, (base, *places), {"axes": axes}, None)

    def placed(self, indices: Indices, nodes: Sequence[Node]) -> dict[str, Any] | None:
        """Return the params of a node whose places, and sizes, move with the loops.

        None where they follow no rule.
        """
        params = dict(nodes[0].params)
        for name in self.records.moving(nodes[0].op):
            parts = [[dims.apart(dim) for dim in node.params[name]] for node in nodes]
            columns = np.array([[number for _, number in row] for row in parts]).T
            places = [fitted(column, indices) for column in columns]
            if None in places:
                return None
            params[name] = tuple(
                varying + affine(place)
                for (varying, _), place in zip(parts[0], places, strict=True)
                if place is not None
            )
        return params

    def constants(self, indices: Indices, values: Sequence[Any], scope: Scope) -> Node:
        """Return a constant that differs between iterations, as an element of an array."""
        array = np.array(values)
        bits = bits_of(array)
        if (bits == bits[0]).all():
            return scope.once(constant, (), {"value": values[0]}, (array.dtype, bits[0].tobytes()))
        return self.tabled(array, indices, scope)

    def tabled(self, values: np.ndarray, indices: tuple[np.ndarray, ...], scope: Scope) -> Node:
        """Return ``values[k]`` in the k-th instance, read from a table with an axis a loop."""
        table = np.zeros([int(index.max()) + 1 for index in indices], values.dtype)
        filled = np.zeros(table.shape, bool)
        table[indices], filled[indices] = values, True
        kept = list(range(table.ndim))
        for axis in reversed(range(table.ndim)):
            bits = bits_of(table)
            if filled.all() and (bits == bits.take([0], axis)).all():
                table, filled = table.take(0, axis), filled.take(0, axis)
                kept.remove(axis)
        name = ("table", table.dtype, table.shape, table.tobytes())
        if name not in self.arrays:
            self.arrays[name] = table
            position = len(self.graph.inputs) + len(self.top.inputs)
            type = ArrayType(table.dtype, table.shape)
            label = f"table_{len(self.arrays)}"
            params = {"name": label, "type": type, "position": position}
            node = Node(input_, (), params, type)
            self.top.inputs.append(node)
            self.top.values[name] = node
        starts = tuple(dims.symbol(f"t{axis}") for axis in kept)
        params = {
            "starts": starts,
            "sizes": (1,) * len(kept),
            "steps": (1,) * len(kept),
            "dropped": tuple(range(len(kept))),
        }
        return scope.once(strided, (scope.see(name),), params, starts)

    def reach(self, found: Resolution, scope: Scope) -> Node:
        """Return the node through which a body has a resolved value."""
        if isinstance(found, Value):
            return scope.see(("value", found.statement))
        if isinstance(found, Carry):
            return scope.see(found)
        if isinstance(found, Given):
            return self.outside(found, scope)
        return self.from_tape(found, scope)

    def from_tape(self, found: Taped, scope: Scope) -> Node:
        """Return a read of a tape, by an index array where the place is not affine."""
        type = self.records.nodes[int(found.made[0])].array_type
        tape = self.tapes[type]
        source = scope.see(("tape", type))
        address = tape.address[found.made]
        place = fitted(address, found.indices)
        if place is not None:
            start = affine(place)
            return scope.once(strided, (source,), row(start, type), start)
        index = self.tabled(address, found.indices, scope)
        return scope.once(gather, (source, index), {"axes": (0,)}, None)

    def zeros(self, scope: Scope, type: ArrayType) -> Node:
        """Return an array of zeros."""
        value = np.zeros((), type.dtype)[()]
        node = scope.once(constant, (), {"value": value}, (value.dtype, value.tobytes()))
        return scope.add(full, (node,), {"shape": type.shape}) if type.shape else node

    def loop(self, loop: Loop, scope: Scope) -> None:
        """Build a loop: its carries, the tapes it writes, then what it only reads."""
        carries = self.resolver.carries.get(loop, [])
        written = list(self.written.get(loop, {}))
        nodes = self.records.nodes
        inner = Scope(scope)
        starts: list[Node] = []
        for carry in carries:
            type = nodes[carry.source.first].array_type
            initial = carry.initial
            starts.append(
                self.zeros(scope, type) if initial is None else self.reach(initial, scope)
            )
            inner.values[carry] = inner.input(type)
        for type in written:
            tape = scope.see(("tape", type))
            starts.append(tape)
            inner.values["tape", type] = inner.input(tape.array_type)
        trips = fitted(loop.trips, loop.indices)
        if trips is None:
            raise UnresolvedError
        index = f"t{loop.depth}"
        self.assumptions.loops[index] = affine(trips)
        self.body(loop.body, inner)
        del self.assumptions.loops[index]
        outputs = tuple(
            [inner.see(("value", carry.source)) for carry in carries]
            + [inner.values["tape", type] for type in written]
        )
        body = Graph(tuple(inner.inputs), (*inner.inputs, *inner.nodes), outputs, self.graph.hints)
        origin = next((node.origin for node in inner.nodes if node.origin), None)
        made = scope.add(
            loop_op,
            (*starts, *inner.entered),
            {
                "index": index,
                "trips": affine(trips),
                "reverse": False,
                "carries": len(carries),
                "tapes": len(written),
                "body": body,
            },
            origin,
        )
        keys = [("value", carry.source) for carry in carries]
        keys += [("tape", type) for type in written]  # type: ignore[misc]
        for position, key in enumerate(keys):
            if position < len(carries) and key in scope.values:
                continue
            scope.values[key] = scope.add(item, (made,), {"index": position}, origin)
        for statement in self.after.get(loop, []):
            self.keep(statement, scope)


def bits_of(array: np.ndarray) -> np.ndarray:
    """Return the bytes of each element along a last axis: -0.0 is not 0.0, a NaN is itself."""
    return np.ascontiguousarray(array).view(np.uint8).reshape(*array.shape, array.dtype.itemsize)


def affine(place: Sequence[int]) -> Dim:
    """Return ``place[0] + place[1] * t0 + ...`` as a size over the loop variables."""
    total: Dim = place[0]
    for depth, factor in enumerate(place[1:]):
        total = total + factor * dims.symbol(f"t{depth}")
    return total


def row(start: Dim, type: ArrayType) -> dict[str, Any]:
    """Return the params of ``strided`` for one value on a tape."""
    return {
        "starts": (start, *(0 for _ in type.shape)),
        "sizes": (1, *type.shape),
        "steps": (1,) * (type.rank + 1),
        "dropped": (0,),
    }
