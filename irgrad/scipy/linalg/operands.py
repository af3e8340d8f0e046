"""What the drop-ins of ``scipy.linalg`` ask of their operands: shapes, halves, flags."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import broadcast_shapes
from irgrad.ops.axes import shape_of
from irgrad.ops.matrices import adjoint, diagonal_matrix, transposed
from irgrad.scipy.traced import as_array


def matrix(name: str, a: Any, *, square: bool = True) -> Any:
    """Return an argument as an array of matrices, real or complex.

    Raises: ShapeError where it holds none, or they are not square.
    """
    a = as_array(a)
    shape = shape_of(a)
    if len(shape) < 2 or (square and not dims.same(shape[-1], shape[-2])):
        raise ShapeError(
            f"scipy.linalg.{name} of shape {tuple(map(str, shape))}: "
            + ("the last two axes must be equal" if square else "it holds no matrices"),
            remedy="pass " + ("square matrices" if square else "at least two axes"),
        )
    return a


def together(name: str, *matrices: Any) -> list[Any]:
    """Return arrays of matrices with their leading axes broadcast together."""
    batch = broadcast_shapes(*[shape_of(a)[:-2] for a in matrices])
    if batch is None:
        raise ShapeError(
            f"scipy.linalg.{name}: the leading axes can't be broadcast together",
            remedy="make them equal or 1",
        )
    shapes: list[Any] = [(*batch, *shape_of(a)[-2:]) for a in matrices]
    return [np.broadcast_to(a, shape) for a, shape in zip(matrices, shapes, strict=True)]


def columns(b: Any) -> tuple[Any, bool]:
    """Return right sides as columns, and whether they were one vector."""
    b = as_array(b)
    vector = len(shape_of(b)) == 1
    return (b[:, None] if vector else b), vector


def mirrored(a: Any, lower: bool, *, hermitian: bool = True) -> Any:
    """Return the Hermitian (or else symmetric) matrices of which one half is given.

    Of the diagonal of Hermitian ones the real part is read, as LAPACK does.
    """
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    middle = np.diagonal(a, axis1=-2, axis2=-1)
    if hermitian:
        return half + adjoint(half) + diagonal_matrix(np.real(middle))
    return half + transposed(half) + diagonal_matrix(middle)


_TURNS = {0: "N", "N": "N", 1: "T", "T": "T", 2: "C", "C": "C"}


def turned(a: Any, trans: Any) -> tuple[Any, bool]:
    """Return what stands for ``a`` in a system of ``a``, ``a.T`` or ``a.T.conj()``.

    That is a matrix, and whether the system is that of its transpose.

    Raises: ShapeError where ``trans`` is no such flag.
    """
    if trans not in _TURNS:
        raise ShapeError(f"trans={trans!r}", remedy='give 0, 1, 2 or "N", "T", "C"')
    turn = _TURNS[trans]
    return (np.conj(a) if turn == "C" else a), turn != "N"
