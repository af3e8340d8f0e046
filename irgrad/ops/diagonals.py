"""Diagonals and triangles of matrices, in NumPy's spellings."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Operand
from irgrad.ops.affine import affine, affine_set, diagonal_params
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import convert, counting
from irgrad.ops.elementwise import select
from irgrad.ops.index import scatter_set
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import spelling
from irgrad.ops.shape import broadcast, reshape
from irgrad.ops.stacking import repeated
from irgrad.ops.views import view


@spelling(np.diagonal, method="diagonal")
def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if len(shape_of(a)) < 2:
        raise ShapeError("the diagonal of an array with fewer than 2 axes", remedy="use np.diag")
    params = diagonal_params(shape_of(a), operator.index(offset), axis1, axis2)
    return view(a, affine, None, **params)


@spelling(np.linalg.diagonal)
def _linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return _diagonal(x, offset, -2, -1)


@spelling(np.trace, method="trace")
def _trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    return delivered(
        np.sum(_diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype), out, "np.trace"
    )


@spelling(np.linalg.trace)
def _linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return _trace(x, offset, -2, -1, dtype)


@spelling(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    """Take the diagonal of a matrix, or make a matrix with a diagonal."""
    shape = shape_of(v)
    offset = operator.index(k)
    if len(shape) == 2:
        return _diagonal(v, offset)
    if len(shape) != 1:
        raise ShapeError(
            f"np.diag of {len(shape)} axes", remedy="use np.diagonal for stacks of matrices"
        )
    size: Any = shape[0] + abs(offset)
    matrix = np.zeros_like(v, shape=(size, size))
    return affine_set(matrix, v, **diagonal_params((size, size), offset, 0, 1))


@spelling(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return _diag(np.ravel(v), k)


def _lower(x: Any, k: Any) -> Any:
    """Return the mask of the elements of a matrix on and below its ``k``-th diagonal."""
    rows, columns = shape_of(x)[-2:]
    return counting(x, columns) <= reshape(counting(x, rows), shape=(rows, 1)) + k


def _matrix(m: Any) -> Any:
    """Return an array of one or more axes as NumPy's triangles see it: a row is repeated."""
    shape = shape_of(m)
    if not shape:
        raise ShapeError("the triangle of a number", remedy="pass a matrix")
    return m if len(shape) > 1 else broadcast(m, shape=(shape[0], shape[0]))


@spelling(np.tril)
def _tril(m: Any, k: int = 0) -> Any:
    x = _matrix(m)
    return select(_lower(x, k), x, dtype_of(x).type(0))


@spelling(np.triu)
def _triu(m: Any, k: int = 0) -> Any:
    x = _matrix(m)
    return select(_lower(x, k - 1), dtype_of(x).type(0), x)


@spelling(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write a diagonal in place; ``wrap`` goes on below the end of a tall matrix."""
    shape = shape_of(a)
    rank = len(shape)
    if rank < 2:
        raise ShapeError("fill_diagonal needs 2 axes or more", remedy="reshape first")
    if rank == 2 and wrap and dims.at_least(shape[0], shape[1] + 2):
        rows = np.arange(0, dims.concrete(shape[0] * shape[1]), dims.concrete(shape[1]) + 1)
        columns = dims.concrete(shape[1])
        places: tuple[Any, ...] = (rows // columns, rows % columns)
        a.rebind(
            scatter_set(a, _values(a, val, (len(rows),)), *places, axes=(0, 1)).node
        )
        return
    if rank == 2:
        params = diagonal_params(shape, 0, 0, 1)
    else:
        if not all(dims.same(dim, shape[0]) for dim in shape):
            raise ShapeError(
                "fill_diagonal of more than 2 axes needs them equally long", remedy="slice first"
            )
        params = {"shape": shape[:1], "offsets": (0,) * rank, "steps": ((1,),) * rank}
    a.rebind(affine_set(a, _values(a, val, params["shape"]), **params).node)


def _values(a: Any, val: Any, shape: Shape) -> Any:
    """Return what is written into a place of ``shape``: cut off or repeated as it needs."""
    value: Any = val if isinstance(val, Operand) else a.lift(np.asarray(val))
    if dtype_of(value) != dtype_of(a):
        value = convert(value, dtype=dtype_of(a))
    if not shape_of(value):
        return broadcast(value, shape=shape)
    flat = np.ravel(value)
    length: Dim = shape_of(flat)[0]
    if dims.same(length, shape[0]):
        return flat
    return flat[: shape[0]] if dims.at_least(length, shape[0]) else repeated(flat, shape[0])
