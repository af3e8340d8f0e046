"""The logistic function's family in scipy.special.

The derivative of ``logistic`` is ``out (1 - out)``, which costs nothing but loses what is left of
1 where the function is near it. Here it is ``expit(x) expit(-x)``, accurate everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ops.declare import elementwise, unary
from irgrad.ops.scipy_ufuncs import scipy_elementwise, scipy_spelling
from irgrad.ops.texts import emitted_function

expit: Any = scipy_elementwise(
    "expit", emit="1.0 / (1.0 + np.exp(-x))", vector_math="logistic",
    partials=lambda out, x: (out * expit(-x),), samples=(*unary(-4, 4), *unary(20, 45)),
)  # fmt: skip
log1p_exp: Any = elementwise(
    lambda x: np.logaddexp(0.0, x),
    name="log1p_exp",
    emit="np.logaddexp(0.0, x)",
    vector_math="softplus",
    real_only=True,
    promote=lambda dtypes: tuple(np.exp.resolve_dtypes((*dtypes, None))),
    partials=lambda out, x: (expit(x),),
    samples=(*unary(-4, 4), *unary(20, 45)),
)
"""``softplus``, with the derivative ``expit``."""


@scipy_spelling("log_expit")
def log_expit(x: Any) -> Any:
    """Return the logarithm of ``expit(x)``."""
    return -log1p_exp(-x)


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
