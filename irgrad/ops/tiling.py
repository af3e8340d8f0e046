"""Repeating, rolling, turning round and spreading out: tile, repeat, roll, flip, kron, meshgrid."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, as_shape, dtype_of, normalized_axes, normalized_axis, shape_of
from irgrad.ops.registry import spelling
from irgrad.ops.shape import broadcast, reshape, shaped
from irgrad.ops.stacking import operands_of
from irgrad.ops.views import strided, strided_view, view


def part(x: Any, axis: int, start: Dim, size: Dim) -> Any:
    """Return ``size`` elements from ``start`` along an axis, as an array of its own."""
    shape = shape_of(x)
    return strided(
        x,
        starts=tuple(start if a == axis else 0 for a in range(len(shape))),
        sizes=tuple(size if a == axis else dim for a, dim in enumerate(shape)),
        steps=(1,) * len(shape),
        dropped=(),
    )


@spelling(np.tile)
def _tile(A: Any, reps: Any) -> Any:
    counts = as_shape(reps)
    shape = shape_of(A)
    rank = max(len(shape), len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(shape)) + shape
    # Each axis becomes two: which copy, and the place in it.
    spread = tuple(d for pair in zip([1] * rank, shape, strict=True) for d in pair)
    copies = tuple(d for pair in zip(counts, shape, strict=True) for d in pair)
    result = tuple(count * dim for count, dim in zip(counts, shape, strict=True))
    return reshape(broadcast(reshape(A, shape=spread), shape=copies), shape=result)


@spelling(np.repeat, method="repeat")
def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None:
        a, axis = np.ravel(a), 0
    shape = shape_of(a)
    place = normalized_axis(axis, len(shape))
    if isinstance(repeats, list | tuple | np.ndarray) and np.size(repeats) != 1:
        counts = np.asarray(repeats)
        if not dims.same(shape[place], counts.size):
            raise ShapeError(
                f"{counts.size} repeats for an axis of size {shape[place]}",
                remedy="give one number, or one for each element",
            )
        return np.take(a, np.repeat(np.arange(counts.size), counts), axis=place)
    (times,) = as_shape(repeats)
    before, after = shape[:place], shape[place + 1 :]
    spread = reshape(a, shape=(*before, shape[place], 1, *after))
    copies = broadcast(spread, shape=(*before, shape[place], times, *after))
    return reshape(copies, shape=(*before, shape[place] * times, *after))


def _rolled(x: Any, shift: Any, axis: int) -> Any:
    """Move elements along an axis, those that leave it coming in at the other end."""
    size = shape_of(x)[axis]
    if dims.same(size, 0):
        return x
    moved = as_dim(shift)
    if isinstance(size, int) and isinstance(moved, int):
        moved = moved % size
    elif not dims.at_least(moved, 0):
        moved = moved + size
    if not (dims.at_least(moved, 0) and dims.at_least(size, moved + 1)):
        moved = dims.concrete(moved) % dims.concrete(size)
    if moved == 0:
        return x
    ahead, behind = part(x, axis, size - moved, moved), part(x, axis, 0, size - moved)
    return np.concatenate([ahead, behind], axis)


@spelling(np.roll)
def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    shifts = as_shape(shift)
    if axis is None:
        return reshape(_rolled(np.ravel(a), sum(shifts), 0), shape=shape_of(a))
    axes = axis if isinstance(axis, Iterable) else (axis,)
    count = max(len(shifts), len(tuple(axes)))
    shifts = shifts * count if len(shifts) == 1 else shifts
    for each, place in zip(shifts, tuple(axes) * (count // len(tuple(axes))), strict=True):
        a = _rolled(a, each, normalized_axis(place, len(shape_of(a))))
    return np.copy(a)


@spelling(np.flip)
def _flip(m: Any, axis: Any = None) -> Any:
    shape = shape_of(m)
    turned = normalized_axes(axis, len(shape))
    return strided_view(
        m,
        starts=tuple(d - 1 if a in turned and d != 0 else 0 for a, d in enumerate(shape)),
        sizes=shape,
        steps=tuple(-1 if a in turned else 1 for a in range(len(shape))),
        dropped=(),
    )


@spelling(np.flipud)
def _flipud(m: Any) -> Any:
    return _flip(m, 0)


@spelling(np.fliplr)
def _fliplr(m: Any) -> Any:
    return _flip(m, 1)


@spelling(np.rot90)
def _rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    first, second = normalized_axes(axes, len(shape_of(m)))
    turns = operator.index(k) % 4
    if turns == 0:
        return m[...]
    if turns == 2:
        return _flip(m, (first, second))
    if turns == 1:
        return np.swapaxes(_flip(m, second), first, second)
    return _flip(np.swapaxes(m, first, second), second)


@spelling(np.kron)
def _kron(a: Any, b: Any) -> Any:
    left, right = shape_of(a), shape_of(b)
    rank = max(len(left), len(right))
    left = (1,) * (rank - len(left)) + left
    right = (1,) * (rank - len(right)) + right
    x, y = operands_of((a, b))
    x = reshape(x, shape=tuple(d for dim in left for d in (dim, 1)))
    y = reshape(y, shape=tuple(d for dim in right for d in (1, dim)))
    return reshape(x * y, shape=tuple(i * j for i, j in zip(left, right, strict=True)))


@spelling(np.meshgrid)
def _meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"meshgrid with indexing={indexing!r}", remedy="use 'xy' or 'ij'")
    count = len(xi)
    order = list(range(count))
    if indexing == "xy" and count > 1:
        order[:2] = [1, 0]
    lengths = [dims.product(shape_of(x)) for x in xi]
    whole: Shape = tuple(lengths[order[axis]] for axis in range(count))
    grids = []
    for number, x in enumerate(xi):
        axis = order[number]
        shape = tuple(lengths[number] if a == axis else 1 for a in range(count))
        grid = shaped(x, shape)
        grids.append(grid if sparse else view(grid, broadcast, None, shape=whole))
    return tuple(np.copy(grid) if copy else grid for grid in grids)


@spelling(np.ix_)
def _ix(*args: Any) -> tuple[Any, ...]:
    """Return index arrays of one axis each, which together pick a grid."""
    count = len(args)
    result = []
    for axis, sequence in enumerate(args):
        array: Any = sequence if isinstance(sequence, Operand) else np.asarray(sequence)
        if isinstance(array, Operand) and dtype_of(array).kind == "b":
            raise ShapeError("np.ix_ of a traced mask", remedy="index by integers")
        if not isinstance(array, Operand) and array.dtype.kind == "b":
            (array,) = np.nonzero(array)
        shape = shape_of(array)
        if len(shape) != 1:
            raise ShapeError("np.ix_ needs arrays of one axis", remedy="flatten them")
        result.append(
            reshape(array, shape=tuple(shape[0] if a == axis else 1 for a in range(count)))
        )
    return tuple(result)
