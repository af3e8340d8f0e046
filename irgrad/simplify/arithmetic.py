"""Rules for elementwise arithmetic.

"Exact" means: the same bits for every operand, NaN, infinities and signed zeros included (but the
sign and payload of a NaN, which NumPy doesn't define either).
"""

from __future__ import annotations

import math

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ops.create import constant, convert, full, size
from irgrad.ops.elementwise import (
    absolute,
    add,
    cos,
    divide,
    exp,
    logaddexp,
    logistic,
    multiply,
    negative,
    positive,
    power,
    softplus,
    square,
    subtract,
)
from irgrad.ops.shape import broadcast
from irgrad.simplify.clean import folded
from irgrad.simplify.factors import (
    are_opposite,
    factored,
    is_light,
    is_number,
    is_ordinary,
    negated,
    reassociates,
    scaled,
    value_of,
)
from irgrad.simplify.rewrite import Build, elementwise_rule, rule


@elementwise_rule(constant)
def fold(build: Build, node: Node) -> Node | None:
    """f(1, 2) -> its value. Exact: NumPy's own evaluation, as at run time."""
    for operand in node.inputs:
        if operand.op is not constant:
            return None
    kind = node.array_type.dtype
    values = [operand.params["value"] for operand in node.inputs]
    value = folded(node.op, values, node.params, kind)
    return None if value is None else build.constant(value, kind)


@elementwise_rule(full, broadcast)
def lift(build: Build, node: Node) -> Node | None:
    """f(x, broadcast(y)) -> f(x, y), or broadcast(f(x, y)) where that is smaller. Exact.

    The op broadcasts its operands itself; where every operand was stretched along an axis, the
    result is computed once and stretched.
    """
    sources = [
        operand.inputs[0] if operand.op is full or operand.op is broadcast else operand
        for operand in node.inputs
    ]
    result = build(node.op, *sources, **node.params)
    shape = node.array_type.shape
    return result if result.type == node.type else build(broadcast, result, shape=shape)


def _pairs(node: Node) -> tuple[tuple[Node, Node], tuple[Node, Node]]:
    """Return the two operands in both orders."""
    x, y = node.inputs
    return (x, y), (y, x)


@rule(add, constant)
def add_zero(build: Build, node: Node) -> Node | None:
    """x + 0 -> x. Exact but for x = -0.0, which stays -0.0: the sign of a zero may change."""
    for x, zero in _pairs(node):
        if is_number(zero, 0):
            return x
    return None


@rule(subtract, constant)
def subtract_zero(build: Build, node: Node) -> Node | None:
    """x - 0 -> x. Exact (x - 0.0 keeps -0.0). Not 0 - x, which is 0.0 at x = 0.0, not -0.0."""
    x, zero = node.inputs
    return x if is_number(zero, 0) else None


@rule(multiply, constant)
def multiply_by_constant(build: Build, node: Node) -> Node | None:
    """x * 1 -> x; x * -1 -> -x. Exact. Not x * 0, which is NaN at infinities and NaN."""
    for x, factor in _pairs(node):
        if is_number(factor, 1):
            return x
        if is_number(factor, -1) and node.array_type.dtype.kind in "fci":
            return build(negative, x)
    return None


@rule(divide, constant)
def divide_by_constant(build: Build, node: Node) -> Node | None:
    """x / 1 -> x; x / -1 -> -x; x / 2**k -> x * 2**-k. Exact.

    The last because both round the same real number, where 2**-k is a normal number.
    """
    x, divisor = node.inputs
    if is_number(divisor, 1):
        return x
    if is_number(divisor, -1):
        return build(negative, x)
    value = value_of(divisor)
    if value is None or value.dtype.kind != "f" or not np.isfinite(value) or x.op is constant:
        return None
    if math.frexp(float(abs(value)))[0] != 0.5:
        return None
    with np.errstate(all="ignore"):
        reciprocal = value.dtype.type(1) / value
    inverse = build.constant(reciprocal, value.dtype)
    return build(multiply, inverse, x) if is_ordinary(inverse) else None


@rule(positive)
def drop_positive(build: Build, node: Node) -> Node | None:
    """+x -> x. Exact."""
    return node.inputs[0]


@rule(convert)
def drop_convert(build: Build, node: Node) -> Node | None:
    """Convert to the dtype it has already: nothing. Exact."""
    return node.inputs[0]  # dropped where the types differ


