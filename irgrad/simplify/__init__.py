"""``simplify``: the same function with fewer and cheaper nodes."""

from irgrad.ir.graph import Graph
from irgrad.simplify import arithmetic, layout, reductions
from irgrad.simplify.rewrite import rewritten

__all__ = ["arithmetic", "layout", "reductions", "simplify"]

_MOST_PASSES = 6
"""A bound only: the rules settle in two or three passes."""


def simplify(graph: Graph) -> Graph:
    """Return a graph that computes the same as ``graph``: every input kept, dead nodes dropped.

    Passes over the nodes until no rule fires; each is linear in the nodes.
    """
    for _ in range(_MOST_PASSES):
        graph, fired = rewritten(graph)
        if not fired:
            break
    return graph
