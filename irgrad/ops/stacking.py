"""Joining arrays and splitting them: concatenate, stack, block, split and their kin."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, as_shape, normalized_axis, shape_of
from irgrad.ops.create import counting
from irgrad.ops.index import gather
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import spelling
from irgrad.ops.shape import concatenate, shaped
from irgrad.ops.views import strided_view


def operands_of(arrays: Any) -> list[Any]:
    """Return the arrays to be joined, of which some may be numbers, lists or object arrays."""
    parts = list(arrays)
    traced = next((part for part in parts if isinstance(part, Operand)), None)
    if traced is None:
        return parts
    return [part if isinstance(part, Operand) else _understood(traced, part) for part in parts]


def _understood(traced: Any, part: Any) -> Any:
    if isinstance(part, int | float | complex | np.generic):
        return part
    array = np.asarray(part)
    return traced.lift(array) if array.dtype == object else array


def joined(parts: Sequence[Any], axis: int) -> Any:
    """Concatenate along an axis that exists."""
    if not parts:
        raise ShapeError("need at least one array to concatenate", remedy="pass some")
    rank = len(shape_of(parts[0]))
    if rank == 0:
        raise ShapeError("numbers can't be concatenated", remedy="use np.stack")
    return concatenate(*parts, axis=normalized_axis(axis, rank))


@spelling(np.concatenate)
def _concatenate(
    arrays: Sequence[Any],
    /,
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    parts = operands_of(arrays)
    if axis is None:
        parts, axis = [np.ravel(part) for part in parts], 0
    result = joined(parts, axis)
    return delivered(result if dtype is None else result.astype(dtype), out, "np.concatenate")


@spelling(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0, out: Any = None, **options: Any) -> Any:
    parts = operands_of(arrays)
    first = shape_of(parts[0]) if parts else ()
    for part in parts:
        if not dims.same_shape(shape_of(part), first):
            raise ShapeError(
                f"can't stack arrays of shapes {first} and {shape_of(part)}",
                remedy="give all of them one shape",
            )
    return np.concatenate([np.expand_dims(part, axis) for part in parts], axis, out, **options)


@spelling(np.vstack)
def _vstack(tup: Sequence[Any], **options: Any) -> Any:
    return np.concatenate([np.atleast_2d(part) for part in operands_of(tup)], 0, **options)


@spelling(np.hstack)
def _hstack(tup: Sequence[Any], **options: Any) -> Any:
    parts = [np.atleast_1d(part) for part in operands_of(tup)]
    return np.concatenate(parts, 0 if parts and len(shape_of(parts[0])) == 1 else 1, **options)


@spelling(np.dstack)
def _dstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_3d(part) for part in operands_of(tup)], 2)


@spelling(np.column_stack)
def _column_stack(tup: Sequence[Any]) -> Any:
    columns = [
        part if len(shape_of(part)) >= 2 else np.reshape(part, (-1, 1))
        for part in operands_of(tup)
    ]
    return np.concatenate(columns, 1)


@spelling(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate([arr, values], axis)


@spelling(np.block)
def _block(arrays: Any) -> Any:
    """Join nested lists: the innermost along the last axis, the next along the one before."""
    depth = _depth(arrays)
    rank = max(depth, _widest(arrays))
    return _blocked(arrays, depth, rank)


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(item) for item in arrays}
    if len(depths) != 1:
        raise ShapeError(
            "np.block: empty or unevenly nested lists", remedy="nest all blocks equally deep"
        )
    return 1 + depths.pop()


def _widest(arrays: Any) -> int:
    if isinstance(arrays, list):
        return max(map(_widest, arrays))
    return len(shape_of(arrays))


def _blocked(arrays: Any, depth: int, rank: int) -> Any:
    if depth == 0:
        shape = shape_of(arrays)
        return np.reshape(arrays, (1,) * (rank - len(shape)) + shape)
    return np.concatenate([_blocked(item, depth - 1, rank) for item in arrays], -depth)


def _sections(x: Any, borders: Sequence[Dim], axis: int) -> list[Any]:
    """Return the views of ``x`` between successive borders along an axis."""
    shape = shape_of(x)
    parts = []
    for low, high in pairwise(borders):
        size = high - low if dims.at_least(high, low) else 0
        parts.append(
            strided_view(
                x,
                starts=tuple(low if a == axis else 0 for a in range(len(shape))),
                sizes=tuple(size if a == axis else dim for a, dim in enumerate(shape)),
                steps=(1,) * len(shape),
                dropped=(),
            )
        )
    return parts


@spelling(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = normalized_axis(axis, len(shape_of(ary)))
    length = shape_of(ary)[axis]
    if np.ndim(indices_or_sections):
        return _split_at(ary, indices_or_sections, axis)
    count = operator.index(indices_or_sections)
    if count <= 0:
        raise ShapeError("number sections must be larger than 0", remedy="name at least one")
    each = dims.floor_divide(length, count)
    longer = length - each * count
    # How many sections get one element more depends on the size itself.
    extra = longer if isinstance(longer, int) else dims.concrete(longer)
    borders: list[Dim] = [0]
    for section in range(count):
        borders.append(borders[-1] + each + (1 if section < extra else 0))
    return _sections(ary, borders, axis)


def _split_at(x: Any, places: Any, axis: int) -> list[Any]:
    """Split at given indices, which like a slice's bounds may be negative or too large."""
    length = shape_of(x)[axis]
    borders: list[tuple[Dim, Dim]] = []
    ends = [_bound(place, length) for place in map(as_dim, places)]
    low: Dim = 0
    for end in [*ends, length]:
        borders.append((low, end))
        low = end
    return [_sections(x, pair, axis)[0] for pair in borders]


