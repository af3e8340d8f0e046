"""Tracing the bodies of loops and branches: closed graphs, whatever their code closes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.errors import EscapedTracerError, MutationError
from irgrad.ir.graph import Graph, Node, frozen
from irgrad.ir.op import Control
from irgrad.ir.types import ArrayType
from irgrad.ops.create import input_
from irgrad.trace.operands import as_node
from irgrad.trace.origins import location_here
from irgrad.trace.trace import finished, tracing
from irgrad.trace.tracer import Trace, Tracer


class BodyTrace(Trace):
    """The trace of a body: values from outside that it uses become inputs behind its own."""

    def __init__(self, outer: Trace) -> None:
        super().__init__(outer.assumptions)
        self.outer = outer
        self.size_check = outer.size_check
        self.depth = outer.depth + 1
        self.conditions = outer.conditions
        self.entered: dict[Node, Node] = {}
        self._seen: list[tuple[Tracer, int]] = []

    def enter(self, tracer: Tracer) -> Node:
        """Return the input that carries a value of an outer trace."""
        around: Trace = self.outer
        while around is not tracer.tape:
            if not isinstance(around, BodyTrace):
                raise EscapedTracerError(
                    "traced values of two different functions meet",
                    remedy="pass the value as an argument instead of storing it outside",
                    location=location_here(),
                )
            around = around.outer
        root = tracer.root
        self._seen.append((root, root.version))
        return self._input_for(as_node(self.outer, tracer))

    def capture(self, array: np.ndarray) -> Node:
        """Return the input that carries an array of the user's."""
        return self._input_for(self.outer.capture(array))

    def _input_for(self, outside: Node) -> Node:
        node = self.entered.get(outside)
        if node is None:
            name = f"outer_{len(self.entered)}"
            node = self.entered[outside] = self.input(name, outside.array_type).node
        return node

    def check_untouched(self) -> None:
        """Refuse a body that has written into an array from outside."""
        if any(tracer.version != version for tracer, version in self._seen):
            raise MutationError(
                "the body of a loop or branch writes into an array from outside it",
                remedy="make the array a carry: take it as an argument and return it",
                location=location_here(),
            )


NESTED = 10  # deeper than the loops in which solvers and scans replay a body


@contextmanager
def for_a_loop(trace: Trace) -> Iterator[None]:
    """Name the loops of what is traced as within other loops, since it is to be replayed there."""
    trace.depth += NESTED
    try:
        yield
    finally:
        trace.depth -= NESTED


@dataclass(frozen=True, slots=True)
class Body:
    """A traced body: its graph, the outer nodes its last inputs are, and its result's structure."""

    graph: Graph
    entered: tuple[Node, ...]
    structure: Any


def trace_body(
    outer: Trace,
    function: Callable[..., Any],
    types: Sequence[ArrayType],
    flatten: Callable[[Any], tuple[list[Any], Any]],
    name: str,
) -> Body:
    """Trace ``function(*tracers)`` as a body inside ``outer``; it may write into its arguments."""
    trace = BodyTrace(outer)
    outer.inner = trace
    with tracing(trace):
        try:
            arguments = [
                Tracer(trace, trace.input(f"x{position}", type).node)
                for position, type in enumerate(types)
            ]
            leaves, structure = flatten(function(*arguments))
            outputs = tuple(as_node(trace, leaf) for leaf in leaves)
            trace.check_untouched()
        finally:
            trace.open = False
            outer.inner = None
    nodes, ends = _without_repeats(finished(trace, outputs, name))
    graph = Graph(tuple(trace.inputs), nodes, ends, trace.assumptions.hints, (), name)
    return Body(graph, tuple(trace.entered), structure)


def _without_repeats(graph: Graph) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Return the nodes and outputs with equal operations done once, so that one value is kept."""
    known: dict[Any, Node] = {}
    place: dict[Node, Node] = {}
    nodes: list[Node] = []
    for old in graph.nodes:
        inputs = tuple([place[operand] for operand in old.inputs])
        alone = old.op is input_ or isinstance(old.op.lowering, Control)
        key: Any = old if alone else (old.op, inputs, frozen(old.params))
        node = known.get(key)
        if node is None:
            node = old
            if inputs != old.inputs:
                node = Node(old.op, inputs, old.params, old.type, old.origin)
            known[key] = node
            nodes.append(node)
        place[old] = node
    return tuple(nodes), tuple(place[node] for node in graph.outputs)


def with_inputs(body: Body, count: int, entered: Sequence[Node]) -> Graph:
    """Return the graph of a body whose inputs after the first ``count`` are those of ``entered``.

    Bodies that share operands (the branches of a choice, a condition and a body) need them alike.
    """
    graph = body.graph
    own = dict(zip(body.entered, graph.inputs[count:], strict=True))
    inputs = list(graph.inputs[:count])
    for outside in entered:
        node = own.get(outside)
        if node is None:
            type = outside.array_type
            params = {"name": f"unused_{len(inputs)}", "type": type, "position": len(inputs)}
            node = Node(input_, (), params, type)
        inputs.append(node)
    rest = [node for node in graph.nodes if node.op is not input_]
    return Graph(tuple(inputs), (*inputs, *rest), graph.outputs, graph.hints, (), graph.name)
