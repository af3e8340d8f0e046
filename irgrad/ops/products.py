"""Products of vectors and matrices built on contractions: vecdot, cross, powers, chains."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ops.axes import dtype_of, normalized_axis, shape_of
from irgrad.ops.contract import LETTERS, contracted
from irgrad.ops.create import counting
from irgrad.ops.elementwise import select
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import UFUNCS, spelling
from irgrad.ops.shape import broadcast, reshape
from irgrad.ops.stacking import operands_of


def _vecdot(x1: Any, x2: Any, /, axis: int = -1, axes: Any = None, keepdims: bool = False) -> Any:
    """Multiply along an axis and sum."""
    x1, x2 = operands_of((x1, x2))
    if axes is not None:
        x1, x2 = np.moveaxis(x1, axes[0], -1), np.moveaxis(x2, axes[1], -1)
    else:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    if not dims.same(shape_of(x1)[-1], shape_of(x2)[-1]):
        raise ShapeError(
            f"vecdot of vectors of {shape_of(x1)[-1]} and {shape_of(x2)[-1]} elements",
            remedy="make the axes equally long",
        )
    products = np.conj(x1) * x2
    total = np.sum(products, axis=-1, keepdims=keepdims)
    return total if dtype_of(total) == dtype_of(products) else total.astype(dtype_of(products))


UFUNCS[np.vecdot] = _vecdot


@spelling(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _vecdot(x1, x2, axis)


def _matvec(x1: Any, x2: Any, /, **options: Any) -> Any:
    x1, x2 = operands_of((x1, x2))
    return np.matmul(x1, x2[..., None])[..., 0]


def _vecmat(x1: Any, x2: Any, /, **options: Any) -> Any:
    x1, x2 = operands_of((x1, x2))
    return np.matmul(np.conj(x1)[..., None, :], x2)[..., 0, :]


for _name, _meaning in (("matvec", _matvec), ("vecmat", _vecmat)):
    if hasattr(np, _name):  # since NumPy 2.2
        UFUNCS[getattr(np, _name)] = _meaning


@spelling(np.cross)
def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Return the cross product; vectors of two components have 0 as the third."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operands_of((a, b))
    x, y = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    sizes = tuple(dims.concrete(shape_of(v)[-1]) for v in (x, y))
    if not set(sizes) <= {2, 3}:
        raise ShapeError(
            f"a cross product of vectors with {sizes[0]} and {sizes[1]} components",
            remedy="use 2 or 3 components",
        )
    p, q = ([v[..., i] for i in range(n)] for v, n in zip((x, y), sizes, strict=True))
    last = p[0] * q[1] - p[1] * q[0]
    if sizes == (2, 2):
        return last
    if sizes == (2, 3):
        parts = [p[1] * q[2], -(p[0] * q[2]), last]
    elif sizes == (3, 2):
        parts = [-(p[2] * q[1]), p[2] * q[0], last]
    else:
        parts = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], last]
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


@spelling(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    for x in (x1, x2):
        size = shape_of(x)[normalized_axis(axis, len(shape_of(x)))]
        if not dims.same(size, 3):
            raise ShapeError(f"a vector of {size} components", remedy="np.linalg.cross needs 3")
    return _cross(x1, x2, axis=axis)


@spelling(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """Multiply a chain of matrices in the cheapest order."""
    parts = operands_of(arrays)
    if len(parts) < 2:
        raise ShapeError("multi_dot of fewer than 2 arrays", remedy="pass 2 or more")
    first, last = len(shape_of(parts[0])), len(shape_of(parts[-1]))
    terms = [LETTERS[i : i + 2] for i in range(len(parts))]
    if first == 1:
        terms[0] = terms[0][1:]
    if last == 1:
        terms[-1] = terms[-1][:1]
    if [len(term) for term in terms] != [len(shape_of(part)) for part in parts]:
        raise ShapeError(
            "multi_dot needs matrices; the first and the last may be vectors", remedy="reshape"
        )
    result = (terms[0][0] if first == 2 else "") + (terms[-1][-1] if last == 2 else "")
    return delivered(
        contracted((",".join(terms) + "->" + result, *parts)), out, "np.linalg.multi_dot"
    )


@spelling(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    """Multiply a square matrix by itself, squaring repeatedly."""
    shape = shape_of(a)
    if len(shape) < 2 or not dims.same(shape[-1], shape[-2]):
        raise ShapeError(f"a power of an array of shape {shape}", remedy="pass square matrices")
    power = operator.index(n)
    if power < 0:
        a, power = np.linalg.inv(a), -power
    if power == 0:
        size = shape[-1]
        diagonal = counting(a, size) == reshape(counting(a, size), shape=(size, 1))
        dtype = dtype_of(a)
        return broadcast(select(diagonal, dtype.type(1), dtype.type(0)), shape=shape)
    result: Any = None
    square = a
    while True:
        if power & 1:
            result = square if result is None else np.matmul(result, square)
        power >>= 1
        if not power:
            return result if result is not a else np.copy(a)
        square = np.matmul(square, square)
