"""Factorisations of matrices, and the eigenvalue problems of Hermitian ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ops.axes import shape_of
from irgrad.ops.cholesky import cholesky as lower_factor
from irgrad.ops.matrices import adjoint
from irgrad.ops.packed_lu import packed_lu
from irgrad.ops.triangular import triangular_solve
from irgrad.scipy.linalg.operands import matrix, mirrored, together
from irgrad.scipy.traced import drop_in

_drop_in = drop_in("scipy.linalg")


@_drop_in
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Return the Cholesky factor, upper unless ``lower``, of which that half of ``a`` is read.

    Raises: LinAlgError where ``a`` is not positive definite.
    """
    a = matrix("cholesky", a)
    return lower_factor(a) if lower else adjoint(lower_factor(adjoint(a)))


@_drop_in
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Any, bool]:
    """Return the Cholesky factor for `cho_solve`, the other half of ``a`` beside it, and ``lower``.

    Raises: LinAlgError where ``a`` is not positive definite.
    """
    a = matrix("cho_factor", a)
    beside = np.triu(a, 1) if lower else np.tril(a, -1)
    return cholesky(a, lower) + beside, lower


@_drop_in
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """Return L and U of square matrices in one array, and the exchanges of rows."""
    lu, pivots = packed_lu(matrix("lu_factor", a))
    return lu, pivots


@_drop_in
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1,
    check_finite: bool = True, subset_by_index: Any = None, subset_by_value: Any = None,
    driver: Any = None,
) -> Any:  # fmt: skip
    """Return eigenvalues, rising, and eigenvectors of a Hermitian problem, also a general one.

    Reference: Golub & Van Loan, Matrix Computations (2013), section 8.7.2.
    """
    if subset_by_value is not None:
        raise UnsupportedCallError(
            "eigh with subset_by_value: how many there are is not known while tracing",
            remedy="give subset_by_index",
        )
    a = matrix("eigh", a)
    if b is None:
        values, vectors = np.linalg.eigh(a, "L" if lower else "U")
    else:
        factor = lower_factor(mirrored(matrix("eigh", b), lower))
        a, factor = together("eigh", mirrored(a, lower), factor)
        values, vectors = np.linalg.eigh(_reduced(a, factor, type))
        if type == 3:
            vectors = factor @ vectors
        else:
            vectors = triangular_solve(np.conj(factor), vectors, lower=True, flipped=True)
    if subset_by_index is not None:
        first, last = (int(index) for index in subset_by_index)
        values, vectors = values[..., first : last + 1], vectors[..., first : last + 1]
    return values if eigvals_only else (values, vectors)


def _reduced(a: Any, factor: Any, kind: int) -> Any:
    """Return the plain problem of the same eigenvalues: a v = w b v, a b v = w v or b a v = w v."""
    if kind not in (1, 2, 3):
        raise ShapeError(f"an eigenvalue problem of type {kind}", remedy="give 1, 2 or 3")
    if kind > 1:
        return adjoint(factor) @ a @ factor
    half = triangular_solve(factor, a, lower=True, flipped=False)
    return triangular_solve(factor, adjoint(half), lower=True, flipped=False)


@_drop_in
def eigvalsh(a: Any, b: Any = None, **options: Any) -> Any:
    """Return the eigenvalues of a Hermitian problem; options as for `eigh`."""
    return eigh(a, b, **options, eigvals_only=True)


@_drop_in
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """Return the singular value decomposition, with complete bases unless told otherwise."""
    a = matrix("svd", a, square=False)
    return tuple(np.linalg.svd(a, full_matrices)) if compute_uv else svdvals(a)


@_drop_in
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return singular values, falling."""
    return np.linalg.svd(matrix("svdvals", a, square=False), compute_uv=False)


@_drop_in
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return the factors Q and R; of mode "r" the whole R alone."""
    if pivoting or mode not in ("full", "economic", "r"):
        raise UnsupportedCallError(
            f"scipy.linalg.qr with mode={mode!r}, pivoting={pivoting}",
            remedy='use mode="full", "economic" or "r" without pivoting',
        )
    a = matrix("qr", a, square=False)
    if mode != "r":
        return tuple(np.linalg.qr(a, "reduced" if mode == "economic" else "complete"))
    r = np.linalg.qr(a, "r")
    below = shape_of(a)[-2] - shape_of(r)[-2]
    kept: Any = [(0, 0)] * (len(shape_of(a)) - 2)
    return (np.pad(r, [*kept, (0, below), (0, 0)]),)
