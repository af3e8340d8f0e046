"""The regularised incomplete beta function, differentiated by its argument and its parameters.

The derivatives by the parameters ``a`` and ``b``, of any order, come from the same continued
fraction as the values, computed with power series in ``a`` and ``b`` instead of numbers; of the
first order these are the derivatives of Boik and Robinson-Cox.

Reference: DLMF 8.17.1 (definition), 8.17.4 (symmetry), 8.17.22 (continued fraction); Boik &
Robinson-Cox, "Derivatives of the incomplete beta function", Journal of Statistical Software 3
(1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.axes import dtype_of
from irgrad.ops.create import convert
from irgrad.ops.declare import elementwise, real
from irgrad.ops.gamma_functions import betaln
from irgrad.ops.information import xlog1py, xlogy
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_promotion
from irgrad.ops.texts import emitted_function

emitted_function('''def log_beta_density_series(a, b, log_x, log_y, rows, columns):
    """Return the series in h and k of the logarithm of x**(a + h - 1) y**(b + k - 1) / B."""
    out = np.zeros((rows, columns))
    out[0, 0] = (a - 1.0) * log_x + (b - 1.0) * log_y - betaln(a, b)
    if rows > 1:
        out[1, 0] = log_x + digamma_step(a, b)
    if columns > 1:
        out[0, 1] = log_y + digamma_step(b, a)
    for p in range(rows):
        ways = 1.0  # p + q choose q
        for q in range(columns):
            order = p + q
            if order > 1:
                sign = 1.0 if order % 2 == 0 else -1.0
                total = ways * hurwitz_zeta(order, a + b)
                if q == 0:
                    total -= hurwitz_zeta(order, a)
                if p == 0:
                    total -= hurwitz_zeta(order, b)
                out[p, q] = sign * total / order
            ways *= (order + 1.0) / (q + 1.0)
    return out
''')
emitted_function('''def beta_fraction(a, b, x, rows, columns, terms):
    """Return the series in h and k of the fraction of DLMF 8.17.22, from some term up."""
    total = np.zeros((rows, columns))
    total[0, 0] = 1.0
    for n in range(terms, 0, -1):
        term = np.zeros((rows, columns))
        m = n // 2
        if n % 2 == 1:
            # -(a + m) (a + b + m) x / ((a + n - 1) (a + n)), in a + h and b + k
            term[0, 0] = -(a + m) * x
            if rows > 1:
                term[1, 0] = -x
            multiply_by_linear(term, a + b + m, 1.0)
        else:
            # m (b - m) x / ((a + n - 1) (a + n))
            term[0, 0] = m * x
            multiply_by_linear(term, b - m, 0.0)
        divide_by_shifted(term, a + (n - 1.0))
        divide_by_shifted(term, a + n)
        divide_by_series(term, total)
        term[0, 0] += 1.0
        total = term
    return total
''')
emitted_function('''def incomplete_beta_series(a, b, x, y, rows, columns):
    """Return the series in h and k of the incomplete beta function; y is 1 - x.

    For x below the mean of the distribution, where the fraction converges fast. It is evaluated
    from twice as many terms until that makes no difference.
    """
    log_x, log_y = log_shares(x, y)
    front = log_beta_density_series(a, b, log_x, log_y, rows, columns)
    front[0, 0] += log_x + log_y
    front = bivariate_exponential(front)
    divide_by_shifted(front, a)
    terms = 16
    before = front
    settled = False
    while not settled and terms < 1000000:
        fraction = beta_fraction(a, b, x, rows, columns, terms)
        settled = terms > 16 and series_agree(fraction, before)
        before = fraction
        terms *= 2
    divide_by_series(front, before)
    return front
''')
emitted_function('''def log_shares(x, y):
    """Return the logarithms of x and of y = 1 - x, each from the smaller of the two."""
    if x < y:
        return np.log(x), np.log1p(-x)
    return np.log1p(-y), np.log(y)
''')
emitted_function('''def incomplete_beta_derivative(a, b, x, y, by_first, by_second):
    """Return the derivative of some orders, one at least, by a and b; y is 1 - x."""
    mirrored = x > (a + 1.0) / (a + b + 2.0)
    if mirrored:
        a, b, x, y, by_first, by_second = b, a, y, x, by_second, by_first
    result = incomplete_beta_series(a, b, x, y, by_first + 1, by_second + 1)[by_first, by_second]
    if mirrored:
        result = -result
    for k in range(2, by_first + 1):
        result *= k
    for k in range(2, by_second + 1):
        result *= k
    return result
''')
_derivative = emitted_function('''def betainc_derivative(a, b, x, by_first, by_second):
    """Return the derivative of some orders by a and b of the incomplete beta function."""
    a, b, x = np.float64(a), np.float64(b), np.float64(x)
    if not (a > 0.0 and b > 0.0 and a + b < np.inf and 0.0 <= x <= 1.0):
        return np.nan
    if x == 0.0 or x == 1.0:
        return 0.0
    return incomplete_beta_derivative(a, b, x, 1.0 - x, by_first, by_second)
''')
_density = emitted_function('''def beta_density_derivative(a, b, x, by_first, by_second):
    """Return the derivative of some orders by a and b of x**(a - 1) (1 - x)**(b - 1) / B(a, b)."""
    a, b, x = np.float64(a), np.float64(b), np.float64(x)
    if not (a > 0.0 and b > 0.0 and a + b < np.inf and 0.0 <= x <= 1.0):
        return np.nan
    if x == 0.0 and a > 1.0 or x == 1.0 and b > 1.0:
        return 0.0
    log_x = np.log(x) if x > 0.0 else 0.0
    log_y = np.log1p(-x) if x < 1.0 else 0.0
    logarithm = log_beta_density_series(a, b, log_x, log_y, by_first + 1, by_second + 1)
    series = bivariate_exponential(logarithm)
    if x == 0.0 and (a < 1.0 or by_first > 0):
        return series[0, by_second] * (-1.0) ** by_first * np.inf
    if x == 1.0 and (b < 1.0 or by_second > 0):
        return series[by_first, 0] * (-1.0) ** by_second * np.inf
    result = series[by_first, by_second]
    for k in range(2, by_first + 1):
        result *= k
    for k in range(2, by_second + 1):
        result *= k
    return result
''')


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return ``x**(a - 1) (1 - x)**(b - 1) / B(a, b)``, the derivative of ``betainc`` by ``x``."""
    return np.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))


