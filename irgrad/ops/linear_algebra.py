"""``numpy.linalg`` on traced arrays, by factorisations and solutions of systems."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg._linalg import EighResult, QRResult, SlogdetResult, SVDResult

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import broadcast_shapes
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.cholesky import cholesky
from irgrad.ops.complex_numbers import squared_magnitude
from irgrad.ops.declare import real
from irgrad.ops.factorisations import eigen_symmetric, lu
from irgrad.ops.matrices import adjoint, identity_like, numeric, transposed
from irgrad.ops.orthogonal_factors import complete_orthogonal_factors, orthogonal_factors
from irgrad.ops.picking import as_traced
from irgrad.ops.registry import declare, spelling
from irgrad.ops.shape import reshape
from irgrad.ops.singular_values import complete_singular_values, singular_values
from irgrad.ops.solving import inverse, sign_and_log_determinant, solved
from irgrad.ops.statistics import size_number


def _square(name: str, a: Any) -> None:
    shape = shape_of(a)
    if len(shape) < 2 or not dims.same(shape[-1], shape[-2]):
        raise ShapeError(
            f"{name} of shape {tuple(map(str, shape))}: the last two axes must be equal",
            remedy="pass an array whose last two sizes are equal",
        )


@spelling(np.linalg.cholesky)
def _cholesky(a: Any, /, *, upper: bool = False) -> Any:
    _square("np.linalg.cholesky", a)
    if upper:
        return adjoint(cholesky(adjoint(a)))
    return cholesky(a)


@spelling(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    a, b = as_traced(a, b), as_traced(b, a)
    _square("np.linalg.solve", a)
    vector = len(shape_of(b)) == 1
    right = b[:, None] if vector else b
    batch = broadcast_shapes(shape_of(a)[:-2], shape_of(right)[:-2])
    if batch is None:
        raise ShapeError(
            "np.linalg.solve: the leading axes of matrices and right sides can't be broadcast "
            "together",
            remedy="make them equal or 1; a stack of vectors needs a last axis: b[..., None]",
        )
    result = solved(_stretched(a, batch), _stretched(right, batch))
    return result[..., 0] if vector else result


def _stretched(a: Any, batch: dims.Shape) -> Any:
    """Return matrices with the leading axes ``batch``."""
    shape: Any = (*batch, *shape_of(a)[-2:])
    return np.broadcast_to(a, shape)


@spelling(np.linalg.inv)
def _inv(a: Any) -> Any:
    _square("np.linalg.inv", a)
    return inverse(a * 1.0)


@spelling(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    _square("np.linalg.slogdet", a)
    return SlogdetResult(*sign_and_log_determinant(a, *lu(a)))


@spelling(np.linalg.det)
def _det(a: Any) -> Any:
    _square("np.linalg.det", a)
    sign, logarithm = sign_and_log_determinant(a, *lu(a))
    return sign * np.exp(logarithm)


def _symmetric(a: Any, half: str) -> Any:
    """Return symmetric (Hermitian) matrices of which the half that is given is their lower one."""
    if half.upper() not in ("L", "U"):
        raise ShapeError(f"UPLO={half!r}", remedy='give "L" or "U"')
    return a if half.upper() == "L" else adjoint(a)


@spelling(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    _square("np.linalg.eigh", a)
    return EighResult(*eigen_symmetric(_symmetric(a, UPLO)))


@spelling(np.linalg.eigvalsh)
def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    _square("np.linalg.eigvalsh", a)
    return eigen_symmetric(_symmetric(a, UPLO))[0]


@spelling(np.linalg.svd)
def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if not compute_uv:
        return singular_values(a)[1]
    complete = full_matrices and not dims.same(*shape_of(a)[-2:])
    return SVDResult(*(complete_singular_values if complete else singular_values)(a))


@spelling(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Any:
    return singular_values(x)[1]


@spelling(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        raise UnsupportedCallError(
            f"np.linalg.qr with mode={mode!r}", remedy='use "reduced", "complete" or "r"'
        )
    if mode == "r":
        return orthogonal_factors(a)[1]
    rows, columns = shape_of(a)[-2:]
    complete = mode == "complete" and not dims.at_least(columns, rows)
    return QRResult(*(complete_orthogonal_factors if complete else orthogonal_factors)(a))


_PSEUDO_INVERSE_KERNEL = '''def pseudo_inverse(a, out, cutoff):
    """Fill out with the Moore-Penrose inverses of matrices."""
    for b in range(a.shape[0] if out.size else 0):
        u, s, v = np.linalg.svd(a[b], False)
        least = cutoff * s[0]
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                total = out.dtype.type(0.0)
                for k in range(s.shape[0]):
                    if s[k] > least:
                        total += np.conj(v[k, j] * u[i, k]) / s[k]
                out[b, j, i] = total
'''


def _pseudo_inverse_pullback(cotangent: Any, out: Any, a: Any, *, cutoff: float) -> tuple[Any]:
    """Return the cotangent of a matrix whose rank does not change.

    Reference: Golub & Pereyra, The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate (1973), equation 4.12.
    """
    turned, back, out_bar = transposed(out), adjoint(cotangent), np.conj(out)
    left = np.conj(identity_like(a @ out) - a @ out)
    right = np.conj(identity_like(out @ a) - out @ a)
    total = left @ back @ (out_bar @ turned) + (turned @ out_bar) @ back @ right
    return (total - turned @ cotangent @ turned,)


pseudo_inverse = declare(
    Op(
        name="pseudo_inverse",
        evaluate=lambda a, *, cutoff: np.linalg.pinv(np.asarray(a), cutoff),
        infer=lambda a, *, cutoff: ArrayType(
            a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2])
        ),
        lowering=Kernel(
            "pseudo_inverse", _PSEUDO_INVERSE_KERNEL, ("cutoff",), core=2, batched=True
        ),
        pullback=_pseudo_inverse_pullback,
        promote=numeric,
        samples=(
            Sample((real(-1, 1, (3, 2)),), {"cutoff": 1e-15}),
            Sample((real(-1, 1, (2, 2, 3), seed=1),), {"cutoff": 1e-15}),
            Sample((np.eye(2),), {"cutoff": 1e-15}),
            Sample((real(1, 1, (1, 1)),), {"cutoff": 1e-15}),
            Sample((np.zeros((0, 2)),), {"cutoff": 1e-15}),
        ),
        spellings=("np.linalg.pinv", "np.linalg.lstsq"),
        reference="Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973)",
        convention="the rank is taken as constant",
    )
)
"""Moore-Penrose inverses of ``a: (..., m, n)``; singular values up to ``cutoff * s[0]`` are 0."""


def _cutoff(a: Any, rcond: Any, rtol: Any, default: float) -> float:
    given = rtol if rcond is None else rcond
    if given is None or given is np._NoValue:
        return default
    if np.ndim(given) or not isinstance(given, int | float | np.generic):
        raise UnsupportedCallError("a cutoff that is an array", remedy="give one number")
    return float(given)


@spelling(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if len(shape_of(a)) < 2:
        raise ShapeError("np.linalg.pinv needs matrices", remedy="pass at least two axes")
    return pseudo_inverse(a, cutoff=_cutoff(a, rcond, rtol, 1e-15))


@spelling(np.linalg.lstsq)
def _lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    rows, columns = shape_of(a)
    vector = len(shape_of(b)) == 1
    right = b[:, None] if vector else b
    epsilon = float(np.finfo(numeric([dtype_of(a), dtype_of(b)])[0]).eps)
    largest = max(dims.concrete(rows), dims.concrete(columns))
    cutoff = _cutoff(a, rcond, None, epsilon * largest)
    if cutoff < 0:
        cutoff = epsilon
    x = pseudo_inverse(a, cutoff=cutoff) @ right
    values = singular_values(a)[1]
    rank = np.sum(values > cutoff * values[0])
    if dims.at_least(rows, columns + 1):
        residuals = np.sum(squared_magnitude(right - a @ x), axis=0)
    else:
        residuals = np.zeros_like(np.real(x[:0, 0]))
    return x[:, 0] if vector else x, residuals, rank, values


@spelling(np.linalg.matrix_rank)
def _matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Any:
    if len(shape_of(A)) < 2:
        return np.any(A != 0).astype(np.int64)
    values = singular_values(A)[1]
    if tol is None:
        rows, columns = (size_number(A, size) for size in shape_of(A)[-2:])
        relative = rtol if rtol is not None else np.maximum(rows, columns) * float(
            np.finfo(dtype_of(values)).eps
        )
        tol = np.max(values, axis=-1, keepdims=True) * relative
    return np.sum(values > tol, axis=-1)


@spelling(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        values = singular_values(x)[1]
        largest, least = values[..., 0], values[..., -1]
        return least / largest if p == -2 else largest / least
    _square("np.linalg.cond", x)
    norm = np.linalg.norm
    return norm(x, p, axis=(-2, -1)) * norm(inverse(x * 1.0), p, axis=(-2, -1))


@spelling(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    rank = len(shape_of(a))
    if axes is not None:
        moved = [axis for axis in range(rank) if axis not in axes] + list(axes)
        a = np.transpose(a, moved)
    kept = shape_of(a)[len(shape_of(b)) - rank :] if len(shape_of(b)) < rank else ()
    total = dims.product(kept)
    matrix = reshape(a, shape=(total, total))
    return reshape(np.linalg.solve(matrix, np.ravel(b)), shape=kept)


@spelling(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ShapeError("np.linalg.tensorinv with ind <= 0", remedy="give a positive ind")
    shape = shape_of(a)
    total = dims.product(shape[ind:])
    matrix = reshape(a, shape=(total, total))
    return reshape(np.linalg.inv(matrix), shape=(*shape[ind:], *shape[:ind]))
