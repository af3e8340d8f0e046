"""Triangular systems of linear equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ops.declare import real
from irgrad.ops.matrices import numeric, system_type, transposed, well_conditioned
from irgrad.ops.registry import declare

# Numba would compile the kernel for each literal value of its flags, so they come as np.bool_.
_TRIANGULAR_KERNEL = '''def triangular_solve_{p}(matrix, right, out, lower, flipped):
    """Solve triangular systems by BLAS, to which arrays in C order are transposed: X L' = B'."""
    n, columns, bytes = matrix.shape[1], right.shape[2], matrix.itemsize
    one, sizes, letters = np.empty(1, matrix.dtype), np.empty(2, np.int32), np.empty(5, np.uint8)
    one[0], sizes[0], sizes[1] = 1.0, n, columns
    letters[0], letters[1] = 82, 85 if lower else 76  # "R"; "U" or "L"
    letters[2], letters[3] = 84 if flipped else 78, 78 if flipped else 84  # "T" and "N"
    letters[4] = 78  # "N": the diagonal is read
    for b in range(right.shape[0]):
        for i in range(n):
            if matrix[b, i, i] == 0.0:
                raise np.linalg.LinAlgError("Singular matrix")
            for j in range(columns):
                out[b, i, j] = right[b, i, j]
        size, side = np.intp(sizes.ctypes.data), np.intp(letters.ctypes.data)
        count, half, turned, opposite, unit = size + 4, side + 1, side + 2, side + 3, side + 4
        source = np.intp(matrix.ctypes.data) + b * n * n * bytes
        target = np.intp(out.ctypes.data) + b * n * columns * bytes
        if n > 0 and columns == 1:
            {p}trsv(half, opposite, unit, size, source, size, target, count)
        elif n > 0 and columns > 0:
            {p}trsm(
                side, half, turned, unit, count, size, np.intp(one.ctypes.data), source, size,
                target, count,
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
            "triangular_solve_{p}",
            _TRIANGULAR_KERNEL,
            ("lower", "flipped"),
            core=2,
            batched=True,
            in_place=1,
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
