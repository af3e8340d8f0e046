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

# Arrays are filled in, as in triangular: it compiles in a third of the time.
_CHOLESKY_KERNEL = '''def cholesky_{p}(a, out):
    """Fill out with the lower Cholesky factor of each matrix, of which the lower half is read."""
    n, info, upper = np.empty(1, np.int32), np.empty(1, np.int32), np.empty(1, np.uint8)
    n[0], info[0] = a.shape[1], 0
    upper[0] = 85  # "U": the lower half in C order
    for b in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(a.shape[1]):
                out[b, i, j] = a[b, i, j] if j <= i else 0.0
        if a.shape[1] > 0:
            {p}potrf(upper.ctypes, n.ctypes, out[b].ctypes, n.ctypes, info.ctypes)
        if info[0] != 0:
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
        lowering=Kernel("cholesky_{p}", _CHOLESKY_KERNEL, core=2, batched=True),
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

emitted_function('''def cholesky_block_cotangent(factor, out):
    """Turn the cotangent of a Cholesky factor into that of the matrix, in place, column by column.

    Smith, Differentiation of the Cholesky algorithm (1995).
    """
    for i in range(factor.shape[0] - 1, -1, -1):
        pivot = 1 / factor[i, i]
        total = out[i, i]
        for p in range(i + 1, factor.shape[0]):
            out[p, i] *= pivot
            total -= factor[p, i] * out[p, i]
        total *= 0.5 * pivot
        out[i, i] = total
        for q in range(i):
            out[i, q] -= 2 * total * factor[i, q]
        for p in range(i + 1, factor.shape[0]):
            entry = out[p, i]
            for q in range(i):
                out[p, q] -= entry * factor[i, q]
                out[i, q] -= entry * factor[p, q]
''')
_COTANGENT_KERNEL = '''def cholesky_cotangent_{p}(factor, cotangent, out):
    """Fill in cotangents of matrices, 32 rows and columns of the factor at a time from the last.

    Murray, Differentiation of the Cholesky decomposition (2016), section 4.2. To BLAS, arrays in C
    order are transposed ones.
    """
    n = factor.shape[1]
    one, minus, none = (
        np.empty(1, factor.dtype), np.empty(1, factor.dtype), np.empty(1, factor.dtype)
    )
    whole, width = np.empty(1, np.int32), np.empty(1, np.int32)
    before, after = np.empty(1, np.int32), np.empty(1, np.int32)
    left, upper = np.empty(1, np.uint8), np.empty(1, np.uint8)
    plain, turned = np.empty(1, np.uint8), np.empty(1, np.uint8)
    block = np.empty(32 * 32, factor.dtype)
    one[0], minus[0], none[0], whole[0] = 1.0, -1.0, 0.0, n
    left[0], upper[0], plain[0], turned[0] = 76, 85, 78, 84  # "L", "U", "N", "T"
    for b in range(factor.shape[0]):
        for i in range(n):
            for j in range(n):
                out[b, i, j] = cotangent[b, i, j] if j <= i else 0.0
        stop = n
        while stop > 0:
            start = max(0, stop - 32)
            before[0] = start
            after[0] = n - stop
            width[0] = stop - start
            if stop < n:
                {p}trsm(
                    left.ctypes, upper.ctypes, plain.ctypes, plain.ctypes, width.ctypes,
                    after.ctypes, one.ctypes, factor[b, start:, start:].ctypes, whole.ctypes,
                    out[b, stop:, start:].ctypes, whole.ctypes,
                )
                {p}gemm(
                    plain.ctypes, turned.ctypes, width.ctypes, width.ctypes, after.ctypes,
                    one.ctypes, factor[b, stop:, start:].ctypes, whole.ctypes,
                    out[b, stop:, start:].ctypes, whole.ctypes, none.ctypes, block.ctypes,
                    width.ctypes,
                )
                for i in range(stop - start):
                    for j in range(i + 1):
                        out[b, start + i, start + j] -= block[i * (stop - start) + j]
                if start > 0:
                    {p}gemm(
                        plain.ctypes, plain.ctypes, before.ctypes, after.ctypes, width.ctypes,
                        minus.ctypes, factor[b, start:].ctypes, whole.ctypes,
                        out[b, stop:, start:].ctypes, whole.ctypes, one.ctypes,
                        out[b, stop:].ctypes, whole.ctypes,
                    )
                    {p}gemm(
                        plain.ctypes, turned.ctypes, before.ctypes, width.ctypes, after.ctypes,
                        minus.ctypes, factor[b, stop:].ctypes, whole.ctypes,
                        out[b, stop:, start:].ctypes, whole.ctypes, one.ctypes,
                        out[b, start:].ctypes, whole.ctypes,
                    )
            cholesky_block_cotangent(
                factor[b, start:stop, start:stop], out[b, start:stop, start:stop]
            )
            if start > 0:
                for i in range(stop - start):
                    for j in range(i + 1):
                        entry = out[b, start + i, start + j]
                        block[i * (stop - start) + j] = entry
                        block[j * (stop - start) + i] = entry
                    block[i * (stop - start) + i] *= 2.0
                {p}gemm(
                    plain.ctypes, plain.ctypes, before.ctypes, width.ctypes, width.ctypes,
                    minus.ctypes, factor[b, start:].ctypes, whole.ctypes, block.ctypes,
                    width.ctypes, one.ctypes, out[b, start:].ctypes, whole.ctypes,
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
        lowering=Kernel("cholesky_cotangent_{p}", _COTANGENT_KERNEL, core=2, batched=True),
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
