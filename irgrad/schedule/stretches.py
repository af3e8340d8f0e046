"""The ends of a stretch of work on arrays in a loop's body: what goes in, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from irgrad.ir import loops
from irgrad.ir.graph import Graph, Node
from irgrad.ops import create
from irgrad.schedule.bodies import is_begin
from irgrad.schedule.names import Names
from irgrad.schedule.storage import Place
from irgrad.schedule.units import Routine, Unit


class Context(Protocol):
    """The part of the lowering that is needed here."""

    names: Names
    places: Mapping[Node, Place]
    maker: Mapping[Node, Unit]
    allocations: list[loops.Statement]


def stretch_graph(
    nodes: Iterable[Node], wanted: Sequence[Node], known: Mapping[Node, Any], around: Graph
) -> Graph:
    """Return the graph of some nodes of a body, whose inputs are the ``known`` values they read."""
    inside = dict.fromkeys(nodes)
    given: dict[Node, None] = {}
    fixed: dict[Node, None] = {}
    for node in inside:
        for operand in node.inputs:
            if operand in inside:
                continue
            if operand.op in (create.constant, create.size) or is_begin(operand):
                fixed.update(dict.fromkeys((*operand.inputs, operand)))
            else:
                given[operand] = None
    inputs = tuple(given)
    order = (*inputs, *fixed, *inside)
    return Graph(inputs, order, tuple(wanted), around.hints, around.guards)


def wanted_values(
    lowering: Context, wanted: Sequence[Node]
) -> tuple[dict[Node, Any], list[loops.Statement]]:
    """Return where wanted values are, and copies of those in memory that may change."""
    values: dict[Node, Any] = {}
    copies: list[loops.Statement] = []
    for node in wanted:
        if isinstance(node.type, tuple):
            continue  # its items are wanted
        place = lowering.places.get(node)
        name = lowering.names.of(place.root if place is not None else node)
        if not node.type.shape:
            values[node] = loops.Name(name)
            continue
        maker = lowering.maker.get(node)
        if isinstance(maker, Routine) and maker.kind in ("reshape", "item"):
            copy = lowering.names.fresh(name)
            lowering.allocations.append(loops.Allocate(copy, node.type.shape, node.type.dtype))
            copies.append(loops.Copy(copy, name))
            name = copy
        values[node] = name
    return values, copies
