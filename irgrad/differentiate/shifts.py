"""Maxima that results don't depend on: what a softmax or a log-sum-exp is shifted by.

``exp(z - m) / sum(exp(z - m))`` is the same whatever m is, and so is ``m + log(sum(exp(z - m)))``.
Reverse mode would find that out at run time: it would add up a cotangent for m that is zero but for
rounding, and look for the elements that are the maximum to share it out among them.

What depends on m is ``x + c m`` or ``x exp(c m)``, with x the same for all m. Sums, products,
exponentials and logarithms keep it so, and where c becomes 0 the dependence ends. A maximum of
which every path ends that way, before anything else is done, takes no part in the derivative.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from irgrad.ir.dims import Shape
from irgrad.ir.graph import Node
from irgrad.ir.op import Op
from irgrad.ops.contract import contract
from irgrad.ops.create import constant, convert, full
from irgrad.ops.elementwise import add, divide, exp, log, multiply, negative, select, subtract
from irgrad.ops.reduce import max_, min_, sum_
from irgrad.ops.shape import broadcast, reshape, transpose
from irgrad.ops.views import strided

FURTHEST = 64
"""How many nodes are looked at before a maximum is left alone."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """``x + degree m``, or ``x exp(degree m)`` where it is a ``factor``.

    ``axes`` are those of the value along which m differs, one for each axis of m: along all others
    it is the same.
    """

    factor: bool
    degree: int
    axes: tuple[int, ...]


def cancelling(order: Sequence[Node], ends: Collection[Node]) -> set[Node]:
    """Return the maxima and minima in ``order`` that the values ``ends`` don't depend on.

    order: nodes in order of evaluation. Linear: a bounded number of nodes is looked at for each.
    """
    found: set[Node] = set()
    extremes = [node for node in order if node.op is max_ or node.op is min_]
    if not extremes:
        return found
    places = {node: place for place, node in enumerate(order)}
    users: dict[Node, list[Node]] = {}
    for node in order:
        for operand in dict.fromkeys(node.inputs):
            users.setdefault(operand, []).append(node)
    for node in extremes:
        if _cancels(node, ends, users, places):
            found.add(node)
    return found


def _cancels(
    extreme: Node,
    ends: Collection[Node],
    users: Mapping[Node, Sequence[Node]],
    places: Mapping[Node, int],
) -> bool:
    """Tell whether all that depends on a maximum stops doing so."""
    if extreme in ends:
        return False
    known = {extreme: Dependence(False, 1, _long(extreme.array_type.shape))}
    waiting = [places[user] for user in users.get(extreme, ())]
    by_place = {places[user]: user for user in users.get(extreme, ())}
    heapq.heapify(waiting)
    while waiting:
        node = by_place.pop(heapq.heappop(waiting), None)
        if node is None:
            continue
        if isinstance(node.type, tuple) or len(known) > FURTHEST:
            return False
        if node.array_type.dtype.kind not in "fc":
            continue  # comparisons: no derivative goes through them
        rule = _RULES.get(node.op)
        made = None if rule is None else rule(node, [known.get(x) for x in node.inputs])
        if made is None:
            return False
        if made.degree == 0:
            continue
        if node in ends:
            return False
        known[node] = made
        for user in users.get(node, ()):
            by_place[places[user]] = user
            heapq.heappush(waiting, places[user])
    return True


def _long(shape: Shape) -> tuple[int, ...]:
    return tuple(axis for axis, dim in enumerate(shape) if dim != 1)


def _stretched(known: Dependence, own: Shape, shape: Shape) -> Dependence:
    """Return the dependence of what an operand of shape ``own`` is broadcast to."""
    extra = len(shape) - len(own)
    return replace(known, axes=tuple(axis + extra for axis in known.axes))


_Rule = Callable[[Node, list[Dependence | None]], Dependence | None]


def _operands(node: Node, known: list[Dependence | None]) -> list[Dependence | None]:
    shape = node.array_type.shape
    return [
        None if x is None else _stretched(x, operand.array_type.shape, shape)
        for x, operand in zip(known, node.inputs, strict=True)
    ]


def _same(node: Node, known: list[Dependence | None]) -> Dependence | None:
    return known[0]


def _sum(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Of terms that move alike, or of a term and what doesn't move."""
    one, other = _operands(node, known)
    sign = -1 if node.op is subtract else 1
    if one is None or other is None:
        given = one or other
        if given is None or given.factor:
            return None
        return given if given is one else replace(given, degree=sign * given.degree)
    if one.factor or other.factor:
        return one if one == other else None
    same = one.axes == other.axes
    return replace(one, degree=one.degree + sign * other.degree) if same else None