def _bound(place: Dim, length: Dim) -> Dim:
    if not dims.at_least(place, 0):
        place = place + length
        return place if dims.at_least(place, 0) else 0
    return place if dims.at_least(length, place) else length


@spelling(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if np.ndim(indices_or_sections) == 0:
        length = shape_of(ary)[normalized_axis(axis, len(shape_of(ary)))]
        count = operator.index(indices_or_sections)
        if count > 0 and not dims.same(dims.floor_divide(length, count) * count, length):
            raise ShapeError(
                f"an axis of size {length} can't be split into {count} equal parts",
                remedy="use np.array_split",
            )
    return _array_split(ary, indices_or_sections, axis)


@spelling(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    rank = len(shape_of(ary))
    if rank == 0:
        raise ShapeError("hsplit of a number", remedy="split arrays of 1 or more axes")
    return _split(ary, indices_or_sections, 1 if rank > 1 else 0)


def _need_rank(ary: Any, rank: int, name: str) -> None:
    if len(shape_of(ary)) < rank:
        raise ShapeError(
            f"{name} of an array with {len(shape_of(ary))} axes", remedy=f"it needs {rank}"
        )


@spelling(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    _need_rank(ary, 2, "vsplit")
    return _split(ary, indices_or_sections, 0)


@spelling(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    _need_rank(ary, 3, "dsplit")
    return _split(ary, indices_or_sections, 2)


@spelling(np.unstack)
def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    _need_rank(x, 1, "unstack")
    moved = np.moveaxis(x, axis, 0)
    return tuple(moved[i] for i in range(dims.concrete(shape_of(moved)[0])))


@spelling(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    """Repeat the elements as often as the new shape needs."""
    shape: Any = as_shape(new_shape)
    size, wanted = dims.product(shape_of(a)), dims.product(shape)
    flat = np.ravel(a)
    if dims.same(wanted, 0) or dims.same(size, 0):
        return np.zeros_like(a, shape=shape)
    return shaped(flat[:wanted] if dims.at_least(size, wanted) else repeated(flat, wanted), shape)


def repeated(x: Any, length: Any) -> Any:
    """Return the elements of a vector over and over, ``length`` of them."""
    size: Any = shape_of(x)[0]
    if not hasattr(x, "tape"):
        return np.resize(x, length)
    if not isinstance(size, int):
        size = x.tape.size(size, np.int64)
    return gather(x, counting(x, length) % size, axes=(0,))
