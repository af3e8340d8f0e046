"""Where the numbers of nodes lie, whatever the inputs of the graph are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from irgrad.ir import intervals
from irgrad.ir.graph import Node
from irgrad.ir.intervals import EVERYWHERE, Interval
from irgrad.ir.op import View
from irgrad.ir.types import ArrayType

_ORDERED = {"less": 1, "less_equal": 1, "greater": -1, "greater_equal": -1}
"""Comparisons, and the direction in which their operands ascend where they are true."""


class Ranges:
    """The intervals of nodes, found when they are asked for.

    ``inputs`` are nodes of which nothing is known, whatever computes them. Each node is looked at
    once, so all questions together are linear in the nodes above those asked for.
    """

    def __init__(self, inputs: Iterable[Node] = ()) -> None:
        self._known: dict[Node, Interval] = dict.fromkeys(inputs, EVERYWHERE)

    def of(self, node: Node) -> Interval:
        """Return the interval in which all numbers of a node lie that are not NaN."""
        stack = [node]
        while stack:
            current = stack[-1]
            unknown = [] if current in self._known else self._unknown(current)
            if unknown:
                stack.extend(unknown)
                continue
            if current not in self._known:
                self._known[current] = self._interval(current)
            stack.pop()
        return self._known[node]

    def _unknown(self, node: Node) -> list[Node]:
        """Return the operands to be looked at before a node."""
        if not _is_followed(node):
            return []
        return [operand for operand in node.inputs if operand not in self._known]

    def _interval(self, node: Node) -> Interval:
        if isinstance(node.type, ArrayType) and node.type.dtype == np.bool_:
            return 0.0, 1.0
        if not _is_followed(node):
            return EVERYWHERE
        operands = [self._known[operand] for operand in node.inputs]
        if node.op.name == "select":
            operands = _chosen(node, operands)
        if isinstance(node.op.lowering, View):
            return operands[0]
        assert node.op.range is not None
        if node.op.range is intervals.times and node.inputs[0] is node.inputs[1]:
            operands = [intervals.size(operand) for operand in operands]
        return node.op.range(*operands, **node.params)


def _chosen(node: Node, operands: list[Interval]) -> list[Interval]:
    """Return the intervals of a choice's operands where they are chosen.

    In ``c if x < c else x`` with a constant ``c``, the ``x`` lies above it, or is NaN. Not so where
    ``c`` may be NaN.
    """
    condition, *choices = node.inputs
    if condition.op.name not in _ORDERED:
        return operands
    below, above = condition.inputs[:: _ORDERED[condition.op.name]]
    chosen = operands[:1]
    for choice, (low, high), (small, large) in zip(
        choices, operands[1:], [(below, above), (above, below)], strict=True
    ):
        if choice is small and large.op.name == "constant":
            high = min(high, float(large.params["value"]))
        elif choice is large and small.op.name == "constant":
            low = max(low, float(small.params["value"]))
        chosen.append((low, high))
    return chosen


def _is_followed(node: Node) -> bool:
    """Tell whether something is known of a node: rules are for float64, and for whole numbers."""
    if not isinstance(node.type, ArrayType):
        return False
    known = node.op.range is not None or isinstance(node.op.lowering, View)
    if node.inputs and node.type.dtype != np.float64:
        return False
    return known and node.type.dtype.kind in "fiu"
