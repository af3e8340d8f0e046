"""Factorisations of matrices by LAPACK: LU, QR, of symmetric matrices, singular values.

All act on the last two axes. The C order of an array is LAPACK's transpose of it, which the kernels
take into account instead of copying.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import shape_of
from irgrad.ops.complex_numbers import is_complex, part_dtype
from irgrad.ops.declare import real
from irgrad.ops.matrices import (
    INTEGER,
    adjoint,
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
from irgrad.ops.triangular import triangular_solve

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


_SVD_KERNEL = '''def singular_values(a, left, values, right):
    """Fill in the thin singular value decomposition of matrices."""
    for b in range(a.shape[0]):
        u, s, v = np.linalg.svd(a[b], False)
        for k in range(values.shape[1]):
            values[b, k] = s[k]
        for i in range(left.shape[1]):
            for k in range(left.shape[2]):
                left[b, i, k] = u[i, k]
        for k in range(right.shape[1]):
            for j in range(right.shape[2]):
                right[b, k, j] = v[k, j]
'''


def _svd_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the cotangent of a thin singular value decomposition ``u s v``.

    Of complex vectors only the phase of each product ``u[:, k] v[k]`` is determined; a change of it
    is shared between the two.

    Reference: Townsend, Differentiating the singular value decomposition (2016), equation 37; Wan &
    Zhang, Automatic differentiation for complex valued SVD (2019), for the phase.
    """
    by_u, by_s, by_v = cotangents
    u, s, v = out
    inner: Any = 0.0
    if by_s is not None:
        inner = diagonal_matrix(by_s)
    between = gaps(s * s)
    zero = s == 0
    inverse = np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, s))
    if by_u is not None:
        product = transposed(u) @ by_u
        inner = inner + between * (product - adjoint(product)) * s[..., None, :]
        inner = inner + _turned(product, 0.5 * inverse)
    if by_v is not None:
        product = np.conj(v) @ adjoint(by_v)
        inner = inner + s[..., :, None] * (between * (product - adjoint(product)))
        inner = inner + _turned(product, -0.5 * inverse)
    u_bar, v_bar = np.conj(u), np.conj(v)
    total = u_bar @ inner @ v_bar
    rows, columns = shape_of(a)[-2:]
    if by_u is not None and not _same(rows, s):
        scaled = by_u * inverse[..., None, :]
        total = total + (scaled - u_bar @ (transposed(u) @ scaled)) @ v_bar
    if by_v is not None and not _same(columns, s):
        scaled = inverse[..., :, None] * by_v
        total = total + u_bar @ (scaled - (scaled @ transposed(v)) @ v_bar)
    return (total,)


def _turned(product: Any, scale: Any) -> Any:
    """Return what turning the phases of singular vectors adds; nothing for real ones."""
    if not is_complex(product):
        return 0.0
    return diagonal_matrix(1j * (scale * np.imag(np.diagonal(product, axis1=-2, axis2=-1))))


def _same(size: Any, s: Any) -> bool:
    return bool(shape_of(s)[-1] == size)


def _svd_type(a: ArrayType) -> tuple[ArrayType, ...]:
    if a.rank < 2:
        raise ShapeError(f"singular values of an array of type {a}", remedy="pass matrices")
    rows, columns = a.shape[-2:]
    least = columns if dims.at_least(rows, columns) else rows
    batch = a.shape[:-2]
    return (
        a.with_shape((*batch, rows, least)),
        ArrayType(part_dtype(a.dtype), (*batch, least)),
        a.with_shape((*batch, least, columns)),
    )


