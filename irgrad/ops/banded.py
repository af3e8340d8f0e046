"""Linear systems with banded matrices, of which the diagonals alone are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import shape_of
from irgrad.ops.declare import real
from irgrad.ops.matrices import each_matrix, numeric
from irgrad.ops.registry import declare

_BANDED_KERNEL = '''def banded_solve_{p}(diagonals, right, out, lower, upper, flipped):
    """Solve systems with banded matrices by LAPACK, which wants room for the pivots' fill-in."""
    columns = right.shape[1]
    size = np.array([columns], np.int32)
    below = np.array([lower], np.int32)
    above = np.array([upper], np.int32)
    count = np.array([right.shape[2]], np.int32)
    height = np.array([2 * lower + upper + 1], np.int32)
    turned = np.array([84 if flipped else 78], np.uint8)  # "T" or "N"
    pivots = np.empty(columns, np.int32)
    info = np.zeros(1, np.int32)
    band = np.zeros((columns, 2 * lower + upper + 1), right.dtype)
    x = np.empty((right.shape[2], columns), right.dtype)
    for b in range(right.shape[0]):
        for j in range(columns):
            for d in range(lower):
                band[j, d] = 0.0
            for d in range(lower + upper + 1):
                band[j, lower + d] = diagonals[b, d, j]
            for k in range(right.shape[2]):
                x[k, j] = right[b, j, k]
        if columns > 0:
            {p}gbtrf(
                size.ctypes, size.ctypes, below.ctypes, above.ctypes, band.ctypes, height.ctypes,
                pivots.ctypes, info.ctypes,
            )
        if info[0] != 0:
            raise np.linalg.LinAlgError("singular matrix")
        if columns > 0 and right.shape[2] > 0:
            {p}gbtrs(
                turned.ctypes, size.ctypes, below.ctypes, above.ctypes, count.ctypes, band.ctypes,
                height.ctypes, pivots.ctypes, x.ctypes, size.ctypes, info.ctypes,
            )
        for j in range(columns):
            for k in range(right.shape[2]):
                out[b, j, k] = x[k, j]
'''


def _flipped_diagonals(diagonals: np.ndarray, lower: int, upper: int) -> np.ndarray:
    """Return the diagonals of the transposed matrix."""
    n = diagonals.shape[1]
    turned = np.zeros_like(diagonals)
    for d in range(lower + upper + 1):
        shift = d - upper  # the row less the column
        columns = np.arange(max(0, -shift), min(n, n - shift))
        turned[lower + upper - d, columns + shift] = diagonals[d, columns]
    return turned


def _banded_one(diagonals: Any, right: Any, *, lower: int, upper: int, flipped: bool) -> Any:
    import scipy.linalg

    if not right.size:
        return np.array(right)
    if flipped:
        diagonals = _flipped_diagonals(diagonals, lower, upper)
        lower, upper = upper, lower
    return scipy.linalg.solve_banded((lower, upper), diagonals, right)


def _banded_type(
    diagonals: ArrayType, right: ArrayType, *, lower: int, upper: int, flipped: bool
) -> ArrayType:
    height = lower + upper + 1
    fits = dims.same(diagonals.shape[-2], height) and dims.same(
        diagonals.shape[-1], right.shape[-2]
    )
    if not fits:
        raise ShapeError(
            f"a banded system of diagonals {diagonals} and a right side {right}",
            remedy=f"give {height} diagonals, each as long as the right side",
        )
    return right


def _banded_pullback(
    cotangent: Any, out: Any, diagonals: Any, right: Any, *, lower: int, upper: int, flipped: bool
) -> tuple[Any, Any]:
    """Return the diagonals of -λx', and λ, the solution of the transposed system.

    Reference: Giles, Collected matrix derivative results (2008), section 2.3.1.
    """
    adjoint = banded_solve(diagonals, cotangent, lower=lower, upper=upper, flipped=not flipped)
    of_rows, of_columns = (out, adjoint) if flipped else (adjoint, out)
    n = shape_of(diagonals)[-1]
    around: Any = [(0, 0)] * (len(shape_of(of_rows)) - 2) + [(upper, lower), (0, 0)]
    padded = np.pad(of_rows, around)
    parts = [
        -np.sum(padded[..., d : d + n, :] * of_columns, axis=-1) for d in range(lower + upper + 1)
    ]
    return np.stack(parts, axis=-2), adjoint


banded_solve = declare(
    Op(
        name="banded_solve",
        evaluate=each_matrix(_banded_one),
        infer=_banded_type,
        lowering=Kernel(
            "banded_solve_{p}", _BANDED_KERNEL, ("lower", "upper", "flipped"), core=2, batched=True
        ),
        pullback=_banded_pullback,
        promote=numeric,
        samples=tuple(
            Sample(
                (
                    real(-1, 1, (*batch, lower + upper + 1, n), seed=11)
                    + 4.0 * (np.arange(lower + upper + 1) == upper)[:, None],
                    real(-1, 1, (*batch, n, 2), seed=12),
                ),
                {"lower": lower, "upper": upper, "flipped": flipped},
            )
            for n, batch, lower, upper, flipped in (
                (4, (), 1, 2, False), (4, (2,), 1, 0, True), (1, (), 0, 0, False),
                (0, (), 0, 0, False),
            )
        ),
        spellings=("scipy.linalg.solve_banded",),
        reference="LAPACK gbtrf, gbtrs",
        convention="what lies outside of the matrix in the array of diagonals has derivative 0",
    )
)
"""The solution of ``A x = right``, ``A[i, j] = diagonals[upper + i - j, j]``. Time n in size."""
