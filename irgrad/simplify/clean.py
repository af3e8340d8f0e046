"""Cleaning: dead nodes, common subexpressions, constants known before the first call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph, Node, frozen
from irgrad.ir.op import Op, Write
from irgrad.ops.contract import contract
from irgrad.ops.create import convert, full, iota, item, size
from irgrad.ops.elementwise import add, equal, multiply, not_equal
from irgrad.ops.index import gather, scatter_add, scatter_set
from irgrad.ops.reduce import max_, min_, prod_, sum_
from irgrad.ops.shape import broadcast, concatenate, reshape, transpose
from irgrad.ops.views import strided, strided_add, strided_set

COMMUTATIVE = frozenset({add, multiply, equal, not_equal})
"""Ops whose result has the same bits with the operands exchanged.

Not maximum and minimum, which of 0.0 and -0.0 may return the first.
"""

_WHOLE_PARAMS = frozenset(
    {
        *(broadcast, concatenate, contract, convert, full, gather, iota, item, max_, min_, prod_),
        *(reshape, scatter_add, scatter_set, size, strided, strided_add, strided_set, sum_),
        transpose,
    }
)
"""Ops whose params are whole numbers, sizes, dtypes and text: they compare as they stand."""


def identity(op: Op, inputs: tuple[Node, ...], params: Any) -> Any:
    """Return a hashable key, equal for two nodes with params where they compute the same."""
    if op in _WHOLE_PARAMS:
        return op, inputs, tuple(params.items() if len(params) == 1 else sorted(params.items()))
    return op, inputs, frozen(params)


def live_uses(nodes: Sequence[Node], outputs: Sequence[Node]) -> dict[Node, int]:
    """Return how often each node that ``outputs`` need is read, being an output included.

    One backward sweep; nodes without an entry are dead.
    """
    uses: dict[Node, int] = {}
    for node in outputs:
        uses[node] = uses.get(node, 0) + 1
    for node in reversed(nodes):
        if node in uses:
            for operand in node.inputs:
                uses[operand] = uses.get(operand, 0) + 1
    return uses


def without_dead(nodes: Sequence[Node], uses: dict[Node, int], graph: Graph) -> Graph:
    """Return ``graph`` with those of ``nodes`` that its outputs need, and all its inputs."""
    inputs = set(graph.inputs)
    return replace(graph, nodes=tuple([n for n in nodes if n in uses or n in inputs]))


def reads_first(graph: Graph) -> Graph:
    """Return ``graph`` with reads of parts before the writes that go on in the array's memory.

    A rule may take a read past writes elsewhere in the array, where it stands behind them.
    """
    write: dict[Node, Node] = {}
    early: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op.lowering, Write):
            write.setdefault(node.inputs[0], node)
        elif node.op is strided and node.inputs[0] in write:
            early.setdefault(write[node.inputs[0]], []).append(node)
    if not early:
        return graph
    moved = {node for reads in early.values() for node in reads}
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.extend(early.get(node, ()))
        if node not in moved:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def folded(op: Op, values: Sequence[Any], params: Any, dtype: np.dtype) -> Any:
    """Return ``op`` applied to known scalars, as the scalar NumPy makes; None where it refuses.

    Infinities and NaN come out as they would at run time, without a warning.
    """
    try:
        with np.errstate(all="ignore"):
            return np.asarray(op.evaluate(*values, **params)).astype(dtype)[()]
    except (ValueError, ArithmeticError):  # NumPy raises for 2 ** -1 in integers
        return None
