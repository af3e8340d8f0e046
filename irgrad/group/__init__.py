"""Grouping: scalars without a pattern become programs over cells, whose text does not grow.

What re-rolling leaves of a long trace (random expressions, sparse couplings, decision trees) is
put into runs of one operation, over tables of what each reads and writes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from irgrad.group.build import Builder
from irgrad.group.programs import Program
from irgrad.group.regions import Region, layers_of
from irgrad.ir.graph import Graph


@dataclass(frozen=True, slots=True)
class Grouped:
    """A graph with programs over cells; ``tables`` are what it takes after its other inputs."""

    graph: Graph
    tables: tuple[np.ndarray, ...] = ()
    programs: tuple[Program, ...] = ()


def group(graph: Graph, *, least: int) -> Grouped:
    """Return ``graph`` with regions of at least ``least`` scalars as one node each.

    The same operations on the same values, in an order that respects every dependence. Linear.
    """
    if len(graph.nodes) < least:
        return Grouped(graph)
    layers = layers_of(graph, least)
    if not any(isinstance(layer, Region) for layer in layers):
        return Grouped(graph)
    builder = Builder(graph)
    made = builder.build(layers)
    return Grouped(made, tuple(builder.tables), tuple(builder.programs))


__all__ = ["Grouped", "group"]
