"""Triangular systems of linear equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ops.declare import real
from irgrad.ops.matrices import numeric, system_type, transposed, well_conditioned
from irgrad.ops.registry import declare

# What routines take by address stands in arrays that are filled in: numba compiles a function for
# each of np.array, np.ones, np.zeros and np.full, and for each type of each.
_TRIANGULAR_KERNEL = '''def triangular_solve_{p}(matrix, right, out, lower, flipped):
    """Solve triangular systems by BLAS, to which arrays in C order are transposed: X L' = B'."""
    one, size, count = np.empty(1, matrix.dtype), np.empty(1, np.int32), np.empty(1, np.int32)
    side, half, unit = np.empty(1, np.uint8), np.empty(1, np.uint8), np.empty(1, np.uint8)
    turned, opposite = np.empty(1, np.uint8), np.empty(1, np.uint8)
    one[0], size[0], count[0] = 1.0, matrix.shape[1], right.shape[2]
    side[0] = 82  # "R"
    half[0] = 85 if lower else 76  # "U" or "L"
    turned[0] = 84 if flipped else 78  # "T" or "N"
    opposite[0] = 78 if flipped else 84
    unit[0] = 78  # "N": the diagonal is read
    for b in range(right.shape[0]):
        for i in range(right.shape[1]):
            if matrix[b, i, i] == 0.0:
                raise np.linalg.LinAlgError("Singular matrix")
            for j in range(right.shape[2]):
                out[b, i, j] = right[b, i, j]
        if right.shape[1] > 0 and right.shape[2] == 1:
            {p}trsv(
                half.ctypes, opposite.ctypes, unit.ctypes, size.ctypes, matrix[b].ctypes,
                size.ctypes, out[b].ctypes, count.ctypes,
            )
        elif right.shape[1] > 0 and right.shape[2] > 0:
            {p}trsm(
                side.ctypes, half.ctypes, turned.ctypes, unit.ctypes, count.ctypes, size.ctypes,
                one.ctypes, matrix[b].ctypes, size.ctypes, out[b].ctypes, count.ctypes,
            )
'''


def _triangular(matrix: Any, right: Any, *, lower: bool, flipped: bool) -> Any:
    half = np.tril(matrix) if lower else np.triu(matrix)
    if not right.size:
        return np.array(right)
    return np.linalg.solve(transposed(half) if flipped else half, right)


def _triangular_pullback(
    cotangent: Any, out: Any, matrix: Any, right: Any, *, lower: bool, flipped: bool
) -> tuple[Any, Any]:
    """Return the transposed solution of the cotangent, and its product with the solution.

    Reference: Giles, Collected matrix derivative results (2008), section 2.3.1.
    """
    adjoint = triangular_solve(matrix, cotangent, lower=lower, flipped=not flipped)
    if flipped:
        by_matrix = -(out @ transposed(adjoint))
    else:
        by_matrix = -(adjoint @ transposed(out))
    return np.tril(by_matrix) if lower else np.triu(by_matrix), adjoint


triangular_solve = declare(
    Op(
        name="triangular_solve",
        evaluate=_triangular,
        infer=lambda matrix, right, **params: system_type("a triangular system", matrix, right),
        lowering=Kernel(
            "triangular_solve_{p}", _TRIANGULAR_KERNEL, ("lower", "flipped"), core=2, batched=True
        ),
        pullback=_triangular_pullback,
        promote=numeric,
        samples=tuple(
            Sample(
                (well_conditioned(n, batch, seed=1), real(-1, 1, (*batch, n, 2), seed=2)),
                {"lower": lower, "flipped": flipped},
            )
            for n, batch, lower, flipped in (
                (3, (), True, False), (3, (), True, True), (3, (2,), False, False),
                (3, (), False, True), (1, (), True, False), (0, (), True, False),
            )
        ),
        reference="BLAS trsm",
    )
)  # fmt: skip
"""The solution of ``matrix @ x = right`` for a triangular ``matrix: (..., n, n)``.

``right: (..., n, k)``; ``lower`` says which triangle is read, ``flipped`` solves for its transpose.
"""
