"""The gamma function and its relatives, on real numbers."""

from __future__ import annotations

from typing import Any

from irgrad.ops.declare import unary
from irgrad.ops.scipy_ufuncs import scipy_elementwise

digamma: Any = scipy_elementwise(
    "psi",
    op_name="digamma",
    emit="digamma(x)",
    nondiff="its derivatives come next",
    samples=(*unary(0.3, 6), *unary(-2.8, -2.2)),
    ref="DLMF 5.15.1",
    unbounded=True,
)
gammaln = scipy_elementwise(
    "gammaln",
    emit="gammaln(x)",
    partials=lambda out, x: (digamma(x),),
    samples=(*unary(0.3, 6), *unary(-2.8, -2.2)),
    ref="DLMF 5.2.2",
    unbounded=True,
)
