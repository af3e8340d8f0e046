"""The exponential of square matrices, and the derivative of functions of matrices.

The derivative of a function f of matrices at A in the direction E stands in the upper right block
of ``f([[A, E], [0, A]])``, so the pullback is the function itself of larger matrices, at any order.

Reference: Mathias, A chain rule for matrix functions and applications (1996), theorem 2.1; Higham,
Functions of Matrices (2008), equation 3.16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import shape_of
from irgrad.ops.declare import complex_values, real
from irgrad.ops.matrices import (
    each_matrix,
    numeric,
    square,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare


def block_derivative(function: Callable[[Any], Any], a: Any, direction: Any) -> Any:
    """Return the derivative of a function of matrices at ``a`` in a direction.

    It is linear in the direction, which is brought to the size of 1: a large one beside ``a`` would
    be scaled down with it, and ``a`` lose its digits.
    """
    n = shape_of(a)[-1]
    largest = np.max(np.abs(direction), axis=(-2, -1), keepdims=True, initial=0.0)
    usual = (largest > 0) & (largest < np.inf)
    unit = np.exp2(np.floor(np.log2(np.where(usual, largest, 1.0))))
    top = np.concatenate([a, direction / unit], axis=-1)
    bottom = np.concatenate([np.zeros_like(a), a], axis=-1)
    return function(np.concatenate([top, bottom], axis=-2))[..., :n, n:] * unit


def same_type(name: str) -> Callable[[ArrayType], ArrayType]:
    """Return the type rule of a function of square matrices."""

    def infer(a: ArrayType) -> ArrayType:
        square(name, a)
        return a

    return infer


_EXPONENTIAL_KERNEL = '''def matrix_exponential(a, out):
    """Fill out with the exponentials of matrices: scaling, Padé of degree 13, squaring.

    Higham, The scaling and squaring method for the matrix exponential revisited (2005).
    """
    c = np.empty(14, a.dtype)
    c[0] = 1.0
    for j in range(13):
        c[j + 1] = c[j] * (13 - j) / ((26 - j) * (j + 1))
    one = np.eye(a.shape[1]).astype(a.dtype)
    for b in range(a.shape[0]):
        norm = 0.0
        for j in range(a.shape[1]):
            total = 0.0
            for i in range(a.shape[1]):
                total += abs(a[b, i, j])
            if not total <= norm:
                norm = total
        if not norm < np.inf:
            out[b] = np.nan
            continue
        squarings = 0
        while norm > 5.371920351148152:
            norm *= 0.5
            squarings += 1
        x = np.ascontiguousarray(a[b]) * a.dtype.type(0.5**squarings)
        x2 = np.dot(x, x)
        x4 = np.dot(x2, x2)
        x6 = np.dot(x4, x2)
        odd = np.dot(x6, c[13] * x6 + c[11] * x4 + c[9] * x2)
        odd = np.dot(x, odd + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * one)
        even = np.dot(x6, c[12] * x6 + c[10] * x4 + c[8] * x2)
        even += c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * one
        y = np.ascontiguousarray(np.linalg.solve(even - odd, even + odd))
        for _ in range(squarings):
            y = np.dot(y, y)
        out[b] = y
'''


def _exponential(a: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.expm(a) if a.size else a


matrix_exponential: Op = declare(
    Op(
        name="matrix_exponential",
        evaluate=each_matrix(_exponential),
        infer=same_type("a matrix exponential"),
        lowering=Kernel("matrix_exponential", _EXPONENTIAL_KERNEL, core=2, batched=True),
        pullback=lambda cotangent, out, a: (
            block_derivative(matrix_exponential, transposed(a), cotangent),
        ),
        promote=numeric,
        samples=(
            Sample((real(-1, 1, (3, 3)),)),
            Sample((3 * real(-1, 1, (2, 2, 2), seed=1),)),
            Sample((np.zeros((2, 2)),)),
            Sample((complex_values((2, 2)),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("scipy.linalg.expm",),
        reference="Higham, SIAM J. Matrix Anal. Appl. 26 (2005); Mathias, ibid. 17 (1996)",
    )
)
"""The exponentials of matrices ``a: (..., n, n)``. Time n**3."""
