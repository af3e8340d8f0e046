"""Student's distribution function, and the inverses of the incomplete gamma and beta functions.

An inverse y of F(a, ·) at p has the derivatives 1 / f(a, y) by p and -F_a(a, y) / f(a, y) by a
parameter, f being the density.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir.op import Op, Sample
from irgrad.ops.declare import binary, real
from irgrad.ops.gamma_functions import betaln
from irgrad.ops.incomplete_beta import BY_ARGUMENT, beta_density
from irgrad.ops.incomplete_gamma import gamma_density, gammainc_derivative
from irgrad.ops.scipy_ufuncs import scipy_elementwise


def student_density(df: Any, t: Any) -> Any:
    """Return the density of Student's distribution."""
    return np.exp(
        -0.5 * (df + 1) * np.log1p(np.square(t) / df) - betaln(0.5 * df, 0.5) - 0.5 * np.log(df)
    )


def _by_argument(
    name: str, emit: str, slope: Callable[..., Any], samples: tuple[Sample, ...], ref: str
) -> Op:
    """Declare a function of parameters, by which derivatives are refused, and of an argument."""

    def pullback(cotangent: Any, out: Any, *operands: Any) -> tuple[Any, ...]:
        return *([None] * (len(operands) - 1)), cotangent * slope(out, *operands)

    refused = dict.fromkeys(range(len(samples[0].operands) - 1), BY_ARGUMENT)
    return scipy_elementwise(
        name, emit=emit, pullback=pullback, refused=refused, samples=samples, ref=ref,
        unbounded=True,
    )  # fmt: skip


_STUDENT = np.array([[1], [3], [12]])
_SHAPES = np.array([[2], [5]]), np.array([1, 3, 4, 2])

stdtr = _by_argument(
    "stdtr", "stdtr(x, y)", lambda out, df, t: student_density(df, t),
    (Sample((_STUDENT, real(-4, 4, (4,)))), Sample((np.array(2), real(-1, 1, (0,))))),
    "DLMF 8.17.2; Johnson, Kotz & Balakrishnan, chapter 28",
)  # fmt: skip
stdtrit = _by_argument(
    "stdtrit", "stdtrit(x, y)", lambda out, df, p: 1 / student_density(df, out),
    (Sample((_STUDENT, real(0.05, 0.9, (4,)))), Sample((np.array(2), real(0, 1, (0,))))),
    "the inverse of stdtr",
)  # fmt: skip
betaincc = _by_argument(
    "betaincc", "betaincc(x, y, z)", lambda out, a, b, x: -beta_density(a, b, x),
    (Sample((*_SHAPES, real(0.05, 0.95, (4,)))),), "DLMF 8.17.4",
)  # fmt: skip
betaincinv = _by_argument(
    "betaincinv", "betaincinv(x, y, z)", lambda out, a, b, p: 1 / beta_density(a, b, out),
    (Sample((*_SHAPES, real(0.05, 0.95, (4,)))),), "the inverse of betainc",
)  # fmt: skip
betainccinv = _by_argument(
    "betainccinv", "betainccinv(x, y, z)", lambda out, a, b, p: -1 / beta_density(a, b, out),
    (Sample((*_SHAPES, real(0.05, 0.95, (4,)))),), "the inverse of betaincc",
)  # fmt: skip


def _gamma_quantile(name: str, sign: float) -> Op:
    def partials(out: Any, a: Any, p: Any) -> tuple[Any, Any]:
        density = gamma_density(a, out)
        return -gammainc_derivative(a, out, 1) / density, sign / density

    return scipy_elementwise(
        name, emit=f"{name}(x, y)", partials=partials, samples=binary((0.6, 5), (0.08, 0.93)),
        ref="DLMF 8.2.4", unbounded=True,
    )  # fmt: skip


gammaincinv = _gamma_quantile("gammaincinv", 1.0)
gammainccinv = _gamma_quantile("gammainccinv", -1.0)