@rule(convert, convert)
def merge_converts(build: Build, node: Node) -> Node | None:
    """Convert twice -> once, where the first conversion keeps every value. Exact."""
    middle = node.inputs[0]
    source = middle.inputs[0]
    first, second = source.array_type.dtype, middle.array_type.dtype
    if first.kind in "iu" and second.kind not in "iu" and first.itemsize * 2 > second.itemsize:
        return None  # NumPy calls int64 -> float64 safe, yet it rounds
    if not np.can_cast(first, second, "safe"):
        return None
    return build(convert, source, dtype=node.params["dtype"])


@rule(convert, size)
def convert_size(build: Build, node: Node) -> Node | None:
    """Convert a size -> the size in the other dtype. Exact: sizes are below 2**53."""
    source = node.inputs[0]
    if source.array_type.dtype not in (np.dtype(np.int64), np.dtype(np.float64)):
        return None
    return build.size(source.params["dim"], node.array_type.dtype)


@rule(size)
def size_of_number(build: Build, node: Node) -> Node | None:
    """Turn a size that is a plain number into a constant. Exact."""
    dim = node.params["dim"]
    return build.constant(dim, node.array_type.dtype) if isinstance(dim, int) else None


# Signs


@rule(negative, negative)
def negative_of_negative(build: Build, node: Node) -> Node | None:
    """--x -> x. Exact."""
    return node.inputs[0].inputs[0]


@rule(negative, subtract)
def negative_of_difference(build: Build, node: Node) -> Node | None:
    """-(x - y) -> y - x. Exact but for the sign of the zero at x = y."""
    x, y = node.inputs[0].inputs
    return build(subtract, y, x) if build.uses(node.inputs[0]) == 1 else None


@rule(negative, multiply, divide)
def negative_of_scaled(build: Build, node: Node) -> Node | None:
    """-(s * x) -> (-s) * x; -(x / s) -> x / (-s), s a scalar or a constant. Exact."""
    parts = factored(node.inputs[0])
    if parts is None:
        return None
    return scaled(build, parts.op, parts.rest, build(negative, parts.factor))


@rule(add, negative)
def add_negative(build: Build, node: Node) -> Node | None:
    """x + (-y) -> x - y. Exact."""
    for x, y in _pairs(node):
        subtrahend = negated(y)
        if subtrahend is not None:
            return build(subtract, x, subtrahend)
    return None


@rule(subtract, negative)
def subtract_negative(build: Build, node: Node) -> Node | None:
    """x - (-y) -> x + y, exact; (-x) - y -> -(x + y), exact but for the sign of a zero."""
    x, y = node.inputs
    addend = negated(y)
    if addend is not None:
        return build(add, x, addend)
    minuend = negated(x)
    if minuend is None or is_light(minuend, y):
        return None
    return build(negative, build(add, minuend, y))


@rule(multiply, negative)
@rule(divide, negative)
def sign_of_product(build: Build, node: Node) -> Node | None:
    """(-x) * y -> -(x * y); (-x) * (-y) -> x * y; the same for quotients. Exact.

    Not for a scalar's sign beside an array, which costs nothing where it is.
    """
    x, y = node.inputs
    negative_x, negative_y = negated(x), negated(y)
    if negative_x is not None and negative_y is not None:
        return build(node.op, negative_x, negative_y)
    if negative_x is not None and not is_light(negative_x, y):
        return build(negative, build(node.op, negative_x, y))
    if negative_y is not None and not is_light(negative_y, x):
        return build(negative, build(node.op, x, negative_y))
    return None


@rule(square, negative)
@rule(absolute, negative)
@rule(cos, negative)
def even(build: Build, node: Node) -> Node | None:
    """f(-x) -> f(x) for an even f. Exact."""
    return build(node.op, node.inputs[0].inputs[0])


# Factors


@rule(add)
def double(build: Build, node: Node) -> Node | None:
    """x + x -> 2 * x. Exact."""
    x, y = node.inputs
    if x is not y or not reassociates(node):
        return None
    return build(multiply, build.constant(2, x.array_type.dtype), x)


@rule(multiply, multiply, divide)
@rule(divide, multiply, divide)
def merge_factors(build: Build, node: Node) -> Node | None:
    """s * (t * x) -> (s * t) * x, and with either a division; s and t scalars, or constants.

    Rounds once less over the array: 1 ulp, as reassociation allows. A product of constants that
    overflows or loses bits is not formed.
    """
    outer = factored(node)
    inner = factored(outer.rest) if outer is not None else None
    if outer is None or inner is None or not reassociates(node):
        return None
    s, t = outer.factor, inner.factor
    if outer.op is inner.op:
        op, factor = outer.op, build(multiply, s, t)
    elif outer.op is multiply:
        op, factor = multiply, build(divide, s, t)
    else:
        op, factor = multiply, build(divide, t, s)
    return scaled(build, op, inner.rest, factor) if is_ordinary(factor) else None


