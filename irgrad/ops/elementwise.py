"""Arithmetic and the elementary functions, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir import intervals
from irgrad.ir.op import Op, Sample
from irgrad.ops.declare import binary, complex_values, elementwise, real, unary

add = elementwise(
    np.add,
    emit="x + y",
    range=intervals.total,
    partials=lambda out, x, y: (1, 1),
    samples=binary((-2, 2), (-3, 3)),
)
subtract = elementwise(
    np.subtract,
    emit="x - y",
    range=intervals.difference,
    partials=lambda out, x, y: (1, -1),
    samples=binary((-2, 2), (-3, 3)),
)
multiply = elementwise(
    np.multiply,
    emit="x * y",
    range=intervals.times,
    partials=lambda out, x, y: (y, x),
    samples=binary((-2, 2), (-3, 3)),
)
divide = elementwise(
    np.divide,
    emit="x / y",
    range=intervals.quotient,
    complex_emit="np.divide(x, y)",  # the operator raises where y is 0
    pullback=lambda cotangent, out, x, y: (cotangent / y, -cotangent * (out / y)),
    samples=binary((-2, 2), (0.5, 3)),
    unbounded=True,
)
negative = elementwise(
    np.negative, emit="-x", range=intervals.negative, partials=lambda out, x: (-1,),
    samples=unary(-2, 2),
)  # fmt: skip
positive = elementwise(
    np.positive, emit="x", range=intervals.either, partials=lambda out, x: (1,),
    samples=unary(-2, 2),
)  # fmt: skip


def _power_pullback(cotangent: Any, out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Differentiate ``x**y``: y x**(y-1), and x**y log x.

    Where ``y == 0`` the first is 0, also at ``x == 0``; the second is 0 at ``x == 0 <= y``, the
    limit from the right, and NaN for negative ``x``.
    """
    still = y == 0
    by_x = np.where(still, 0.0, y * x ** np.where(still, 1.0, y - 1.0))
    at_zero = (x == 0) & (np.real(y) >= 0)
    by_y = np.where(at_zero, 0.0, out * np.log(np.where(at_zero, 1.0, x)))
    return cotangent * by_x, cotangent * by_y


def _power_range(x: intervals.Interval, y: intervals.Interval) -> intervals.Interval:
    """Return where ``x**y`` lies: monotone by either where x is positive; even powers of any x."""
    if y[0] == y[1] and y[0] % 2 == 0:
        x = intervals.size(x)
    if x[0] < 0.0 or (x[0] == 0.0 and y[0] < 0.0):
        return intervals.EVERYWHERE
    with np.errstate(all="ignore"):
        corners = [float(np.power(np.float64(a), b)) for a in x for b in y]
    return intervals.widened(min(corners), max(corners))


