"""Means, variances, covariances; and the reductions that leave NaN out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Operand
from irgrad.ops.axes import dtype_of, normalized_axes, shape_of
from irgrad.ops.complex_numbers import squared_magnitude
from irgrad.ops.create import in_dtype
from irgrad.ops.elementwise import select
from irgrad.ops.outputs import delivered
from irgrad.ops.reduce import reduced_shape
from irgrad.ops.registry import REDUCERS, spelling
from irgrad.ops.shape import reshape


def size_number(x: Any, number: dims.Dim) -> Any:
    """Return a size as a weak number, traced beside ``x`` where it is symbolic."""
    return number if isinstance(number, int) else x.tape.size(number)


def _count(x: Any, axes: tuple[int, ...], where: Any, dtype: np.dtype) -> Any:
    """Return how many elements a reduction folds: a weak number, or an array with axes kept."""
    if where is True or where is np._NoValue:
        return size_number(x, dims.product(shape_of(x)[axis] for axis in axes))
    ones = select(where, np.ones_like(x, dtype=dtype), 0)
    return np.sum(ones, axis=axes, keepdims=True)


def _dropped(y: Any, x: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    """Return ``y``, whose ``axes`` were kept at size 1, with them or without."""
    if keepdims and keepdims is not np._NoValue:
        return y
    return reshape(y, shape=reduced_shape(shape_of(x), axes))


@spelling(np.mean, method="mean")
def _np_mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    axes = normalized_axes(axis, len(shape_of(a)))
    if dtype is None and dtype_of(a).kind in "bui":
        dtype = np.float64
    total = np.sum(a, axis=axes, dtype=dtype, keepdims=True, where=where)
    average = _dropped(total / _count(a, axes, where, dtype_of(total)), a, axes, keepdims)
    return delivered(in_dtype(average, dtype), out, "np.mean")


@spelling(np.var, method="var")
def _np_var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:  # fmt: skip
    freedom = ddof if correction is np._NoValue else correction
    axes = normalized_axes(axis, len(shape_of(a)))
    if mean is np._NoValue:
        mean = np.mean(a, axis=axes, dtype=dtype, keepdims=True, where=where)
    total = np.sum(squared_magnitude(a - mean), axis=axes, dtype=dtype, keepdims=True, where=where)
    left = _count(a, axes, where, dtype_of(total)) - freedom
    if isinstance(left, int | float):
        left = max(left, 0)
    elif freedom != 0:
        # NumPy divides by 0 where there are fewer elements than degrees of freedom to take off.
        left = np.maximum(left.astype(dtype_of(total)), 0)
    variance = in_dtype(_dropped(total / left, a, axes, keepdims), dtype)
    return delivered(variance, out, "np.var")


@spelling(np.std, method="std")
def _np_std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = False, **options: Any,
) -> Any:  # fmt: skip
    """Return the root of the variance; its gradient at zero variance is 0."""
    variance = np.var(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **options)
    return delivered(safe_sqrt(variance), out, "np.std")


def safe_sqrt(x: Any) -> Any:
    """Return the square root with derivative 0 at 0: the convention of norm and std."""
    zero = x == 0
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, x)))


@spelling(np.average)
def _np_average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    axes = normalized_axes(axis, len(shape_of(a)))
    keeps = bool(keepdims) and keepdims is not np._NoValue
    if weights is None:
        average = np.mean(a, axis=axis, keepdims=keeps)
        scale = np.full_like(average, size_number(a, dims.product(shape_of(a)[x] for x in axes)))
        return (average, scale) if returned else average
    spread = spread_weights(a, weights, axes)
    scale = np.sum(spread, axis=axes, keepdims=keeps)
    average = np.sum(a * spread, axis=axes, keepdims=keeps) / scale
    if not returned:
        return average
    shape: Any = shape_of(average)
    return average, np.broadcast_to(scale, shape)


def spread_weights(a: Any, weights: Any, axes: tuple[int, ...]) -> Any:
    """Return ``weights`` aligned with ``a``: of its shape, or one an element of ``axes``."""
    shape: Any = shape_of(a)
    if not isinstance(weights, Operand):
        weights = a.lift(weights)  # so that it takes on sizes that only a trace knows
    own = shape_of(weights)
    if len(own) == len(shape):
        return weights + np.zeros_like(a) if dims.product(own) == 1 else weights
    wanted = tuple(shape[axis] for axis in axes)
    if not dims.same_shape(own, wanted):
        raise ShapeError(
            f"weights of shape {own} for axes of shape {wanted}", remedy="give one an element"
        )
    order = tuple(int(i) for i in np.argsort(axes))
    ordered = np.transpose(weights, order) if len(own) > 1 else weights
    return np.broadcast_to(
        reshape(ordered, shape=tuple(d if i in axes else 1 for i, d in enumerate(shape))), shape
    )


@spelling(np.cov)
def _np_cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """Return the covariance matrix of the variables in the rows (columns) of ``m``."""
    rows = _variables(m, rowvar, dtype)
    if y is not None:
        rows = np.concatenate([rows, _variables(y, rowvar, dtype)], axis=0)
    freedom = ddof if ddof is not None else 0 if bias else 1
    weights = fweights
    if aweights is not None:
        weights = aweights if fweights is None else fweights * aweights
    if weights is None:
        average = np.mean(rows, axis=1, keepdims=True)
        left = size_number(rows, shape_of(rows)[1]) - freedom
    else:
        total = np.sum(weights + np.zeros_like(rows[0]))
        average = np.sum(rows * weights, axis=1, keepdims=True) / total
        left = total - freedom
        if aweights is not None and freedom != 0:
            left = total - freedom * np.sum(weights * aweights + np.zeros_like(rows[0])) / total
    centred = rows - average
    scaled = centred if weights is None else centred * weights
    matrix = np.dot(centred, np.conj(scaled.T)) / left
    return np.squeeze(matrix)


def _variables(m: Any, rowvar: bool, dtype: Any) -> Any:
    rank = len(shape_of(m))
    if rank > 2:
        raise ShapeError(f"np.cov of an array with {rank} axes", remedy="give at most 2")
    rows = reshape(m, shape=(1, shape_of(m)[0])) if rank == 1 else m if rowvar else m.T
    wanted = np.result_type(dtype_of(rows), np.float64) if dtype is None else np.dtype(dtype)
    return rows if dtype_of(rows) == wanted else rows.astype(wanted)


@spelling(np.corrcoef)
def _np_corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, **unused: Any
) -> Any:
    matrix = np.cov(x, y, rowvar, dtype=dtype)
    if len(shape_of(matrix)) == 0:
        return matrix / matrix
    deviation = np.sqrt(np.diagonal(matrix))
    return np.clip(matrix / deviation[:, None] / deviation[None, :], -1, 1)


def _present(a: Any, where: Any) -> Any:
    """Return which elements are numbers, and among them those chosen by ``where``."""
    present = ~np.isnan(a)
    return present if where is True or where is np._NoValue else present & where


@spelling(np.nansum)
def _np_nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 0, where: Any = True,
) -> Any:  # fmt: skip
    return np.sum(select(np.isnan(a), 0, a), axis=axis, dtype=dtype, out=out,
                  keepdims=keepdims, initial=initial, where=where)  # fmt: skip


@spelling(np.nanprod)
def _np_nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 1, where: Any = True,
) -> Any:  # fmt: skip
    return np.prod(select(np.isnan(a), 1, a), axis=axis, dtype=dtype, out=out,
                   keepdims=keepdims, initial=initial, where=where)  # fmt: skip


@spelling(np.nanmean)
def _np_nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    return np.mean(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, where=_present(a, where))


@spelling(np.nanvar)
def _np_nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = False, *, where: Any = True, **options: Any,
) -> Any:  # fmt: skip
    """Return the variance of the numbers; NaN where there are too few of them."""
    present = _present(a, where)
    numbers = select(present, a, 0)
    variance = np.var(numbers, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims,
                      where=present, **options)  # fmt: skip
    enough = np.sum(present, axis=axis, keepdims=keepdims) > ddof
    return delivered(np.where(enough, variance, np.nan), out, "np.nanvar")


@spelling(np.nanstd)
def _np_nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None,
               ddof: float = 0, keepdims: Any = False, **options: Any) -> Any:  # fmt: skip
    variance = np.nanvar(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **options)
    return delivered(safe_sqrt(variance), out, "np.nanstd")


def _nan_extreme(fold: Callable[..., Any], worst: float) -> Callable[..., Any]:
    def meaning(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False,
        initial: Any = np._NoValue, where: Any = True,
    ) -> Any:  # fmt: skip
        """Return the extreme of the numbers; NaN where there is none."""
        if dtype_of(a).kind != "f":
            return fold(a, axis=axis, out=out, keepdims=keepdims, initial=initial, where=where)
        kept = select(np.isnan(a), worst, a)
        result = fold(kept, axis=axis, keepdims=keepdims, initial=initial, where=where)
        if initial is np._NoValue:
            some = np.any(~np.isnan(a), axis=axis, keepdims=keepdims)
            result = np.where(some, result, np.nan)
        return delivered(result, out, "np.nanmax")

    return meaning


spelling(np.nanmax)(_nan_extreme(np.max, -np.inf))
spelling(np.nanmin)(_nan_extreme(np.min, np.inf))
REDUCERS[np.fmax] = lambda a, axis=0, dtype=None, *rest, **options: (
    np.nanmax(a, axis, *rest, **options)
)
REDUCERS[np.fmin] = lambda a, axis=0, dtype=None, *rest, **options: (
    np.nanmin(a, axis, *rest, **options)
)


@spelling(np.nanargmax)
def _np_nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return np.argmax(select(np.isnan(a), -np.inf, a), axis=axis, out=out, keepdims=keepdims)


@spelling(np.nanargmin)
def _np_nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return np.argmin(select(np.isnan(a), np.inf, a), axis=axis, out=out, keepdims=keepdims)


