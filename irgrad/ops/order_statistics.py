"""Order statistics, and the medians and quantiles made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Operand, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, normalized_axes, shape_of
from irgrad.ops.create import counting
from irgrad.ops.cumulative import take_rows
from irgrad.ops.declare import real, real_numbers
from irgrad.ops.floating import as_float
from irgrad.ops.outputs import delivered
from irgrad.ops.reduce import axes_last, kept_shape, reduced_shape
from irgrad.ops.registry import declare, spelling
from irgrad.ops.shape import reshape
from irgrad.ops.sorting import argsort_, sorted_rows
from irgrad.ops.statistics import size_number, spread_weights

_ORDER_KERNEL = '''def order_statistics(x, positions, out):
    """Fill the rows of out with the elements of the rows of x at positions of the sorted row."""
    for row in range(x.shape[0]):
        rest = x[row].copy()
        place = 0
        for position in positions.flat:
            rest = np.partition(rest, position)
            out[row, place] = rest[position]
            place += 1
'''


def _order_type(x: ArrayType, positions: ArrayType) -> ArrayType:
    if not dims.at_least(x.shape[-1], 1):
        raise ShapeError(f"an order statistic of no elements ({x})", remedy="give some")
    return x.with_shape((*x.shape[:-1], positions.shape[0]))


def _order_pullback(cotangent: Any, out: Any, x: Any, positions: Any) -> tuple[Any, None]:
    """Share the cotangent of each statistic among the elements that equal it."""
    count = shape_of(out)[-1]
    batch, size = shape_of(x)[:-1], shape_of(x)[-1]
    wanted = reshape(out, shape=(*batch, count, 1))
    chosen = reshape(x, shape=(*batch, 1, size)) == wanted
    number = np.sum(chosen, axis=-1)
    share = reshape(cotangent / number.astype(cotangent.dtype), shape=(*batch, count, 1))
    return np.sum(np.where(chosen, share, 0.0), axis=-2), None


order_statistics = declare(
    Op(
        name="order_statistics",
        evaluate=lambda x, positions: np.take(np.sort(x, axis=-1), positions, axis=-1),
        infer=real_numbers(_order_type, "sorting"),
        lowering=Kernel("order_statistics", _ORDER_KERNEL),
        pullback=_order_pullback,
        samples=(
            Sample((real(-2, 2), np.array([1, 2]))),
            Sample((real(-2, 2, (7,)), np.array([0, 3, 6]))),
            Sample((np.array([[1.0, 2.0, 2.0, 5.0]]), np.array([1, 2])), differentiable=False),
        ),
        convention="ties share the cotangent evenly",
        selects=True,
    )
)
"""The elements of each row of ``x: (..., n)`` at ``positions: (k,)`` of the sorted row."""

_FEW = 8
"""Up to so many statistics of one row, selecting each beats sorting the row."""


def _picked(rows: Any, positions: Any) -> Any:
    """Return the order statistics of the rows: ``(..., k)``."""
    if shape_of(positions)[0] == 1 or dims.at_least(_FEW, shape_of(positions)[0]):
        return order_statistics(rows, positions)
    return take_rows(sorted_rows(rows), positions)


def _rows_of(a: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    axes = normalized_axes(axis, len(shape_of(a)))
    return axes_last(as_float(a), tuple(sorted(axes))), axes


def _with_axes(result: Any, a: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    keeps = keepdims and keepdims is not np._NoValue
    shape = kept_shape(shape_of(a), axes) if keeps else reduced_shape(shape_of(a), axes)
    return reshape(result, shape=shape)


def _or_nan(result: Any, rows: Any) -> Any:
    """Return ``result: (...)`` with NaN where its row has one."""
    return np.where(np.any(np.isnan(rows), axis=-1), np.nan, result)


@spelling(np.median)
def _np_median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """Return the middle element, or the mean of the two; ties share the cotangent evenly."""
    rows, axes = _rows_of(a, axis)
    size = shape_of(rows)[-1]
    first = dims.floor_divide(size - 1, 2)
    step = size_number(rows, dims.floor_divide(size, 2) - first)
    middle = order_statistics(rows, counting(rows, 2) * step + size_number(rows, first))
    result = _or_nan(np.mean(middle, axis=-1), rows)
    return delivered(_with_axes(result, a, axes, keepdims), out, "np.median")


@spelling(np.nanmedian)
def _np_nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    rows, axes = _rows_of(a, axis)
    result = _nan_quantile(rows, 0.5, "linear")
    return delivered(_with_axes(result, a, axes, keepdims), out, "np.nanmedian")


def _nan_quantile(rows: Any, q: Any, method: str) -> Any:
    """Return the quantile of the numbers in each row, NaN where there are none."""
    count = np.sum(~np.isnan(rows), axis=-1, keepdims=True)
    size = np.maximum(count, 1).astype(rows.dtype)
    low, high, weight = _bracket(rows, size, q, method)
    ordered = sorted_rows(rows)
    result = below = take_rows(ordered, low.astype(np.int64))
    if low is not high:
        above = take_rows(ordered, high.astype(np.int64))
        result = _between(below, above, weight)
    return np.where(count > 0, result, np.nan)[..., 0]


def _between(below: Any, above: Any, weight: Any) -> Any:
    """Interpolate, by the end that is nearer, as NumPy does.

    Infinite ends stay themselves.
    """
    step = np.where(below == above, 0.0, above - below)
    near = above - step * (1 - weight)
    return np.where(weight >= 0.5, np.where(step == 0, above, near), below + step * weight)


# The place of a quantile q among n sorted elements, counted from 0, is n q + α + q (1 - α - β) - 1;
# some methods step there instead of interpolating.
# Reference: Hyndman & Fan, The American Statistician 50 (1996), definitions 1 to 9.
_PLACES: dict[str, tuple[float, float]] = {
    "inverted_cdf": (0.0, 1.0),
    "averaged_inverted_cdf": (0.0, 1.0),
    "closest_observation": (-0.5, 1.5),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
_LINEAR = ("linear", "lower", "higher", "nearest", "midpoint")


def _bracket(rows: Any, size: Any, q: Any, method: str) -> tuple[Any, Any, Any]:
    """Return the places of the elements below and above each quantile, and the upper's weight.

    Both places are one value where the method picks an element.
    size: how many elements the quantiles are of.
    """
    if method not in _PLACES and method not in _LINEAR:
        raise UnsupportedCallError(
            f"np.quantile with method={method!r}",
            remedy="use one of " + ", ".join([*_PLACES, *_LINEAR[1:]]),
        )
    if method in _LINEAR:
        place = (size - 1) * q
    else:
        alpha, beta = _PLACES[method]
        place = size * q + (alpha + q * (1 - alpha - beta)) - 1
    place = rows.lift(place)
    low = np.floor(place)
    high, weight = low + 1, place - low
    if method == "lower":
        high = low
    elif method in ("higher", "inverted_cdf"):
        low = high = np.ceil(place)
    elif method == "nearest":
        low = high = np.rint(place)
    elif method == "midpoint":
        weight = 0.5 * np.ceil(weight)
    elif method == "averaged_inverted_cdf":
        weight = np.where(weight == 0, 0.5, np.ceil(weight))
    elif method == "closest_observation":
        low = high = np.where((weight == 0) & (np.remainder(low, 2) == 1), low, high)
    last = size - 1
    if low is high:
        low = high = np.clip(low, 0, last)
        return low, high, weight
    weight = np.where((place < 0) | (place >= last), 0.0, weight)
    return np.clip(low, 0, last), np.clip(high, 0, last), weight


def _levels(q: Any, dtype: Any) -> Any:
    """Return checked quantiles, a number of Python's in ``dtype``."""
    if isinstance(q, Operand):
        return q
    levels = np.asarray(q, dtype if type(q) in (int, float) else None)[()]
    if not bool(np.all((levels >= 0) & (levels <= 1))):
        raise UnsupportedCallError("a quantile outside [0, 1]", remedy="give q in [0, 1]")
    return levels


