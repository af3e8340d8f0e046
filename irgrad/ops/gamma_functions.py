"""The gamma function and its relatives, on real numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.declare import binary, elementwise, unary
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_promotion
from irgrad.ops.texts import emitted_function
from irgrad.ops.zeta_functions import hurwitz_zeta, hurwitz_zeta_derivative

_NEGATIVE = (*unary(-2.8, -2.2), *unary(-0.8, -0.2))

digamma = scipy_elementwise(
    "psi",
    op_name="digamma",
    emit="digamma(x)",
    partials=lambda out, x: (hurwitz_zeta(2.0, x),),
    samples=(*unary(0.3, 6), *_NEGATIVE),
    ref="DLMF 5.15.1",
    unbounded=True,
)
gammaln = scipy_elementwise(
    "gammaln", emit="gammaln(x)", partials=lambda out, x: (digamma(x),),
    samples=(*unary(0.3, 6), *_NEGATIVE), ref="DLMF 5.2.2", unbounded=True,
)  # fmt: skip
loggamma = scipy_elementwise(
    "loggamma", emit="loggamma(x)",
    partials=lambda out, x: (np.where(x >= 0, digamma(x), np.nan),),
    samples=unary(0.3, 6), ref="DLMF 5.2.2", unbounded=True,
)  # fmt: skip
gamma = scipy_elementwise(
    "gamma", emit="gamma_function(x)", partials=lambda out, x: (out * digamma(x),),
    samples=(*unary(0.3, 6), *_NEGATIVE), ref="DLMF 5.2.2", unbounded=True,
)  # fmt: skip
gammasgn = scipy_elementwise(
    "gammasgn", emit="gammasgn(x)", partials=lambda out, x: (0.0,),
    samples=_NEGATIVE, convention="0 everywhere",
)  # fmt: skip


def _rgamma_partial(out: Any, x: Any) -> tuple[Any]:
    """Differentiate: -ψ(x)/Γ(x), and by reflection left of 1/2, where ψ has poles but 1/Γ none.

    Reference: DLMF 5.5.3, 1/Γ(x) = Γ(1 - x) sin(πx)/π.
    """
    left = x < 0.5
    mirrored = 1.0 - np.where(left, x, 0.0)
    whole = np.rint(x)
    angle = math.pi * (x - whole)
    sign = 1.0 - 2.0 * np.remainder(whole, 2.0)
    turning = np.cos(angle) - digamma(mirrored) * np.sin(angle) / math.pi
    right = np.where(left, 1.0, x)
    return (np.where(left, sign * gamma(mirrored) * turning, -digamma(right) * rgamma(right)),)


rgamma: Any = scipy_elementwise(
    "rgamma", emit="rgamma(x)", partials=_rgamma_partial,
    samples=(*unary(0.6, 6), *_NEGATIVE, Sample((np.array([0.0, -1.0, -2.0, 1.0]),))),
    ref="DLMF 5.2.1, 5.5.3",
)  # fmt: skip


_step = emitted_function('''def digamma_step(x, step):
    """Return digamma(x + step) - digamma(x), of positive arguments without cancellation.

    By DLMF 5.5.2 up to 12, and from there by the differences of the terms of DLMF 5.11.2.
    """
    x, step = np.float64(x), np.float64(step)
    if not (x > 0.0 and x + step > 0.0 and abs(step) < np.inf):
        return digamma(x + step) - digamma(x)
    total = 0.0
    while min(x, x + step) < 12.0:
        total += step / (x * (x + step))
        x += 1.0
    end = x + step
    total += np.log1p(step / x) + 0.5 * step / (x * end)
    square, end_square = 1.0 / (x * x), 1.0 / (end * end)
    power, end_power = square, end_square
    for factor in (
        1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32760.0,
        1.0 / 12.0,
    ):
        total += factor * (power - end_power)
        power *= square
        end_power *= end_square
    return total
''')


def _step_evaluated(x: Any, step: Any) -> Any:
    dtype = scipy_promotion("betaln")((np.asarray(x).dtype, np.asarray(step).dtype))[-1]
    return np.vectorize(_step, otypes=[dtype])(x, step)[()]


def _step_partials(out: Any, x: Any, step: Any) -> tuple[Any, Any]:
    end = hurwitz_zeta(2.0, x + step)
    return end - hurwitz_zeta(2.0, x), end


digamma_step: Any = elementwise(
    _step_evaluated,
    name="digamma_step",
    emit="digamma_step(x, y)",
    promote=scipy_promotion("betaln"),
    partials=_step_partials,
    samples=(*binary((0.3, 4), (0.5, 6)), Sample((np.array([30.0, 14.0]), np.array([1e-3, 7.0])))),
    ref="DLMF 5.5.2, 5.11.2",
    unbounded=True,
)
"""``digamma(x + step) - digamma(x)``, accurate for small steps too."""

betaln = scipy_elementwise(
    "betaln",
    emit="betaln(x, y)",
    partials=lambda out, a, b: (-digamma_step(a, b), -digamma_step(b, a)),
    samples=binary((0.3, 4), (0.5, 6)),
    ref="DLMF 5.12.1",
    unbounded=True,
)
beta = scipy_elementwise(
    "beta",
    emit="beta_function(x, y)",
    partials=lambda out, a, b: (-out * digamma_step(a, b), -out * digamma_step(b, a)),
    samples=binary((0.3, 4), (0.5, 6)),
    ref="DLMF 5.12.1",
    unbounded=True,
)
binom = scipy_elementwise(
    "binom",
    emit="binomial(x, y)",
    partials=lambda out, n, k: (
        out * digamma_step(n - k + 1, k),
        out * digamma_step(k + 1, n - 2 * k),
    ),
    samples=binary((4.3, 8), (0.5, 3.2)),
    ref="DLMF 1.2.6, 5.15.1",
    unbounded=True,
)


def _riemann_partial(out: Any, s: Any) -> tuple[Any]:
    """Differentiate; left of -0.1 by reflection, as the value.

    Reference: DLMF 25.4.1, ζ(s) = 2 (2π)**(s - 1) Γ(1 - s) ζ(1 - s) sin(πs/2).
    """
    left = s < -0.1
    mirrored = 1.0 - np.where(left, s, -1.0)
    zeta = hurwitz_zeta(mirrored, 1.0)
    factor = 2.0 * np.exp(-mirrored * math.log(2 * math.pi)) * gamma(mirrored) * zeta
    slope = hurwitz_zeta_derivative(mirrored, 1.0, 1) / zeta
    change = factor * (math.log(2 * math.pi) - digamma(mirrored) - slope)
    half = np.rint(0.5 * s)
    sign = 1.0 - 2.0 * np.remainder(half, 2.0)
    angle = 0.5 * math.pi * (s - 2.0 * half)
    reflected = sign * (change * np.sin(angle) + 0.5 * math.pi * factor * np.cos(angle))
    return (np.where(left, reflected, hurwitz_zeta_derivative(np.where(left, 2.0, s), 1.0, 1)),)


riemann_zeta = scipy_elementwise(
    "_riemann_zeta",
    op_name="riemann_zeta",
    emit="riemann_zeta(x)",
    partials=_riemann_partial,
    samples=(*unary(1.2, 9), *unary(0.1, 0.8), *unary(-5.5, -0.1)),
    ref="DLMF 25.2.1, 25.4.1, 25.11.5",
    unbounded=True,
)
