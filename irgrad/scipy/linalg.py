"""``scipy.linalg`` on traced matrices, batched over leading axes.

Given plain arrays alone these are SciPy's own functions. ``overwrite_a`` and ``check_finite`` are
accepted and mean nothing: no argument is ever overwritten, and numbers are not known while tracing.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy.linalg import expm
    >>> float(irgrad.grad(lambda t: expm(t * np.diag([1.0, 2.0]))[1, 1])(0.0))
    2.0
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import broadcast_shapes
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.banded import banded_solve
from irgrad.ops.cholesky import cholesky as lower_factor
from irgrad.ops.create import carrier, counting
from irgrad.ops.factorisations import singular_values
from irgrad.ops.matrices import diagonal_matrix, floating, identity_like, transposed
from irgrad.ops.matrix_functions import matrix_exponential, matrix_logarithm, matrix_square_root
from irgrad.ops.packed_lu import halves, order_of_rows, packed_lu, rows_in_order
from irgrad.ops.picking import as_traced
from irgrad.ops.sylvester import sylvester
from irgrad.ops.triangular import triangular_solve
from irgrad.scipy.traced import as_array, drop_in, others

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "det", "eigh", "eigvalsh",
    "expm", "inv", "logm", "lstsq", "lu_factor", "lu_solve", "norm", "pinv", "qr", "solve",
    "solve_banded", "solve_continuous_lyapunov", "solve_sylvester", "solve_toeplitz",
    "solve_triangular", "sqrtm", "svd", "svdvals", "toeplitz",
]  # fmt: skip

_drop_in = drop_in("scipy.linalg")
__getattr__ = others("scipy.linalg")


def _matrix(name: str, a: Any, *, square: bool = True) -> Any:
    a = as_array(a)
    shape = shape_of(a)
    if dtype_of(a).kind == "c":
        raise UnsupportedCallError(
            f"scipy.linalg.{name} of complex matrices", remedy="np.linalg takes complex ones"
        )
    if len(shape) < 2 or (square and not dims.same(shape[-1], shape[-2])):
        raise ShapeError(
            f"scipy.linalg.{name} of shape {tuple(map(str, shape))}: "
            + ("the last two axes must be equal" if square else "it holds no matrices"),
            remedy="pass " + ("square matrices" if square else "at least two axes"),
        )
    return a


def _together(name: str, *matrices: Any) -> list[Any]:
    """Return arrays of matrices with their leading axes broadcast together."""
    batch = broadcast_shapes(*[shape_of(a)[:-2] for a in matrices])
    if batch is None:
        raise ShapeError(
            f"scipy.linalg.{name}: the leading axes can't be broadcast together",
            remedy="make them equal or 1",
        )
    shapes: list[Any] = [(*batch, *shape_of(a)[-2:]) for a in matrices]
    return [np.broadcast_to(a, shape) for a, shape in zip(matrices, shapes, strict=True)]


def _columns(b: Any) -> tuple[Any, bool]:
    """Return right sides as columns, and whether they were one vector."""
    b = as_array(b)
    vector = len(shape_of(b)) == 1
    return (b[:, None] if vector else b), vector


def _mirrored(a: Any, lower: bool) -> Any:
    """Return the symmetric matrices of which one half is given."""
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    return half + transposed(half) + diagonal_matrix(np.diagonal(a, axis1=-2, axis2=-1))


_FLIPPED = {0: False, "N": False, 1: True, "T": True, 2: True, "C": True}


def _flipped(trans: Any) -> bool:
    if trans not in _FLIPPED:
        raise ShapeError(f"trans={trans!r}", remedy='give 0, 1, 2 or "N", "T", "C"')
    return _FLIPPED[trans]


# Solving systems.


@_drop_in
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return the solution of ``a @ x = b`` of which one triangle of ``a`` is read.

    Raises: LinAlgError where a number on the diagonal is 0.
    """
    a = _matrix("solve_triangular", a)
    if unit_diagonal:
        a = (np.tril(a, -1) if lower else np.triu(a, 1)) + identity_like(a)
    right, vector = _columns(b)
    a, right = _together("solve_triangular", a, right)
    x = triangular_solve(a, right, lower=bool(lower), flipped=_flipped(trans))
    return x[..., 0] if vector else x


@_drop_in
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Any, bool]:
    """Return the Cholesky factor for `cho_solve`, the other half of ``a`` beside it, and ``lower``.

    Raises: LinAlgError where ``a`` is not positive definite.
    """
    a = _matrix("cho_factor", a)
    beside = np.triu(a, 1) if lower else np.tril(a, -1)
    return cholesky(a, lower) + beside, lower


