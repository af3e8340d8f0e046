"""Values that every iteration of a loop has alike, which are computed once before it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from irgrad.ir import dims
from irgrad.ir.graph import Node
from irgrad.ir.op import Contraction, Elementwise, Reduction
from irgrad.ops.create import constant, input_, size
from irgrad.ops.views import strided


def fixed_values(
    nodes: Iterable[Node],
    invariants: Iterable[Node],
    index: str,
    untouched: Collection[Node] = (),
) -> set[Node]:
    """Return those nodes of a body, in order of evaluation, that no iteration changes.

    ``invariants`` are what they may read, ``index`` is the loop's variable, and ``untouched`` are
    reads that are known to be fixed. Arrays made by copying are left where they are; linear.
    """
    same = set(invariants)
    fixed: set[Node] = set()
    for node in nodes:
        if node.op is input_ or isinstance(node.type, tuple) or index in symbols_of(node):
            continue
        if node.op in (constant, size) or node in untouched:
            fixed.add(node)
        elif all(operand in fixed or operand in same for operand in node.inputs):
            number = node.op is strided and not node.array_type.rank
            if number or isinstance(node.op.lowering, Elementwise | Reduction | Contraction):
                fixed.add(node)
    return fixed


def symbols_of(node: Node) -> set[str]:
    """Return the size symbols in the params and the shape of a node."""
    found: set[str] = set()
    stack: list[Any] = [*node.params.values(), node.array_type.shape]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(part)
        elif isinstance(part, dims.Size):
            found.update(dims.symbols(part))
    return found


__all__ = ["fixed_values", "symbols_of"]
