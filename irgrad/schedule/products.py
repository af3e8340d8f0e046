"""How a contraction is computed: a BLAS product where one fits, else loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from irgrad.ir import dims
from irgrad.ir.graph import Node
from irgrad.ops.shape import transpose
from irgrad.schedule.units import Kernel, Routine, Term, Unit, variable

SMALL_PRODUCT = 512
"""Multiplications up to which loops beat the call of a BLAS routine (about 1 µs)."""


class Storing(Protocol):
    """The part of the builder that contractions need."""

    stored: set[Node]

    def access(self, node: Node, indices: tuple[Any, ...]) -> Any: ...

    def whole(self, node: Node) -> Node: ...


@dataclass(frozen=True, slots=True)
class Product:
    """``np.dot(first, second, out)``, each matrix transposed where its flag says so.

    ``letters`` name the axes of both operands, as they are stored, and of the result; ``loops`` is
    the same product without BLAS.
    """

    transposed: tuple[bool, bool]
    letters: tuple[str, str, str]
    loops: Kernel


def product_unit(builder: Storing, node: Node) -> Unit:
    """Return the unit that computes a contraction."""
    x, y = node.inputs
    left, right, result = (node.params[key] for key in ("left", "right", "result"))
    batch = _batch(left, right, result)
    inner = [letters[len(batch) :] if letters.startswith(batch) else None
             for letters in (left, right, result)]  # fmt: skip
    if batch and inner[0] is not None and inner[1] is not None and inner[2] is not None:
        return _batched(builder, node, batch, (inner[0], inner[1], inner[2]))
    matched = _as_product(x, y, left, right, result)
    if matched is None or not node.array_type.inexact or _is_small(x, y, left, right):
        return _loops(builder, node, x, y, left, right, result)
    operands, turned, named = [], [], []
    for operand, flag, letters in zip(*matched, strict=True):
        operand, also = _untransposed(builder, operand)
        operands.append(builder.whole(operand))
        turned.append(flag != also)
        named.append(letters[::-1] if also else letters)
    product = Product(
        (turned[0], turned[1]),
        (named[0], named[1], result),
        _loops(builder, node, x, y, left, right, result),
    )
    return Routine(node, "dot", tuple(operands), product)


def _batch(left: str, right: str, result: str) -> str:
    """Return the leading letters that both operands and the result share."""
    length = 0
    for a, b, c in zip(left, right, result, strict=False):
        if not a == b == c:
            break
        length += 1
    return left[:length]


def _batched(builder: Storing, node: Node, batch: str, inner: tuple[str, str, str]) -> Unit:
    """Return a stack of products: one BLAS call for each, inside the loops over the stack."""
    x, y = node.inputs
    left, right, result = inner
    count = len(batch)
    matched = _as_product(x, y, left, right, result)
    small = _product_size(x.array_type.shape[count:], y.array_type.shape[count:], left, right)
    if matched is None or not node.array_type.inexact or (
        isinstance(small, int) and small <= SMALL_PRODUCT
    ):
        return _loops(builder, node, x, y, batch + left, batch + right, batch + result)
    (first, second), flags, letters = matched
    domain = tuple(dim for dim in node.array_type.shape[:count] if dim != 1)
    depths = iter(range(count))
    place: tuple[dims.Dim, ...] = tuple(
        0 if dim == 1 else variable(next(depths)) for dim in node.array_type.shape[:count]
    )
    operands = (builder.whole(first), builder.whole(second))
    product = Product(
        flags,
        (batch + letters[0], batch + letters[1], batch + result),
        _loops(builder, node, x, y, batch + left, batch + right, batch + result),
    )
    return Routine(node, "dot", operands, product, domain, (place, place), place)


def _untransposed(builder: Storing, operand: Node) -> tuple[Node, bool]:
    """Look through the transpose of a matrix, which BLAS takes as a flag."""
    flipped = False
    while (
        operand not in builder.stored
        and operand.op is transpose
        and operand.array_type.rank == 2
    ):
        flipped ^= operand.params["axes"] == (1, 0)
        operand = operand.inputs[0]
    return operand, flipped


def _as_product(
    x: Node, y: Node, left: str, right: str, result: str
) -> tuple[tuple[Node, Node], tuple[bool, bool], tuple[str, str]] | None:
    """Match a matrix-matrix or matrix-vector product, operands in order; None for others."""
    shared = [c for c in left if c in right]
    if len(shared) != 1 or shared[0] in result or max(len(left), len(right)) > 2:
        return None
    summed = shared[0]
    if not result:
        return None  # a dot product of vectors: a loop, which fuses with what surrounds it
    if len(left) == 1 and len(right) == 1:
        return None
    if len(result) == 2 and result[0] in right:
        x, y, left, right = y, x, right, left
    if len(left) == 1 or len(right) == 1:
        flags = (len(left) == 2 and left[0] == summed, len(right) == 2 and right[1] == summed)
        return (x, y), flags, (left, right)
    return (x, y), (left[0] == summed, right[1] == summed), (left, right)


def _is_small(x: Node, y: Node, left: str, right: str) -> bool:
    total = _product_size(x.array_type.shape, y.array_type.shape, left, right)
    return isinstance(total, int) and total <= SMALL_PRODUCT


def _product_size(first: dims.Shape, second: dims.Shape, left: str, right: str) -> dims.Dim:
    """Return the number of multiplications of a contraction."""
    sizes = dict(zip(left, first, strict=True)) | dict(zip(right, second, strict=True))
    return dims.product(sizes.values())


def _loops(
    builder: Storing, node: Node, x: Node, y: Node, left: str, right: str, result: str
) -> Kernel:
    """Return the contraction as a loop nest, the summed axes innermost."""
    summed = [c for c in left if c in right and c not in result]
    sizes = dict(zip(left, x.array_type.shape, strict=True))
    sizes.update(
        (c, dim) for c, dim in zip(right, y.array_type.shape, strict=True) if c not in sizes
    )
    order = [c for c in (*result, *summed) if sizes[c] != 1]
    place: dict[str, dims.Dim] = dict.fromkeys((*result, *summed), 0)
    place.update((c, variable(depth)) for depth, c in enumerate(order))
    dtype = node.array_type.dtype
    term = Term(
        "x * y",
        (
            builder.access(x, tuple(place[c] for c in left)),
            builder.access(y, tuple(place[c] for c in right)),
        ),
        dtype,
    )
    domain = tuple(sizes[c] for c in order)
    write = tuple(place[c] for c in result)
    if not summed:
        return Kernel(node, domain, write, term)
    return Kernel(node, domain, write, term, "x + y", dtype.type(0))