@_drop_in
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Return the solution of ``a @ x = b`` by the factor of ``a``, of which one half is read."""
    c, lower = c_and_lower
    right, vector = _columns(b)
    c, right = _together("cho_solve", _matrix("cho_solve", c), right)
    lower = bool(lower)
    half = triangular_solve(c, right, lower=lower, flipped=not lower)
    x = triangular_solve(c, half, lower=lower, flipped=lower)
    return x[..., 0] if vector else x


@_drop_in
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """Return L and U of square matrices in one array, and the exchanges of rows."""
    lu, pivots = packed_lu(_matrix("lu_factor", a))
    return lu, pivots


@_drop_in
def lu_solve(
    lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Return the solution of ``a @ x = b``, or of ``a.T @ x = b``, by the factors of ``a``."""
    lu, pivots = lu_and_piv
    right, vector = _columns(b)
    lu, right = _together("lu_solve", _matrix("lu_solve", lu), right)
    order: Any = (*shape_of(lu)[:-2], shape_of(lu)[-1])
    rows = np.broadcast_to(order_of_rows(pivots), order)
    lower, upper = halves(lu)
    if _flipped(trans):
        x = triangular_solve(upper, right, lower=False, flipped=True)
        x = triangular_solve(lower, x, lower=True, flipped=True)
        x = rows_in_order(x, np.argsort(rows, axis=-1))
    else:
        x = rows_in_order(right, rows)
        x = triangular_solve(lower, x, lower=True, flipped=False)
        x = triangular_solve(upper, x, lower=False, flipped=False)
    return x[..., 0] if vector else x


_STRUCTURES = {
    "gen": "general", "sym": "symmetric", "her": "symmetric", "hermitian": "symmetric",
    "pos": "positive definite", None: "general", "banded": "general", "tridiagonal": "general",
}  # fmt: skip


@_drop_in
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """Return the solution of ``a @ x = b``; what ``assume_a`` says is not there is not read.

    Raises: LinAlgError where a matrix is singular, or not positive definite as it should be.
    """
    right, vector = _columns(b)
    a = _assumed(_matrix("solve", a), _STRUCTURES.get(assume_a, assume_a), lower)
    if transposed:
        a = np.swapaxes(a, -1, -2)
    a, right = _together("solve", a, right)
    if _STRUCTURES.get(assume_a) == "positive definite":
        x = cho_solve((lower_factor(a), True), right)
    elif assume_a in ("upper triangular", "lower triangular"):
        lower = (assume_a == "lower triangular") != transposed
        x = triangular_solve(a, right, lower=lower, flipped=False)
    else:
        x = np.linalg.solve(a, right)
    return x[..., 0] if vector else x


def _assumed(a: Any, structure: Any, lower: bool) -> Any:
    """Return matrices with what a structure leaves unread filled in."""
    if structure in ("symmetric", "positive definite"):
        return _mirrored(a, lower)
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
    a = _matrix("inv", a)
    return solve(a, identity_like(a), lower, assume_a=assume_a)


@_drop_in
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Return the solution of ``a @ x + x @ b = q``.

    Raises: LinAlgError where an eigenvalue of ``a`` is one of ``-b``.
    """
    a, b, q = (_matrix("solve_sylvester", x, square=False) for x in (a, b, q))
    return sylvester(*_together("solve_sylvester", a, b, q))


@_drop_in
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Return the solution of ``a @ x + x @ a.T = q``."""
    a = as_array(a)
    return solve_sylvester(a, transposed(a), q)


@_drop_in
def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return the solution of a banded system; ``ab[u + i - j, j]`` is the matrix at i, j."""
    below, above = (int(number) for number in l_and_u)
    right, vector = _columns(b)
    ab, right = _together("solve_banded", _matrix("solve_banded", ab, square=False), right)
    x = banded_solve(ab, right, lower=below, upper=above, flipped=False)
    return x[..., 0] if vector else x


@_drop_in
def toeplitz(c: Any, r: Any = None) -> Any:
    """Return the matrix of first column ``c`` and first row ``r`` with constant diagonals."""
    c, r = as_array(c), as_array(c if r is None else r)
    rows, columns = shape_of(c)[-1], shape_of(r)[-1]
    of = carrier(c, r)
    numbers = np.concatenate([c[..., ::-1], r[..., 1:]], axis=-1)
    places = counting(of, columns) + counting(of, rows)[::-1][:, None]
    return numbers[..., places]


@_drop_in
def circulant(c: Any) -> Any:
    """Return the matrix whose columns are the rotations of ``c``."""
    c = as_array(c)
    return toeplitz(c, np.concatenate([c[..., :1], c[..., 1:][..., ::-1]], axis=-1))


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
    epsilon = float(np.finfo(floating([dtype_of(a), dtype_of(b)])[0]).eps)
    return np.linalg.lstsq(a, b, rcond=epsilon if cond is None else cond)


@_drop_in
def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return Moore-Penrose inverses, the rank taken as constant."""
    a = _matrix("pinv", a, square=False)
    if atol:
        raise UnsupportedCallError("pinv with atol", remedy="give rtol, relative to the largest")
    if rtol is None:
        largest = max(dims.concrete(size) for size in shape_of(a)[-2:])
        rtol = largest * float(np.finfo(floating([dtype_of(a)])[0]).eps)
    inverse = np.linalg.pinv(a, rcond=rtol)
    return (inverse, np.linalg.matrix_rank(a, rtol=rtol)) if return_rank else inverse