singular_values = declare(
    Op(
        name="singular_values",
        evaluate=lambda a: tuple(np.linalg.svd(np.asarray(a), full_matrices=False)),
        infer=_svd_type,
        lowering=Kernel("singular_values", _SVD_KERNEL, core=2, batched=True),
        pullback=_svd_pullback,
        promote=numeric,
        samples=(
            Sample((np.diag([1.0, 3.0, 7.0]) + real(-0.3, 0.3, (3, 3)),)),
            Sample((np.eye(4, 2) * np.array([1.0, 3.0]) + real(-0.3, 0.3, (2, 4, 2), seed=1),)),
            Sample((np.eye(2, 3) * np.array([[1.0], [4.0]]) + real(-0.3, 0.3, (2, 3), seed=2),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("np.linalg.svd", "np.linalg.svdvals"),
        reference="Townsend, Differentiating the singular value decomposition, 2016",
        convention="vectors of equal singular values do not turn into each other; what belongs to "
        "a singular value 0 has derivative 0",
    )
)
"""The thin decomposition ``u: (..., m, k), s: (..., k), v: (..., k, n)``, k the lesser of both."""


_QR_KERNEL = '''def orthogonal_factors(a, q, r):
    """Fill in the thin QR factorisation of matrices."""
    for b in range(a.shape[0]):
        columns, rows = np.linalg.qr(a[b])
        for i in range(q.shape[1]):
            for j in range(q.shape[2]):
                q[b, i, j] = columns[i, j]
        for i in range(r.shape[1]):
            for j in range(r.shape[2]):
                r[b, i, j] = rows[i, j]
'''


def _qr_type(a: ArrayType) -> tuple[ArrayType, ...]:
    if a.rank < 2:
        raise ShapeError(f"a QR factorisation of an array of type {a}", remedy="pass matrices")
    rows, columns = a.shape[-2:]
    least = columns if dims.at_least(rows, columns) else rows
    batch = a.shape[:-2]
    return a.with_shape((*batch, rows, least)), a.with_shape((*batch, least, columns))


def _qr_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the cotangent of a thin QR factorisation.

    Tall matrices: (Q' + Q copyltu(M)) R^-T, M = R R'^T - Q'^T Q, where copyltu puts the conjugate
    of the lower triangle into the upper one, and Q is conjugated; the diagonal of R is real. Wide
    ones are split into a square part, which fixes Q, and the rest, Q^T of which is the rest of R.

    Reference: Walter & Lehmann, Algorithmic differentiation of linear algebra functions (2010);
    Roberts & Roberts, QR and LQ decomposition matrix backpropagation (2020).
    """
    by_q, by_r = cotangents
    q, r = out
    rows, columns = shape_of(a)[-2:]
    by_q = np.zeros_like(q) if by_q is None else by_q
    by_r = np.zeros_like(r) if by_r is None else by_r
    by_r = np.triu(by_r)
    if shape_of(r)[-2] == columns:
        return (_tall_cotangent(by_q, by_r, q, r),)
    rest = a[..., rows:]
    by_rest = np.conj(q) @ by_r[..., rows:]
    by_q = by_q + np.conj(rest) @ adjoint(by_r[..., rows:])
    by_square = _tall_cotangent(by_q, by_r[..., :rows], q, r[..., :rows])
    return (np.concatenate([by_square, by_rest], axis=-1),)


def _tall_cotangent(by_q: Any, by_r: Any, q: Any, r: Any) -> Any:
    m = r @ transposed(by_r) - transposed(by_q) @ q
    lower = np.tril(m, -1)
    middle = np.real(np.diagonal(m, axis1=-2, axis2=-1))
    copied = lower + adjoint(lower) + diagonal_matrix(middle)
    right = by_q + np.conj(q) @ transposed(copied)
    return transposed(triangular_solve(r, transposed(right), lower=False, flipped=False))


orthogonal_factors = declare(
    Op(
        name="orthogonal_factors",
        evaluate=lambda a: tuple(np.linalg.qr(np.asarray(a))),
        infer=_qr_type,
        lowering=Kernel("orthogonal_factors", _QR_KERNEL, core=2, batched=True),
        pullback=_qr_pullback,
        promote=numeric,
        samples=(
            Sample((well_conditioned(3),)),
            Sample((real(-1, 1, (2, 4, 2)) + np.eye(4, 2),)),
            Sample((real(-1, 1, (2, 3), seed=3) + np.eye(2, 3),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("np.linalg.qr",),
        reference="Roberts & Roberts, QR and LQ decomposition matrix backpropagation, "
        "arXiv:2009.10071",
    )
)
"""The thin factors ``q: (..., m, k)`` and ``r: (..., k, n)``, k the lesser of m and n."""
