"""Solving linear systems, and what follows from it: inverses, determinants."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.complex_numbers import is_complex, part_dtype
from irgrad.ops.declare import real
from irgrad.ops.factorisations import lu
from irgrad.ops.matrices import (
    INTEGER,
    identity_like,
    numeric,
    square,
    system_type,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare

_SOLVE_KERNEL = '''def solve_factored_{p}(matrix, factors, pivots, right, out, flipped):
    """Solve systems by the LU factors of the transposed matrices; the matrices are not read."""
    size = np.array([factors.shape[1]], np.int32)
    count = np.array([right.shape[2]], np.int32)
    info = np.zeros(1, np.int32)
    turned = np.array([78 if flipped else 84], np.uint8)  # "N" or "T"
    columns = np.empty((right.shape[2], right.shape[1]), right.dtype)
    for b in range(right.shape[0]):
        for i in range(right.shape[1]):
            if factors[b, i, i] == 0.0:
                raise np.linalg.LinAlgError("Singular matrix")
            for j in range(right.shape[2]):
                columns[j, i] = right[b, i, j]
        if right.shape[1] > 0 and right.shape[2] > 0:
            {p}getrs(
                turned.ctypes, size.ctypes, count.ctypes, factors[b].ctypes, size.ctypes,
                pivots[b].ctypes, columns.ctypes, size.ctypes, info.ctypes,
            )
        for i in range(right.shape[1]):
            for j in range(right.shape[2]):
                out[b, i, j] = columns[j, i]
'''


def _solve_factored(matrix: Any, factors: Any, pivots: Any, right: Any, *, flipped: bool) -> Any:
    if not right.size:
        return np.array(right)
    return np.linalg.solve(transposed(matrix) if flipped else matrix, right)


def _solve_factored_type(
    matrix: ArrayType, factors: ArrayType, pivots: ArrayType, right: ArrayType, *, flipped: bool
) -> ArrayType:
    return system_type("a linear system", matrix, right)


def _solve_factored_pullback(
    cotangent: Any, out: Any, matrix: Any, factors: Any, pivots: Any, right: Any, *, flipped: bool
) -> tuple[Any, ...]:
    """Return λ = A^-T cotangent for the right side, -λ x' for the matrix.

    Reference: Giles, Collected matrix derivative results (2008), section 2.3.1.
    """
    adjoint = solve_factored(matrix, factors, pivots, cotangent, flipped=not flipped)
    if flipped:
        by_matrix = -(out @ transposed(adjoint))
    else:
        by_matrix = -(adjoint @ transposed(out))
    return by_matrix, None, None, adjoint


def _factored_dtypes(dtypes: Any) -> tuple[np.dtype, ...]:
    kind = numeric([dtypes[0], dtypes[3]])[0]
    return kind, kind, INTEGER, kind, kind


def _factored(
    n: int, batch: tuple[int, ...] = (), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return matrices as a sample, with factors and pivots as `lu` makes them.

    The factors come first and LAPACK is not asked: to import SciPy's takes longer than all of
    irgrad. The first row of each is exchanged with the last.
    """
    packed = well_conditioned(n, batch, seed)
    product = (np.tril(packed, -1) + np.eye(n)) @ np.triu(packed)
    order = np.arange(n)
    pivots = np.tile((order + 1).astype(INTEGER), (*batch, 1))
    if n > 1:
        order[[0, -1]] = order[[-1, 0]]
        pivots[..., 0] = n
    rows = product[..., order, :]
    return np.ascontiguousarray(transposed(rows)), np.ascontiguousarray(transposed(packed)), pivots


def _solve_samples() -> tuple[Sample, ...]:
    samples = []
    for n, batch, flipped in ((3, (), False), (3, (2,), True), (1, (), False), (0, (), False)):
        right = real(-1, 1, (*batch, n, 2), seed=5)
        samples.append(Sample((*_factored(n, batch, seed=4), right), {"flipped": flipped}))
    return tuple(samples)


