"""Student's distribution function and its inverse, differentiated by the degrees of freedom.

With b half the degrees of freedom and v = t/√df the function is H(b, v), whose density by v is
``(1 + v²)**(-b - 1/2) / B(1/2, b)``. Neither has a corner at 0 or cancels in the tails, as the
incomplete beta function of ``v²/(1 + v²)`` would. The derivatives by b come from power series in b.

Reference: DLMF 8.17.2; Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 2 (1995),
chapter 28; Boik & Robinson-Cox, 1998, for those of the incomplete beta function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.axes import dtype_of
from irgrad.ops.create import convert
from irgrad.ops.declare import elementwise, real
from irgrad.ops.error_functions import normal_density
from irgrad.ops.gamma_functions import betaln
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_promotion
from irgrad.ops.texts import emitted_function

_density = emitted_function('''def student_density_derivative(b, v, order):
    """Return the derivative of some order by b of (1 + v**2)**(-b - 1/2) / B(1/2, b)."""
    b, v = np.float64(b), np.float64(v)
    if not (0.0 < b < np.inf) or v != v:
        return np.nan
    if abs(v) == np.inf:
        return 0.0
    log_tail = -2.0 * np.log(np.hypot(1.0, v)) if abs(v) > 1.0 else -np.log1p(v * v)
    # As the density of the beta distribution of 1/2 and b, in b alone.
    logarithm = log_beta_density_series(0.5, b, 0.0, log_tail, 1, order + 1)
    logarithm[0, 0] += 1.5 * log_tail
    result = bivariate_exponential(logarithm)[0, order]
    for k in range(2, order + 1):
        result *= k
    return result
''')
_derivative = emitted_function('''def student_derivative(b, v, order):
    """Return the derivative of some order, one at least, by b of the distribution function of v."""
    b, v = np.float64(b), np.float64(v)
    if not (0.0 < b < np.inf) or v != v:
        return np.nan
    if abs(v) < 1e-100:  # whose square would be 0: the first term of the power series in v
        return v * student_density_derivative(b, 0.0, order)
    far = 1.0 / (1.0 + v * v)
    if far == 0.0:
        return 0.0
    near = v * v / (1.0 + v * v)
    return 0.5 * np.sign(v) * incomplete_beta_derivative(0.5, b, near, far, 0, order)
''')


def _promote(dtypes: Any) -> Any:
    *operands, result = scipy_promotion("stdtr")(dtypes[:2])
    return *operands, np.dtype(np.int64), result


def _evaluator(function: Any) -> Any:
    def evaluate(b: Any, v: Any, order: Any) -> Any:
        dtype = _promote((np.asarray(b).dtype, np.asarray(v).dtype))[-1]
        return np.vectorize(function, otypes=[dtype])(b, v, order)[()]

    return evaluate


def _density_pullback(cotangent: Any, out: Any, b: Any, v: Any, order: Any) -> Any:
    """Differentiate; by v: -(2 b + 1) v/(1 + v²) D, itself differentiated by b."""
    number = convert(order, dtype=dtype_of(out))
    less = student_density_derivative(b, v, np.maximum(order - 1, 0))
    slope = -((2 * b + 1) * out + 2 * number * less) * v / (1 + np.square(v))
    return cotangent * student_density_derivative(b, v, order + 1), cotangent * slope, None


_SAMPLES = (
    Sample((np.array([0.6, 2.0, 14.5]), np.array([0.9, -3.0, 0.2]), np.array([1, 2, 1]))),
    Sample((np.array([3.2]), np.array([0.0, -1.5]), np.array(1))),
)

student_density_derivative: Any = elementwise(
    _evaluator(_density),
    name="student_density_derivative",
    emit="student_density_derivative(x, y, z)",
    promote=_promote,
    pullback=_density_pullback,
    samples=_SAMPLES,
    ref="Johnson, Kotz & Balakrishnan, chapter 28; DLMF 5.15.1",
    unbounded=True,
)
"""The derivative of some order by ``b`` of the density of ``v``."""

student_derivative: Any = elementwise(
    _evaluator(_derivative),
    name="student_derivative",
    emit="student_derivative(x, y, z)",
    promote=_promote,
    pullback=lambda cotangent, out, b, v, order: (
        cotangent * student_derivative(b, v, order + 1),
        cotangent * student_density_derivative(b, v, order),
        None,
    ),
    samples=_SAMPLES,
    ref="Boik & Robinson-Cox, 1998, by power series; DLMF 8.17.22",
    unbounded=True,
)
"""The derivative of some order, one at least, by ``b`` of the distribution function of ``v``."""


def student_density(df: Any, t: Any) -> Any:
    """Return the density of Student's distribution; of infinitely many degrees, the normal one."""
    normal = df == np.inf
    finite = np.where(normal, 1.0, df)
    half = 0.5 * finite
    normalisation = betaln(half, convert(0.5, dtype=dtype_of(half))) + 0.5 * np.log(finite)
    student = np.exp(-(half + 0.5) * np.log1p(np.square(t) / finite) - normalisation)
    return np.where(normal, normal_density(t), student)


def _by_freedom(df: Any, t: Any, density: Any) -> Any:
    """Return the derivative of Student's distribution function by the degrees of freedom."""
    normal = df == np.inf
    finite = np.where(normal, 1.0, df)
    shape = student_derivative(0.5 * finite, t / np.sqrt(finite), 1)
    return np.where(normal, 0.0, 0.5 * shape - 0.5 * t / finite * density)


def _partials(out: Any, df: Any, t: Any) -> tuple[Any, Any]:
    density = student_density(df, t)
    return _by_freedom(df, t, density), density


def _inverse_partials(out: Any, df: Any, p: Any) -> tuple[Any, Any]:
    density = student_density(df, out)
    return -_by_freedom(df, out, density) / density, 1 / density


_FREEDOM = np.array([[1.0], [3.3], [12.0]])

stdtr = scipy_elementwise(
    "stdtr", emit="stdtr(x, y)", partials=_partials,
    samples=(
        Sample((_FREEDOM, real(-4, 4, (4,)))),
        Sample((np.array(2), real(-1, 1, (0,)))),
    ),
    ref="DLMF 8.17.2; Johnson, Kotz & Balakrishnan, chapter 28", unbounded=True, widened=True,
)  # fmt: skip
stdtrit = scipy_elementwise(
    "stdtrit", emit="stdtrit(x, y)", partials=_inverse_partials,
    samples=(
        Sample((_FREEDOM, real(0.05, 0.9, (4,)))),
        Sample((np.array(2), real(0, 1, (0,)))),
    ),
    ref="the inverse of stdtr", unbounded=True, widened=True,
)  # fmt: skip