power = elementwise(
    np.power,
    emit="x ** y",
    complex_emit="x ** y if x != 0.0 or y.real <= 0.0 else x",
    vector_math="pow",
    pullback=_power_pullback,
    samples=(
        *binary((0.5, 2), (-2, 3)),
        Sample((np.array([0.0, 0.0, 2.0]), np.array([0.0, 1.0, 0.0])), differentiable=False),
    ),
    range=_power_range,
    convention="x**0 has derivative 0 in x at every order, also at 0",
    unbounded=True,
)
square = elementwise(
    np.square, emit="x * x", range=intervals.even(np.square), partials=lambda out, x: (2 * x,),
    samples=unary(-2, 2),
)  # fmt: skip
sqrt = elementwise(
    np.sqrt,
    emit="np.sqrt(x)",
    range=lambda x: intervals.increasing(np.sqrt)(intervals.larger(x, (0.0, 0.0))),
    partials=lambda out, x: (0.5 / out,),
    samples=unary(0.3, 4),
    convention="infinite at 0, as the limit; norm and std at 0 have gradient 0",
    unbounded=True,
)
absolute = elementwise(
    np.absolute,
    emit="abs(x)",
    range=intervals.size,
    partials=lambda out, x: (np.conj(np.sign(x)),),
    samples=(*unary(0.2, 2), *unary(-2, -0.2), Sample((complex_values(),))),
    convention="0 at 0",
)
sign = elementwise(
    np.sign,
    real_only=True,
    emit="np.sign(x)",
    range=intervals.between(-1.0, 1.0),
    jumps=True,
    partials=lambda out, x: (0.0,),
    samples=(Sample((np.array([-2.0, -0.5, 0.25, 3.0]),)),),
    convention="0 everywhere",
)
exp = elementwise(
    np.exp, emit="np.exp(x)", vector_math="exp", partials=lambda out, x: (out,),
    range=intervals.increasing(np.exp), narrow={"exp_moderate": (-700.0, 700.0)},
    samples=unary(-2, 2), ref="DLMF 4.2", unbounded=True,
)  # fmt: skip
expm1 = elementwise(
    np.expm1, emit="np.expm1(x)", vector_math="expm1", partials=lambda out, x: (out + 1,),
    range=intervals.increasing(np.expm1), narrow={"expm1_moderate": (-700.0, 700.0)},
    samples=unary(-2, 2), unbounded=True,
)  # fmt: skip
log = elementwise(
    np.log, emit="np.log(x)", vector_math="log", partials=lambda out, x: (1 / x,),
    range=intervals.increasing(np.log), narrow={"log_moderate": (1e-300, 1e300)},
    samples=unary(0.3, 4), ref="DLMF 4.2", unbounded=True,
)  # fmt: skip
log1p = elementwise(
    np.log1p, emit="np.log1p(x)", vector_math="log1p", partials=lambda out, x: (1 / (1 + x),),
    range=intervals.increasing(np.log1p), narrow={"log1p_moderate": (-0.9, 1e300)},
    samples=unary(-0.6, 4), unbounded=True,
)  # fmt: skip
tanh = elementwise(
    np.tanh, emit="np.tanh(x)", vector_math="tanh", partials=lambda out, x: (1 - out * out,),
    range=intervals.increasing(np.tanh), narrow={"tanh_small": (-1.35, 1.35)},
    samples=unary(-3, 3), ref="DLMF 4.34",
)  # fmt: skip
sinh = elementwise(
    np.sinh, emit="np.sinh(x)", vector_math="sinh", partials=lambda out, x: (np.cosh(x),),
    range=intervals.increasing(np.sinh), narrow={"sinh_small": (-1.6, 1.6)},
    samples=unary(-2, 2), ref="DLMF 4.34", unbounded=True,
)  # fmt: skip
cosh = elementwise(
    np.cosh, emit="np.cosh(x)", vector_math="cosh", partials=lambda out, x: (np.sinh(x),),
    range=intervals.even(np.cosh), narrow={"cosh_small": (-1.6, 1.6)},
    samples=unary(-2, 2), ref="DLMF 4.34", unbounded=True,
)  # fmt: skip
sin = elementwise(
    np.sin, emit="np.sin(x)", vector_math="sin", partials=lambda out, x: (np.cos(x),),
    range=intervals.between(-1.0, 1.0),
    narrow={"sin_small": (-1.01, 1.01), "sin_moderate": (-1e6, 1e6)},
    samples=unary(-4, 4), ref="DLMF 4.20",
)  # fmt: skip
cos = elementwise(
    np.cos, emit="np.cos(x)", vector_math="cos", partials=lambda out, x: (-np.sin(x),),
    range=intervals.between(-1.0, 1.0),
    narrow={"cos_small": (-1.01, 1.01), "cos_moderate": (-1e6, 1e6)},
    samples=unary(-4, 4), ref="DLMF 4.20",
)  # fmt: skip
tan = elementwise(
    np.tan, emit="np.tan(x)", vector_math="tan", partials=lambda out, x: (1 + out * out,),
    narrow={"tan_moderate": (-1e6, 1e6)},
    samples=unary(-1, 1), ref="DLMF 4.20",
)  # fmt: skip
arcsin = elementwise(
    np.arcsin, emit="np.arcsin(x)", vector_math="asin",
    partials=lambda out, x: (1 / np.sqrt((1 - x) * (1 + x)),),
    range=intervals.between(-1.6, 1.6),
    samples=unary(-0.9, 0.9), ref="DLMF 4.24", unbounded=True,
)  # fmt: skip
arccos = elementwise(
    np.arccos, emit="np.arccos(x)", vector_math="acos",
    partials=lambda out, x: (-1 / np.sqrt((1 - x) * (1 + x)),),
    range=intervals.between(0.0, 3.2),
    samples=unary(-0.9, 0.9), ref="DLMF 4.24", unbounded=True,
)  # fmt: skip
arctan = elementwise(
    np.arctan, emit="np.arctan(x)", vector_math="atan", partials=lambda out, x: (1 / (1 + x * x),),
    range=intervals.increasing(np.arctan),
    samples=unary(-3, 3), ref="DLMF 4.24",
)  # fmt: skip


def _arctan2_pullback(cotangent: Any, out: Any, y: Any, x: Any) -> tuple[Any, Any]:
    """Differentiate ``arctan2(y, x)``: x / (x² + y²), -y / (x² + y²); both 0 at the origin."""
    squared = x * x + y * y
    scaled = cotangent / np.where(squared == 0, np.inf, squared)
    return scaled * x, -(scaled * y)


