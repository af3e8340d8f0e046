"""Re-rolling: from an unrolled trace back to the loops it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.effort import effort
from irgrad.ir.graph import Graph
from irgrad.reroll.build import Builder
from irgrad.reroll.instances import Owners, statements_of
from irgrad.reroll.nests import CHANCE, Term, recognitions, statements
from irgrad.reroll.peeled import take_back
from irgrad.reroll.records import Records, records_of
from irgrad.reroll.resolve import Resolver, UnresolvedError
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


FEW = 40
"""Statements that need no other way to say them."""

HOPELESS = 1000
"""Statements from which the iterations beside loops make no difference any more."""


def reroll(
    graph: Graph,
    *,
    least: int = 0,
    most: int | None = None,
) -> Rerolled:
    """Return ``graph`` with repeated stretches made loops, if its ``effort`` is ``least`` or more.

    The same operations on the same values, in the same order. A graph that would still have more
    than ``most`` statements, and more than a fraction of its nodes, stays as it is.
    Linear in nodes.
    """
    if len(graph.nodes) < least and effort(graph) < least:
        return Rerolled(graph)
    plain = records_of(graph)
    sized = [records_of(graph, sized=True)] if plain.varied else []
    for records in (*sized, plain):
        for mended in (take_back, _as_found):
            try:
                return _rolled(graph, records, _best(records, mended), most)
            except (UnresolvedError, ShapeError):  # sizes vary, or a first iteration starts apart
                continue
    return Rerolled(graph, (), len(plain.nodes), len(plain.nodes))


def _as_found(terms: list[Term], records: Records) -> list[Term]:
    return terms


def _rolled(graph: Graph, records: Records, terms: Sequence[Term], most: int | None) -> Rerolled:
    total = len(records.nodes)
    count = statements(terms) if terms else total
    if count == total or (most is not None and count > max(most, total // CHANCE)):
        return Rerolled(graph, (), total, count)
    top, found = statements_of(terms)
    loops = {loop for statement in found for loop in statement.path}
    resolver = Resolver(records, Owners(found, len(records.nodes)))
    outputs = resolver.resolve_all(found, graph)
    tapes = lay_out(resolver)
    assumptions = dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))
    with dims.assuming(assumptions):  # sizes that the trace found equal are equal here
        builder = Builder(graph, records, found, resolver, tapes, assumptions)
        rolled, tables = builder.build(top, outputs)
    rolled = replace(rolled, guards=tuple(assumptions.guards))
    return Rerolled(rolled, tuple(tables), len(records.nodes), len(found), len(loops))


def _best(records: Records, mended: Callable[[list[Term], Records], list[Term]]) -> list[Term]:
    """Return the strictest terms that no other ones say in half the statements."""
    best: list[Term] = []
    fewest = 0
    for terms in recognitions(records.shapes, records.vectors, records.loose):
        count = statements(terms)
        if count > max(HOPELESS, len(records.nodes) // CHANCE):
            continue
        terms = mended(terms, records)
        count = statements(terms)
        if not best or 2 * count <= fewest:
            best, fewest = terms, count
        if fewest <= FEW:
            break
    return best


__all__ = ["Rerolled", "reroll"]
