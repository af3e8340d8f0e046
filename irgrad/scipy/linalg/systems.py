"""Solving systems of linear equations, by their matrices or by factors of these."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.banded import banded_solve
from irgrad.ops.cholesky import cholesky
from irgrad.ops.matrices import adjoint, diagonal_matrix, identity_like, numeric
from irgrad.ops.packed_lu import halves, order_of_rows, rows_in_order
from irgrad.ops.sylvester import sylvester
from irgrad.ops.triangular import triangular_solve
from irgrad.scipy.linalg.operands import columns, matrix, mirrored, together, turned
from irgrad.scipy.linalg.special import toeplitz
from irgrad.scipy.traced import as_array, drop_in

_drop_in = drop_in("scipy.linalg")


@_drop_in
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return the solution of ``a @ x = b`` of which one triangle of ``a`` is read.

    Raises: LinAlgError where a number on the diagonal is 0.
    """
    a, flipped = turned(matrix("solve_triangular", a), trans)
    if unit_diagonal:
        a = (np.tril(a, -1) if lower else np.triu(a, 1)) + identity_like(a)
    right, vector = columns(b)
    a, right = together("solve_triangular", a, right)
    x = triangular_solve(a, right, lower=bool(lower), flipped=flipped)
    return x[..., 0] if vector else x


@_drop_in
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Return the solution of ``a @ x = b`` by the factor of ``a``, of which one half is read."""
    c, lower = c_and_lower
    right, vector = columns(b)
    c, right = together("cho_solve", matrix("cho_solve", c), right)
    lower = bool(lower)
    # L L^H x = b, or U^H U x = b.
    first, second = (c, np.conj(c)) if lower else (np.conj(c), c)
    half = triangular_solve(first, right, lower=lower, flipped=not lower)
    x = triangular_solve(second, half, lower=lower, flipped=lower)
    return x[..., 0] if vector else x


@_drop_in
def lu_solve(
    lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Return the solution of ``a x = b``, ``a.T x = b`` or ``a.T.conj() x = b`` by factors."""
    lu, pivots = lu_and_piv
    right, vector = columns(b)
    lu, flipped = turned(matrix("lu_solve", lu), trans)
    lu, right = together("lu_solve", lu, right)
    order: Any = (*shape_of(lu)[:-2], shape_of(lu)[-1])
    rows = np.broadcast_to(order_of_rows(pivots), order)
    lower, upper = halves(lu)
    if flipped:
        x = triangular_solve(upper, right, lower=False, flipped=True)
        x = triangular_solve(lower, x, lower=True, flipped=True)
        x = rows_in_order(x, np.argsort(rows, axis=-1))
    else:
        x = rows_in_order(right, rows)
        x = triangular_solve(lower, x, lower=True, flipped=False)
        x = triangular_solve(upper, x, lower=False, flipped=False)
    return x[..., 0] if vector else x


_STRUCTURES = {
    "gen": "general", "sym": "symmetric", "her": "hermitian", "pos": "positive definite",
    None: "general", "banded": "general", "tridiagonal": "general",
}  # fmt: skip


@_drop_in
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """Return the solution of ``a @ x = b``; what ``assume_a`` says is not there is not read.

    Raises: LinAlgError where a matrix is singular, or not positive definite as it should be.
    """
    right, vector = columns(b)
    structure = _STRUCTURES.get(assume_a, assume_a)
    a = _assumed(matrix("solve", a), structure, lower)
    if transposed:
        a = np.swapaxes(a, -1, -2)
    a, right = together("solve", a, right)
    if structure == "positive definite":
        x = cho_solve((cholesky(a), True), right)
    elif structure in ("upper triangular", "lower triangular"):
        lower = (structure == "lower triangular") != transposed
        x = triangular_solve(a, right, lower=lower, flipped=False)
    else:
        x = np.linalg.solve(a, right)
    return x[..., 0] if vector else x


def _assumed(a: Any, structure: Any, lower: bool) -> Any:
    """Return matrices with what a structure leaves unread filled in."""
    if structure in ("symmetric", "hermitian", "positive definite"):
        return mirrored(a, lower, hermitian=structure != "symmetric")
    if structure == "diagonal":
        return diagonal_matrix(np.diagonal(a, axis1=-2, axis2=-1))
    if structure not in ("general", "upper triangular", "lower triangular"):
        raise UnsupportedCallError(
            f"a matrix that is {structure!r}", remedy="leave assume_a out: any matrix is general"
        )
    return a


@_drop_in
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None,
    lower: bool = False,
) -> Any:  # fmt: skip
    """Return inverses of matrices."""
    a = matrix("inv", a)
    return solve(a, identity_like(a), lower, assume_a=assume_a)


@_drop_in
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Return the solution of ``a @ x + x @ b = q``.

    Raises: LinAlgError where an eigenvalue of ``a`` is one of ``-b``.
    """
    a, b, q = (matrix("solve_sylvester", x, square=False) for x in (a, b, q))
    return sylvester(*together("solve_sylvester", a, b, q))


@_drop_in
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Return the solution of ``a @ x + x @ a.T.conj() = q``."""
    a = as_array(a)
    return solve_sylvester(a, adjoint(a), q)


@_drop_in
def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return the solution of a banded system; ``ab[u + i - j, j]`` is the matrix at i, j."""
    below, above = (int(number) for number in l_and_u)
    right, vector = columns(b)
    ab, right = together("solve_banded", matrix("solve_banded", ab, square=False), right)
    x = banded_solve(ab, right, lower=below, upper=above, flipped=False)
    return x[..., 0] if vector else x


@_drop_in
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """Return the solution of a Toeplitz system, by pivoted elimination. Time n**3.

    SciPy's recursion takes n**2 and fails where a leading part of the matrix is singular.
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return solve(toeplitz(c, r), b)


@_drop_in
def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """Return the least-squares solution, residuals, rank and singular values."""
    a, b = as_array(a), as_array(b)
    epsilon = float(np.finfo(numeric([dtype_of(a), dtype_of(b)])[0]).eps)
    return np.linalg.lstsq(a, b, rcond=epsilon if cond is None else cond)
