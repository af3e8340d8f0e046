"""Rules for choices between two values, and for products that a choice has masked."""

from __future__ import annotations

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ops.create import constant, convert
from irgrad.ops.elementwise import (
    divide,
    logical_not,
    masked_product,
    multiply,
    negative,
    select,
)
from irgrad.ops.reduce import sum_
from irgrad.ops.shape import broadcast, reshape
from irgrad.simplify.factors import factored, is_number, is_ordinary, reassociates, value_of
from irgrad.simplify.rewrite import Build, rule


@rule(select, constant)
def constant_choice(build: Build, node: Node) -> Node | None:
    """select(True, x, y) -> x. Exact."""
    condition, x, y = node.inputs
    value = value_of(condition)
    return None if value is None else _stretched(build, x if value else y, node)


def _stretched(build: Build, x: Node, node: Node) -> Node:
    shape = node.array_type.shape
    return x if x.array_type.shape == shape else build(broadcast, x, shape=shape)


@rule(select)
def equal_choices(build: Build, node: Node) -> Node | None:
    """select(c, x, x) -> x. Exact."""
    _, x, y = node.inputs
    return _stretched(build, x, node) if x is y else None


@rule(select, logical_not)
def negated_choice(build: Build, node: Node) -> Node | None:
    """select(not c, x, y) -> select(c, y, x). Exact."""
    condition, x, y = node.inputs
    return build(select, condition.inputs[0], y, x) if condition.op is logical_not else None


@rule(select, select)
def nested_choice(build: Build, node: Node) -> Node | None:
    """select(c, select(c, x, y), z) -> select(c, x, z), and in the other branch. Exact."""
    condition, x, y = node.inputs
    if x.op is select and x.inputs[0] is condition:
        return build(select, condition, x.inputs[1], y)
    if y.op is select and y.inputs[0] is condition:
        return build(select, condition, x, y.inputs[2])
    return None


@rule(logical_not, logical_not)
def double_denial(build: Build, node: Node) -> Node | None:
    """not not c -> c, for truth values. Exact."""
    return node.inputs[0].inputs[0]


@rule(masked_product, constant)
def unmasked_product(build: Build, node: Node) -> Node | None:
    """masked_product(s, x) -> s * x where s is known not to be 0, or x to be finite.

    Exact, but for the sign of a zero.
    """
    masked, partial = map(value_of, node.inputs)
    if masked is not None and masked == 0:
        return build.filled(0, node)
    if masked is not None or (partial is not None and np.isfinite(partial)):
        return build(multiply, *node.inputs)
    return None


@rule(masked_product, multiply, divide)
def masked_product_of_scaled(build: Build, node: Node) -> Node | None:
    """masked_product(s * m, x) -> masked_product(s, masked_product(m, x)), s a scalar; m / s too.

    Regroups products. Still 0 where s is, whatever x.
    """
    scaled, x = node.inputs
    parts = factored(scaled)
    if parts is None or not reassociates(node) or not is_ordinary(parts.factor):
        return None
    rest = build(masked_product, parts.rest, x)
    if parts.op is divide:
        return build(divide, rest, parts.factor)
    if value_of(parts.factor) is not None:
        return build(multiply, parts.factor, rest)
    return build(masked_product, parts.factor, rest)


@rule(masked_product, masked_product)
def masked_product_of_masked(build: Build, node: Node) -> Node | None:
    """Move a scalar s outwards: masked_product(masked_product(m, s), x) -> s last, and s first too.

    Regroups products. NaN and not 0 where s is 0 and x infinite, at an m that is not 0.
    """
    masked, x = node.inputs
    if masked.op is not masked_product or not x.array_type.shape or not reassociates(node):
        return None
    first, second = masked.inputs
    if not first.array_type.shape and second.array_type.shape:
        return build(masked_product, first, build(masked_product, second, x))
    if not second.array_type.shape and first.array_type.shape:
        return build(masked_product, build(masked_product, first, x), second)
    return None


@rule(multiply, masked_product)
def product_of_masked(build: Build, node: Node) -> Node | None:
    """masked_product(s, m) * x -> masked_product(s, m * x), s a scalar; where s is second too.

    Regroups products. Still 0 where s is.
    """
    if not node.array_type.shape or not reassociates(node):
        return None
    for masked, x in (node.inputs, node.inputs[::-1]):
        if masked.op is not masked_product or not x.array_type.shape:
            continue
        first, second = masked.inputs
        if not first.array_type.shape and second.array_type.shape:
            return build(masked_product, first, build(multiply, second, x))
        if not second.array_type.shape and first.array_type.shape:
            return build(masked_product, build(multiply, first, x), second)
    return None


@rule(select, reshape, divide, multiply, negative)
def shared_nothing(build: Build, node: Node) -> Node | None:
    """select(c, 0 / sum(c), 0) -> 0, as a cotangent of 0 shared among the ties of a maximum.

    Exact: where c is true, its sum is not 0. Also with a scalar factor, if that is finite.
    """
    chosen, share, y = node.inputs
    while (parts := factored(share)) is not None or share.op is reshape or share.op is negative:
        share = share.inputs[0] if parts is None else parts.rest
    if share.op is not divide or not is_number(share.inputs[0], 0) or not is_number(y, 0):
        return None
    count = share.inputs[1]
    if count.op is not convert or count.inputs[0].op is not sum_:
        return None
    return build.filled(0, node) if count.inputs[0].inputs[0] is chosen else None
