"""Sylvester's equation, and the complex Schur form of matrices by which it is solved."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.complex_numbers import is_complex
from irgrad.ops.declare import complex_values, real
from irgrad.ops.matrices import (
    each_matrix,
    floating,
    numeric,
    square,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare
from irgrad.ops.texts import emitted_function

emitted_function('''def complex_schur(a):
    """Return t, upper triangular, and z, unitary, with a = z t z^H, by LAPACK."""
    n = a.shape[0]
    t = a.T.astype(np.complex128).copy()
    z = np.empty_like(t)
    if n == 0:
        return t, z
    size = np.array([n], np.int32)
    space = np.array([33 * n], np.int32)
    info = np.zeros(1, np.int32)
    with_vectors = np.array([86], np.uint8)  # "V"
    unsorted = np.array([78], np.uint8)  # "N": no selection is called
    values = np.empty(n, np.complex128)
    work = np.empty(33 * n, np.complex128)
    real_work = np.empty(n)
    chosen = np.zeros(n, np.int32)
    zgees(
        with_vectors.ctypes, unsorted.ctypes, chosen.ctypes, size.ctypes, t.ctypes, size.ctypes,
        info.ctypes, values.ctypes, z.ctypes, size.ctypes, work.ctypes, space.ctypes,
        real_work.ctypes, chosen.ctypes, info.ctypes,
    )
    if info[0] != 0:
        raise np.linalg.LinAlgError("The Schur form was not found")
    return t.T.copy(), z.T.copy()
''')

_KERNEL = '''def {name}(a, b, q, out):
    """Solve a x + x b = q by the Schur forms of a and b, column by column.

    Bartels & Stewart, Solution of the matrix equation AX + XB = C (1972).
    """
    for k in range(q.shape[0]):
        left, u = complex_schur(a[k])
        right, v = complex_schur(b[k])
        x = np.dot(np.conj(u).T.copy(), np.dot(q[k].astype(np.complex128), v))
        for j in range(x.shape[1]):
            for i in range(x.shape[0] - 1, -1, -1):
                total = x[i, j]
                for m in range(j):
                    total -= x[i, m] * right[m, j]
                for m in range(i + 1, x.shape[0]):
                    total -= left[i, m] * x[m, j]
                pivot = left[i, i] + right[j, j]
                if pivot == 0.0:
                    raise np.linalg.LinAlgError("Sylvester's equation has no unique solution")
                x[i, j] = total / pivot
        out[k] = np.dot(np.dot(u, x), np.conj(v).T.copy()){part}
'''


def _sylvester_one(a: Any, b: Any, q: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.solve_sylvester(a, b, q) if q.size else np.array(q)


def _sylvester_type(a: ArrayType, b: ArrayType, q: ArrayType) -> ArrayType:
    rows, columns = (square("Sylvester's equation", side) for side in (a, b))
    if q.rank < 2 or not dims.same_shape(q.shape[-2:], (rows, columns)):
        raise ShapeError(
            f"Sylvester's equation of {a}, {b} and a right side {q}",
            remedy="a: (m, m), b: (n, n) and q: (m, n)",
        )
    return q


def _sylvester_pullback(cotangent: Any, out: Any, a: Any, b: Any, q: Any) -> tuple[Any, Any, Any]:
    """Return -λx', -x'λ and λ, the solution of ``a'λ + λb' = cotangent``."""
    adjoint = sylvester(transposed(a), transposed(b), cotangent)
    turned = transposed(out)
    return -(adjoint @ turned), -(turned @ adjoint), adjoint


def _sylvester(name: str, part: str, promote: Any, samples: tuple[Sample, ...]) -> Op:
    """Declare the op of one kind of numbers, real or complex; the Schur forms are complex."""
    return declare(
        Op(
            name=name,
            evaluate=each_matrix(_sylvester_one),
            infer=_sylvester_type,
            lowering=Kernel(name, _KERNEL.format(name=name, part=part), core=2, batched=True),
            pullback=_sylvester_pullback,
            promote=promote,
            samples=samples,
            spellings=("scipy.linalg.solve_sylvester",),
            reference="Bartels & Stewart, Comm. ACM 15 (1972)",
        )
    )


real_sylvester = _sylvester(
    "sylvester",
    ".real",
    floating,
    tuple(
        Sample(
            (
                well_conditioned(m, batch, seed=8),
                well_conditioned(n, batch, seed=9),
                real(-1, 1, (*batch, m, n), seed=10),
            )
        )
        for m, n, batch in ((3, 2, ()), (3, 2, (2,)), (1, 1, ()), (0, 1, ()))
    ),
)
complex_sylvester = _sylvester(
    "complex_sylvester",
    "",
    numeric,
    tuple(
        Sample(
            (
                complex_values((*batch, m, m), seed=8) + 4 * np.eye(m),
                complex_values((*batch, n, n), seed=9) + 4 * np.eye(n),
                complex_values((*batch, m, n), seed=10),
            )
        )
        for m, n, batch in ((3, 2, ()), (3, 2, (2,)), (1, 1, ()), (0, 1, ()))
    ),
)


def sylvester(a: Any, b: Any, q: Any) -> Any:
    """Return the solution of ``a @ x + x @ b = q``, a: (..., m, m), b: (..., n, n), q: (..., m, n).

    Time m**3 + n**3.
    """
    return (complex_sylvester if any(map(is_complex, (a, b, q))) else real_sylvester)(a, b, q)
