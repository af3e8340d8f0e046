"""NumPy's other functions of real numbers: bases 2 and 10, roots, inverses, signs, angles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import convert
from irgrad.ops.declare import binary, elementwise, real, real_numbers, ufunc_promotion, unary
from irgrad.ops.elementwise import logistic, power
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import UFUNCS, declare, spelling
from irgrad.ops.shape import reshape

exp2 = elementwise(
    np.exp2, emit="np.exp2(x)", vector_math="exp2",
    partials=lambda out, x: (out * math.log(2),), samples=unary(-3, 3), unbounded=True,
)  # fmt: skip
log2 = elementwise(
    np.log2, emit="np.log2(x)", vector_math="log2",
    partials=lambda out, x: (1 / (math.log(2) * x),), samples=unary(0.3, 4), unbounded=True,
)  # fmt: skip
log10 = elementwise(
    np.log10, emit="np.log10(x)", vector_math="log10",
    partials=lambda out, x: (1 / (math.log(10) * x),), samples=unary(0.3, 4), unbounded=True,
)  # fmt: skip
cbrt = elementwise(
    np.cbrt,
    emit="np.cbrt(x)",
    partials=lambda out, x: (1 / (3 * np.square(out)),),
    samples=(*unary(0.3, 4), *unary(-4, -0.3)),
    convention="infinite at 0, as the limit",
    unbounded=True,
)
reciprocal = elementwise(
    np.reciprocal, emit="np.reciprocal(x)", partials=lambda out, x: (-np.square(out),),
    samples=(*unary(0.4, 3), *unary(-3, -0.4)), unbounded=True,
)  # fmt: skip
fabs = elementwise(
    np.fabs, emit="np.fabs(x)", partials=lambda out, x: (np.sign(x),),
    samples=(*unary(0.2, 2), *unary(-2, -0.2)), convention="0 at 0",
)  # fmt: skip
deg2rad = elementwise(
    np.deg2rad, emit="np.deg2rad(x)", partials=lambda out, x: (math.pi / 180,),
    samples=unary(-200, 200),
)  # fmt: skip
rad2deg = elementwise(
    np.rad2deg, emit="np.rad2deg(x)", partials=lambda out, x: (180 / math.pi,),
    samples=unary(-4, 4),
)  # fmt: skip
UFUNCS[np.radians] = deg2rad
UFUNCS[np.degrees] = rad2deg


def _arcsinh_slope(x: Any) -> Any:
    """Return ``1 / sqrt(1 + x²)``, which for reals must not overflow."""
    return 1 / (np.sqrt(1 + x * x) if dtype_of(x).kind == "c" else np.hypot(1.0, x))


arcsinh = elementwise(
    np.arcsinh, emit="np.arcsinh(x)", vector_math="asinh",
    partials=lambda out, x: (_arcsinh_slope(x),), samples=unary(-3, 3), ref="DLMF 4.38",
)  # fmt: skip
arccosh = elementwise(
    np.arccosh, emit="np.arccosh(x)", vector_math="acosh",
    partials=lambda out, x: (1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),),
    samples=unary(1.2, 4), ref="DLMF 4.38", unbounded=True,
)  # fmt: skip
arctanh = elementwise(
    np.arctanh, emit="np.arctanh(x)", vector_math="atanh",
    partials=lambda out, x: (1 / ((1 - x) * (1 + x)),),
    samples=unary(-0.8, 0.8), ref="DLMF 4.38", unbounded=True,
)  # fmt: skip


def _hypot_pullback(cotangent: Any, out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Differentiate ``hypot(x, y)``: x / out, y / out; both 0 at the origin."""
    scaled = cotangent / np.where(out == 0, np.inf, out)
    return scaled * x, scaled * y


hypot = elementwise(
    np.hypot,
    emit="np.hypot(x, y)",
    pullback=_hypot_pullback,
    samples=(
        *binary((0.3, 2), (-2, 2)),
        Sample((np.array([0.0, 0.0]), np.array([0.0, 1.0])), differentiable=False),
    ),
    convention="0 at the origin",
)


