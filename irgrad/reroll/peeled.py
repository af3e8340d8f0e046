"""First iterations that stand before their loop because they start from something else.

``total = bias; for w, x in ...: total = total + w * x`` reads an argument the first time and its
own result afterwards, so its first iteration has another shape. Where nothing else differs, the
loop takes it back, and what the first iteration starts from becomes the initial value of a carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.graph import Node, frozen
from irgrad.reroll.nests import Term
from irgrad.reroll.records import Records


def take_back(terms: list[Term], records: Records) -> list[Term]:
    """Return the terms with first iterations in their loops; linear in the records."""
    bodies = [terms]
    while bodies:
        body = bodies.pop()
        place = 0
        while place < len(body):
            term = body[place]
            size = len(term.body)
            if size and _fits(body[max(place - size, 0) : place], term, records):
                _extend(term, body[place - size : place])
                del body[place - size : place]
                place -= size
            elif size:
                bodies.append(term.body)
            place += 1
    return terms


def _fits(group: Sequence[Term], loop: Term, records: Records) -> bool:
    """Tell whether a group is the iteration before a loop's first one."""
    if len(group) != len(loop.body) or any(term.body for term in (*group, *loop.body)):
        return False
    size = len(group)
    if any(len(term.ordinals) != len(loop.trips) for term in group):
        return False
    entries = zip(group, loop.body, strict=True)
    return all(_precedes(k, size, *pair, records) for k, pair in enumerate(entries))


def _precedes(position: int, size: int, term: Term, known: Term, records: Records) -> bool:
    """Tell whether a record is an iteration before another, but for values that are carried."""
    nodes = records.nodes
    first, second, third = (nodes[k] for k in (term.ordinals[0], *known.ordinals[:2]))
    if known.ordinals[0] - term.ordinals[0] != size:
        return False
    if (first.op, first.origin, first.type) != (second.op, second.origin, second.type):
        return False
    own = [_placed(node.params) for node in (first, second, third)]
    if not _even(*own):
        return False
    for operands in zip(first.inputs, second.inputs, third.inputs, strict=True):
        ordinals = (term.ordinals[0], *known.ordinals[:2])
        before, here, after = (
            _address(operand, k, records) for operand, k in zip(operands, ordinals, strict=True)
        )
        if _even(before, here, after):
            continue
        carried = here == after and here[0] == "record" and position < here[1] <= position + size
        if not carried or before[0] == "record":
            return False
    return True


def _address(operand: Node, own: int, records: Records) -> tuple[Any, Any]:
    """Return what kind of operand it is, and the numbers that say which one."""
    made = records.ordinals.get(operand)
    if made is not None:
        return "record", own - made
    base = records.parts.get(operand)
    if base is not None:
        static, starts = _placed(operand.params)
        return (base, static), starts
    if not operand.inputs and "value" in operand.params:
        return operand.type, 0
    return operand, 0


def _placed(params: Any) -> tuple[Any, tuple[int, ...]]:
    """Return params without where a part starts, and that."""
    if "starts" not in params or not all(type(start) is int for start in params["starts"]):
        return (frozen(params) if params else None), ()
    return frozen({k: v for k, v in params.items() if k != "starts"}), params["starts"]


def _even(first: tuple[Any, Any], second: tuple[Any, Any], third: tuple[Any, Any]) -> bool:
    """Tell whether three addresses are of one kind and move by equal steps."""
    if not first[0] == second[0] == third[0]:
        return False
    a, b, c = (np.atleast_1d(np.array(address[1], np.int64)) for address in (first, second, third))
    return bool(np.array_equal(b - a, c - b))


def _extend(loop: Term, group: Sequence[Term]) -> None:
    """Let a loop begin with a group, each time it is entered."""
    trips = np.array(loop.trips)
    starts = np.cumsum(trips) - trips
    for known, term in zip(loop.body, group, strict=True):
        known.ordinals = np.insert(np.array(known.ordinals), starts, term.ordinals).tolist()
        known.vector = term.vector
    loop.trips = (trips + 1).tolist()
    loop.vector = (loop.trips[0], *(number for term in loop.body for number in term.vector))


__all__ = ["take_back"]
