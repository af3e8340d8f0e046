"""How much there is to compile in a graph that is written out."""

from __future__ import annotations

from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType

ARRAY = 10
"""What an operation on arrays, a loop in itself, takes to compile; one on scalars takes 1."""


def effort(graph: Graph) -> int:
    """Return about how much there is to compile in a trace that is written out."""
    arrays = sum(not isinstance(n.type, ArrayType) or bool(n.type.rank) for n in graph.nodes)
    return len(graph.nodes) + (ARRAY - 1) * arrays
