"""The maximum that a log-sum-exp is shifted by drops out of its adjoint.

In ``m + log(x)`` with ``x = sum(e)``, ``e = exp(z - m)``, ``m = max(z)``, the value doesn't depend
on m. Reverse mode finds that out at run time: the cotangent of m is ``a - sum((a / x) * e)``, which
is ``a - (a / x) * x`` and so zero but for rounding. Known to be zero, it takes along the search for
the elements that are the maximum.
"""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.create import full
from irgrad.ops.elementwise import divide, exp, multiply, negative, subtract
from irgrad.ops.reduce import sum_
from irgrad.ops.shape import broadcast, reshape
from irgrad.simplify.factors import factored
from irgrad.simplify.rewrite import Build, rule


@rule(subtract, multiply, divide, reshape, negative)
def cancelled_difference(build: Build, node: Node) -> Node | None:
    """a - (a / x) * x -> 0, either way round, where x is a sum of exponentials.

    Such an x is no zero but by underflow, and is infinite only by overflow; in a log-sum-exp it is
    1 at the least. Where a or x is NaN or infinite, the difference is NaN and here 0; but then
    ``(a / x) * e``, the other part of the same cotangent, is NaN already.
    """
    for total, product in (node.inputs, node.inputs[::-1]):
        whole = _cancelled(build, product) if product.type == node.type else None
        if whole is None:
            continue
        if whole is total or (whole.op is full and whole.inputs[0] is total):
            return build.filled(0, node)
    return None


def _cancelled(build: Build, node: Node) -> Node | None:
    """Return a, of the type of ``node``, which is (a / x) * x under views, signs and scalars."""
    if node.op is reshape:
        inner = _cancelled(build, node.inputs[0])
        return None if inner is None else build(reshape, inner, shape=node.array_type.shape)
    if node.op is negative:
        inner = _cancelled(build, node.inputs[0])
        return None if inner is None else build(negative, inner)
    if node.op is divide:  # what x * (1 / x) has become
        x, divisor = node.inputs
        return build.filled(1, node) if x is divisor and _sums_exponentials(x) else None
    if node.op is not multiply:
        return None
    for quotient, x in (node.inputs, node.inputs[::-1]):
        if quotient.op is divide and quotient.inputs[1] is x and _sums_exponentials(x):
            return build(broadcast, quotient.inputs[0], shape=node.array_type.shape)
    parts = factored(node)
    inner = None if parts is None else _cancelled(build, parts.rest)
    return None if parts is None or inner is None else build(multiply, parts.factor, inner)


def _sums_exponentials(node: Node) -> bool:
    """Tell whether ``node`` is a sum of exponentials, perhaps with the axes kept."""
    source = node.inputs[0] if node.op is reshape else node
    return source.op is sum_ and source.inputs[0].op is exp
