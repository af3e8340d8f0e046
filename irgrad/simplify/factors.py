"""Light factors: a scalar that multiplies or divides an array, or a constant that does a value.

They are moved outwards and merged, so that a loop over the elements does the work once: the
scalar itself is computed outside of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ir.op import Op
from irgrad.ops.create import constant
from irgrad.ops.elementwise import divide, multiply, negative
from irgrad.simplify.rewrite import Build


class Factored(NamedTuple):
    """``op(rest, factor)``, with ``op`` multiply or divide."""

    op: Op
    factor: Node
    rest: Node


def is_light(factor: Node, rest: Node) -> bool:
    """Tell whether ``factor`` costs little beside ``rest``: a scalar beside an array, say."""
    if factor.op is constant:
        return rest.op is not constant
    return not factor.array_type.shape and bool(rest.array_type.shape)


def factored(node: Node) -> Factored | None:
    """Take ``node`` apart where it is a light factor times, or under, something heavier."""
    op = node.op
    if op is not multiply and op is not divide:
        return None
    x, y = node.inputs
    if is_light(y, x):
        return Factored(op, y, x)
    if op is multiply and is_light(x, y):
        return Factored(op, x, y)
    return None


def scaled(build: Build, op: Op, rest: Node, factor: Node) -> Node:
    """Return ``rest`` times, or divided by, ``factor``: the inverse of ``factored``."""
    return build(divide, rest, factor) if op is divide else build(multiply, factor, rest)


def reassociates(node: Node) -> bool:
    """Tell whether products of the node's dtype may be regrouped: those of inexact numbers."""
    return node.array_type.dtype.kind in "fc"


def value_of(node: Node) -> Any:
    """Return the value of a constant, None for any other node."""
    return node.params["value"] if node.op is constant else None


def is_number(node: Node, number: float) -> bool:
    """Tell whether ``node`` is a scalar constant equal to ``number``."""
    return node.op is constant and bool(node.params["value"] == number)


def is_ordinary(node: Node) -> bool:
    """Tell whether ``node``, if it is a constant, is finite, normal and not zero."""
    value = value_of(node)
    if value is None:
        return True
    return bool(np.isfinite(value)) and abs(value) >= np.finfo(value.dtype).tiny


def negated(node: Node) -> Node | None:
    """Return x where ``node`` is -x, else None."""
    return node.inputs[0] if node.op is negative else None


def are_opposite(x: Node, y: Node) -> bool:
    """Tell whether one scalar is known to be minus the other."""
    if x.op is constant and y.op is constant:
        return bool(x.params["value"] == -y.params["value"])
    return negated(x) is y or negated(y) is x
