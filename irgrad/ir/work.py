"""About how many operations a graph takes, by the sizes of its arrays."""

from __future__ import annotations

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Contraction, Control, Elementwise, Kernel, Reduction

VECTOR_MATH = 12
"""Operations that an elementary function counts for."""


def operations(graph: Graph) -> Dim | None:
    """Return a number of operations, None where an op does not say how much it has to do.

    Linear in the nodes.
    """
    total: Dim = 0
    for node in graph.nodes:
        if isinstance(node.op.lowering, Control | Kernel):
            return None
        total = total + _of(node)
    return total


def sizes_of_letters(contraction: Node) -> dict[str, Dim]:
    """Return how long the axes of a contraction's operands are, by their letters."""
    sizes: dict[str, Dim] = {}
    for side, operand in zip(("left", "right"), contraction.inputs, strict=True):
        sizes.update(zip(contraction.params[side], operand.array_type.shape, strict=True))
    return sizes


def _of(node: Node) -> Dim:
    lowering = node.op.lowering
    if isinstance(lowering, Contraction):
        return 2 * dims.product(sizes_of_letters(node).values())
    if isinstance(lowering, Reduction):
        return dims.product(node.inputs[0].array_type.shape)
    if isinstance(lowering, Elementwise):
        elements = dims.product(node.array_type.shape)
        return elements if lowering.vector_math is None else VECTOR_MATH * elements
    return 0