arctan2 = elementwise(
    np.arctan2, emit="np.arctan2(x, y)", vector_math="atan2", pullback=_arctan2_pullback,
    samples=(
        *binary((0.3, 2), (-2, 2)),
        Sample((np.array([0.0, -0.0]), np.array([0.0, -0.0])), differentiable=False),
    ),
    ref="DLMF 4.23", convention="0 at the origin", unbounded=True,
)  # fmt: skip


def _winning(x: Any, y: Any) -> Any:
    """Return 1 where ``x > y``, 0 where ``x < y``, else one half: at a tie or beside a NaN."""
    dtype = np.result_type(x, y)
    return (0.5 * (np.greater(x, y).astype(dtype) + ~np.less(x, y))).astype(dtype)


winning = elementwise(
    _winning,
    real_only=True,
    name="winning",
    # The comparison that maximum makes comes first, so that the two share it.
    emit="0.0 if x < y else (1.0 if x > y else 0.5)",
    range=intervals.between(0.0, 1.0),
    jumps=True,
    promote=lambda dtypes: tuple(np.maximum.resolve_dtypes((*dtypes, None))),
    partials=lambda out, x, y: (0.0, 0.0),
    samples=(
        Sample((np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.5, 3.5]))),
        Sample((np.array([1.0, 2.0]), np.array([1.0, 0.0])), differentiable=False),
    ),
    convention="one half at a tie or beside a NaN; derivative 0 everywhere",
)
"""The share of ``x`` in ``maximum(x, y)``; the factor its cotangent gets."""

maximum = elementwise(
    np.maximum,
    real_only=True,
    # A NaN on either side wins, as in NumPy.
    emit="x if (x >= y) | (x != x) else y",
    range=intervals.larger,
    literal_x="x if y < x else y",
    literal_y="y if x < y else x",
    partials=lambda out, x, y: (winning(x, y), winning(y, x)),
    samples=(
        *binary((-2, 2), (-3, 3.1)),
        Sample((np.array([1.0, 2.0]), np.array([1.0, 0.0])), differentiable=False),
    ),
    convention="ties share the cotangent evenly",
    selects=True,
)
minimum = elementwise(
    np.minimum,
    real_only=True,
    emit="x if (x <= y) | (x != x) else y",
    range=intervals.smaller,
    literal_x="x if y > x else y",
    literal_y="y if x > y else x",
    partials=lambda out, x, y: (winning(y, x), winning(x, y)),
    samples=(
        *binary((-2, 2), (-3, 3.1)),
        Sample((np.array([1.0, 2.0]), np.array([1.0, 0.0])), differentiable=False),
    ),
    convention="ties share the cotangent evenly",
    selects=True,
)


def _logaddexp_pullback(cotangent: Any, out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Differentiate ``log(e^x + e^y)``: the logistic function of x - y, and of y - x."""
    return cotangent * logistic(x - y), cotangent * logistic(y - x)


logaddexp = elementwise(
    np.logaddexp, emit="np.logaddexp(x, y)", vector_math="logaddexp", pullback=_logaddexp_pullback,
    samples=binary((-2, 2), (-3, 3)),
)  # fmt: skip


def _logistic(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))`` without overflow."""
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay) / (1 + decay)


logistic = elementwise(
    _logistic,
    real_only=True,
    name="logistic",
    emit="1.0 / (1.0 + np.exp(-x))",
    vector_math="logistic",
    range=intervals.between(0.0, 1.0),
    promote=lambda dtypes: tuple(np.exp.resolve_dtypes((*dtypes, None))),
    partials=lambda out, x: (out * (1 - out),),
    samples=unary(-4, 4),
)


def _softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(0.0, x)


softplus = elementwise(
    _softplus,
    real_only=True,
    name="softplus",
    emit="np.logaddexp(0.0, x)",
    vector_math="softplus",
    range=intervals.increasing(_softplus),
    promote=lambda dtypes: tuple(np.exp.resolve_dtypes((*dtypes, None))),
    partials=lambda out, x: (logistic(x),),
    samples=unary(-4, 4),
)