def _quantile(a: Any, q: Any, axis: Any, method: str, keepdims: Any) -> Any:
    """Return quantiles; the axes of ``q`` come first."""
    if not isinstance(a, Operand):  # a traced q of a plain array
        a = q.lift(a)
    rows, axes = _rows_of(a, axis)
    levels = _levels(q, rows.dtype)
    size = size_number(rows, shape_of(rows)[-1])
    low, high, weight = _bracket(rows, size, np.ravel(levels), method)
    count = shape_of(weight)[0]
    both = low if low is high else np.concatenate([low, high])
    picked = _picked(rows, both.astype(np.int64))
    if low is high:
        result = picked
    else:
        result = _between(picked[..., :count], picked[..., count:], weight)
    nan = np.any(np.isnan(rows), axis=-1, keepdims=True)
    result = np.moveaxis(np.where(nan, np.nan, result), -1, 0)
    keeps = keepdims and keepdims is not np._NoValue
    rest = kept_shape(shape_of(a), axes) if keeps else reduced_shape(shape_of(a), axes)
    return reshape(result, shape=(*shape_of(levels), *rest))


def _level(a: Any, percent: Any) -> Any:
    """Return percents as quantiles, in the dtype NumPy gives them."""
    weak = isinstance(percent, Operand) or dtype_of(a).kind != "f"
    return np.true_divide(percent, 100 if weak else dtype_of(a).type(100))


