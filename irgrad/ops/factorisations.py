"""Factorisations of square matrices by LAPACK: LU, and the eigenvectors of symmetric ones.

All act on the last two axes. The C order of an array is LAPACK's transpose of it, which the kernels
take into account instead of copying.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.complex_numbers import part_dtype
from irgrad.ops.matrices import (
    INTEGER,
    diagonal_matrix,
    each_matrix,
    numeric,
    positive_definite,
    square,
    symmetric_cotangent,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare

_LU_KERNEL = '''def lu_{p}(a, factors, pivots):
    """Factor the transpose of each matrix as LAPACK does: P L U, in one array, and the pivots."""
    n = np.array([a.shape[1]], np.int32)
    info = np.zeros(1, np.int32)
    for b in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(a.shape[2]):
                factors[b, i, j] = a[b, i, j]
        if a.shape[1] > 0:
            {p}getrf(
                n.ctypes, n.ctypes, factors[b].ctypes, n.ctypes, pivots[b].ctypes, info.ctypes
            )
'''


def _lu_one(a: Any) -> Any:
    import scipy.linalg.lapack

    routine = scipy.linalg.lapack.get_lapack_funcs("getrf", (a,))
    if not a.size:
        return a.copy(), np.zeros(0, INTEGER)
    factors, pivots, _ = routine(a.T)
    return np.ascontiguousarray(factors.T), (pivots + 1).astype(INTEGER)


def _lu_type(a: ArrayType) -> tuple[ArrayType, ...]:
    square("an LU factorisation", a)
    return a, ArrayType(INTEGER, a.shape[:-1])


lu = declare(
    Op(
        name="lu",
        evaluate=each_matrix(_lu_one),
        infer=_lu_type,
        lowering=Kernel("lu_{p}", _LU_KERNEL, core=2, batched=True),
        nondifferentiable="what is computed from the factors is differentiated by the matrix",
        promote=numeric,
        samples=tuple(
            Sample((well_conditioned(n, batch),))
            for n, batch in ((3, ()), (2, (2,)), (1, ()), (0, ()))
        ),
        reference="LAPACK getrf",
    )
)
"""The LU factors of the transposes of matrices ``a: (..., n, n)``, and LAPACK's pivots."""


_EIGH_KERNEL = '''def eigen_symmetric(a, values, vectors):
    """Fill in the eigenvalues, rising, and the eigenvectors of symmetric matrices."""
    for b in range(a.shape[0]):
        found, columns = np.linalg.eigh(a[b])
        for i in range(a.shape[1]):
            values[b, i] = found[i]
            for j in range(a.shape[1]):
                vectors[b, i, j] = columns[i, j]
'''


def gaps(values: Any) -> Any:
    """Return 1 / (values[j] - values[i]), and 0 where the two are equal."""
    difference = values[..., None, :] - values[..., :, None]
    equal = difference == 0
    return np.where(equal, 0.0, 1.0 / np.where(equal, 1.0, difference))


def _eigh_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return V (diag(values') + F * (V' vectors')) V', F[i, j] = 1 / (λ[j] - λ[i]).

    The first factor is conjugated, for complex vectors, which keep their phase.

    Reference: Giles, Collected matrix derivative results (2008), section 3.1.
    """
    by_values, by_vectors = cotangents
    values, vectors = out
    inner: Any = 0.0
    if by_values is not None:
        inner = diagonal_matrix(by_values)
    if by_vectors is not None:
        inner = inner + gaps(values) * (transposed(vectors) @ by_vectors)
    s = np.conj(vectors) @ inner @ transposed(vectors)
    return (symmetric_cotangent(s),)


def _eigh_type(a: ArrayType) -> tuple[ArrayType, ...]:
    square("eigenvalues", a)
    return ArrayType(part_dtype(a.dtype), a.shape[:-1]), a


eigen_symmetric = declare(
    Op(
        name="eigen_symmetric",
        evaluate=lambda a: tuple(np.linalg.eigh(np.asarray(a))),
        infer=_eigh_type,
        lowering=Kernel("eigen_symmetric", _EIGH_KERNEL, core=2, batched=True),
        pullback=_eigh_pullback,
        promote=numeric,
        samples=(
            Sample((np.diag([1.0, 3.0, 7.0]) + 0.2 * positive_definite(3),)),
            Sample((np.diag([1.0, 4.0]) + 0.3 * positive_definite(2, (2,), seed=1),)),
            Sample((positive_definite(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("np.linalg.eigh", "np.linalg.eigvalsh"),
        reference="Giles, Collected matrix derivative results, 2008",
        convention="eigenvectors of equal eigenvalues do not turn into each other, and complex "
        "ones keep their phase: that part of the derivative is 0; the lower triangle alone is read",
    )
)
"""Eigenvalues ``(..., n)`` and eigenvectors ``(..., n, n)`` of symmetric (Hermitian) matrices."""
