"""Numbers that a trace knows after all: those computed from nothing but sizes and constants."""

from __future__ import annotations

from typing import Any

from irgrad.ir import dims
from irgrad.ir.graph import Node, reachable
from irgrad.ir.op import Elementwise
from irgrad.ops.create import constant, size

_LIMIT = 64
"""How many steps of arithmetic are followed."""


def number_of_sizes(node: Node) -> Any:
    """Return the number of ``n / 2`` or ``np.sqrt(n)`` for a size ``n``, None of anything else.

    The sizes are fixed to their numbers, which later calls must repeat.
    """
    if not _is_of_sizes(node):
        return None
    values: dict[Node, Any] = {}
    for step in reachable([node]):
        if step.op is constant:
            values[step] = step.params["value"]
        elif step.op is size:
            values[step] = step.params["dtype"].type(dims.concrete(step.params["dim"]))
        else:
            values[step] = step.op.evaluate(*[values[x] for x in step.inputs], **step.params)
    return values[node]


def _is_of_sizes(node: Node) -> bool:
    """Tell whether a scalar is made of sizes and constants, without walking a large graph."""
    seen: set[Node] = set()
    stack = [node]
    while stack:
        step = stack.pop()
        if step in seen:
            continue
        seen.add(step)
        if step.op is constant or step.op is size:
            continue
        if len(seen) > _LIMIT or not isinstance(step.op.lowering, Elementwise):
            return False
        stack.extend(step.inputs)
    return True
