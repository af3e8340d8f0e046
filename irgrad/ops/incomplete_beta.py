"""The regularised incomplete beta function, differentiated by its argument alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.declare import real
from irgrad.ops.gamma_functions import betaln
from irgrad.ops.information import xlog1py, xlogy
from irgrad.ops.scipy_ufuncs import scipy_elementwise

BY_ARGUMENT = (
    "the incomplete beta function, and what is made of it (Student's and the binomial distribution "
    "functions), is differentiated by its argument, not by its parameters"
)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return ``x**(a - 1) (1 - x)**(b - 1) / B(a, b)``, the derivative of ``betainc`` by ``x``."""
    return np.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))


def _pullback(cotangent: Any, out: Any, a: Any, b: Any, x: Any) -> tuple[None, None, Any]:
    return None, None, cotangent * beta_density(a, b, x)


betainc = scipy_elementwise(
    "betainc",
    emit="betainc(x, y, z)",
    pullback=_pullback,
    refused={0: BY_ARGUMENT, 1: BY_ARGUMENT},
    samples=(
        Sample((np.array([[1], [3], [6]]), np.array([2, 1, 5, 4]), real(0.05, 0.95, (4,)))),
        Sample((np.array(2), np.array(3), real(0.1, 0.9, (0,)))),
    ),
    ref="DLMF 8.17.2, 8.17.20",
    unbounded=True,
)
