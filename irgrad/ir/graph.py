"""The graph: a flat, topologically sorted list of typed nodes.

Nodes compare by identity: structural equality on a DAG takes time exponential in its depth.
Nothing here recurses, so chains of 10⁵ nodes are as good as any other graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from irgrad.ir.dims import Guard
from irgrad.ir.op import Op
from irgrad.ir.origin import Origin
from irgrad.ir.types import ArrayType, ValueType

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


class Node:
    """One operation: ``op(*inputs, **params)``, its type, and the user's line it came from."""

    __slots__ = ("inputs", "op", "origin", "params", "type")

    def __init__(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        params: Mapping[str, Any],
        type: ValueType,
        origin: Origin | None = None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.type = type
        self.origin = origin

    @property
    def array_type(self) -> ArrayType:
        """The type of a node with one result."""
        assert isinstance(self.type, ArrayType), f"{self.op.name} has several results"
        return self.type

    def __repr__(self) -> str:
        return f"<{self.op.name} {self.type}>"


@dataclass(frozen=True, eq=False)
class Graph:
    """A function as data: its inputs, its nodes in order of evaluation, its outputs.

    ``hints`` are the sizes of the first call; they and the origins stand outside the text and the
    digest. ``guards`` are what the trace concluded from the hints.
    """

    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    hints: Mapping[str, int] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()
    name: str = "function"

    def numbers(self) -> dict[Node, int]:
        """Return the number ``%k`` of every node: inputs first, then in order of evaluation."""
        return {node: number for number, node in enumerate(self.nodes)}

    def consumers(self) -> dict[Node, list[Node]]:
        """Return the nodes that read each node, in order, a reader once for each read."""
        readers: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        given = set(self.inputs)  # in a part of a graph, inputs may have operands outside it
        for node in self.nodes:
            for operand in () if node in given else node.inputs:
                readers[operand].append(node)
        return readers

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)


def needed(nodes: Sequence[Node], outputs: Iterable[Node]) -> set[Node]:
    """Return the nodes ``outputs`` depend on, themselves included.

    ``nodes`` are in an order of evaluation, so that one sweep back over them finds all; linear.
    """
    found = set(outputs)
    for node in reversed(nodes):
        if node in found:
            found.update(node.inputs)
    return found


def reachable(outputs: Iterable[Node]) -> list[Node]:
    """Return the nodes ``outputs`` depend on, themselves included, in an order of evaluation.

    Iterative depth-first search; linear in nodes and edges.
    """
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend(
            (operand, False) for operand in reversed(node.inputs) if id(operand) not in seen
        )
    return order


def frozen(value: Any) -> Any:
    """Return a hashable stand-in for a parameter, equal where the parameters are."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        return ("array", array.dtype.str, array.shape, array.tobytes())
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, Mapping):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, tuple | list):
        return tuple(frozen(item) for item in value)
    return value
