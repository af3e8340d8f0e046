"""Cholesky's factorisation by LAPACK, and its cotangent by blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of
from irgrad.ops.declare import real
from irgrad.ops.matrices import (
    floating,
    lower_triangle,
    numeric,
    positive_definite,
    square,
    symmetric_cotangent,
    transposed,
)
from irgrad.ops.registry import declare
from irgrad.ops.texts import emitted_function
from irgrad.ops.triangular import triangular_solve

# What routines take by address stands in few arrays that are filled in: numba compiles a function
# for np.array, np.ones and the like, and a view of an array takes it longer than an address. An
# array whose address is taken is read again in the next trip of the loop around, so it lives.
_CHOLESKY_KERNEL = '''def cholesky_{p}(a, out):
    """Fill out with the lower Cholesky factor of each matrix, of which the lower half is read."""
    n = a.shape[1]
    numbers, letters = np.empty(2, np.int32), np.empty(1, np.uint8)
    numbers[0], numbers[1], letters[0] = n, 0, 85  # "U": the lower half in C order
    for b in range(a.shape[0]):
        for i in range(n):
            for j in range(n):
                out[b, i, j] = a[b, i, j] if j <= i else 0.0
        if n > 0:
            {p}potrf(
                letters.ctypes, numbers.ctypes, out[b].ctypes, numbers.ctypes, numbers[1:].ctypes
            )
        if numbers[1] != 0:
            raise np.linalg.LinAlgError("Matrix is not positive definite")
'''


def _cholesky_type(a: ArrayType, *others: ArrayType) -> ArrayType:
    square("a Cholesky factorisation", a)
    return a


def _cholesky_pullback(cotangent: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the cotangent of a matrix; of a Hermitian one by the formula over whole arrays.

    The last factor of the formula is conjugated, for Hermitian matrices L L^H.
    """
    if dtype_of(out).kind != "c":
        return (cholesky_cotangent(out, cotangent),)
    inner = lower_triangle(transposed(out) @ np.tril(cotangent), halved=True)
    left = triangular_solve(out, inner, lower=True, flipped=True)
    both = triangular_solve(np.conj(out), transposed(left), lower=True, flipped=True)
    return (symmetric_cotangent(transposed(both)),)


