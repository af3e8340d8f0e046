"""Arrays made from traced bounds and bases: linspace, logspace, geomspace, vander."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, dtype_of, promotion_kind, shape_of
from irgrad.ops.create import carrier, convert, counting
from irgrad.ops.elementwise import select
from irgrad.ops.registry import spelling
from irgrad.ops.shape import reshape
from irgrad.ops.stacking import operands_of

FEW_POWERS = 16


def _spaced(
    start: Any, stop: Any, num: Any, endpoint: bool, least: Any = float
) -> tuple[Any, Any, Any, Dim, Any]:
    """Return the ends, the numbers 0, 1, ... on a leading axis, how many, and the divisor."""
    ends = operands_of((start, stop))
    dtype = np.result_type(*map(_kind, ends), least(0))
    start, stop = (_as_dtype(x, dtype) for x in ends)
    count = as_dim(num)
    if not dims.at_least(count, 0):
        raise ShapeError(f"{num} samples", remedy="ask for 0 or more")
    shape = dims.broadcast_shapes(shape_of(start), shape_of(stop))
    if shape is None:
        raise ShapeError("the bounds' shapes don't fit each other", remedy="make them broadcast")
    traced = carrier(start, stop)
    places = reshape(counting(traced, count, dtype), shape=(count, *((1,) * len(shape))))
    parts = count - 1 if endpoint else count
    divisor = parts if isinstance(parts, int) else traced.tape.size(parts)
    return start, stop, places, count, divisor


def _kind(x: Any) -> Any:
    """Return what an end counts as in NumPy's promotion: a dtype, or a Python number."""
    if isinstance(x, Operand):
        return promotion_kind(x)
    return x if isinstance(x, int | float) else dtype_of(x)


def _as_dtype(x: Any, dtype: np.dtype) -> Any:
    if not isinstance(x, Operand):
        return np.asarray(x, dtype)
    strong = dtype_of(x) == dtype and getattr(x, "weak", None) is None
    return x if strong else convert(x, dtype=dtype)


def _ended(result: Any, places: Any, count: Dim, stop: Any, endpoint: bool) -> Any:
    """Make the last sample exactly the end."""
    if not endpoint or not dims.at_least(count, 2):
        return result
    last = count - 1 if isinstance(count, int) else result.tape.size(count - 1)
    return select(places == last, stop, result)


@spelling(np.linspace)
def _linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    start, stop, places, count, divisor = _spaced(start, stop, num, endpoint)
    if divisor == 0 if isinstance(divisor, int) else False:
        step: Any = (stop - start) * np.nan
        result = places * (stop - start) + start
    else:
        step = (stop - start) / divisor
        result = places * step + start
    result = np.moveaxis(_ended(result, places, count, stop, endpoint), 0, axis)
    if dtype is not None:
        target = np.dtype(dtype)
        result = convert(np.floor(result) if target.kind in "iu" else result, dtype=target)
    return (result, step) if retstep else result


@spelling(np.logspace)
def _logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    if not isinstance(base, int | float) and shape_of(base):
        raise UnsupportedCallError(
            "np.logspace with an array of bases", remedy="write base ** np.linspace(...)"
        )
    exponents = np.linspace(start, stop, num, endpoint, axis=axis) if isinstance(
        carrier(start, stop), Operand
    ) else base.lift(np.linspace(start, stop, num, endpoint, axis=axis))  # fmt: skip
    result = np.power(base, exponents)
    return result if dtype is None else result.astype(dtype)


@spelling(np.geomspace)
def _geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Return samples of equal ratio, ``start * (stop / start) ** (i / (n - 1))``, in float64."""
    first, last, places, count, divisor = _spaced(start, stop, num, endpoint, np.float64)
    if isinstance(divisor, int) and divisor == 0:
        divisor = 1
    result = first * np.exp(places / divisor * np.log(last / first))
    result = select(places == 0, first, _ended(result, places, count, last, endpoint))
    result = np.moveaxis(result, 0, axis)
    return result if dtype is None else result.astype(dtype)


@spelling(np.vander)
def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    if len(shape_of(x)) != 1:
        raise ShapeError("np.vander needs one axis", remedy="flatten first")
    count = shape_of(x)[0] if N is None else as_dim(N)
    x = _as_dtype(x, np.promote_types(dtype_of(x), int))
    if isinstance(count, int) and count <= FEW_POWERS:
        powers = [np.ones_like(x)]
        for _ in range(count - 1):
            powers.append(powers[-1] * x)
        columns = powers[:count]
        if not columns:
            return x[:, None][:, :0]
        return np.stack(columns if increasing else columns[::-1], axis=1)
    exponents = counting(x, count, dtype_of(x))
    column = reshape(x, shape=(shape_of(x)[0], 1))
    return column ** (exponents if increasing else np.flip(exponents))
