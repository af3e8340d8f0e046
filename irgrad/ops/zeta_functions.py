"""The zeta functions of Riemann and Hurwitz."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.axes import dtype_of
from irgrad.ops.create import convert
from irgrad.ops.declare import binary, elementwise
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_promotion
from irgrad.ops.texts import emitted_function

emitted_function('''def zeta_series(s, q):
    """Return Hurwitz's zeta function for q > 0, by Euler and Maclaurin's formula. DLMF 25.11.5."""
    s, q = np.float64(s), np.float64(q)
    if q > 1e8:
        return (1.0 / (s - 1.0) + 0.5 / q) * q ** (1.0 - s)
    total = 0.0
    a = q
    steps = 0
    while steps < 10 or a < 10.0:
        term = a**-s
        total += term
        if term <= 1e-17 * total:
            return total
        a += 1.0
        steps += 1
    power = a**-s
    total += power * (a / (s - 1.0) + 0.5)
    factor = s * power / a
    bernoulli = (
        1.0 / 12.0, -1.0 / 720.0, 1.0 / 30240.0, -1.0 / 1209600.0, 1.0 / 47900160.0,
        -691.0 / 1307674368000.0, 1.0 / 74724249600.0, -3617.0 / 10670622842880000.0,
        43867.0 / 5109094217170944000.0, -174611.0 / 802857662698291200000.0,
    )
    for j in range(10):
        term = bernoulli[j] * factor
        total += term
        if abs(term) <= 1e-17 * abs(total):
            return total
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / (a * a)
    return total
''')
emitted_function('''def hurwitz_zeta(s, q):
    """Return the sum of (q + k)**-s over k >= 0, for s > 1. DLMF 25.11.1, 25.11.15.

    For q < 0, which takes a whole s: the sum over all of ... q - 1, q, q + 1 ..., less its left
    part, so that the number of steps does not grow with -q.
    """
    if s == 1.0:
        return np.inf
    if s < 1.0 or q != q or (s == np.inf and 1.0 < q < np.inf):
        return np.nan
    if q > 0.0:
        return zeta_series(s, q) if s == s else s
    below = np.floor(q)
    if q == below:
        return np.inf
    if s == np.inf:
        return np.inf
    if s != np.floor(s):
        return np.nan
    sign = 1.0 if s % 2.0 == 0.0 else -1.0
    left = zeta_series(s, (below + 1.0) - q) - zeta_series(s, 1.0 - q)
    return zeta_series(s, q - below) + sign * left
''')
_derivative = emitted_function('''def hurwitz_zeta_derivative(s, q, order):
    """Return the derivative of some order by s of Hurwitz's zeta function, s > -1, q > 0.

    Euler and Maclaurin's formula, DLMF 25.11.5, in power series of s, which are multiplied.
    """
    s, q = np.float64(s), np.float64(q)
    if not (s > -1.0 and s != 1.0 and q > 0.0):
        return np.nan
    total = 0.0
    a = q
    steps = 0
    while steps < 12 or a < 12.0 + order:
        total += (-np.log(a)) ** order * a**-s
        a += 1.0
        steps += 1
    # Coefficients of a**-s in powers of s: those of exp(-log(a) h), scaled.
    power = np.empty(order + 1)
    power[0] = a**-s
    for k in range(order):
        power[k + 1] = power[k] * -np.log(a) / (k + 1)
    result = 0.0
    pole = a / (s - 1.0)  # coefficients of a / (s + h - 1), the k-th for h**k
    for k in range(order + 1):
        result += power[order - k] * pole
        pole *= -1.0 / (s - 1.0)
    result += 0.5 * power[order]
    bernoulli = (
        1.0 / 12.0, -1.0 / 720.0, 1.0 / 30240.0, -1.0 / 1209600.0, 1.0 / 47900160.0,
        -691.0 / 1307674368000.0, 1.0 / 74724249600.0, -3617.0 / 10670622842880000.0,
        43867.0 / 5109094217170944000.0, -174611.0 / 802857662698291200000.0,
    )
    rising = np.zeros(order + 1)  # coefficients of s (s + 1) ... / a**(2 j + 1) in powers of h
    rising[0] = s / a
    if order > 0:
        rising[1] = 1.0 / a
    for j in range(10):
        for k in range(order + 1):
            result += bernoulli[j] * rising[k] * power[order - k]
        for step in range(2 * j + 1, 2 * j + 3):
            for k in range(order, 0, -1):
                rising[k] = (rising[k] * (s + step) + rising[k - 1]) / a
            rising[0] *= (s + step) / a
    for k in range(2, order + 1):
        result *= k
    return total + result
''')


def _slope_evaluated(s: Any, q: Any, order: Any) -> Any:
    """Return the derivative, element by element."""
    dtype = scipy_promotion("_zeta")((np.asarray(s).dtype, np.asarray(q).dtype))[-1]
    return np.vectorize(_derivative, otypes=[dtype])(s, q, order)[()]


hurwitz_zeta_derivative: Any = elementwise(
    _slope_evaluated,
    name="hurwitz_zeta_derivative",
    emit="hurwitz_zeta_derivative(x, y, z)",
    promote=lambda dtypes: (
        *(dtype := scipy_promotion("_zeta")(dtypes[:2]))[:2], np.dtype(np.int64), dtype[2],
    ),
    pullback=lambda cotangent, out, s, q, order: (
        cotangent * hurwitz_zeta_derivative(s, q, order + 1),
        -cotangent * (
            s * hurwitz_zeta_derivative(s + 1, q, order)
            + convert(order, dtype=dtype_of(out))
            * hurwitz_zeta_derivative(s + 1, q, np.maximum(order - 1, 0))
        ),
        None,
    ),
    samples=(
        Sample((np.array([1.5, 2.0, 4.5]), np.array([0.3, 1.0, 12.0]), np.array([1, 2, 1]))),
        Sample((np.array([1.2, 30.0]), np.array([2.5]), np.array(3))),
    ),
    ref="DLMF 25.11.5, differentiated term by term; DLMF 25.11.17",
    unbounded=True,
)  # fmt: skip
"""The derivative of some order of Hurwitz's zeta function by ``s``, for ``s > 1`` and ``q > 0``."""

hurwitz_zeta: Any = scipy_elementwise(
    "_zeta",
    op_name="hurwitz_zeta",
    emit="hurwitz_zeta(x, y)",
    partials=lambda out, s, q: (
        hurwitz_zeta_derivative(s, q, 1), -s * hurwitz_zeta(s + 1, q),
    ),
    samples=(
        *binary((1.3, 4), (0.6, 12)),
        Sample((np.array([2.0, 3.0]), np.array([20.0, 1e3]))),
    ),
    ref="DLMF 25.11.1, 25.11.17",
    unbounded=True,
)  # fmt: skip

emitted_function('''def riemann_zeta(s):
    """Return Riemann's zeta function; left of -0.1 by reflection, DLMF 25.4.1.

    Nearer to 0 the reflected argument would round beside the pole at 1.
    """
    if s == 1.0:
        return np.inf
    if not s < -0.1:
        return 1.0 if s == np.inf else zeta_series(s, 1.0)
    half = np.rint(0.5 * s)
    sign = 1.0 if half % 2.0 == 0.0 else -1.0
    sine = sign * np.sin(0.5 * np.pi * (s - 2.0 * half))
    power = (2.0 * np.pi) ** (0.5 * (s - 1.0))  # squared below: the whole may underflow alone
    return 2.0 * power * gamma_function(1.0 - s) * power * zeta_series(1.0 - s, 1.0) * sine
''')
