"""The QR factorisation of matrices, thin or complete."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import shape_of
from irgrad.ops.declare import complex_values, real
from irgrad.ops.matrices import (
    adjoint,
    diagonal_matrix,
    numeric,
    of_first_columns,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare
from irgrad.ops.triangular import triangular_solve

_KERNEL = '''def orthogonal_factors_{p}(a, q, r):
    """Fill in the QR factorisations of matrices, as many columns of Q as there is room for."""
    rows, count = a.shape[1], min(a.shape[1], a.shape[2])
    width = max(a.shape[2], q.shape[2])
    height = np.array([max(rows, 1)], np.int32)
    given = np.array([a.shape[2]], np.int32)
    made = np.array([q.shape[2]], np.int32)
    reflections = np.array([count], np.int32)
    info = np.zeros(1, np.int32)
    columns = np.eye(width, rows).astype(a.dtype)  # what Q is of no columns
    scales = np.empty(count, a.dtype)
    work = np.empty(32 * max(width, 1), a.dtype)
    length = np.array([work.size], np.int32)
    for b in range(a.shape[0]):
        for i in range(rows):
            for j in range(a.shape[2]):
                columns[j, i] = a[b, i, j]
        if count > 0:
            {p}geqrf(
                height.ctypes, given.ctypes, columns.ctypes, height.ctypes, scales.ctypes,
                work.ctypes, length.ctypes, info.ctypes,
            )
        for i in range(r.shape[1]):
            for j in range(r.shape[2]):
                r[b, i, j] = 0.0
                if i <= j:
                    r[b, i, j] = columns[j, i]
        if count > 0:
            {p}orgqr(
                height.ctypes, made.ctypes, reflections.ctypes, columns.ctypes, height.ctypes,
                scales.ctypes, work.ctypes, length.ctypes, info.ctypes,
            )
        for i in range(rows):
            for j in range(q.shape[2]):
                q[b, i, j] = columns[j, i]
'''


def _thin_type(a: ArrayType) -> tuple[ArrayType, ...]:
    if a.rank < 2:
        raise ShapeError(f"a QR factorisation of an array of type {a}", remedy="pass matrices")
    rows, columns = a.shape[-2:]
    least = columns if dims.at_least(rows, columns) else rows
    batch = a.shape[:-2]
    return a.with_shape((*batch, rows, least)), a.with_shape((*batch, least, columns))


def _thin_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
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


def _complete_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the cotangent by that of the thin factors, which the complete ones contain."""
    by_q, by_r = cotangents
    q, r = out
    count = shape_of(a)[-1]
    if by_q is not None:
        by_q = of_first_columns(by_q, q, count)
    if by_r is not None:
        by_r = by_r[..., :count, :]
    return _thin_pullback((by_q, by_r), (q[..., :count], r[..., :count, :]), a)


def _complete_type(a: ArrayType) -> tuple[ArrayType, ...]:
    _thin_type(a)
    return a.with_shape((*a.shape[:-1], a.shape[-2])), a


def _factors(name: str, mode: Any, **rest: Any) -> Op:
    return declare(
        Op(
            name=name,
            evaluate=lambda a: tuple(np.linalg.qr(np.asarray(a), mode)),
            lowering=Kernel("orthogonal_factors_{p}", _KERNEL, core=2, batched=True),
            promote=numeric,
            spellings=("np.linalg.qr",),
            reference="Roberts & Roberts, QR and LQ decomposition matrix backpropagation, "
            "arXiv:2009.10071",
            **rest,
        )
    )


orthogonal_factors = _factors(
    "orthogonal_factors",
    "reduced",
    infer=_thin_type,
    pullback=_thin_pullback,
    samples=(
        Sample((well_conditioned(3),)),
        Sample((real(-1, 1, (2, 4, 2)) + np.eye(4, 2),)),
        Sample((real(-1, 1, (2, 3), seed=3) + np.eye(2, 3),)),
        Sample((well_conditioned(1),)),
        Sample((np.zeros((2, 0, 0)),)),
    ),
)
"""The thin factors ``q: (..., m, k)`` and ``r: (..., k, n)``, k the lesser of m and n."""

complete_orthogonal_factors = _factors(
    "complete_orthogonal_factors",
    "complete",
    infer=_complete_type,
    pullback=_complete_pullback,
    samples=(
        Sample((real(-1, 1, (2, 4, 3)) + 2 * np.eye(4, 3),)),
        Sample((real(-1, 1, (4, 2)),), differentiable=False),  # two columns to complete it may turn
        Sample((complex_values((3, 1)),)),
        Sample((well_conditioned(1),)),
        Sample((np.zeros((2, 3, 0)),)),
    ),
    convention="the columns that complete Q do not turn into each other",
)
"""The factors ``q: (..., m, m)`` and ``r: (..., m, n)`` of tall matrices, m > n."""
