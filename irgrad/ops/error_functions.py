"""The error function, the normal distribution function, and their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.declare import unary
from irgrad.ops.scipy_ufuncs import scipy_elementwise

_GAUSS = 2 / math.sqrt(math.pi)


def _bell(x: Any) -> Any:
    return _GAUSS * np.exp(-np.square(x))


def normal_density(x: Any) -> Any:
    """Return the density of the standard normal distribution."""
    return np.exp(-0.5 * np.square(x)) / math.sqrt(2 * math.pi)


erf = scipy_elementwise(
    "erf", emit="erf(x)", vector_math="erf", partials=lambda out, x: (_bell(x),),
    samples=unary(-3, 3), ref="DLMF 7.2.1",
)  # fmt: skip
erfc = scipy_elementwise(
    "erfc", emit="erfc(x)", vector_math="erfc", partials=lambda out, x: (-_bell(x),),
    samples=(*unary(-3, 3), *unary(3, 9)), ref="DLMF 7.2.2",
)  # fmt: skip
erfinv = scipy_elementwise(
    "erfinv", emit="erfinv(x)", partials=lambda out, x: (np.exp(np.square(out)) / _GAUSS,),
    samples=unary(-0.95, 0.9), ref="DLMF 7.17.1", unbounded=True,
)  # fmt: skip
erfcinv = scipy_elementwise(
    "erfcinv", emit="erfcinv(x)", partials=lambda out, x: (-np.exp(np.square(out)) / _GAUSS,),
    samples=unary(0.1, 1.9), ref="DLMF 7.17.1", unbounded=True,
)  # fmt: skip

_FAR = 10.0
_TERMS = 12


def _erfcx_partial(out: Any, x: Any) -> tuple[Any]:
    """Differentiate: 2 x erfcx(x) - 2/√π, and its asymptotic series from 10 on.

    There the difference would cancel; twelve terms of the series leave less than 1e-16 of it.

    Reference: DLMF 7.10.1 (the derivative), 7.12.1 (the series).
    """
    far = x > _FAR
    reciprocal = 0.5 / np.square(np.where(far, x, _FAR))
    series: Any = 1.0
    for n in range(_TERMS, 1, -1):
        series = 1.0 - (2 * n - 1) * reciprocal * series
    near = 2.0 * np.where(far, 0.0, x) * out - _GAUSS
    return (np.where(far, -_GAUSS * reciprocal * series, near),)


erfcx = scipy_elementwise(
    "erfcx", emit="erfcx(x)", partials=_erfcx_partial,
    samples=(*unary(-1.5, 4), *unary(9.5, 30)), ref="DLMF 7.2.2, 7.10.1, 7.12.1",
)  # fmt: skip
ndtr = scipy_elementwise(
    "ndtr", emit="ndtr(x)", partials=lambda out, x: (normal_density(x),),
    samples=(*unary(-4, 4), *unary(-12, -4)), ref="DLMF 7.2.1",
)  # fmt: skip
ndtri = scipy_elementwise(
    "ndtri",
    emit="ndtri(x)",
    partials=lambda out, x: (math.sqrt(2 * math.pi) * np.exp(0.5 * np.square(out)),),
    samples=unary(0.03, 0.97),
    ref="DLMF 7.17.1",
    unbounded=True,
)


def _log_ndtr_partial(out: Any, x: Any) -> tuple[Any]:
    """Differentiate: the density over the distribution function, without 0/0 in the far tail."""
    left = x < 0
    tail = math.sqrt(2 / math.pi) / erfcx(np.where(left, -x, 0.0) / math.sqrt(2))
    exponent = 0.5 * np.square(x) + out
    density = np.exp(-np.where(left, 0.0, exponent)) / math.sqrt(2 * math.pi)
    return (np.where(left, tail, density),)


log_ndtr = scipy_elementwise(
    "log_ndtr",
    emit="log_ndtr(x)",
    partials=_log_ndtr_partial,
    samples=(*unary(-4, 4), *unary(-30, -4), Sample((np.array([12.0, 30.0]),))),
    ref="DLMF 7.2.1",
)
