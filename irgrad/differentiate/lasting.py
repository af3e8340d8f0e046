"""Arrays that a loop fills and never changes where it has read or written them.

What a backward loop needs of such an array is in its final state: nothing of it has to be kept for
each iteration. A triangular solve and a Cholesky factorisation, written as loops, fill arrays so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ops.control import loop
from irgrad.ops.create import item
from irgrad.ops.views import strided, strided_set

_LONGEST = 64
"""Accesses of one array in a body from which the comparison of all pairs is not worth it."""


class Access(NamedTuple):
    """A part of an array that a body reads or writes: the bounds of its indices along each axis.

    ``place`` is the position in the body of the node that does it.
    """

    written: bool
    bounds: tuple[tuple[Dim, Dim], ...]
    place: int


def lasting(params: Mapping[str, Any]) -> list[int]:
    """Return the carries of a loop that are arrays filled once; linear in the nodes of its body."""
    if params["reverse"]:
        return []
    body: Graph = params["body"]
    return [k for k in range(params["carries"]) if _lasts(body, k, params["index"])]


def _lasts(body: Graph, number: int, index: str) -> bool:
    if not body.inputs[number].array_type.rank:
        return False
    accesses = _accesses(body, number, number)
    if accesses is None or not any(access.written for access in accesses):
        return False
    if len(accesses) > _LONGEST:
        return False
    for write in (access for access in accesses if access.written):
        for other in accesses:
            later = other.place < write.place or (other.written and other is not write)
            if not _comes_after(write, other, index):
                return False
            if later and other.place != write.place and not _apart(write, other):
                return False
    return True


def _accesses(body: Graph, number: int, output: int | None) -> list[Access] | None:
    """Return how a body uses the array that is its input ``number``; None where it can't be told.

    ``output`` is the result that the array is in the end, None where the body only reads it.
    """
    versions = {body.inputs[number]}
    found: list[Access] = []
    needed = set(reachable(body.outputs))
    for place, node in enumerate(body.nodes):
        if node not in needed or versions.isdisjoint(node.inputs):
            continue
        if node.op is strided:
            found.append(Access(False, _bounds(node.params), place))
        elif node.op is strided_set and node.inputs[1] not in versions:
            found.append(Access(True, _bounds(node.params), place))
            versions.add(node)
        elif node.op is item:
            if node.params["index"] in [
                k for k, operand in enumerate(node.inputs[0].inputs) if operand in versions
            ]:
                versions.add(node)
        elif node.op is loop:
            inner = list(_inside(node, versions, place))
            if None in inner:
                return None
            found.extend(access for access in inner if access is not None)
            versions.add(node)
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
        is_state = number < states
        if is_state and (params["reverse"] or not _fills(params, number)):
            yield None
            return
        accesses = _accesses(params["body"], number, number if is_state else None)
        if accesses is None:
            yield None
            return
        for access in accesses:
            bounds = tuple(
                tuple(
                    dims.extreme(bound, params["index"], params["trips"], highest=highest)
                    for bound, highest in zip(pair, (False, True), strict=True)
                )
                for pair in access.bounds
            )
            yield Access(access.written, bounds, place)  # type: ignore[arg-type]


def _fills(params: Mapping[str, Any], number: int) -> bool:
    """Tell whether an inner loop, taken alone, fills the array once."""
    return number >= params["carries"] or _lasts(params["body"], number, params["index"])


def _bounds(params: Mapping[str, Any]) -> tuple[tuple[Dim, Dim], ...]:
    bounds = []
    for start, size, step in zip(params["starts"], params["sizes"], params["steps"], strict=True):
        end = start + step * (size - 1)
        bounds.append((start, end) if step > 0 else (end, start))
    return tuple(bounds)


def _comes_after(write: Access, other: Access, index: str) -> bool:
    """Tell whether writes of later iterations surely leave alone what ``other`` uses."""
    later = {index: dims.symbol(index) + 1}
    for (low, high), (other_low, other_high) in zip(write.bounds, other.bounds, strict=True):
        rising = dims.substitute(low, later)
        falling = dims.substitute(high, later)
        if _is_number(rising - low, 1) and _is_positive(rising - other_high):
            return True
        if _is_number(falling - high, -1) and _is_positive(other_low - falling):
            return True
    return False


def _is_number(step: Dim, sign: int) -> bool:
    """Tell whether a bound moves by the same number in each iteration, not against ``sign``."""
    return isinstance(step, int) and step * sign >= 0


def _apart(write: Access, other: Access) -> bool:
    """Tell whether two parts used in one iteration surely have no element in common."""
    return any(
        _is_positive(low - other_high) or _is_positive(other_low - high)
        for (low, high), (other_low, other_high) in zip(write.bounds, other.bounds, strict=True)
    )


def _is_positive(dim: Dim) -> bool:
    """Tell whether a number is positive whatever sizes and loop variables are, none below 0."""
    if isinstance(dim, int):
        return dim > 0
    return dict(dim.terms).get((), 0) > 0 and all(factor > 0 for _, factor in dim.terms)


__all__ = ["lasting"]
