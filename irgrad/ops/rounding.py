"""Rounding, and division with a remainder."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.op import Op, Sample
from irgrad.ops.axes import dtype_of, promotion_kind
from irgrad.ops.create import convert
from irgrad.ops.declare import binary, elementwise
from irgrad.ops.floating import as_float
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import UFUNCS, spelling


def _step(function: np.ufunc) -> Op:
    return elementwise(
        function,
        emit=f"np.{function.__name__}(x)",
        partials=lambda out, x: (0.0,),
        jumps=True,
        samples=(
            Sample((np.array([-1.7, 0.2, 2.6]),)),
            Sample((np.array([-2.0, 0.0, 0.5, -0.5, 1.5]),), differentiable=False),
        ),
        convention="0 everywhere, also at the steps",
    )


floor = _step(np.floor)
ceil = _step(np.ceil)
trunc = _step(np.trunc)
rint = _step(np.rint)


def _quotient_samples() -> tuple[Sample, ...]:
    return (
        *binary((-2.03, 2.11), (0.53, 3.1)),
        *binary((-5.07, 5.3), (-1.7, -0.43)),
        Sample((np.array([4.0, -4.0, 0.0]), np.array([2.0, 2.0, 1.0])), differentiable=False),
    )


floor_divide = elementwise(
    np.floor_divide,
    emit="np.floor_divide(x, y)",
    nondiff="acts on integers; real quotients are made of fmod",
    samples=(
        Sample((np.array([7, -7, 6, 0]), np.array([2, 2, -3, 5]))),
        Sample((np.array([[7], [-7]]), np.array([2, -2, 7]))),
    ),
)


def _floor_divide(x: Any, y: Any) -> Any:
    """Return the quotient rounded down; of reals, derivative 0 in both, also at the steps.

    NumPy's quotient of reals goes with its remainder, so that ``1 // 0.001`` is 999: the exact
    quotient lies just below 1000. Numba's rounds ``x / y``, so it can't be used.

    Reference: the definition of divmod in Python's language reference, section 6.7.
    """
    kinds = [z if isinstance(z, int | float) else promotion_kind(z) for z in (x, y)]
    if np.result_type(*kinds).kind != "f":
        return floor_divide(x, y)
    rest = np.fmod(x, y)
    whole = np.rint((x - rest) / y)
    short = (rest != 0) & ((rest < 0) != (y < 0))
    return np.where(y == 0, np.trunc(x / y), np.where(short, whole - 1, whole))


UFUNCS[np.floor_divide] = _floor_divide

remainder = elementwise(
    np.remainder,
    emit="np.remainder(x, y)",
    jumps=True,
    partials=lambda out, x, y: (1, -np.floor_divide(x, y)),
    samples=_quotient_samples(),
    convention="1 and minus the quotient, also at the jumps",
)
fmod = elementwise(
    np.fmod,
    emit="np.fmod(x, y)",
    jumps=True,
    partials=lambda out, x, y: (1, np.rint((out - x) / y)),
    samples=_quotient_samples(),
    convention="1 and minus the quotient, also at the jumps",
)


@spelling(np.divmod)
def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return _floor_divide(x, y), remainder(x, y)


@spelling(np.modf)
def _modf(x: Any) -> tuple[Any, Any]:
    """Return the fractional part, whose derivative is 1, and the whole part, whose is 0."""
    x = as_float(x)
    whole = np.trunc(x)
    return np.where(np.isinf(x), 0.0, x - np.where(np.isinf(x), 0.0, whole)), whole


@spelling(np.fix)
def _fix(x: Any, out: Any = None) -> Any:
    return delivered(np.trunc(x), out, "np.fix")


@spelling(np.round, np.around, method="round")
def _round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    return delivered(_rounded(a, decimals), out, "np.round")


def _rounded(a: Any, decimals: Any) -> Any:
    """Round to a number of decimals as NumPy does: scale, round to even, scale back."""
    if not isinstance(decimals, int | np.integer):
        raise UnsupportedCallError("np.round with traced decimals", remedy="pass decimals=int")
    kind = dtype_of(a).kind
    scale = 10 ** abs(int(decimals))
    if kind == "b":
        raise UnsupportedCallError("np.round of truth values", remedy="they are round already")
    if kind in "iu":
        if decimals >= 0:
            return a * 1
        return convert(np.rint(a / scale) * scale, dtype=dtype_of(a))
    if decimals == 0:
        return np.rint(a)
    if decimals > 0:
        return np.rint(a * float(scale)) / float(scale)
    return np.rint(a / float(scale)) * float(scale)