cholesky = declare(
    Op(
        name="cholesky",
        evaluate=lambda a: np.linalg.cholesky(np.asarray(a)),
        infer=_cholesky_type,
        lowering=Kernel("cholesky_{p}", _CHOLESKY_KERNEL, core=2, batched=True, in_place=0),
        pullback=_cholesky_pullback,
        promote=numeric,
        samples=(
            Sample((positive_definite(3),)),
            Sample((positive_definite(2, (2,), seed=1),)),
            Sample((positive_definite(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("np.linalg.cholesky",),
        reference="Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527",
        convention="reads the lower triangle only, so the upper one has derivative 0",
    )
)
"""The lower factor L of symmetric (Hermitian) positive definite matrices, ``L @ L.T.conj()``."""

emitted_function('''def cholesky_block_cotangent(factor, out, start, stop):
    """Turn the cotangent of rows and columns of a factor into that of the matrix, in place.

    Column by column: Smith, Differentiation of the Cholesky algorithm (1995).
    """
    for i in range(stop - 1, start - 1, -1):
        pivot = 1 / factor[i, i]
        total = out[i, i]
        for p in range(i + 1, stop):
            out[p, i] *= pivot
            total -= factor[p, i] * out[p, i]
        total *= 0.5 * pivot
        out[i, i] = total
        for q in range(start, i):
            out[i, q] -= 2 * total * factor[i, q]
        for p in range(i + 1, stop):
            entry = out[p, i]
            for q in range(start, i):
                out[p, q] -= entry * factor[i, q]
                out[i, q] -= entry * factor[p, q]
''')
_COTANGENT_KERNEL = '''def cholesky_cotangent_{p}(factor, cotangent, out):
    """Fill in cotangents of matrices, 32 rows and columns of the factor at a time from the last.

    Murray, Differentiation of the Cholesky decomposition (2016), section 4.2. To BLAS, arrays in C
    order are transposed ones.
    """
    n, bytes = factor.shape[1], factor.itemsize
    numbers, block = np.empty(3, factor.dtype), np.empty(32 * 32, factor.dtype)
    sizes, letters = np.empty(4, np.int32), np.empty(4, np.uint8)
    numbers[0], numbers[1], numbers[2], sizes[0] = 1.0, -1.0, 0.0, n
    letters[0], letters[1], letters[2], letters[3] = 76, 85, 78, 84  # "L", "U", "N", "T"
    for b in range(factor.shape[0]):
        for i in range(n):
            for j in range(n):
                out[b, i, j] = cotangent[b, i, j] if j <= i else 0.0
        one, whole = np.intp(numbers.ctypes.data), np.intp(sizes.ctypes.data)
        minus, none = one + bytes, one + 2 * bytes
        before, after, width = whole + 4, whole + 8, whole + 12
        left, scratch = np.intp(letters.ctypes.data), np.intp(block.ctypes.data)
        upper, plain, turned = left + 1, left + 2, left + 3
        stop = n
        while stop > 0:
            start = max(0, stop - 32)
            sizes[1], sizes[2], sizes[3] = start, n - stop, stop - start
            rows = np.intp(factor.ctypes.data) + (b * n + start) * n * bytes
            below = np.intp(factor.ctypes.data) + (b * n + stop) * n * bytes
            out_rows = np.intp(out.ctypes.data) + (b * n + start) * n * bytes
            out_below = np.intp(out.ctypes.data) + (b * n + stop) * n * bytes
            corner = start * bytes
            if stop < n:
                {p}trsm(
                    left, upper, plain, plain, width, after, one, rows + corner, whole,
                    out_below + corner, whole,
                )
                {p}gemm(
                    plain, turned, width, width, after, one, below + corner, whole,
                    out_below + corner, whole, none, scratch, width,
                )
                for i in range(stop - start):
                    for j in range(i + 1):
                        out[b, start + i, start + j] -= block[i * (stop - start) + j]
                if start > 0:
                    {p}gemm(
                        plain, plain, before, after, width, minus, rows, whole,
                        out_below + corner, whole, one, out_below, whole,
                    )
                    {p}gemm(
                        plain, turned, before, width, after, minus, below, whole,
                        out_below + corner, whole, one, out_rows, whole,
                    )
            cholesky_block_cotangent(factor[b], out[b], start, stop)
            if start > 0:
                for i in range(stop - start):
                    for j in range(i + 1):
                        entry = out[b, start + i, start + j]
                        block[i * (stop - start) + j] = entry
                        block[j * (stop - start) + i] = entry
                    block[i * (stop - start) + i] *= 2.0
                {p}gemm(
                    plain, plain, before, width, width, minus, rows, whole, scratch, width, one,
                    out_rows, whole,
                )
            stop = start
'''


def _cotangent_evaluated(factor: Any, cotangent: Any) -> Any:
    """Return L^-T Φ(L' cotangent) L^-1 symmetrised, Φ the lower triangle, its diagonal halved.

    Reference: Murray, Differentiation of the Cholesky decomposition (2016), equation 10.
    """
    inner = lower_triangle(transposed(np.tril(factor)) @ np.tril(cotangent), halved=True)
    left = triangular_solve(factor, inner, lower=True, flipped=True)
    both = triangular_solve(factor, transposed(left), lower=True, flipped=True)
    return symmetric_cotangent(both)


def _cotangent_pullback(cotangent: Any, out: Any, factor: Any, given: Any) -> tuple[Any, Any]:
    """Return the cotangents of the factor and of its cotangent B = ``given``.

    With S + S' the symmetric matrix of which ``out`` is half, Q that of the cotangent's lower half,
    and W = L^-1 Q L^-T: tril(B Φ(W)' - (S + S') Q L^-T), and tril(L Φ(W)).
    """
    q = lower_triangle(cotangent, halved=True)
    q = q + transposed(q)
    right = transposed(triangular_solve(factor, q, lower=True, flipped=False))  # Q L^-T
    w = lower_triangle(triangular_solve(factor, right, lower=True, flipped=False), halved=True)
    twice = np.tril(out) + transposed(np.tril(out))
    by_factor = np.tril(given) @ transposed(w) - twice @ right
    return np.tril(by_factor), np.tril(np.tril(factor) @ w)


cholesky_cotangent: Op = declare(
    Op(
        name="cholesky_cotangent",
        evaluate=_cotangent_evaluated,
        infer=_cholesky_type,
        lowering=Kernel(
            "cholesky_cotangent_{p}", _COTANGENT_KERNEL, core=2, batched=True, in_place=1
        ),
        pullback=_cotangent_pullback,
        promote=floating,
        samples=tuple(
            Sample((np.linalg.cholesky(positive_definite(n, batch)), real(-1, 1, (*batch, n, n))))
            for n, batch in ((3, ()), (2, (2,)), (1, ()), (0, ()))
        ),
        reference="Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527",
    )
)
"""The cotangent of matrices given their Cholesky factors and the factors' cotangent, lower halves.

Takes twice the operations of the factorisation.
"""

_HALF_INVERSE_KERNEL = '''def half_inverse_{p}(factor, out):
    """Fill out with the lower half of each inverse by Cholesky's factor, its diagonal halved.

    By blocks of 32 rows from the last: with S the inverse of the rows below, W = L21 L11^-1, it is
    S21 = -S W and S11 = (L11 L11')^-1 - W' S21. To BLAS, arrays in C order are transposed ones.
    """
    n, bytes = factor.shape[1], factor.itemsize
    numbers, block = np.empty(3, factor.dtype), np.empty(32 * 32, factor.dtype)
    panel = np.empty(32 * n, factor.dtype)
    sizes, letters = np.empty(5, np.int32), np.empty(5, np.uint8)
    numbers[0], numbers[1], numbers[2], sizes[0], sizes[4] = 1.0, -1.0, 0.0, n, 0
    letters[0], letters[1], letters[2], letters[3], letters[4] = 76, 85, 78, 84, 82
    for b in range(factor.shape[0]):
        for i in range(n):
            for j in range(n):
                out[b, i, j] = factor[b, i, j] if j <= i else 0.0
        one, whole = np.intp(numbers.ctypes.data), np.intp(sizes.ctypes.data)
        minus, none = one + bytes, one + 2 * bytes
        after, width, info = whole + 4, whole + 8, whole + 16
        left, scratch = np.intp(letters.ctypes.data), np.intp(block.ctypes.data)
        upper, plain, turned, right = left + 1, left + 2, left + 3, left + 4
        beside = np.intp(panel.ctypes.data)
        stop = n
        while stop > 0:
            start = max(0, stop - 32)
            sizes[1], sizes[2] = n - stop, stop - start
            corner = np.intp(out.ctypes.data) + ((b * n + start) * n + start) * bytes
            below = np.intp(out.ctypes.data) + ((b * n + stop) * n + start) * bytes
            rest = np.intp(out.ctypes.data) + ((b * n + stop) * n + stop) * bytes
            if stop < n:
                for i in range(n - stop):
                    for j in range(stop - start):
                        panel[i * (stop - start) + j] = out[b, stop + i, start + j]
                {p}trsm(
                    left, upper, plain, plain, width, after, one, corner, whole, beside, width
                )
                {p}symm(
                    right, upper, width, after, minus, rest, whole, beside, width, none, below,
                    whole,
                )
                {p}gemm(
                    plain, turned, width, width, after, one, below, whole, beside, width, none,
                    scratch, width,
                )
            {p}potri(upper, width, corner, whole, info)
            if sizes[4] != 0:
                raise np.linalg.LinAlgError("Singular matrix")
            if stop < n:
                for i in range(stop - start):
                    for j in range(i + 1):
                        out[b, start + i, start + j] -= block[i * (stop - start) + j]
            stop = start
        for i in range(n):
            out[b, i, i] *= 0.5
'''


def _half_inverse(factor: Any) -> Any:
    """Return the lower half of (L L')^-1, its diagonal halved."""
    identity = np.zeros_like(factor) + np.eye(np.shape(factor)[-1], dtype=dtype_of(factor))
    left = triangular_solve(factor, identity, lower=True, flipped=False)
    return lower_triangle(
        triangular_solve(factor, left, lower=True, flipped=True), halved=True
    )


def _half_inverse_pullback(cotangent: Any, out: Any, factor: Any) -> tuple[Any]:
    """Return -tril(S Q L^-T), S the inverse and Q the symmetric matrix of the cotangent's half.

    From dS = -S dK S and dK = dL L' + L dL'.
    """
    q = lower_triangle(cotangent, halved=True)
    q = q + transposed(q)
    right = transposed(triangular_solve(factor, q, lower=True, flipped=False))  # Q L^-T
    left = triangular_solve(factor, right, lower=True, flipped=False)
    return (-np.tril(triangular_solve(factor, left, lower=True, flipped=True)),)


half_inverse: Op = declare(
    Op(
        name="half_inverse",
        evaluate=_half_inverse,
        infer=_cholesky_type,
        lowering=Kernel(
            "half_inverse_{p}", _HALF_INVERSE_KERNEL, core=2, batched=True, in_place=0
        ),
        pullback=_half_inverse_pullback,
        promote=floating,
        samples=tuple(
            Sample((np.linalg.cholesky(positive_definite(n, batch)),))
            for n, batch in ((3, ()), (2, (2,)), (1, ()), (0, ()))
        ),
        reference="Rasmussen & Williams, Gaussian Processes for Machine Learning, equation 5.9",
    )
)
"""The cotangent of matrices for the sum of the logarithms of their Cholesky factors' diagonals.

The lower half of the inverse, its diagonal halved. Takes twice the operations of the factorisation.
"""