def _logaddexp2_pullback(cotangent: Any, out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Differentiate ``log2(2^x + 2^y)``: the share of 2^x in the sum, and that of 2^y."""
    slope = math.log(2) * (x - y)
    return cotangent * logistic(slope), cotangent * logistic(-slope)


logaddexp2 = elementwise(
    np.logaddexp2, emit="np.logaddexp2(x, y)", pullback=_logaddexp2_pullback,
    samples=binary((-2, 2), (-3, 3)),
)  # fmt: skip


def _number_share(cotangent: Any, x: Any, y: Any, wins: Any) -> Any:
    """Return the part of ``cotangent`` due to ``x`` where a NaN in ``y`` leaves all to ``x``."""
    return np.where(x == y, 0.5 * cotangent, np.where(wins | (y != y), cotangent, 0.0))


_EXTREME_SAMPLES = (
    *binary((-2, 2), (-3, 3.1)),
    Sample((np.array([1.0, 2.0]), np.array([1.0, 0.0])), differentiable=False),
)
fmax = elementwise(
    np.fmax,
    real_only=True,
    emit="x if (x >= y) | (y != y) else y",
    pullback=lambda cotangent, out, x, y: (
        _number_share(cotangent, x, y, x > y), _number_share(cotangent, y, x, y > x),
    ),
    samples=_EXTREME_SAMPLES,
    convention="ties share the cotangent evenly; a NaN gets none",
    selects=True,
)  # fmt: skip
fmin = elementwise(
    np.fmin,
    real_only=True,
    emit="x if (x <= y) | (y != y) else y",
    pullback=lambda cotangent, out, x, y: (
        _number_share(cotangent, x, y, x < y), _number_share(cotangent, y, x, y < x),
    ),
    samples=_EXTREME_SAMPLES,
    convention="ties share the cotangent evenly; a NaN gets none",
    selects=True,
)  # fmt: skip
copysign = elementwise(
    np.copysign,
    emit="np.copysign(x, y)",
    partials=lambda out, x, y: (np.sign(x) * np.copysign(1.0, y), 0),
    samples=binary((0.3, 2), (-3, 3.1)),
    convention="0 in the magnitude at 0, as for the absolute value; 0 in the sign",
)
heaviside = elementwise(
    np.heaviside,
    jumps=True,
    emit="y if x == 0 else (0.0 if x < 0 else (1.0 if x > 0 else x))",
    pullback=lambda cotangent, out, x, y: (None, np.where(x == 0, cotangent, 0.0)),
    samples=(
        *binary((-2, 2.1), (0.2, 0.9)),
        Sample((np.array([0.0, 0.0, 1.0]), np.array([0.5, 2.0, 3.0])), differentiable=False),
    ),
    convention="0 in the first operand, also at the step",
    selects=True,
)
nextafter = elementwise(
    np.nextafter, emit="np.nextafter(x, y)", nondiff="it steps to a neighbouring number",
    samples=binary((-2, 2), (-3, 3)),
)  # fmt: skip
spacing = elementwise(
    np.spacing, emit="np.spacing(x)", nondiff="the distance to the next number is a step function",
    samples=unary(-2, 2),
)  # fmt: skip
signbit = elementwise(
    np.signbit, emit="np.signbit(x)", nondiff="a test is piecewise constant",
    samples=(Sample((np.array([-1.0, -0.0, 0.0, 2.0]),)),),
)  # fmt: skip

_SINC_TERMS = 14


def _sinc_partial(out: Any, x: Any) -> tuple[Any]:
    """Differentiate ``sin(πx) / (πx)``: (cos πx - out) / x, near 0 by the power series.

    The quotient cancels near 0 and is 0/0 there; the series is a polynomial, so derivatives of
    every order are finite.

    Reference: the series of sin, DLMF 4.19.1, term by term.
    """
    near = np.abs(x) < 0.3
    u = math.pi * np.where(near, x, 0.0)
    squared = np.square(u)
    terms = [
        (-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(_SINC_TERMS, 0, -1)
    ]
    polynomial = terms[0] * squared + terms[1]
    for term in terms[2:]:
        polynomial = polynomial * squared + term
    far = np.where(near, 1.0, x)
    quotient = (np.cos(math.pi * far) - np.sin(math.pi * far) / (math.pi * far)) / far
    return (np.where(near, math.pi * u * polynomial, quotient),)


sinc = elementwise(
    np.sinc,
    name="sinc",
    emit="np.sinc(x)",
    promote=ufunc_promotion(np.sin),
    partials=_sinc_partial,
    samples=(*unary(-2.3, 2.2), Sample((np.array([0.0, 0.01, -0.29, 0.31]),))),
    convention="0 at 0: the function is smooth there",
)
spelling(np.sinc)(sinc)


def _bessel(x: Any, *, order: int) -> Any:
    """Sum the power series, whose terms all have one sign.

    Reference: DLMF 10.25.2.
    """
    if order == 0:
        return np.i0(x).astype(np.asarray(x).dtype)[()]
    half = np.asarray(x, np.float64) / 2
    quarter = np.square(half)
    with np.errstate(over="ignore", invalid="ignore"):
        term = half**order / math.factorial(order)
        total = np.array(term)
        k = 1
        while np.any(np.abs(term) > 1e-17 * np.abs(total)):
            term = term * quarter / (k * (k + order))
            total = total + term
            k += 1
    return total.astype(np.asarray(x).dtype)[()]


_BESSEL_KERNEL = '''def bessel_i(x, out, order):
    """Fill out with the modified Bessel functions of the first kind of the elements of x."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            half = 0.5 * np.float64(x[row, j])
            term = 1.0
            for k in range(1, order + 1):
                term *= half / k
            total = term
            k = 1
            while abs(term) > 1e-17 * abs(total):
                term *= half * half / (k * (k + order))
                total += term
                k += 1
            out[row, j] = total
'''


def _bessel_pullback(cotangent: Any, out: Any, x: Any, *, order: int) -> tuple[Any]:
    """Differentiate: half the sum of the neighbouring orders, of which I₋₁ is I₁.

    Reference: DLMF 10.29.1.
    """
    below = bessel_i(x, order=abs(order - 1))
    return (cotangent * (0.5 * (below + bessel_i(x, order=order + 1))),)


def _float_type(x: ArrayType, **params: Any) -> ArrayType:
    return x


bessel_i = declare(
    Op(
        name="bessel_i",
        evaluate=_bessel,
        infer=real_numbers(_float_type, "i0"),
        lowering=Kernel("bessel_i", _BESSEL_KERNEL, ("order",)),
        pullback=_bessel_pullback,
        samples=(
            Sample((real(-3, 3),), {"order": 0}),
            Sample((real(-5, 6),), {"order": 1}),
            Sample((np.array([0.0, 0.5]),), {"order": 2}),
            Sample((real(0, 1, (0,)),), {"order": 0}),
        ),
        spellings=("np.i0 with order 0",),
        reference="DLMF 10.25.2, 10.29.1",
    )
)
"""The modified Bessel function of the first kind: param ``order``."""


def as_float(x: Any) -> Any:
    """Return ``x`` in the dtype in which NumPy's functions of reals answer it."""
    dtype = np.exp.resolve_dtypes((dtype_of(x), None))[0]
    return x if dtype == dtype_of(x) else convert(x, dtype=dtype)


def on_rows(op: Callable[..., Any], x: Any) -> Any:
    """Apply an elementwise op whose kernel wants at least one axis."""
    if shape_of(x):
        return op(x)
    return reshape(op(reshape(x, shape=(1,))), shape=())


@spelling(np.i0)
def _i0(x: Any) -> Any:
    return on_rows(lambda rows: bessel_i(rows, order=0), as_float(x))


@spelling(np.float_power)
def _float_power(x: Any, y: Any) -> Any:
    """Return ``x ** y`` in double precision, whatever the dtypes."""
    return power(*(_double(operand) for operand in (x, y)))


def _double(x: Any) -> Any:
    if isinstance(x, int | float):
        return float(x)
    return x if dtype_of(x) == np.float64 else convert(x, dtype=np.dtype(np.float64))


ldexp = elementwise(
    np.ldexp,
    emit="np.ldexp(x, y)",
    pullback=lambda cotangent, out, x, exponent: (np.ldexp(cotangent, exponent), None),
    samples=(
        Sample((real(-2, 2), np.array([0, 3, -2, 1]))),
        Sample((real(-2, 2, (3,)), np.array(2))),
    ),
)

_EXPONENT_KERNEL = '''def frexp_exponent(x, out):
    """Fill out with the powers of two that bring the elements of x into [0.5, 1)."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            rest = abs(np.float64(x[row, j]))
            exponent = 0
            if rest > 0.0 and rest < np.inf:
                while rest >= 18446744073709551616.0:
                    rest *= 5.421010862427522e-20
                    exponent += 64
                while rest >= 1.0:
                    rest *= 0.5
                    exponent += 1
                while rest < 2.710505431213761e-20:
                    rest *= 18446744073709551616.0
                    exponent -= 64
                while rest < 0.5:
                    rest *= 2.0
                    exponent -= 1
            out[row, j] = exponent
'''

frexp_exponent = declare(
    Op(
        name="frexp_exponent",
        evaluate=lambda x: np.frexp(x)[1],
        infer=real_numbers(lambda x: x.with_dtype(np.dtype(np.int32)), "frexp"),
        lowering=Kernel("frexp_exponent", _EXPONENT_KERNEL),
        nondifferentiable="an exponent is piecewise constant",
        samples=(
            Sample((real(-5, 5),)),
            Sample((np.array([0.0, np.inf, np.nan, 5e-324, 1e300, 1.0, 0.5]),)),
        ),
        spellings=("np.frexp, second result",),
    )
)


@spelling(np.frexp)
def _frexp(x: Any) -> tuple[Any, Any]:
    """Return mantissa and exponent; the mantissa's derivative is the power of two it is off by."""
    x = as_float(x)
    exponent = on_rows(frexp_exponent, x)
    return np.ldexp(x, -exponent), exponent


@spelling(np.nan_to_num)
def _nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Replace what is not finite; derivative 1 elsewhere, 0 there."""
    finite = _finite(x, nan, posinf, neginf)
    return finite if copy else delivered(finite, x, "np.nan_to_num with copy=False")


def _finite(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    dtype = dtype_of(x)
    if dtype.kind == "c":
        parts = [_finite(part, nan, posinf, neginf) for part in (x.real, x.imag)]
        return parts[0] + 1j * parts[1]
    if dtype.kind != "f":
        return x
    largest = float(np.finfo(dtype).max)
    finite = np.where(x == np.inf, largest if posinf is None else posinf, x)
    finite = np.where(x == -np.inf, -largest if neginf is None else neginf, finite)
    return np.where(np.isnan(x), nan, finite)


@spelling(np.isposinf)
def _isposinf(x: Any, out: Any = None) -> Any:
    return delivered(x == np.inf, out, "np.isposinf")


@spelling(np.isneginf)
def _isneginf(x: Any, out: Any = None) -> Any:
    return delivered(x == -np.inf, out, "np.isneginf")
