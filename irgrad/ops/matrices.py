"""What the linear algebra of matrices in the last two axes shares: types, triangles, samples."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.complex_numbers import part_dtype
from irgrad.ops.create import convert, counting

INTEGER = np.dtype(np.int32)
"""LAPACK's integers."""


def floating(dtypes: Any) -> tuple[np.dtype, ...]:
    """Return the operands' dtypes and the result's: float32 where all are, else float64."""
    kinds = [np.dtype(kind) for kind in dtypes]
    double = any(kind not in (np.float32, np.float16) for kind in kinds)
    return (np.dtype(np.float64 if double else np.float32),) * (len(kinds) + 1)


def numeric(dtypes: Any) -> tuple[np.dtype, ...]:
    """Return the dtypes of operands and result where they may be complex, double or single."""
    kinds = [np.dtype(kind) for kind in dtypes]
    if not any(kind.kind == "c" for kind in kinds):
        return floating(kinds)
    double = floating([part_dtype(kind) for kind in kinds])[0] == np.float64
    return (np.dtype(np.complex128 if double else np.complex64),) * (len(kinds) + 1)


def square(name: str, a: ArrayType) -> dims.Dim:
    """Return the size of square matrices.

    Raises: ShapeError where they are none.
    """
    if a.rank < 2 or not dims.same(a.shape[-1], a.shape[-2]):
        raise ShapeError(
            f"{name} of an array of type {a}, which holds no square matrices",
            remedy="pass an array whose last two sizes are equal",
        )
    return a.shape[-1]


def each_matrix(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of matrices, of one result or several, act on each of many."""

    def evaluate(*operands: Any, **params: Any) -> Any:
        arrays = [np.asarray(operand) for operand in operands]
        batch = arrays[0].shape[:-2]
        flat = [a.reshape(prod(a.shape[:-2]), *a.shape[-2:]) for a in arrays]
        made = [function(*matrices, **params) for matrices in zip(*flat, strict=True)]
        if not made:
            # No matrix shows what the results look like, so the identity does.
            likes = [np.eye(*a.shape[-2:], dtype=a.dtype) for a in arrays]
            made = [function(*likes, **params)]
        several = isinstance(made[0], tuple)
        parts = zip(*made, strict=True) if several else [made]
        empty = 0 in batch
        results = tuple(
            np.stack(part)[: 0 if empty else None].reshape(*batch, *part[0].shape)
            for part in parts
        )
        return results if several else results[0]

    return evaluate


def transposed(a: Any) -> Any:
    """Return matrices with rows and columns exchanged."""
    return np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Return the conjugate transposes of matrices; of real ones the transposes."""
    return np.conj(transposed(a))


def identity(like: Any, size: Any) -> Any:
    """Return the identity matrix of a size in the dtype of ``like``."""
    places = counting(like, size)
    return convert(places[:, None] == places, dtype=dtype_of(like))


def diagonal_matrix(values: Any) -> Any:
    """Return matrices with ``values: (..., n)`` on their diagonals."""
    return values[..., None] * identity(values, shape_of(values)[-1])


def identity_like(a: Any) -> Any:
    """Return identity matrices in the shape and dtype of ``a: (..., n, n)``."""
    shape: Any = shape_of(a)
    return np.broadcast_to(identity(a, shape[-1]), shape)


def lower_triangle(a: Any, *, halved: bool = False) -> Any:
    """Return the lower triangles of matrices, the diagonal halved where asked."""
    lower = np.tril(a)
    if not halved:
        return lower
    return lower - 0.5 * diagonal_matrix(np.diagonal(a, axis1=-2, axis2=-1))


def symmetric_cotangent(s: Any) -> Any:
    """Return the cotangent of a symmetric (Hermitian) matrix of which the lower triangle is read.

    An element below the diagonal stands for two of them, of which one is its conjugate.
    """
    return lower_triangle(s + adjoint(s), halved=True)


def of_first_columns(cotangent: Any, basis: Any, count: Any) -> Any:
    """Return the cotangent of the first columns of unitary matrices, which the rest complete.

    How the rest N completes the columns U is not determined but for the space it spans. It moves as
    little as it can: ``dN = -U dU^H N``. So what depends on that space alone, not on its basis, has
    its true derivative.
    """
    columns, rest = basis[..., :count], basis[..., count:]
    by_rest = np.conj(rest) @ adjoint(cotangent[..., count:]) @ np.conj(columns)
    return cotangent[..., :count] - by_rest


def positive_definite(n: int, batch: tuple[int, ...] = (), seed: int = 0) -> np.ndarray:
    """Return symmetric positive definite matrices as a sample."""
    draws = np.random.default_rng(seed).uniform(-1, 1, (*batch, n, n))
    return draws @ np.swapaxes(draws, -1, -2) + n * np.eye(n)


def well_conditioned(n: int, batch: tuple[int, ...] = (), seed: int = 0) -> np.ndarray:
    """Return regular matrices as a sample."""
    return np.random.default_rng(seed).uniform(-1, 1, (*batch, n, n)) + 2.0 * np.eye(n)


def system_type(name: str, matrix: ArrayType, right: ArrayType) -> ArrayType:
    """Return the type of the solution of ``matrix @ x = right``.

    Raises: ShapeError where the sizes do not fit.
    """
    size = square(name, matrix)
    if right.rank < 2 or not dims.same(right.shape[-2], size):
        raise ShapeError(
            f"{name} of shape {matrix} and a right side of shape {right}",
            remedy="the right side needs as many rows as the matrix",
        )
    return right
