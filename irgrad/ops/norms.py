"""Norms of vectors and matrices; at zero, where a norm has a kink, the gradient is 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ops.axes import dtype_of, normalized_axes, shape_of
from irgrad.ops.complex_numbers import part_dtype, squared_magnitude
from irgrad.ops.create import convert
from irgrad.ops.reduce import keep_axes
from irgrad.ops.registry import spelling
from irgrad.ops.singular_values import singular_values
from irgrad.ops.statistics import safe_sqrt

Axes = tuple[int, ...]


def _inexact(x: Any) -> Any:
    return x if dtype_of(x).kind in "fc" else convert(x, dtype=np.dtype(np.float64))


def _root(total: Any, order: float) -> Any:
    """Return ``total ** (1 / order)``, with derivative 0 at 0."""
    if order < 0:
        return total ** (1 / order)
    zero = total == 0
    return np.where(zero, 0.0, np.where(zero, 1.0, total) ** (1 / order))


def of_vectors(x: Any, order: Any, axes: Axes) -> Any:
    """Return the norms of the vectors that ``axes`` together hold.

    Reference: the p-norms ``sum(|x|**p)**(1/p)``, the largest and smallest magnitude as their
    limits, and the number of elements other than 0 for p = 0.
    """
    if order is None or order == 2:
        return safe_sqrt(np.sum(squared_magnitude(x), axis=axes))
    if isinstance(order, str):
        raise ShapeError(f"norm of order {order!r} of vectors", remedy="it is for matrices")
    if order == np.inf:
        return np.max(np.abs(x), axis=axes)
    if order == -np.inf:
        return np.min(np.abs(x), axis=axes)
    if order == 0:
        return np.sum(x != 0, axis=axes).astype(part_dtype(dtype_of(x)))
    if order == 1:
        return np.sum(np.abs(x), axis=axes)
    return _root(np.sum(np.abs(x) ** float(order), axis=axes), float(order))


def of_matrices(x: Any, order: Any, rows: int, columns: int) -> Any:
    """Return the norms of the matrices that two axes hold."""
    if order in (None, "fro", "f"):
        return safe_sqrt(np.sum(squared_magnitude(x), axis=(rows, columns)))
    if order in (2, -2, "nuc"):
        values = singular_values(np.moveaxis(x, (rows, columns), (-2, -1)))[1]
        if order == "nuc":
            return np.sum(values, axis=-1)
        return np.max(values, axis=-1) if order == 2 else np.min(values, axis=-1)
    if order not in (1, -1, np.inf, -np.inf):
        raise ShapeError(
            f"matrix norm of order {order!r}",
            remedy="use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf",
        )
    summed, other = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = np.sum(np.abs(x), axis=summed)
    left = other - (1 if summed < other else 0)
    return np.max(sums, axis=left) if order > 0 else np.min(sums, axis=left)


@spelling(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = _inexact(x)
    rank = len(shape_of(x))
    if axis is None:
        axes = tuple(range(rank))
        if ord is None:
            result = of_vectors(x, None, axes)
            return keep_axes(result, x, axes) if keepdims else result
    else:
        axes = normalized_axes(axis, rank)
    if len(axes) == 1:
        result = of_vectors(x, ord, axes)
    elif len(axes) == 2:
        result = of_matrices(x, ord, *axes)
    else:
        raise ShapeError(
            f"a norm of order {ord} over {len(axes)} axes", remedy="name one axis or two"
        )
    return keep_axes(result, x, axes) if keepdims else result


@spelling(np.linalg.vector_norm)
def _vector_norm(
    x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Any:
    x = _inexact(x)
    axes = normalized_axes(axis, len(shape_of(x)))
    result = of_vectors(x, ord, axes)
    return keep_axes(result, x, axes) if keepdims else result


@spelling(np.linalg.matrix_norm)
def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return _norm(x, ord, (-2, -1), keepdims)
