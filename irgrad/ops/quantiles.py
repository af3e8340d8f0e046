"""The inverses of the incomplete gamma and beta functions.

An inverse y of F(a, ·) at p has the derivatives 1 / f(a, y) by p and -F_a(a, y) / f(a, y) by a
parameter, f being the density.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Op, Sample
from irgrad.ops.declare import binary, real
from irgrad.ops.incomplete_beta import beta_density, betainc_derivative
from irgrad.ops.incomplete_gamma import gamma_density, gammainc_derivative
from irgrad.ops.scipy_ufuncs import scipy_elementwise


def _share(slope: Any, density: Any) -> Any:
    """Return the quotient, 0 where the slope is 0: where a quantile is rounded to 0 or to 1."""
    return slope / np.where(slope == 0, 1.0, density)


def _beta_quantile(name: str, sign: float) -> Op:
    def partials(out: Any, a: Any, b: Any, p: Any) -> tuple[Any, Any, Any]:
        density = beta_density(a, b, out)
        by_a, by_b = (
            _share(-betainc_derivative(a, b, out, *orders), density) for orders in ((1, 0), (0, 1))
        )
        return by_a, by_b, sign / density

    return scipy_elementwise(
        name, emit=f"{name}(x, y, z)", partials=partials, ref="DLMF 8.17.2", unbounded=True,
        samples=(Sample((np.array([[2.0], [5.2]]), np.array([1.0, 3.1]), real(0.1, 0.9, (2,)))),),
    )  # fmt: skip


betaincinv = _beta_quantile("betaincinv", 1.0)
betainccinv = _beta_quantile("betainccinv", -1.0)


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
