"""Eigenvalues and eigenvectors of matrices without symmetry, by LAPACK.

They are complex numbers, also where none has an imaginary part: what NumPy makes of a real matrix
depends on the numbers in it, which a trace doesn't know.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg._linalg import EigResult

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import counting
from irgrad.ops.declare import complex_values, real
from irgrad.ops.factorisations import gaps
from irgrad.ops.matrices import diagonal_matrix, numeric, square, transposed
from irgrad.ops.registry import declare, spelling
from irgrad.ops.solving import solved

_COPY = '''    size = max(a.shape[1], 1)
    n = np.array([size], np.int32)
    info = np.zeros(1, np.int32)
    none, all = np.array([78], np.uint8), np.array([86], np.uint8)  # "N" of the left ones, "V"
    columns, found = np.empty((size, size), a.dtype), np.empty((size, size), a.dtype)
    work = np.empty(32 * size, a.dtype)
    length = np.array([work.size], np.int32)
{arrays}
    for b in range(a.shape[0] if a.size else 0):
        for i in range(size):
            for j in range(size):
                if not np.isfinite(a[b, i, j]):
                    raise np.linalg.LinAlgError("Array must not contain infs or NaNs")
                columns[j, i] = a[b, i, j]
'''
_FAILED = '''        if info[0] != 0:
            raise np.linalg.LinAlgError("Eigenvalues did not converge")
'''

_REAL_KERNEL = (
    '''def eigen_real_{p}(a, values, vectors):
    """Fill in the eigenvalues and right eigenvectors of real matrices; pairs are conjugates."""
'''
    + _COPY.format(arrays="    re, im = np.empty(size, a.dtype), np.empty(size, a.dtype)")
    + """        {p}geev(
            none.ctypes, all.ctypes, n.ctypes, columns.ctypes, n.ctypes, re.ctypes, im.ctypes,
            found.ctypes, n.ctypes, found.ctypes, n.ctypes, work.ctypes, length.ctypes, info.ctypes,
        )
"""
    + _FAILED
    + """        for j in range(size):
            values[b, j] = complex(re[j], im[j])
            for i in range(size):
                if im[j] == 0.0:
                    vectors[b, i, j] = found[j, i]
                elif im[j] > 0.0:
                    vectors[b, i, j] = complex(found[j, i], found[j + 1, i])
                else:
                    vectors[b, i, j] = complex(found[j - 1, i], -found[j, i])
"""
)

_COMPLEX_KERNEL = (
    '''def eigen_complex_{p}(a, values, vectors):
    """Fill in the eigenvalues and right eigenvectors of complex matrices."""
'''
    + _COPY.format(arrays="    own, rest = np.empty(size, a.dtype), np.empty(size, a.dtype)")
    + """        {p}geev(
            none.ctypes, all.ctypes, n.ctypes, columns.ctypes, n.ctypes, own.ctypes, found.ctypes,
            n.ctypes, found.ctypes, n.ctypes, work.ctypes, length.ctypes, rest.ctypes, info.ctypes,
        )
"""
    + _FAILED
    + """        for j in range(size):
            values[b, j] = own[j]
            for i in range(size):
                vectors[b, i, j] = found[j, i]
"""
)


def _eigen(a: Any) -> tuple[Any, Any]:
    dtype = np.result_type(a, 1j)
    values, vectors = np.linalg.eig(np.asarray(a))
    return values.astype(dtype), vectors.astype(dtype)


def _eigen_type(a: ArrayType) -> tuple[ArrayType, ...]:
    square("eigenvalues", a)
    result = a.with_dtype(np.result_type(a.dtype, 1j))
    return result.with_shape(a.shape[:-1]), result


def _normalised(cotangent: Any, vectors: Any) -> Any:
    """Pull the cotangent of vectors back through their normalisation.

    LAPACK gives each the length 1 and makes its largest component real. So of a change dv it keeps
    dv + c v, where c = -Re(v* dv) - i Im(dv[k]) / v[k], k the place of that component.
    """
    if shape_of(vectors)[-1] == 0:
        return cotangent
    along = np.sum(cotangent * vectors, axis=-2, keepdims=True)
    sizes = np.where(np.imag(vectors) == 0, np.abs(vectors), -1)
    rows = counting(vectors, shape_of(vectors)[-2])[:, None]
    chosen = rows == np.expand_dims(np.argmax(sizes, axis=-2), -2)
    divisor = np.where(chosen, np.real(vectors), 1)
    turned = np.where(chosen, np.imag(along) / divisor, 0)
    return cotangent - np.real(along) * np.conj(vectors) - 1j * turned


def _eigen_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return V^-T (diag(values') + F * (V' vectors')) V', F[i, j] = 1 / (λ[j] - λ[i]).

    Reference: Giles, Collected matrix derivative results (2008), section 2.3.4 (eigenvalues), and
    Magnus, On differentiating eigenvalues and eigenvectors, Econometric Theory 1 (1985).
    """
    by_values, by_vectors = cotangents
    values, vectors = out
    inner: Any = 0.0
    if by_values is not None:
        inner = diagonal_matrix(by_values)
    if by_vectors is not None:
        own = _normalised(by_vectors, vectors)
        inner = inner + gaps(values) * (transposed(vectors) @ own)
    return (solved(transposed(vectors), inner @ transposed(vectors)),)


def _general(name: str, kernel: str, samples: tuple[Sample, ...]) -> Op:
    return declare(
        Op(
            name=name,
            evaluate=_eigen,
            infer=_eigen_type,
            lowering=Kernel(f"{name}_{{p}}", kernel, core=2, batched=True),
            pullback=_eigen_pullback,
            promote=lambda dtypes: (*numeric(dtypes)[:1], np.result_type(numeric(dtypes)[0], 1j)),
            samples=samples,
            spellings=("np.linalg.eig", "np.linalg.eigvals"),
            reference="Giles, Collected matrix derivative results, 2008",
            convention="complex always; eigenvectors of length 1 with a real largest component, as "
            "LAPACK's; those of equal eigenvalues do not turn into each other; where the "
            "vectors do not span the space, derivatives are infinite: LinAlgError, or around 1e15",
        )
    )


_APART = np.diag([1.0, 3.0, 7.0])
eigen_real = _general(
    "eigen_real",
    _REAL_KERNEL,
    (
        Sample((_APART + real(-0.4, 0.4, (3, 3)),)),
        Sample((np.array([[1.0, 2.0], [-3.0, 0.5]]),)),
        Sample((_APART + real(-2, 2, (2, 3, 3), seed=3),)),
        Sample((real(2, 2, (1, 1)),)),
        Sample((np.zeros((2, 0, 0)),)),
    ),
)
eigen_complex = _general(
    "eigen_complex",
    _COMPLEX_KERNEL,
    (
        Sample((_APART + 0.3 * complex_values((3, 3)),)),
        Sample((_APART + complex_values((2, 3, 3)),)),
        Sample((complex_values((1, 1)),)),
        Sample((np.zeros((0, 2, 2), complex),)),
    ),
)
"""Eigenvalues ``(..., n)`` and eigenvectors ``(..., n, n)``, in columns, of ``a: (..., n, n)``."""


def _eigen_of(a: Any) -> Any:
    return (eigen_complex if dtype_of(a).kind == "c" else eigen_real)(a)


@spelling(np.linalg.eig)
def _eig(a: Any) -> Any:
    return EigResult(*_eigen_of(a))


@spelling(np.linalg.eigvals)
def _eigvals(a: Any) -> Any:
    return _eigen_of(a)[0]
