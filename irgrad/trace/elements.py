"""Scalars that travel in one array, given to the function as the numbers they are."""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.views import strided
from irgrad.trace.tracer import Tracer


def elements(packed: Tracer, count: int, weak: type | None) -> list[Tracer]:
    """Return the elements of ``packed: (count,)`` as traced scalars, ``weak`` or not."""
    trace, whole = packed.tape, packed.node
    scalar = whole.array_type.with_shape(())
    found = []
    for place in range(count):
        params = {"starts": (place,), "sizes": (1,), "steps": (1,), "dropped": (0,)}
        node = Node(strided, (whole,), params, scalar, trace.origin)
        trace.nodes.append(node)
        found.append(Tracer(trace, node, weak))
    return found
