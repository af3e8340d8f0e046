"""NumPy spellings of fills, copies, conversions and choices."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ops.axes import as_shape, dtype_of, shape_of
from irgrad.ops.complex_numbers import cast
from irgrad.ops.create import convert, full
from irgrad.ops.elementwise import invert, logical_not, power, select, square
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import UFUNCS, spelling


def _filled(x: Any, value: Any, dtype: Any, shape: Any) -> Any:
    target = np.dtype(dtype) if dtype is not None else dtype_of(x)
    sizes = shape_of(x) if shape is None else as_shape(shape)
    scalar = x.lift_inside(np.asarray(value).astype(target)[()])
    return full(scalar, shape=sizes)


@spelling(np.zeros_like)
def _zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
                *, device: Any = None) -> Any:  # fmt: skip
    return _filled(a, 0, dtype, shape)


@spelling(np.ones_like)
def _ones_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
               *, device: Any = None) -> Any:  # fmt: skip
    return _filled(a, 1, dtype, shape)


@spelling(np.empty_like)
def _empty_like(prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True,
                shape: Any = None, *, device: Any = None) -> Any:  # fmt: skip
    return _filled(prototype, 0, dtype, shape)


@spelling(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
               shape: Any = None, *, device: Any = None) -> Any:  # fmt: skip
    carrier = a if hasattr(a, "lift") else fill_value
    target = np.dtype(dtype) if dtype is not None else dtype_of(a)
    sizes: Any = shape_of(a) if shape is None else as_shape(shape)
    if isinstance(fill_value, int | float | np.generic):
        fill_value = np.asarray(fill_value).astype(target)[()]
    value = carrier.lift_inside(fill_value)
    if dtype_of(value) != target:
        value = convert(value, dtype=target)
    return np.broadcast_to(value, sizes)


@spelling(method="astype")
def _astype(x: Any, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
            copy: bool = True) -> Any:  # fmt: skip
    target = np.dtype(dtype)
    return cast(x, target) if dtype_of(x) != target or x.weak else x.copy()


@spelling(np.copy, method="copy")
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return deepcopy(a) if hasattr(a, "tape") else a


@spelling(np.where)
def _where(condition: Any, x: Any = np._NoValue, y: Any = np._NoValue, /) -> Any:
    if x is np._NoValue:
        raise UnsupportedCallError(
            "np.where(condition) returns as many positions as the condition has true elements",
            remedy="use the three-argument np.where(condition, a, b)",
        )
    if hasattr(condition, "dtype") and dtype_of(condition).kind != "b":
        condition = condition != 0
    return select(condition, x, y)


def _invert(x: Any) -> Any:
    return logical_not(x) if dtype_of(x).kind == "b" else invert(x)


UFUNCS[np.invert] = _invert


def _power(x: Any, y: Any) -> Any:
    """Return ``x ** y``; whole powers of an array become products."""
    if type(y) in (int, float) and getattr(x, "weak", 1) is None:
        kind = dtype_of(x).kind
        if y == 2 and (kind in "fc" or (kind in "iu" and isinstance(y, int))):
            return square(x)
        if kind in "fc" and y == 1:
            return x * 1
        if kind in "fc" and y == 0.5:
            return np.sqrt(x)
        if kind in "fc" and y == 3:
            return x * square(x)
        if kind in "fc" and y == 4:
            return square(square(x))
        if kind in "fc" and y == -1:
            return 1 / x
    return power(x, y)


UFUNCS[np.power] = _power


@spelling(np.clip, method="clip")
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
          max: Any = None, **options: Any) -> Any:  # fmt: skip
    """Keep within bounds; derivative 1 on the closed interval, 0 outside."""
    low = a_min if a_min is not None else min
    high = a_max if a_max is not None else max
    if low is not None:
        a = select(a < low, low, a)
    if high is not None:
        a = select(a > high, high, a)
    return delivered(a, out, "np.clip")


@spelling(method="fill")
def _fill(a: Any, value: Any) -> None:
    delivered(value, a, "ndarray.fill")
