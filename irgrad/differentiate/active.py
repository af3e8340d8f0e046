"""Through which nodes a derivative can flow."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir.graph import Node
from irgrad.ops.custom import stop_gradient

INDEPENDENT = (
    "the result of {} does not depend on what it is differentiated by, so the gradient is zero: "
    "was a number taken out of the computation (by a comparison, a cast to integers), or other "
    "argnums meant?"
)
"""What a warning says of a function that no path leads to from what it is differentiated by."""


def depending_on(order: Sequence[Node], inputs: Sequence[Node]) -> set[Node]:
    """Return the nodes of ``order`` through which a derivative by ``inputs`` can flow."""
    active = set(inputs)
    for node in order:
        if node in active or not any(operand in active for operand in node.inputs):
            continue
        if node.op is stop_gradient:
            continue
        if isinstance(node.type, tuple) or node.type.inexact:
            active.add(node)
    return active


def leading_to(order: Sequence[Node], outputs: Sequence[Node]) -> set[Node]:
    """Return the nodes of ``order`` from which a derivative can flow to ``outputs``."""
    leading = set(outputs)
    for node in reversed(order):
        if node not in leading:
            continue
        for operand in node.inputs:
            if isinstance(operand.type, tuple) or operand.type.inexact:
                leading.add(operand)
    return leading
