"""Polynomials as NumPy's old functions write them: coefficients from the highest power down."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.op import Operand
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.registry import refuse, spelling


def _length(p: Any) -> int:
    """Return the number of coefficients, which a trace fixes."""
    return dims.concrete(shape_of(p)[0]) if shape_of(p) else 1


def _coefficients(p: Any) -> list[Any]:
    values: Any = p if isinstance(p, Operand) else np.asarray(p)
    return [values[i] for i in range(_length(values))] if shape_of(values) else [values]


@spelling(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    """Evaluate by Horner's rule.

    Reference: Knuth, The Art of Computer Programming 2, section 4.6.4.
    """
    result = np.zeros_like(x)
    for coefficient in _coefficients(p):
        result = result * x + coefficient
    return result


def _padded(p: Any, length: int) -> list[Any]:
    own = _coefficients(p)
    return [0.0 * own[0]] * (length - len(own)) + own


@spelling(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    length = max(_length(a1), _length(a2))
    return np.stack(
        [a + b for a, b in zip(_padded(a1, length), _padded(a2, length), strict=True)]
    )


@spelling(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    length = max(_length(a1), _length(a2))
    return np.stack(
        [a - b for a, b in zip(_padded(a1, length), _padded(a2, length), strict=True)]
    )


@spelling(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    first, second = _coefficients(a1), _coefficients(a2)
    sums: list[Any] = [0.0] * (len(first) + len(second) - 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            sums[i + j] = sums[i + j] + a * b
    return np.stack(sums)


@spelling(np.polyder)
def _polyder(p: Any, m: int = 1) -> Any:
    """Return the coefficients of the derivative of order ``m``."""
    if m < 0:
        raise ShapeError(f"np.polyder of order {m}", remedy="give an order of 0 or more")
    own = _coefficients(p)
    for _ in range(m):
        degree = len(own) - 1
        own = [value * np.int64(degree - i) for i, value in enumerate(own[:-1])]
    return np.stack(own) if own else np.zeros(0)


@spelling(np.polyint)
def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Return the coefficients of the integral of order ``m``, constants ``k``."""
    own = _coefficients(p)
    constants = [0.0] * m if k is None else list(np.atleast_1d(k))
    if len(constants) == 1:
        constants = constants * m
    for constant in constants:
        degree = len(own)
        own = [value / float(degree - i) for i, value in enumerate(own)] + [constant]
    return np.stack(own)


@spelling(np.polyfit)
def _polyfit(
    x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None,
    cov: Any = False,
) -> Any:  # fmt: skip
    """Fit by least squares in powers whose columns are scaled to length 1, as NumPy does."""
    if full or cov:
        raise UnsupportedCallError(
            "np.polyfit with full= or cov=", remedy="ask for the coefficients alone"
        )
    order = operator.index(deg) + 1
    left = np.vander(np.multiply(x, 1.0), order)
    right = np.multiply(y, 1.0)
    if w is not None:
        weights = np.multiply(w, 1.0)
        left = left * weights[:, None]
        right = right * (weights[:, None] if len(shape_of(y)) == 2 else weights)
    scale = np.sqrt(np.sum(left * left, axis=0))
    if rcond is None:
        count = dims.concrete(shape_of(x)[0])
        rcond = count * float(np.finfo(dtype_of(left)).eps)
    solution = np.linalg.lstsq(left / scale, right, rcond)[0]
    return solution / (scale[:, None] if len(shape_of(y)) == 2 else scale)


@spelling(np.poly)
def _poly(seq_of_zeros: Any) -> Any:
    """Return the coefficients of the polynomial with these real zeros."""
    shape = shape_of(seq_of_zeros)
    if len(shape) != 1:
        raise UnsupportedCallError(
            "np.poly of a matrix, whose eigenvalues may be complex", remedy="pass the zeros"
        )
    result = np.ones_like(seq_of_zeros[:1] * 1.0) if shape[0] != 0 else np.ones(1)
    for place in range(dims.concrete(shape[0])):
        zero = seq_of_zeros[place : place + 1]
        result = np.concatenate([result, 0 * zero]) - np.concatenate([0 * zero, result * zero])
    return result


refuse(
    np.roots,
    "how many results there are, and whether they are complex, depends on the numbers",
    "find real zeros by irgrad.while_loop",
)


@spelling(np.polydiv)
def _polydiv(u: Any, v: Any) -> Any:
    """Divide with remainder; the remainder keeps leading coefficients that turn out to be 0.

    Reference: Knuth, The Art of Computer Programming 2, section 4.6.1, algorithm D.
    """
    rest, divisor = _coefficients(np.multiply(u, 1.0)), _coefficients(np.multiply(v, 1.0))
    steps = max(len(rest) - len(divisor) + 1, 0)
    quotient = []
    for k in range(steps):
        quotient.append(rest[k] / divisor[0])
        for j, coefficient in enumerate(divisor):
            rest[k + j] = rest[k + j] - quotient[k] * coefficient
    quotient = quotient or [0.0 * (rest[0] + divisor[0])]
    kept = rest[steps:] or rest[-1:]
    return np.stack(quotient), np.stack([value + 0.0 * divisor[0] for value in kept])