def _choose(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


def _select_dtypes(dtypes: Any) -> tuple[np.dtype, ...]:
    kinds = [np.dtype(d).type(0) if isinstance(d, np.dtype) else d(0) for d in dtypes[1:3]]
    result = np.result_type(*kinds)
    return (np.dtype(bool), result, result, result)


select = elementwise(
    _choose,
    name="select",
    emit="y if x else z",
    range=lambda condition, x, y: intervals.either(x, y),
    promote=_select_dtypes,
    pullback=lambda cotangent, out, condition, x, y: (
        None,
        np.where(condition, cotangent, 0.0),
        np.where(condition, 0.0, cotangent),
    ),
    samples=(Sample((np.array([True, False, True]), real(-1, 1, (3,)), real(2, 3, (3,)))),),
    selects=True,
)


def _masked_product(cotangent: Any, partial: Any) -> Any:
    return np.where(cotangent == 0, 0, cotangent * np.where(cotangent == 0, 0, partial))


masked_product: Op = elementwise(
    _masked_product,
    name="masked_product",
    emit="x * y if x != 0.0 else 0.0",
    range=lambda x, y: intervals.either((0.0, 0.0), intervals.times(x, y)),
    promote=lambda dtypes: tuple(np.multiply.resolve_dtypes((*dtypes, None))),
    pullback=lambda cotangent, out, masked, partial: (
        masked_product(
            cotangent, np.where((masked == 0) & ~np.isfinite(partial), 0.0, partial)
        ),
        masked_product(masked, cotangent),
    ),
    samples=(Sample((np.array([2.0, -1.0, 3.0]), np.array([1.0, 2.0, 0.5]))),),
    convention="0 where the first factor is 0, whatever the second: a dead branch of np.where",
    selects=True,
)

equal = elementwise(
    np.equal, emit="x == y", nondiff="a comparison is piecewise constant",
    samples=binary((-2, 2), (-2, 2)),
)  # fmt: skip
not_equal = elementwise(
    np.not_equal, emit="x != y", nondiff="a comparison is piecewise constant",
    samples=binary((-2, 2), (-2, 2)),
)  # fmt: skip
less = elementwise(
    np.less, real_only=True, emit="x < y", nondiff="a comparison is piecewise constant",
    samples=binary((-2, 2), (-2, 2)),
)  # fmt: skip
less_equal = elementwise(
    np.less_equal, real_only=True, emit="x <= y", nondiff="a comparison is piecewise constant",
    samples=binary((-2, 2), (-2, 2)),
)  # fmt: skip
greater = elementwise(
    np.greater, real_only=True, emit="x > y", nondiff="a comparison is piecewise constant",
    samples=binary((-2, 2), (-2, 2)),
)  # fmt: skip
greater_equal = elementwise(
    np.greater_equal, real_only=True, emit="x >= y", nondiff="a comparison is piecewise constant",
    samples=binary((-2, 2), (-2, 2)),
)  # fmt: skip

_TRUTHS = (Sample((np.array([True, False, True, False]), np.array([True, True, False, False]))),)


def _truths(dtypes: Any) -> tuple[np.dtype, ...]:
    return (np.dtype(bool),) * (len(dtypes) + 1)


logical_and = elementwise(
    np.logical_and, emit="x & y", nondiff="truth values have no derivative",
    promote=_truths, samples=_TRUTHS,
)  # fmt: skip
logical_or = elementwise(
    np.logical_or, emit="x | y", nondiff="truth values have no derivative",
    promote=_truths, samples=_TRUTHS,
)  # fmt: skip
logical_xor = elementwise(
    np.logical_xor, emit="x != y", nondiff="truth values have no derivative",
    promote=_truths, samples=_TRUTHS,
)  # fmt: skip
logical_not = elementwise(
    np.logical_not, emit="not x", nondiff="truth values have no derivative",
    promote=_truths, samples=(Sample((np.array([True, False]),)),),
)  # fmt: skip
bitwise_and = elementwise(
    np.bitwise_and, emit="x & y", nondiff="acts on integers and truth values", samples=_TRUTHS
)
bitwise_or = elementwise(
    np.bitwise_or, emit="x | y", nondiff="acts on integers and truth values", samples=_TRUTHS
)
bitwise_xor = elementwise(
    np.bitwise_xor, emit="x ^ y", nondiff="acts on integers and truth values", samples=_TRUTHS
)
invert = elementwise(
    np.invert, emit="~x", nondiff="acts on integers and truth values",
    samples=(Sample((np.array([True, False]),)), Sample((np.array([3, -4]),))),
)  # fmt: skip
isnan = elementwise(
    np.isnan, emit="x != x", nondiff="a test is piecewise constant",
    samples=(Sample((np.array([1.0, np.nan, np.inf]),)),),
)  # fmt: skip
isinf = elementwise(
    np.isinf, emit="np.isinf(x)", nondiff="a test is piecewise constant",
    samples=(Sample((np.array([1.0, np.nan, np.inf]),)),),
)  # fmt: skip
isfinite = elementwise(
    np.isfinite, emit="np.isfinite(x)", nondiff="a test is piecewise constant",
    samples=(Sample((np.array([1.0, np.nan, np.inf]),)),),
)  # fmt: skip