@rule(multiply, multiply, divide)
@rule(divide, multiply, divide)
def hoist_factor(build: Build, node: Node) -> Node | None:
    """x * (s * y) -> s * (x * y); (s * x) / y -> s * (x / y): s a scalar, x and y arrays.

    Reassociates: 1 ulp, and x * y may overflow where s * y is small. There the scalar meets others,
    and the sums around.
    """
    if not node.array_type.shape or not reassociates(node):
        return None
    numerators = _pairs(node) if node.op is multiply else (node.inputs,)
    for heavy, other in numerators:
        parts = factored(heavy)
        if parts is None or not other.array_type.shape or heavy.type != node.type:
            continue
        if build.uses(heavy) > 1:
            continue
        return scaled(build, parts.op, build(node.op, parts.rest, other), parts.factor)
    return None


@rule(add, multiply, divide)
@rule(subtract, multiply, divide)
def common_factor(build: Build, node: Node) -> Node | None:
    """s * x + s * y -> s * (x + y), s * x + (-s) * y -> s * (x - y), and with divisions by s.

    Reassociates: an error of 1 ulp of the larger term. The sum may overflow only within a factor
    |s| of the largest number.
    """
    if not node.array_type.shape or not reassociates(node):
        return None
    left, right = map(factored, node.inputs)
    if left is None or right is None or left.op is not right.op:
        return None
    if build.uses(node.inputs[0]) > 1 or build.uses(node.inputs[1]) > 1:
        return None
    op = node.op
    if left.factor is right.factor:
        rest = build(op, left.rest, right.rest)
    elif not are_opposite(left.factor, right.factor):
        return None
    elif negated(left.factor) is None or op is subtract:  # s x + (-s) y, s x - (-s) y
        rest = build(subtract if op is add else add, left.rest, right.rest)
    else:  # (-s) x + s y
        return scaled(build, left.op, build(subtract, right.rest, left.rest), right.factor)
    return scaled(build, left.op, rest, left.factor)


@rule(multiply, divide)
def multiply_by_reciprocal(build: Build, node: Node) -> Node | None:
    """x * (1 / y) -> x / y, where 1 / y is read only here. Rounds once less.

    At subnormal y, where 1 / y overflows, the quotient is the better number. Not for a scalar y
    beside an array, whose one division is cheaper than one an element.
    """
    for x, quotient in _pairs(node):
        if quotient.op is divide and is_number(quotient.inputs[0], 1):
            y = quotient.inputs[1]
            if build.uses(quotient) == 1 and not is_light(y, x) and reassociates(node):
                return build(divide, x, y)
    return None


# Powers and named functions


@rule(power, constant)
def whole_power(build: Build, node: Node) -> Node | None:
    """x ** 2 -> square(x), and ** 0, 1, 3, 4, -1 likewise.

    0, 1, 2 and -1 are exact (NaN ** 0 is 1); 3 and 4 are within 1 ulp, 4 may overflow or vanish
    only where x ** 4 does. Not x ** 0.5: the root of -inf is NaN, of -0.0 is -0.0.
    """
    x, exponent = node.inputs
    y = value_of(exponent)
    if y is None or not reassociates(node):
        return None
    if y == 2:
        return build(square, x)
    if y == 1:
        return x
    if y == 0:
        return build.filled(1, node)
    if y == 3:
        return build(multiply, x, build(square, x))
    if y == 4:
        return build(square, build(square, x))
    if y == -1:
        return build(divide, build.constant(1, node.array_type.dtype), x)
    return None


@rule(logaddexp, constant)
def name_softplus(build: Build, node: Node) -> Node | None:
    """logaddexp(0, x) -> softplus(x). Exact, by definition."""
    for x, zero in _pairs(node):
        if is_number(zero, 0):
            return build(softplus, x)
    return None


@rule(divide, add)
def name_logistic(build: Build, node: Node) -> Node | None:
    """1 / (1 + exp(-x)) -> logistic(x). Within 3 ulp; the limits at the infinities are the same.

    For x below -709 the left side is 0 since exp overflows; the right side is the tiny exp(x).
    """
    one, denominator = node.inputs
    if not is_number(one, 1) or node.array_type.dtype.kind != "f":
        return None
    for term, unit in _pairs(denominator):
        if is_number(unit, 1) and term.op is exp:
            argument = negated(term.inputs[0])
            if argument is not None:
                return build(logistic, argument)
    return None