solve_factored = declare(
    Op(
        name="solve_factored",
        evaluate=_solve_factored,
        infer=_solve_factored_type,
        lowering=Kernel(
            "solve_factored_{p}", _SOLVE_KERNEL, ("flipped",), core=2, batched=True
        ),
        pullback=_solve_factored_pullback,
        promote=_factored_dtypes,
        samples=_solve_samples(),
        spellings=("np.linalg.solve", "np.linalg.inv"),
        reference="LAPACK getrs",
    )
)
"""The solution of ``matrix @ x = right`` by the factors that ``lu`` made of the matrix.

The derivative goes by the matrix itself, so that one factorisation serves all orders.
"""


def solved(matrix: Any, right: Any) -> Any:
    """Return the solution of ``matrix @ x = right``, both of equal leading axes."""
    return solve_factored(matrix, *lu(matrix), right, flipped=False)


def inverse(matrix: Any) -> Any:
    """Return inverses of matrices."""
    return solved(matrix, identity_like(matrix))


_DETERMINANT_KERNEL = '''def sign_and_log_determinant(matrix, factors, pivots, sign, logarithm):
    """Fill in signs and logarithms of determinants; the matrices themselves are not read."""
    for b in range(factors.shape[0]):
        total = logarithm.dtype.type(0.0)
        product = sign.dtype.type(1.0)
        for i in range(factors.shape[1]):
            entry = factors[b, i, i]
            size = abs(entry)
            if pivots[b, i] != i + 1:
                product = -product
            product *= entry / size if size > 0.0 else entry
            total += np.log(size)
        sign[b] = product
        logarithm[b] = total
'''


def _determinant_pullback(
    cotangents: Any, out: Any, matrix: Any, factors: Any, pivots: Any
) -> tuple[Any, ...]:
    """Return A^-T times the cotangent of the logarithm.

    The sign of a real determinant is piecewise constant. Of a complex one it is exp(i t), where t
    is the imaginary part of what the logarithm is the real one.

    Reference: Giles, Collected matrix derivative results (2008), section 2.3.3.
    """
    by_sign, scale = cotangents
    if by_sign is not None and is_complex(matrix):
        turned = 1j * np.imag(by_sign * out[0])
        scale = turned if scale is None else scale + turned
    if scale is None:
        return None, None, None
    adjoint = solve_factored(matrix, factors, pivots, identity_like(matrix), flipped=True)
    return scale[..., None, None] * adjoint, None, None


def _determinant_type(
    matrix: ArrayType, factors: ArrayType, pivots: ArrayType
) -> tuple[ArrayType, ...]:
    square("a determinant", matrix)
    scalar = matrix.with_shape(matrix.shape[:-2])
    return scalar, scalar.with_dtype(part_dtype(matrix.dtype))


def _determinant_samples() -> tuple[Sample, ...]:
    cases = (_factored(3, seed=6), _factored(3, (2,), seed=7), _factored(1), _factored(0))
    return tuple(Sample(case) for case in cases)


sign_and_log_determinant = declare(
    Op(
        name="sign_and_log_determinant",
        evaluate=lambda matrix, factors, pivots: tuple(np.linalg.slogdet(matrix)),
        infer=_determinant_type,
        lowering=Kernel(
            "sign_and_log_determinant", _DETERMINANT_KERNEL, core=2, batched=True
        ),
        pullback=_determinant_pullback,
        promote=lambda dtypes: (numeric(dtypes[:1])[0],) * 2 + (INTEGER,) + numeric(dtypes[:1]),
        samples=_determinant_samples(),
        spellings=("np.linalg.slogdet", "np.linalg.det"),
        reference="Giles, Collected matrix derivative results, 2008",
    )
)
"""Signs and logarithms of determinants, by the factors that ``lu`` made of the matrices."""
