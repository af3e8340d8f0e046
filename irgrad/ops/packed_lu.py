"""The LU factors of square matrices as LAPACK packs them, differentiable by themselves.

``np.linalg`` solves by factors that are only ever used with their matrix (``ops/factorisations``);
these are for those who hold the factors in their hands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.matrices import (
    INTEGER,
    each_matrix,
    identity_like,
    numeric,
    square,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare
from irgrad.ops.triangular import triangular_solve

_PACKED_KERNEL = '''def packed_lu_{p}(a, packed, pivots):
    """Fill in L below the diagonal and U above, and which row each one was exchanged with."""
    n = np.array([a.shape[1]], np.int32)
    info = np.zeros(1, np.int32)
    columns = np.empty((a.shape[1], a.shape[1]), a.dtype)
    for b in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(a.shape[1]):
                columns[j, i] = a[b, i, j]
        if a.shape[1] > 0:
            {p}getrf(
                n.ctypes, n.ctypes, columns.ctypes, n.ctypes, pivots[b].ctypes, info.ctypes
            )
        for i in range(a.shape[1]):
            pivots[b, i] -= 1
            for j in range(a.shape[1]):
                packed[b, i, j] = columns[j, i]
'''


def _packed_one(a: Any) -> Any:
    import scipy.linalg.lapack

    if not a.size:
        return a.copy(), np.zeros(0, INTEGER)
    packed, pivots, _ = scipy.linalg.lapack.get_lapack_funcs("getrf", (a,))(a)
    return np.ascontiguousarray(packed), pivots.astype(INTEGER)


def _packed_type(a: ArrayType) -> tuple[ArrayType, ...]:
    square("an LU factorisation", a)
    return a, ArrayType(INTEGER, a.shape[:-1])


def halves(packed: Any) -> tuple[Any, Any]:
    """Return L, of unit diagonal, and U."""
    return np.tril(packed, -1) + identity_like(packed), np.triu(packed)


def rows_in_order(a: Any, order: Any) -> Any:
    """Return ``a: (..., n, k)`` with its rows in an order ``(..., n)``."""
    return np.take_along_axis(a, order[..., None], axis=-2)


def _packed_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return P L^-T (Φ(L' L̄) + Ū U' above) U^-T, Φ the part below the diagonal.

    From dA = P dL U + P L dU, where L^-1 dL is strictly lower and dU U^-1 upper.

    Reference: de Hoog, Anderssen & Lukas, Differentiation of matrix functionals using triangular
    factorization (2011).
    """
    by_packed, _ = cotangents
    if by_packed is None:
        return (None,)
    packed, pivots = out
    lower, upper = halves(packed)
    inner = np.tril(transposed(lower) @ np.tril(by_packed, -1), -1)
    inner = inner + np.triu(np.triu(by_packed) @ transposed(upper))
    left = triangular_solve(lower, inner, lower=True, flipped=True)
    both = transposed(triangular_solve(upper, transposed(left), lower=False, flipped=False))
    return (rows_in_order(both, np.argsort(order_of_rows(pivots), axis=-1)),)


packed_lu = declare(
    Op(
        name="packed_lu",
        evaluate=each_matrix(_packed_one),
        infer=_packed_type,
        lowering=Kernel("packed_lu_{p}", _PACKED_KERNEL, core=2, batched=True),
        pullback=_packed_pullback,
        promote=numeric,
        samples=(
            Sample((well_conditioned(3),)),
            Sample((well_conditioned(2, (2,))[..., ::-1],)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("scipy.linalg.lu_factor",),
        reference="LAPACK getrf; de Hoog, Anderssen & Lukas, Math. Comp. 80 (2011)",
        convention="the choice of pivots is taken as constant",
    )
)
"""L and U in one array ``(..., n, n)``, and the row that each row was exchanged with."""

_ORDER_KERNEL = '''def order_of_rows(pivots, order):
    """Carry out the exchanges of rows on 0, 1, ..., n - 1."""
    for b in range(pivots.shape[0]):
        for i in range(pivots.shape[1]):
            order[b, i] = i
        for i in range(pivots.shape[1]):
            j = pivots[b, i]
            kept = order[b, i]
            order[b, i] = order[b, j]
            order[b, j] = kept
'''


def _order(pivots: Any) -> Any:
    pivots = np.asarray(pivots)
    order = np.empty(pivots.shape, np.int64)
    order[...] = np.arange(pivots.shape[-1])
    for index in np.ndindex(pivots.shape[:-1]):
        for i, j in enumerate(pivots[index]):
            order[index][[i, j]] = order[index][[j, i]]
    return order


order_of_rows = declare(
    Op(
        name="order_of_rows",
        evaluate=_order,
        infer=lambda pivots: pivots.with_dtype(np.dtype(np.int64)),
        lowering=Kernel("order_of_rows", _ORDER_KERNEL, core=1, batched=True),
        nondifferentiable="whole numbers",
        samples=tuple(
            Sample((np.array(pivots, np.int32),)) for pivots in ([2, 1, 2], [0], [])
        ),
    )
)
"""Which row of the matrix each row of L U is, from the exchanges ``pivots: (..., n)``."""