def _weighted_quantile(a: Any, q: Any, axis: Any, method: str, keepdims: Any, weights: Any) -> Any:
    """Return the elements at which the running sum of the weights reaches ``q`` of the whole.

    Only the picked elements have a derivative: the weights choose, they don't scale.
    """
    if method != "inverted_cdf":
        raise UnsupportedCallError(
            f"np.quantile with weights= by method={method!r}",
            remedy="use method='inverted_cdf', as NumPy asks",
        )
    axes = normalized_axes(axis, len(shape_of(a)))
    heavy = as_float(spread_weights(a, weights, axes) + np.zeros_like(a))
    rows, share = axes_last(a, tuple(sorted(axes))), axes_last(heavy, tuple(sorted(axes)))
    order = argsort_(rows)
    mass = take_rows(share, order)
    running = np.cumsum(mass, axis=-1)
    # An element without weight is never picked, not even as the least of all.
    reached = np.where(mass > 0, running / running[..., -1:], -1.0)
    levels = _levels(q, np.float64)
    least = np.reshape(levels, (-1,) + (1,) * len(shape_of(rows)))
    place = np.argmax(reached >= np.where(least > 0, least, 0.0), axis=-1)
    picked = take_rows(take_rows(rows, order), np.moveaxis(place, 0, -1))
    result = np.moveaxis(picked, -1, 0)
    if dtype_of(a).kind == "f":
        result = np.where(np.any(np.isnan(rows), axis=-1), np.nan, result)
    keeps = keepdims and keepdims is not np._NoValue
    rest = kept_shape(shape_of(a), axes) if keeps else reduced_shape(shape_of(a), axes)
    return reshape(result, shape=(*shape_of(levels), *rest))


def _unweighted(weights: Any) -> None:
    if weights is not None:
        raise UnsupportedCallError(
            "np.nanquantile with weights=", remedy="use np.quantile, with weight 0 for the gaps"
        )


@spelling(np.quantile)
def _np_quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    if weights is not None:
        found = _weighted_quantile(a, q, axis, method, keepdims, weights)
    else:
        found = _quantile(a, q, axis, method, keepdims)
    return delivered(found, out, "np.quantile")


@spelling(np.percentile)
def _np_percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    level = _level(a, q)
    return _np_quantile(a, level, axis, out, False, method, keepdims, weights=weights)


@spelling(np.nanquantile)
def _np_nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    _unweighted(weights)
    rows, axes = _rows_of(a, axis)
    if np.shape(q) == ():
        result = _with_axes(_nan_quantile(rows, q, method), a, axes, keepdims)
    else:
        each: Any = q if isinstance(q, Operand) else np.asarray(q)
        found = [_nan_quantile(rows, level, method) for level in each]
        result = np.stack([_with_axes(one, a, axes, keepdims) for one in found])
    return delivered(result, out, "np.nanquantile")


@spelling(np.nanpercentile)
def _np_nanpercentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    return np.nanquantile(a, _level(a, q), *args, **options)
