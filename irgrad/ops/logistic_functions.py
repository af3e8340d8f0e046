"""The logistic function's family in scipy.special."""

from __future__ import annotations

from typing import Any

from irgrad.ops.declare import unary
from irgrad.ops.elementwise import logistic, softplus
from irgrad.ops.registry import SCIPY_UFUNCS
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_spelling
from irgrad.ops.texts import emitted_function

SCIPY_UFUNCS["expit"] = logistic


@scipy_spelling("log_expit")
def _log_expit(x: Any) -> Any:
    return -softplus(-x)


emitted_function('''def logit(x):
    """Return log(x / (1 - x)), in the middle as a difference of logarithms near 1."""
    if x < 0.3 or x > 0.65:
        return np.log(x / (1.0 - x))
    s = 2.0 * (x - 0.5)
    return np.log1p(s) - np.log1p(-s)
''')
logit = scipy_elementwise(
    "logit", emit="logit(x)", partials=lambda out, x: (1 / (x * (1 - x)),),
    samples=unary(0.05, 0.93), unbounded=True,
)  # fmt: skip
