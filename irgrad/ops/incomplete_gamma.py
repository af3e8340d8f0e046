"""The incomplete gamma functions, differentiated by the argument and by the parameter.

The derivatives by the parameter ``a``, of any order, come from the same expansions as the values
(a power series below ``a + 1``, a continued fraction above), computed with truncated power series
in ``a`` instead of numbers, as Moore did with first and second derivatives by hand.

Reference: DLMF 8.2.4 (definition), 8.7.1 (series), 8.9.2 (continued fraction); Moore, "Algorithm AS
187: Derivatives of the incomplete gamma integral", Applied Statistics 31 (1982).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.axes import dtype_of
from irgrad.ops.create import convert
from irgrad.ops.declare import binary, elementwise
from irgrad.ops.gamma_functions import gammaln
from irgrad.ops.information import xlogy
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_promotion
from irgrad.ops.texts import emitted_function

emitted_function('''def series_product(u, v, out):
    """Fill out with the product of two truncated power series."""
    for k in range(out.shape[0] - 1, -1, -1):
        total = 0.0
        for j in range(k + 1):
            total += u[j] * v[k - j]
        out[k] = total
''')
emitted_function('''def series_reciprocal(u):
    """Return 1 / u for a truncated power series."""
    out = np.empty_like(u)
    out[0] = 1.0 / u[0]
    for k in range(1, u.shape[0]):
        total = 0.0
        for j in range(1, k + 1):
            total += u[j] * out[k - j]
        out[k] = -total * out[0]
    return out
''')
emitted_function('''def series_exponential(u):
    """Return exp(u) for a truncated power series."""
    out = np.empty_like(u)
    out[0] = np.exp(u[0])
    for k in range(1, u.shape[0]):
        total = 0.0
        for j in range(1, k + 1):
            total += j * u[j] * out[k - j]
        out[k] = total / k
    return out
''')
emitted_function('''def lower_gamma_series(a, x, count):
    """Return the first coefficients in powers of h of P(a + h, x), by DLMF 8.7.1, x <= a + 1."""
    front = np.empty(count)
    front[0] = a * np.log(x) - x - gammaln(a + 1.0)
    if count > 1:
        front[1] = np.log(x) - digamma(a + 1.0)
    for k in range(2, count):
        sign = 1.0 if k % 2 == 1 else -1.0
        front[k] = sign * hurwitz_zeta(k, a + 1.0) / k
    front = series_exponential(front)
    term = np.zeros(count)
    term[0] = 1.0
    total = term.copy()
    n = 1.0
    while n < 1e6:
        # term *= x / (a + n + h)
        for k in range(count):
            before = term[k - 1] if k > 0 else 0.0
            term[k] = (x * term[k] - before) / (a + n)
        small = True
        for k in range(count):
            total[k] += term[k]
            small &= abs(term[k]) <= 1e-17 * abs(total[k])
        if small:
            break
        n += 1.0
    result = np.empty(count)
    series_product(front, total, result)
    return result
''')
emitted_function('''def upper_gamma_fraction(a, x, count):
    """Return the first coefficients in powers of h of Q(a + h, x), by DLMF 8.9.2, x > a + 1."""
    c = np.zeros(count)
    c[0] = 1e300
    b = np.zeros(count)
    b[0] = x + 1.0 - a
    if count > 1:
        b[1] = -1.0
    d = series_reciprocal(b)
    total = d.copy()
    before = np.empty(count)
    top = np.zeros(count)
    for i in range(1, 100000):
        # Lentz's method in Thompson and Barnett's form, the numerator i (a + h - i).
        top[0] = i * (a - i)
        if count > 1:
            top[1] = i
        b[0] += 2.0
        series_product(top, d, d)
        for k in range(count):
            d[k] += b[k]
        d = series_reciprocal(d)
        c = series_reciprocal(c)
        series_product(top, c, c)
        for k in range(count):
            c[k] += b[k]
        before[:] = total
        series_product(total, d, total)
        series_product(total, c, total)
        small = True
        for k in range(count):
            small &= abs(total[k] - before[k]) <= 1e-16 * (abs(total[k]) + abs(total[0]))
        if small:
            break
    result = np.empty(count)
    series_product(gamma_density_series(a, x, count), total, result)
    return x * result
''')
emitted_function('''def gamma_density_series(a, x, count):
    """Return the first coefficients in powers of h of x**(a + h - 1) exp(-x) / gamma(a + h)."""
    front = np.empty(count)
    front[0] = (a - 1.0) * np.log(x) - x - gammaln(a)
    if count > 1:
        front[1] = np.log(x) - digamma(a)
    for k in range(2, count):
        sign = 1.0 if k % 2 == 1 else -1.0
        front[k] = sign * hurwitz_zeta(k, a) / k
    return series_exponential(front)
''')
_density = emitted_function('''def gamma_density_derivative(a, x, order):
    """Return the derivative of some order by a of x**(a - 1) exp(-x) / gamma(a)."""
    a, x = np.float64(a), np.float64(x)
    if not (a > 0.0 and x >= 0.0):
        return np.nan
    if x == 0.0 or x == np.inf or a == np.inf:
        return 0.0
    result = gamma_density_series(a, x, order + 1)[order]
    for k in range(2, order + 1):
        result *= k
    return result
''')
_lower = emitted_function('''def gammainc_derivative(a, x, order):
    """Return the derivative of some order by a of the lower incomplete gamma function P(a, x)."""
    a, x = np.float64(a), np.float64(x)
    if not (a > 0.0 and x >= 0.0):
        return np.nan
    if x == 0.0 or x == np.inf or a == np.inf:
        return 0.0
    if x <= a + 1.0:
        result = lower_gamma_series(a, x, order + 1)[order]
    else:
        result = -upper_gamma_fraction(a, x, order + 1)[order]
    for k in range(2, order + 1):
        result *= k
    return result
''')


def _evaluator(function: Any) -> Any:
    def evaluate(a: Any, x: Any, order: Any) -> Any:
        dtype = scipy_promotion("gammainc")((np.asarray(a).dtype, np.asarray(x).dtype))[-1]
        return np.vectorize(function, otypes=[dtype])(a, x, order)[()]

    return evaluate


def _promote(dtypes: Any) -> Any:
    first, second, result = scipy_promotion("gammainc")(dtypes[:2])
    return first, second, np.dtype(np.int64), result


_SAMPLES = (
    Sample((np.array([0.6, 2.0, 4.5]), np.array([0.9, 7.0, 4.0]), np.array([1, 1, 2]))),
    Sample((np.array([3.2]), np.array([1.5, 6.5]), np.array(1))),
)


def _density_pullback(cotangent: Any, out: Any, a: Any, x: Any, order: Any) -> Any:
    """Differentiate: ∂ₐᵏ of ((a - 1)/x - 1) D is ((a - 1)/x - 1) Dₖ + (k/x) Dₖ₋₁."""
    number = convert(order, dtype=dtype_of(out))
    lower = gamma_density_derivative(a, x, np.maximum(order - 1, 0))
    by_x = ((a - 1) / x - 1) * out + number / x * lower
    return cotangent * gamma_density_derivative(a, x, order + 1), cotangent * by_x, None


gamma_density_derivative: Any = elementwise(
    _evaluator(_density), name="gamma_density_derivative",
    emit="gamma_density_derivative(x, y, z)", promote=_promote, pullback=_density_pullback,
    samples=_SAMPLES, ref="DLMF 8.8.13; 5.15.1 for the derivatives by a", unbounded=True,
)  # fmt: skip
"""The derivative of some order by ``a`` of the density ``x**(a - 1) exp(-x) / Γ(a)``."""

gammainc_derivative: Any = elementwise(
    _evaluator(_lower),
    name="gammainc_derivative",
    emit="gammainc_derivative(x, y, z)",
    promote=_promote,
    pullback=lambda cotangent, out, a, x, order: (
        cotangent * gammainc_derivative(a, x, order + 1),
        cotangent * gamma_density_derivative(a, x, order),
        None,
    ),
    samples=_SAMPLES,
    ref="Moore, Applied Statistics 31 (1982), by power series; DLMF 8.7.1, 8.9.2",
    unbounded=True,
)
"""The derivative of some order by ``a`` of the regularised lower incomplete gamma function."""


def gamma_density(a: Any, x: Any) -> Any:
    """Return ``x**(a - 1) exp(-x) / Γ(a)``, the derivative of ``gammainc`` by ``x``."""
    return np.exp(xlogy(a - 1, x) - x - gammaln(a))


gammainc = scipy_elementwise(
    "gammainc", emit="gammainc(x, y)",
    partials=lambda out, a, x: (gammainc_derivative(a, x, 1), gamma_density(a, x)),
    samples=binary((0.4, 5), (0.3, 9)), ref="DLMF 8.2.4, 8.8.13", unbounded=True,
)  # fmt: skip
gammaincc = scipy_elementwise(
    "gammaincc", emit="gammaincc(x, y)",
    partials=lambda out, a, x: (-gammainc_derivative(a, x, 1), -gamma_density(a, x)),
    samples=binary((0.4, 5), (0.3, 9)), ref="DLMF 8.2.4, 8.8.14", unbounded=True,
)  # fmt: skip
