"""The gamma function and its relatives, on real numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.declare import binary, unary
from irgrad.ops.scipy_ufuncs import scipy_elementwise
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


def _digamma_step(x: Any, step: Any) -> Any:
    """Return ψ(x) - ψ(x + step)."""
    return digamma(x) - digamma(x + step)


betaln = scipy_elementwise(
    "betaln",
    emit="betaln(x, y)",
    partials=lambda out, a, b: (_digamma_step(a, b), _digamma_step(b, a)),
    samples=binary((0.3, 4), (0.5, 6)),
    ref="DLMF 5.12.1",
    unbounded=True,
)
beta = scipy_elementwise(
    "beta",
    emit="beta_function(x, y)",
    partials=lambda out, a, b: (out * _digamma_step(a, b), out * _digamma_step(b, a)),
    samples=binary((0.3, 4), (0.5, 6)),
    ref="DLMF 5.12.1",
    unbounded=True,
)
binom = scipy_elementwise(
    "binom",
    emit="binomial(x, y)",
    partials=lambda out, n, k: (
        out * (digamma(n + 1) - digamma(n - k + 1)),
        out * (digamma(n - k + 1) - digamma(k + 1)),
    ),
    samples=binary((4.3, 8), (0.5, 3.2)),
    ref="DLMF 1.2.6, 5.15.1",
    unbounded=True,
)


def _riemann_partial(out: Any, s: Any) -> tuple[Any]:
    """Differentiate; left of 0 the reflection ζ(s) = 2 (2π)**(s - 1) Γ(1 - s) ζ(1 - s) sin(πs/2).

    Reference: DLMF 25.4.1.
    """
    left = s < 0
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
