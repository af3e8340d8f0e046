"""Re-rolling: from an unrolled trace back to the loops it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from irgrad.ir import dims
from irgrad.ir.graph import Graph
from irgrad.reroll.build import Builder
from irgrad.reroll.instances import Owners, statements_of
from irgrad.reroll.nests import recognise
from irgrad.reroll.peeled import take_back
from irgrad.reroll.records import records_of
from irgrad.reroll.resolve import Resolver
from irgrad.reroll.tapes import lay_out


@dataclass(frozen=True, slots=True)
class Rerolled:
    """A graph with its loops put back.

    ``tables`` are arrays of constants, which the graph takes after its other inputs; ``records``
    nodes became ``statements`` in ``loops`` loops.
    """

    graph: Graph
    tables: tuple[np.ndarray, ...] = ()
    records: int = 0
    statements: int = 0
    loops: int = 0


CHANCE = 4
"""Nodes to a statement: where loops save less than that, the repetition in them is chance."""


def reroll(graph: Graph, *, least: int = 0, most: int | None = None) -> Rerolled:
    """Return ``graph`` with repeated stretches of at least ``least`` nodes in all made loops.

    The same operations on the same values, in the same order. A graph that would still have more
    than ``most`` statements, and more than a fraction of its nodes, stays as it is. Linear in
    nodes.
    """
    if len(graph.nodes) < least:
        return Rerolled(graph)
    records = records_of(graph)
    terms = take_back(recognise(records.shapes, records.vectors), records)
    top, statements = statements_of(terms)
    loops = {loop for statement in statements for loop in statement.path}
    chance = most is not None and len(statements) > max(most, len(records.nodes) // CHANCE)
    if not loops or chance:
        return Rerolled(graph, (), len(records.nodes), len(statements))
    resolver = Resolver(records, Owners(statements, len(records.nodes)))
    outputs = resolver.resolve_all(statements, graph)
    tapes = lay_out(resolver)
    assumptions = dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))
    with dims.assuming(assumptions):  # sizes that the trace found equal are equal here
        rolled, tables = Builder(graph, records, statements, resolver, tapes).build(top, outputs)
    rolled = replace(rolled, guards=tuple(assumptions.guards))
    return Rerolled(rolled, tuple(tables), len(records.nodes), len(statements), len(loops))


__all__ = ["Rerolled", "reroll"]
