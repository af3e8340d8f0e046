"""Which parts of an array the body of a loop reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ops.control import loop
from irgrad.ops.create import item
from irgrad.ops.views import strided, strided_set

Bounds = tuple[tuple[Dim, Dim], ...]
"""The least and the greatest index along each axis."""


class Access(NamedTuple):
    """A part of an array that a body reads or writes: the bounds of its indices along each axis.

    ``place`` is the position in the body of the node that does it.
    """

    written: bool
    bounds: Bounds
    place: int


def versions_of(body: Graph, number: int) -> set[Node]:
    """Return the nodes that are the array of input ``number``, before or after some writes."""
    versions = {body.inputs[number]}
    for node in body.nodes:
        if node.op is loop:
            if not versions.isdisjoint(node.inputs):
                versions.add(node)
        elif node.op is strided_set and node.inputs[0] in versions:
            versions.add(node)
        elif node.op is item and node.inputs[0] in versions:
            operands = node.inputs[0].inputs
            if operands[node.params["index"]] in versions:
                versions.add(node)
    return versions


def accesses(body: Graph, number: int, output: int | None) -> list[Access] | None:
    """Return how a body uses the array that is its input ``number``; None where it can't be told.

    ``output`` is the result that the array is in the end, None where the body only reads it.
    Linear in the nodes of the body, and of the loops in it.
    """
    versions = versions_of(body, number)
    found: list[Access] = []
    needed = set(reachable(body.outputs))
    for place, node in enumerate(body.nodes):
        if node not in needed or versions.isdisjoint(node.inputs) or node.op is item:
            continue
        if node.op is strided:
            found.append(Access(False, bounds_of(node.params), place))
        elif node.op is strided_set and node.inputs[1] not in versions:
            found.append(Access(True, bounds_of(node.params), place))
        elif node.op is loop:
            inner = list(_inside(node, versions, place))
            if None in inner:
                return None
            found.extend(access for access in inner if access is not None)
        else:
            return None
    if output is not None and body.outputs[output] not in versions:
        return None
    ends = [k for k, end in enumerate(body.outputs) if end in versions]
    return found if ends == ([] if output is None else [output]) else None


def _inside(node: Node, versions: set[Node], place: int) -> Iterator[Access | None]:
    """Yield how a loop within the body uses the array, over all its iterations."""
    params = node.params
    states = params["carries"] + params["tapes"]
    for number, operand in enumerate(node.inputs):
        if operand not in versions:
            continue
        uses = accesses(params["body"], number, number if number < states else None)
        if uses is None:
            yield None
            return
        for access in uses:
            yield Access(access.written, over_all_trips(access.bounds, params), place)


def over_all_trips(bounds: Bounds, params: Mapping[str, Any]) -> Bounds:
    """Return the bounds over all iterations of the loop with these params."""
    index, trips = params["index"], params["trips"]
    return tuple(
        (
            dims.extreme(low, index, trips, highest=False),
            dims.extreme(high, index, trips, highest=True),
        )
        for low, high in bounds
    )


def bounds_of(params: Mapping[str, Any]) -> Bounds:
    """Return the bounds of a strided part."""
    bounds = []
    for start, size, step in zip(params["starts"], params["sizes"], params["steps"], strict=True):
        end = start + step * (size - 1)
        bounds.append((start, end) if step > 0 else (end, start))
    return tuple(bounds)


def apart(one: Bounds, other: Bounds) -> bool:
    """Tell whether two parts surely have no element in common, without asking for a guard."""
    return any(
        dims.is_positive(low - other_high) or dims.is_positive(other_low - high)
        for (low, high), (other_low, other_high) in zip(one, other, strict=True)
    )


def written_by(params: Mapping[str, Any], number: int) -> list[Bounds] | None:
    """Return the parts of a state that the loop with these params writes, None where unknown."""
    uses = accesses(params["body"], number, number)
    if uses is None:
        return None
    return [over_all_trips(access.bounds, params) for access in uses if access.written]


def written_last(array: Node, params: Mapping[str, Any]) -> tuple[Node, Node | None]:
    """Return the array before writes elsewhere, and what was written to this very part of it.

    None where nothing was. Linear in the writes that are passed.
    """
    while array.op is strided_set:
        if array.params == params:
            return array, array.inputs[1]
        if not apart(bounds_of(array.params), bounds_of(params)):
            break
        array = array.inputs[0]
    return array, None


__all__ = [
    "Access",
    "Bounds",
    "accesses",
    "apart",
    "bounds_of",
    "over_all_trips",
    "versions_of",
    "written_by",
    "written_last",
]
