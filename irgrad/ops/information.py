"""Entropies, divergences and robust losses of scipy.special."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.declare import binary, elementwise, unary
from irgrad.ops.scipy_ufuncs import scipy_elementwise
from irgrad.ops.texts import emitted_function

_AT_ZERO = Sample((np.array([0.0, 0.0]), np.array([0.5, 2.0])), differentiable=False)


def _share(x: Any, y: Any) -> Any:
    """Return ``x / y``, and 0 for 0/0."""
    return x / np.where((x == 0) & (y == 0), 1.0, y)


xlogy = scipy_elementwise(
    "xlogy",
    emit="0.0 if (x == 0.0) & (y == y) else x * log(y)",
    partials=lambda out, x, y: (np.log(y), _share(x, y)),
    samples=(*binary((-2, 2), (0.3, 3)), _AT_ZERO),
    convention="0 in y where x and the logarithm's argument are 0",
    unbounded=True,
)
xlog1py = scipy_elementwise(
    "xlog1py",
    emit="0.0 if (x == 0.0) & (y == y) else x * log1p(y)",
    partials=lambda out, x, y: (np.log1p(y), _share(x, 1 + y)),
    samples=(*binary((-2, 2), (-0.6, 3)), _AT_ZERO),
    convention="0 in y where x and the logarithm's argument are 0",
    unbounded=True,
)
entr = scipy_elementwise(
    "entr",
    emit="-x * log(x) if x > 0.0 else (0.0 if x == 0.0 else (-np.inf if x < 0.0 else x))",
    partials=lambda out, x: (-np.log(x) - 1,),
    samples=unary(0.2, 3),
    unbounded=True,
)
emitted_function('''def relative_entropy(x, y):
    """Return x log(x / y), 0 at x = 0, and infinity where one is negative."""
    if x != x or y != y:
        return np.nan
    if x > 0.0 and y > 0.0:
        ratio = x / y
        if 0.5 < ratio < 2.0:
            return x * np.log1p((x - y) / y)
        if ratio > 0.0 and ratio < np.inf:
            return x * np.log(ratio)
        return x * (np.log(x) - np.log(y))
    return 0.0 if x == 0.0 and y >= 0.0 else np.inf
''')
emitted_function('''def kullback_leibler(x, y):
    """Return x log(x / y) - x + y, y at x = 0, and infinity where one is negative."""
    if x > 0.0 and y > 0.0:
        return relative_entropy(x, y) + (y - x)
    return y if x == 0.0 and y >= 0.0 else relative_entropy(x, y)
''')
rel_entr = scipy_elementwise(
    "rel_entr",
    emit="relative_entropy(x, y)",
    partials=lambda out, x, y: (np.log(x / y) + 1, -(x / y)),
    samples=binary((0.2, 3), (0.3, 2)),
    unbounded=True,
)
kl_div = scipy_elementwise(
    "kl_div",
    emit="kullback_leibler(x, y)",
    partials=lambda out, x, y: (np.log(x / y), 1 - x / y),
    samples=binary((0.2, 3), (0.3, 2)),
    unbounded=True,
)


def _huber_pullback(cotangent: Any, out: Any, delta: Any, r: Any) -> tuple[Any, Any]:
    """Differentiate: the residual clipped at ±delta; what lies beyond it."""
    inside = np.abs(r) <= delta
    beyond = np.where(inside, 0.0, np.abs(r) - delta)
    slope = np.where(inside, r, delta * np.sign(r))
    return cotangent * beyond, cotangent * slope


huber = scipy_elementwise(
    "huber",
    emit="np.inf if x < 0.0 else (0.5 * y * y if abs(y) <= x else x * (abs(y) - 0.5 * x))",
    pullback=_huber_pullback,
    samples=binary((0.4, 1.5), (-3, 3.1)),
    ref="Huber, Annals of Mathematical Statistics 35 (1964)",
    selects=True,
)


bend: Any = elementwise(
    lambda x: x / np.hypot(1.0, x),
    name="bend",
    emit="x / np.hypot(1.0, x)",
    promote=lambda dtypes: tuple(np.exp.resolve_dtypes((*dtypes, None))),
    real_only=True,
    partials=lambda out, x: (np.hypot(1.0, x) ** -3.0,),
    samples=(*unary(-3, 3.1), *unary(20, 300)),
)
"""``x / sqrt(1 + x**2)``, whose derivative does not cancel where it is near 1."""


def _pseudo_huber_pullback(cotangent: Any, out: Any, delta: Any, r: Any) -> tuple[Any, Any]:
    """Differentiate δ² (s - 1) with s = √(1 + (r/δ)²): δ (s - 1)²/s in δ, r/s in r."""
    flat = delta == 0
    ratio = np.where(flat, 0.0, r) / np.where(flat, 1.0, delta)
    root = np.sqrt(1 + np.square(ratio))
    excess = np.square(ratio) / (root + 1)  # s - 1 without cancellation
    by_r = np.where(flat, 0.0, delta * bend(ratio))
    return cotangent * delta * np.square(excess) / root, cotangent * by_r


emitted_function('''def pseudo_huber(delta, r):
    """Return delta**2 (s - 1) with s = sqrt(1 + (r / delta)**2), written without cancellation."""
    if delta < 0.0:
        return np.inf
    if delta == 0.0 or r == 0.0:
        return 0.0
    if delta == np.inf:
        return np.nan
    ratio = r / delta
    return delta * abs(r) if abs(ratio) > 1e100 else r * (r / (np.sqrt(1.0 + ratio * ratio) + 1.0))
''')
pseudo_huber = scipy_elementwise(
    "pseudo_huber",
    emit="pseudo_huber(x, y)",
    pullback=_pseudo_huber_pullback,
    samples=(
        *binary((0.4, 1.5), (-3, 3.1)),
        Sample((np.array([0.0, 0.0]), np.array([0.0, 1.0])), differentiable=False),
    ),
    convention="0 where delta is 0",
)
