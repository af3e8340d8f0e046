"""The short way for operations on scalars, of which a traced Python loop records very many.

What promotion and type inference found for an op on scalars of some kinds holds for all scalars of
those kinds: a plan, remembered with the trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import NO_PARAMS, Node
from irgrad.ir.op import Elementwise, Op
from irgrad.ir.types import ValueType
from irgrad.trace.origins import origin_here
from irgrad.trace.size_limit import CHECKED


class Plan(NamedTuple):
    """The operands' dtypes, whether the result is a weak scalar, and its type."""

    dtypes: tuple[np.dtype, ...]
    weak: type | None
    result: ValueType


class Plans:
    """What is known of ops on scalars in one trace.

    ``kind`` is the class of traced values; ``scalar(number, dtype)`` gives the node of a number.
    """

    def __init__(self, trace: Any) -> None:
        self.trace = trace
        self.known: dict[tuple[Any, ...], Plan] = {}
        self.numbers: dict[tuple[float, int], Node] = {}

    def repeated(self, op: Op, operands: tuple[Any, ...], kind: Any) -> tuple[Node, Any] | None:
        """Record ``op`` as on operands of the same kinds before: its node, its result's weakness.

        None where it is the first time, or something about the operands needs a closer look.
        """
        kinds = self._kinds(op, operands, kind)
        plan = self.known.get(kinds) if kinds else None
        if plan is None:
            return None
        nodes = []
        for operand, dtype in zip(operands, plan.dtypes, strict=True):
            nodes.append(operand._node if type(operand) is kind else self._number(operand, dtype))
        trace = self.trace
        node = Node(op, tuple(nodes), NO_PARAMS, plan.result, trace.origin or origin_here())
        recorded = trace.nodes
        recorded.append(node)
        if not len(recorded) & CHECKED:
            trace.size_check(recorded)
        return node, plan.weak

    def remember(
        self,
        op: Op,
        operands: tuple[Any, ...],
        params: Mapping[str, Any],
        kind: Any,
        node: Node,
        weak: type | None,
    ) -> None:
        """Keep what was found for an op on scalars, where no operand had to be converted."""
        kinds = None if params else self._kinds(op, operands, kind)
        if kinds is None or not isinstance(op.lowering, Elementwise):
            return
        for operand, actual in zip(operands, node.inputs, strict=True):
            if type(operand) is kind and operand._node is not actual:
                return
        dtypes = tuple(operand.array_type.dtype for operand in node.inputs)
        self.known[kinds] = Plan(dtypes, weak, node.type)

    def _kinds(self, op: Op, operands: tuple[Any, ...], kind: Any) -> tuple[Any, ...] | None:
        """Return what a plan depends on, None for what isn't simply a scalar of this trace."""
        kinds: list[Any] = [op]
        for operand in operands:
            own = type(operand)
            if own is kind:
                type_ = operand._node.type
                if operand.tape is not self.trace or operand.alias is not None or type_.shape:
                    return None
                # A dtype of the trace lives as long as its nodes, so its identity tells it.
                kinds += (id(type_.dtype), operand.weak)
            elif own is float or own is int:
                kinds.append(own)
            else:
                return None
        return tuple(kinds)

    def _number(self, number: float, dtype: np.dtype) -> Node:
        """Return the node of a plain number; 0, -0 and NaN need the look at their bits."""
        if number == 0 or number != number:
            return self.trace.scalar(number, dtype)  # type: ignore[no-any-return]
        key = (number, id(dtype))
        node = self.numbers.get(key)
        if node is None:
            node = self.numbers[key] = self.trace.scalar(number, dtype)
        return node