def _evaluator(function: Any) -> Any:
    def evaluate(a: Any, b: Any, x: Any, *orders: Any) -> Any:
        dtype = _promote([np.asarray(operand).dtype for operand in (a, b, x)])[-1]
        return np.vectorize(function, otypes=[dtype])(a, b, x, *orders)[()]

    return evaluate


def _promote(dtypes: Any) -> Any:
    *operands, result = scipy_promotion("betainc")(dtypes[:3])
    return *operands, np.dtype(np.int64), np.dtype(np.int64), result


def _density_pullback(
    cotangent: Any, out: Any, a: Any, b: Any, x: Any, by_first: Any, by_second: Any
) -> Any:
    """Differentiate; by x: ((a - 1)/x - (b - 1)/(1 - x)) D, itself differentiated by a and b."""
    of = beta_density_derivative
    first, second = (convert(order, dtype=dtype_of(out)) for order in (by_first, by_second))
    less_first = of(a, b, x, np.maximum(by_first - 1, 0), by_second)
    less_second = of(a, b, x, by_first, np.maximum(by_second - 1, 0))
    left = ((a - 1) * out + first * less_first) / x
    right = ((b - 1) * out + second * less_second) / (1 - x)
    return (
        cotangent * of(a, b, x, by_first + 1, by_second),
        cotangent * of(a, b, x, by_first, by_second + 1),
        cotangent * (left - right), None, None,
    )  # fmt: skip


_ORDERS = np.array([1, 0, 2]), np.array([0, 1, 1])
_SAMPLES = (
    Sample((np.array([0.6, 2.0, 4.5]), np.array([3.0, 0.7, 2.5]), real(0.1, 0.9, (3,)), *_ORDERS)),
    Sample((np.array([3.2]), np.array(1.5), np.array([0.2, 0.8]), np.array(1), np.array(0))),
)

beta_density_derivative: Any = elementwise(
    _evaluator(_density),
    name="beta_density_derivative",
    emit="beta_density_derivative(x, y, z, u, v)",
    promote=_promote,
    pullback=_density_pullback,
    samples=_SAMPLES,
    ref="DLMF 8.17.20; 5.15.1 for the derivatives by a and b",
    unbounded=True,
)
"""The derivative of some orders by ``a`` and ``b`` of the beta distribution's density."""

betainc_derivative: Any = elementwise(
    _evaluator(_derivative),
    name="betainc_derivative",
    emit="betainc_derivative(x, y, z, u, v)",
    promote=_promote,
    pullback=lambda cotangent, out, a, b, x, by_first, by_second: (
        cotangent * betainc_derivative(a, b, x, by_first + 1, by_second),
        cotangent * betainc_derivative(a, b, x, by_first, by_second + 1),
        cotangent * beta_density_derivative(a, b, x, by_first, by_second),
        None, None,
    ),
    samples=_SAMPLES,
    ref="Boik & Robinson-Cox, 1998, by power series; DLMF 8.17.22",
    unbounded=True,
)  # fmt: skip
"""The derivative of some orders, one at least, by ``a`` and ``b`` of ``betainc``."""

_PARAMETERS = np.array([[1.0], [3.2], [6.0]]), np.array([2.0, 0.7, 5.0, 4.0])


def _regularised(name: str, sign: float, ref: str) -> Any:
    def partials(out: Any, a: Any, b: Any, x: Any) -> tuple[Any, Any, Any]:
        return (
            sign * betainc_derivative(a, b, x, 1, 0),
            sign * betainc_derivative(a, b, x, 0, 1),
            sign * beta_density(a, b, x),
        )

    return scipy_elementwise(
        name, emit=f"{name}(x, y, z)", partials=partials, ref=ref, unbounded=True,
        samples=(
            Sample((*_PARAMETERS, real(0.05, 0.95, (4,)))),
            Sample((np.array(2), np.array(3), real(0.1, 0.9, (0,)))),
        ),
    )  # fmt: skip


betainc = _regularised("betainc", 1.0, "DLMF 8.17.2, 8.17.20")
betaincc = _regularised("betaincc", -1.0, "DLMF 8.17.4, 8.17.20")
