"""Rules for the parts of complex numbers: what of them is known, and real factors beside them."""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.complex_numbers import complex_of, conjugate, imaginary_part, real_part
from irgrad.ops.create import convert
from irgrad.ops.elementwise import add, multiply, negative, subtract
from irgrad.simplify.rewrite import Build, rule


def _real_source(node: Node) -> Node | None:
    """Return the real value that ``node`` holds as a complex one, else None."""
    if node.op is not convert or node.inputs[0].array_type.dtype.kind == "c":
        return None
    return node.inputs[0]


@rule(real_part, convert)
def real_of_real(build: Build, node: Node) -> Node | None:
    """Take the real part of a real number made complex -> the number. Exact."""
    source = _real_source(node.inputs[0])
    return None if source is None else build(convert, source, dtype=node.array_type.dtype)


@rule(imaginary_part, convert)
def imaginary_of_real(build: Build, node: Node) -> Node | None:
    """Take the imaginary part of a real number made complex -> 0. Exact."""
    return None if _real_source(node.inputs[0]) is None else build.filled(0, node)


@rule(conjugate, convert)
def conjugate_of_real(build: Build, node: Node) -> Node | None:
    """Conjugate a real number made complex -> nothing. Exact but for the sign of a zero."""
    return None if _real_source(node.inputs[0]) is None else node.inputs[0]


@rule(conjugate, conjugate)
def conjugate_twice(build: Build, node: Node) -> Node | None:
    """Conjugate twice -> nothing. Exact."""
    return node.inputs[0].inputs[0]


@rule(real_part, conjugate)
def real_of_conjugate(build: Build, node: Node) -> Node | None:
    """Take the real part of a conjugate -> that of the number. Exact."""
    return build(real_part, node.inputs[0].inputs[0])


@rule(imaginary_part, conjugate)
def imaginary_of_conjugate(build: Build, node: Node) -> Node | None:
    """Take the imaginary part of a conjugate -> minus that of the number. Exact."""
    return build(negative, build(imaginary_part, node.inputs[0].inputs[0]))


@rule(real_part, complex_of)
def real_of_parts(build: Build, node: Node) -> Node | None:
    """Take the real part of a number made of parts -> that part. Exact."""
    x = node.inputs[0].inputs[0]
    return x if x.array_type.shape == node.array_type.shape else None


@rule(imaginary_part, complex_of)
def imaginary_of_parts(build: Build, node: Node) -> Node | None:
    """Take the imaginary part of a number made of parts -> that part. Exact."""
    y = node.inputs[0].inputs[1]
    return y if y.array_type.shape == node.array_type.shape else None


@rule(real_part, multiply)
@rule(imaginary_part, multiply)
def part_of_scaled(build: Build, node: Node) -> Node | None:
    """Take a part of a real factor times z -> the factor times the part of z.

    Exact, but that NaN and infinities of one part do not reach the other.
    """
    product = node.inputs[0]
    x, z = product.inputs
    for real, other in ((x, z), (z, x)):
        factor = _real_source(real)
        if factor is not None and build.uses(product) == 1:
            scale = build(convert, factor, dtype=node.array_type.dtype)
            return build(multiply, scale, build(node.op, other))
    return None


@rule(real_part, add, subtract, negative)
def real_of_sum(build: Build, node: Node) -> Node | None:
    """Take the real part of a sum -> the sum of the real parts, where a term is real. Exact."""
    total = node.inputs[0]
    if build.uses(total) > 1 or all(_real_source(term) is None for term in total.inputs):
        return None
    return build(total.op, *(build(real_part, term) for term in total.inputs))
