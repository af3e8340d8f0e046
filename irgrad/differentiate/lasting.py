"""Arrays that a loop fills and never changes where it has read or written them.

What a backward loop needs of such an array is in its final state: nothing of it has to be kept for
each iteration. A triangular solve and a Cholesky factorisation, written as loops, fill arrays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ops.accesses import Access, accesses, apart, versions_of
from irgrad.ops.control import loop

_LONGEST = 64
"""Accesses of one array in a body from which the comparison of all pairs is not worth it."""


def lasting(params: Mapping[str, Any]) -> list[int]:
    """Return the carries of a loop that are arrays filled once; linear in the nodes of its body."""
    if params["reverse"]:
        return []
    body: Graph = params["body"]
    return [k for k in range(params["carries"]) if _lasts(body, k, params["index"])]


def _lasts(body: Graph, number: int, index: str) -> bool:
    if not body.inputs[number].array_type.rank:
        return False
    uses = accesses(body, number, number)
    if uses is None or not any(access.written for access in uses):
        return False
    if len(uses) > _LONGEST:
        return False
    versions = versions_of(body, number)
    inner = [node for node in body.nodes if node.op is loop]
    if not all(
        _fills(node, k) for node in inner for k, x in enumerate(node.inputs) if x in versions
    ):
        return False
    for write in (access for access in uses if access.written):
        for other in uses:
            later = other.place < write.place or (other.written and other is not write)
            if not _comes_after(write, other, index):
                return False
            if later and other.place != write.place and not apart(write.bounds, other.bounds):
                return False
    return True


def _fills(node: Node, number: int) -> bool:
    """Tell whether an inner loop, taken alone, fills the array once."""
    params = node.params
    if number >= params["carries"] + params["tapes"]:  # it only reads the array
        return True
    if params["reverse"]:
        return False
    return number >= params["carries"] or _lasts(params["body"], number, params["index"])


def _comes_after(write: Access, other: Access, index: str) -> bool:
    """Tell whether writes of later iterations surely leave alone what ``other`` uses."""
    later = {index: dims.symbol(index) + 1}
    for (low, high), (other_low, other_high) in zip(write.bounds, other.bounds, strict=True):
        rising = dims.substitute(low, later)
        falling = dims.substitute(high, later)
        if _is_number(rising - low, 1) and dims.is_positive(rising - other_high):
            return True
        if _is_number(falling - high, -1) and dims.is_positive(other_low - falling):
            return True
    return False


def _is_number(step: Dim, sign: int) -> bool:
    """Tell whether a bound moves by the same number in each iteration, not against ``sign``."""
    return isinstance(step, int) and step * sign >= 0


__all__ = ["lasting"]