def _product(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Of factors that grow or shrink, by their degrees."""
    one, other = _operands(node, known)
    sign = -1 if node.op is divide else 1
    if any(x is not None and not x.factor for x in (one, other)):
        return None
    if one is None or other is None:
        given = one or other
        assert given is not None
        return given if given is one else replace(given, degree=sign * given.degree)
    same = one.axes == other.axes
    return replace(one, degree=one.degree + sign * other.degree) if same else None


def _negative(node: Node, known: list[Dependence | None]) -> Dependence | None:
    (x,) = known
    return x if x is None or x.factor else replace(x, degree=-x.degree)


def _exp(node: Node, known: list[Dependence | None]) -> Dependence | None:
    (x,) = known
    return None if x is None or x.factor else replace(x, factor=True)


def _log(node: Node, known: list[Dependence | None]) -> Dependence | None:
    (x,) = known
    return replace(x, factor=False) if x is not None and x.factor else None


def _select(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Of a factor and zero, which is zero times any factor."""
    given = _operands(node, known)
    if given[0] is not None:
        return None
    for place, other in ((1, 2), (2, 1)):
        x = given[place]
        if x is not None and given[other] is None and x.factor and _is_zero(node.inputs[other]):
            return x
    return None


def _is_zero(node: Node) -> bool:
    source = node.inputs[0] if node.op is full else node
    return source.op is constant and bool(source.params["value"] == 0)


def _total(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Along axes on which the factor is the same."""
    (x,) = known
    gone = node.params["axes"]
    if x is None or not x.factor or not set(gone).isdisjoint(x.axes):
        return None
    rest = [axis for axis in range(node.inputs[0].array_type.rank) if axis not in gone]
    return replace(x, axes=tuple(rest.index(axis) for axis in x.axes))


def _contracted(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Along letters on which the factor is the same, with what doesn't move."""
    given = [(x, side) for x, side in zip(known, ("left", "right"), strict=True) if x is not None]
    if len(given) != 1 or not given[0][0].factor:
        return None
    x, side = given[0]
    letters, result = node.params[side], node.params["result"]
    moving = [letters[axis] for axis in x.axes]
    if not set(moving) <= set(result):
        return None
    return replace(x, axes=tuple(result.index(letter) for letter in moving))


def _broadcast(node: Node, known: list[Dependence | None]) -> Dependence | None:
    (x,) = known
    own = node.inputs[0].array_type.shape
    return None if x is None else _stretched(x, own, node.array_type.shape)


def _reshape(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Where only axes of size 1 come and go."""
    (x,) = known
    own, shape = node.inputs[0].array_type.shape, node.array_type.shape
    long, places = _long(own), _long(shape)
    if x is None or [own[axis] for axis in long] != [shape[axis] for axis in places]:
        return None
    return replace(x, axes=tuple(places[long.index(axis)] for axis in x.axes))


def _transpose(node: Node, known: list[Dependence | None]) -> Dependence | None:
    (x,) = known
    order = node.params["axes"]
    return None if x is None else replace(x, axes=tuple(order.index(axis) for axis in x.axes))


def _part(node: Node, known: list[Dependence | None]) -> Dependence | None:
    """Of which every axis along which m differs is whole."""
    (x,) = known
    params = node.params
    whole = node.inputs[0].array_type.shape
    kept = [axis for axis in range(len(whole)) if axis not in params["dropped"]]
    if x is None or not all(
        axis in kept
        and params["steps"][axis] == 1
        and params["starts"][axis] == 0
        and params["sizes"][axis] == whole[axis]
        for axis in x.axes
    ):
        return None
    return replace(x, axes=tuple(kept.index(axis) for axis in x.axes))


_RULES: dict[Op, _Rule] = {
    add: _sum,
    subtract: _sum,
    multiply: _product,
    divide: _product,
    negative: _negative,
    exp: _exp,
    log: _log,
    select: _select,
    sum_: _total,
    contract: _contracted,
    broadcast: _broadcast,
    full: _broadcast,
    reshape: _reshape,
    transpose: _transpose,
    strided: _part,
    convert: _same,
}
"""What becomes of the dependence of operands (None: none); None where it has no such form."""


__all__ = ["cancelling"]