# Factorisations.


@_drop_in
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Return the Cholesky factor, upper unless ``lower``, of which that half of ``a`` is read.

    Raises: LinAlgError where ``a`` is not positive definite.
    """
    a = _matrix("cholesky", a)
    return lower_factor(a) if lower else transposed(lower_factor(transposed(a)))


@_drop_in
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1,
    check_finite: bool = True, subset_by_index: Any = None, subset_by_value: Any = None,
    driver: Any = None,
) -> Any:  # fmt: skip
    """Return eigenvalues, rising, and eigenvectors of a symmetric problem, also a general one.

    Reference: Golub & Van Loan, Matrix Computations (2013), section 8.7.2.
    """
    if subset_by_value is not None:
        raise UnsupportedCallError(
            "eigh with subset_by_value: how many there are is not known while tracing",
            remedy="give subset_by_index",
        )
    a = _matrix("eigh", a)
    if b is None:
        values, vectors = np.linalg.eigh(a, "L" if lower else "U")
    else:
        factor = lower_factor(_mirrored(_matrix("eigh", b), lower))
        a, factor = _together("eigh", _mirrored(a, lower), factor)
        values, vectors = np.linalg.eigh(_reduced(a, factor, type))
        if type == 3:
            vectors = factor @ vectors
        else:
            vectors = triangular_solve(factor, vectors, lower=True, flipped=True)
    if subset_by_index is not None:
        first, last = (int(index) for index in subset_by_index)
        values, vectors = values[..., first : last + 1], vectors[..., first : last + 1]
    return values if eigvals_only else (values, vectors)


def _reduced(a: Any, factor: Any, kind: int) -> Any:
    """Return the plain problem of the same eigenvalues: a v = w b v, a b v = w v or b a v = w v."""
    if kind not in (1, 2, 3):
        raise ShapeError(f"an eigenvalue problem of type {kind}", remedy="give 1, 2 or 3")
    if kind > 1:
        return transposed(factor) @ a @ factor
    half = triangular_solve(factor, a, lower=True, flipped=False)
    return triangular_solve(factor, transposed(half), lower=True, flipped=False)


@_drop_in
def eigvalsh(a: Any, b: Any = None, **options: Any) -> Any:
    """Return the eigenvalues of a symmetric problem; options as for `eigh`."""
    return eigh(a, b, **options, eigvals_only=True)


@_drop_in
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """Return the singular value decomposition; of tall or wide ones the thin one alone."""
    a = _matrix("svd", a, square=False)
    if not compute_uv:
        return singular_values(a)[1]
    return tuple(np.linalg.svd(a, full_matrices=full_matrices))


@_drop_in
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return singular values, falling."""
    return singular_values(_matrix("svdvals", a, square=False))[1]


@_drop_in
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return the factors Q and R; modes "economic" and "r", and "full" where it is the same."""
    if pivoting or mode not in ("full", "economic", "r"):
        raise UnsupportedCallError(
            f"scipy.linalg.qr with mode={mode!r}, pivoting={pivoting}",
            remedy='use mode="economic" without pivoting',
        )
    modes: dict[str, Any] = {"full": "complete", "economic": "reduced", "r": "r"}
    result = np.linalg.qr(_matrix("qr", a, square=False), modes[mode])
    return (result,) if mode == "r" else tuple(result)


@_drop_in
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return determinants."""
    return np.linalg.det(_matrix("det", a))


@_drop_in
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    """Return a norm of vectors or matrices."""
    return np.linalg.norm(as_array(a), ord, axis, keepdims)


# Functions of matrices.


@_drop_in
def expm(A: Any) -> Any:
    """Return matrix exponentials."""
    return matrix_exponential(_matrix("expm", A))


@_drop_in
def logm(A: Any) -> Any:
    """Return principal logarithms of real matrices.

    Raises: LinAlgError where an eigenvalue is 0 or a negative real number.
    """
    return matrix_logarithm(_matrix("logm", A))


@_drop_in
def sqrtm(A: Any) -> Any:
    """Return principal square roots of real matrices.

    Raises: LinAlgError where an eigenvalue is a negative real number.
    """
    return matrix_square_root(_matrix("sqrtm", A))


@_drop_in
def block_diag(*arrs: Any) -> Any:
    """Return the matrix that has matrices on its diagonal and zeros elsewhere."""
    blocks = [np.atleast_2d(as_array(block)) for block in arrs]
    of = carrier(*blocks)
    blocks = _together("block_diag", *[as_traced(block, of) for block in blocks])
    widths = [shape_of(block)[-1] for block in blocks]
    bands = []
    for k, block in enumerate(blocks):
        kept: Any = [(0, 0)] * (len(shape_of(block)) - 1)
        bands.append(np.pad(block, [*kept, (sum(widths[:k]), sum(widths[k + 1 :]))]))
    return np.concatenate(bands, axis=-2)
