"""``simplify``: the same function with fewer and cheaper nodes."""

from dataclasses import replace

from irgrad.ir import dims
from irgrad.ir.graph import Graph
from irgrad.simplify import (
    arithmetic,
    choices,
    cholesky,
    complex_numbers,
    layout,
    marks,
    reductions,
    systems,
)
from irgrad.simplify.rewrite import Bodies
from irgrad.simplify.scales import scaled_before

__all__ = [
    "arithmetic",
    "choices",
    "cholesky",
    "complex_numbers",
    "layout",
    "marks",
    "reductions",
    "simplify",
    "systems",
]


def simplify(graph: Graph) -> Graph:
    """Return a graph that computes the same as ``graph``: every input kept, dead nodes dropped.

    One or a few passes over the nodes, each linear. Graphs inside control ops are simplified too.
    """
    assumptions = dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))
    with dims.assuming(assumptions):
        simple = scaled_before(Bodies().settled(graph))
    return replace(simple, guards=tuple(assumptions.guards))
