"""The singular value decomposition of matrices, thin or with complete bases."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import shape_of
from irgrad.ops.complex_numbers import is_complex, part_dtype
from irgrad.ops.declare import complex_values, real
from irgrad.ops.factorisations import gaps
from irgrad.ops.matrices import (
    adjoint,
    diagonal_matrix,
    numeric,
    of_first_columns,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare

_KERNEL = '''def {name}(a, left, values, right):
    """Fill in the {kind} singular value decompositions of matrices."""
    if a.size == 0:
        left[:] = np.eye(left.shape[1], left.shape[2])
        right[:] = np.eye(right.shape[1], right.shape[2])
        return
    for b in range(a.shape[0]):
        u, s, v = np.linalg.svd(a[b], {full})
        for k in range(values.shape[1]):
            values[b, k] = s[k]
        for i in range(left.shape[1]):
            for k in range(left.shape[2]):
                left[b, i, k] = u[i, k]
        for k in range(right.shape[1]):
            for j in range(right.shape[2]):
                right[b, k, j] = v[k, j]
'''


def _thin_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the cotangent of a thin singular value decomposition ``u s v``.

    Of complex vectors only the phase of each product ``u[:, k] v[k]`` is determined; a change of it
    is shared between the two.

    Reference: Townsend, Differentiating the singular value decomposition (2016), equation 37; Wan &
    Zhang, Automatic differentiation for complex valued SVD (2019), for the phase.
    """
    by_u, by_s, by_v = cotangents
    u, s, v = out
    inner: Any = 0.0
    if by_s is not None:
        inner = diagonal_matrix(by_s)
    between = gaps(s * s)
    zero = s == 0
    inverse = np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, s))
    if by_u is not None:
        product = transposed(u) @ by_u
        inner = inner + between * (product - adjoint(product)) * s[..., None, :]
        inner = inner + _turned(product, 0.5 * inverse)
    if by_v is not None:
        product = np.conj(v) @ adjoint(by_v)
        inner = inner + s[..., :, None] * (between * (product - adjoint(product)))
        inner = inner + _turned(product, -0.5 * inverse)
    u_bar, v_bar = np.conj(u), np.conj(v)
    total = u_bar @ inner @ v_bar
    rows, columns = shape_of(a)[-2:]
    if by_u is not None and not _same(rows, s):
        scaled = by_u * inverse[..., None, :]
        total = total + (scaled - u_bar @ (transposed(u) @ scaled)) @ v_bar
    if by_v is not None and not _same(columns, s):
        scaled = inverse[..., :, None] * by_v
        total = total + u_bar @ (scaled - (scaled @ transposed(v)) @ v_bar)
    return (total,)


def _turned(product: Any, scale: Any) -> Any:
    """Return what turning the phases of singular vectors adds; nothing for real ones."""
    if not is_complex(product):
        return 0.0
    return diagonal_matrix(1j * (scale * np.imag(np.diagonal(product, axis1=-2, axis2=-1))))


def _same(size: Any, s: Any) -> bool:
    return bool(shape_of(s)[-1] == size)


def _thin_type(a: ArrayType) -> tuple[ArrayType, ...]:
    if a.rank < 2:
        raise ShapeError(f"singular values of an array of type {a}", remedy="pass matrices")
    rows, columns = a.shape[-2:]
    least = columns if dims.at_least(rows, columns) else rows
    batch = a.shape[:-2]
    return (
        a.with_shape((*batch, rows, least)),
        ArrayType(part_dtype(a.dtype), (*batch, least)),
        a.with_shape((*batch, least, columns)),
    )


def _complete_pullback(cotangents: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the cotangent by that of the thin decomposition, which the complete one contains."""
    by_u, by_s, by_v = cotangents
    u, s, v = out
    count = shape_of(s)[-1]
    if by_u is not None:
        by_u = of_first_columns(by_u, u, count)
    if by_v is not None:
        by_v = transposed(of_first_columns(transposed(by_v), transposed(v), count))
    return _thin_pullback((by_u, by_s, by_v), (u[..., :count], s, v[..., :count, :]), a)


def _complete_type(a: ArrayType) -> tuple[ArrayType, ...]:
    _, values, _ = _thin_type(a)
    rows, columns = a.shape[-2:]
    batch = a.shape[:-2]
    return a.with_shape((*batch, rows, rows)), values, a.with_shape((*batch, columns, columns))


def _decomposition(name: str, kind: str, *, full: bool, **rest: Any) -> Op:
    return declare(
        Op(
            name=name,
            evaluate=lambda a: tuple(np.linalg.svd(np.asarray(a), full_matrices=full)),
            lowering=Kernel(
                name, _KERNEL.format(name=name, kind=kind, full=full), core=2, batched=True
            ),
            promote=numeric,
            reference="Townsend, Differentiating the singular value decomposition, 2016",
            **rest,
        )
    )


_TALL = np.eye(4, 2) * np.array([1.0, 3.0]) + real(-0.3, 0.3, (2, 4, 2), seed=1)
_WIDE = np.eye(2, 3) * np.array([[1.0], [4.0]]) + real(-0.3, 0.3, (2, 3), seed=2)

singular_values = _decomposition(
    "singular_values",
    "thin",
    full=False,
    infer=_thin_type,
    pullback=_thin_pullback,
    samples=(
        Sample((np.diag([1.0, 3.0, 7.0]) + real(-0.3, 0.3, (3, 3)),)),
        Sample((_TALL,)),
        Sample((_WIDE,)),
        Sample((well_conditioned(1),)),
        Sample((np.zeros((2, 0, 0)),)),
    ),
    spellings=("np.linalg.svd", "np.linalg.svdvals"),
    convention="vectors of equal singular values do not turn into each other; what belongs to "
    "a singular value 0 has derivative 0",
)
"""The thin decomposition ``u: (..., m, k), s: (..., k), v: (..., k, n)``, k the lesser of both."""

complete_singular_values = _decomposition(
    "complete_singular_values",
    "complete",
    full=True,
    infer=_complete_type,
    pullback=_complete_pullback,
    samples=(
        Sample((_TALL[:, :3],)),
        Sample((_TALL,), differentiable=False),  # two vectors to complete it may turn
        Sample((_WIDE,)),
        Sample((complex_values((3, 2)),)),
        Sample((well_conditioned(1),)),
        Sample((np.zeros((2, 0, 3)),)),
    ),
    spellings=("np.linalg.svd",),
    convention="the vectors that complete a basis do not turn into each other",
)
"""The decomposition with ``u: (..., m, m)``, ``s: (..., k)`` and ``v: (..., n, n)``."""
