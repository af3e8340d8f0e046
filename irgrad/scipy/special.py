"""``scipy.special``: the functions of it that are no ufuncs, and all others as they are.

SciPy's ufuncs (``gammaln``, ``erf``, ...) act on traced values by themselves. These do not: they
turn their arguments into plain arrays first. Here they are written in NumPy's functions; given
plain arrays alone they are SciPy's own.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy.special import logsumexp
    >>> irgrad.grad(logsumexp)(np.log([1.0, 3.0]))
    array([0.25, 0.75])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.op import Operand
from irgrad.ops.gamma_functions import binom as _binom
from irgrad.ops.gamma_functions import digamma, gammaln, riemann_zeta
from irgrad.ops.texts import scipy_function
from irgrad.ops.zeta_functions import hurwitz_zeta
from irgrad.scipy.traced import as_array, drop_in, is_traced

__all__ = ["comb", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "zeta"]

_EXPONENT = 700.0
"""Below the exponent at which exp overflows."""

def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return scipy_function(name)


_drop_in = drop_in("scipy.special")


@_drop_in
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Return ``log(sum(b * exp(a)))`` without overflow.

    Where ``b`` is 0 its element counts for nothing, even an infinite one. ``return_sign`` gives
    the logarithm of the absolute value, and the sign.
    """
    a, b = as_array(a), as_array(b)
    if b is None:
        counted = a
    else:
        zero = np.equal(b, 0)
        counted = np.where(zero, -np.inf, a)
        a = np.broadcast_to(a, np.shape(counted))
    largest = np.max(counted, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    if b is None:
        total = np.sum(np.exp(a - shift), axis=axis, keepdims=True)
    else:
        lowered = a - shift
        lowered = np.where(zero, np.minimum(lowered, _EXPONENT), lowered)
        total = np.sum(b * np.exp(lowered), axis=axis, keepdims=True)
    size = np.abs(total) if return_sign else total
    result, sign = np.log(size) + shift, np.sign(total)
    if not keepdims:
        result, sign = np.squeeze(result, axis=axis), np.squeeze(sign, axis=axis)
    return (result, sign) if return_sign else result


@_drop_in
def softmax(x: Any, axis: Any = None) -> Any:
    """Return ``exp(x) / sum(exp(x))`` along axes."""
    x = as_array(x)
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


@_drop_in
def log_softmax(x: Any, axis: Any = None) -> Any:
    """Return the logarithm of ``softmax(x, axis)``."""
    x = as_array(x)
    largest = np.max(x, axis=axis, keepdims=True)
    lowered = x - np.where(np.isfinite(largest), largest, 0.0)
    return lowered - np.log(np.sum(np.exp(lowered), axis=axis, keepdims=True))


@_drop_in
def multigammaln(a: Any, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function of dimension ``d``.

    NaN unless ``a > (d - 1)/2``, where SciPy raises.

    Reference: DLMF 35.3.4.
    """
    a = np.asarray(a) if not isinstance(a, Operand) else a
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(d):
        total = total + gammaln(a - j / 2)
    return np.where(a > (d - 1) / 2, total, np.nan)


@_drop_in
def polygamma(n: Any, x: Any) -> Any:
    """Return the derivative of order ``n`` of the digamma function; ``n`` is no traced value.

    Reference: DLMF 5.15.1, 25.11.12; negative ``x`` by the sum over all whole steps.
    """
    if is_traced(n):
        raise UnsupportedCallError(
            "polygamma of a traced order", remedy="give the order n as a plain whole number"
        )
    order = np.asarray(n, np.float64)
    if order.ndim == 0:
        return digamma(x) if order == 0 else _polygamma(float(order), x)
    return np.where(order == 0, digamma(x), _polygamma(np.maximum(order, 1.0), x))


def _polygamma(order: Any, x: Any) -> Any:
    factorial = scipy_function("gamma")(order + 1.0)
    sign = np.where(np.remainder(order, 2) == 0, -1.0, 1.0)
    factor = sign * factorial
    return (float(factor) if np.ndim(factor) == 0 else factor) * hurwitz_zeta(order + 1.0, x)


@_drop_in
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """Return Riemann's zeta function, or Hurwitz's given ``q``."""
    if out is not None:
        raise UnsupportedCallError("zeta with out=", remedy="use the result")
    return riemann_zeta(x) if q is None else hurwitz_zeta(x, q)


@_drop_in
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """Return the number of ways to choose ``k`` of ``N`` things, continued to real numbers."""
    if exact:
        raise UnsupportedCallError(
            "comb(exact=True) of traced values", remedy="leave exact= out: real numbers have slopes"
        )
    if repetition:
        return comb(N + k - 1, k)
    inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(inside, _binom(np.where(inside, N, 1.0), np.where(inside, k, 1.0)), 0.0)
