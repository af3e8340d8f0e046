"""Ops that rearrange: reshape, transpose, broadcast, concatenate; and their NumPy spellings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Op, Sample, Source, View
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import as_shape, normalized_axes, normalized_axis, shape_of
from irgrad.ops.declare import real
from irgrad.ops.registry import declare, spelling
from irgrad.ops.views import strided, view


def _reshape_type(x: ArrayType, *, shape: Shape) -> ArrayType:
    if not dims.same(x.size, dims.product(shape)):
        raise ShapeError(
            f"can't reshape {x} to ({', '.join(map(str, shape))})",
            remedy="the number of elements must stay the same",
        )
    return x.with_shape(shape)


def _reshape_index(x: ArrayType, indices: Shape, *, shape: Shape) -> Shape | None:
    """Follow a reshape that only adds or removes axes of size 1."""
    kept = [index for index, dim in zip(indices, shape, strict=True) if dim != 1]
    if [dim for dim in x.shape if dim != 1] != [dim for dim in shape if dim != 1]:
        return None
    remaining = iter(kept)
    return tuple(0 if dim == 1 else next(remaining) for dim in x.shape)


reshape = declare(
    Op(
        name="reshape",
        evaluate=lambda x, *, shape: np.reshape(x, shape),
        infer=_reshape_type,
        lowering=View(_reshape_index),
        pullback=lambda cotangent, out, x, *, shape: (reshape(cotangent, shape=shape_of(x)),),
        samples=(
            Sample((real(-1, 1),), {"shape": (2, 6)}),
            Sample((real(-1, 1),), {"shape": (3, 1, 4, 1)}),
        ),
        spellings=("np.reshape", "np.ravel", "np.squeeze", "np.expand_dims"),
    )
)


def _transpose_index(x: ArrayType, indices: Shape, *, axes: tuple[int, ...]) -> Shape:
    operand: list[Dim] = [0] * len(axes)
    for index, axis in zip(indices, axes, strict=True):
        operand[axis] = index
    return tuple(operand)


transpose = declare(
    Op(
        name="transpose",
        evaluate=lambda x, *, axes: np.transpose(x, axes),
        infer=lambda x, *, axes: x.with_shape(tuple(x.shape[axis] for axis in axes)),
        lowering=View(_transpose_index),
        pullback=lambda cotangent, out, x, *, axes: (
            transpose(cotangent, axes=tuple(int(a) for a in np.argsort(axes))),
        ),
        samples=(
            Sample((real(-1, 1),), {"axes": (1, 0)}),
            Sample((real(-1, 1, (2, 3, 4)),), {"axes": (2, 0, 1)}),
        ),
        spellings=("np.transpose", "np.swapaxes", "np.moveaxis"),
    )
)


def _broadcast_type(x: ArrayType, *, shape: Shape) -> ArrayType:
    merged = dims.broadcast_shapes(x.shape, shape) if len(x.shape) <= len(shape) else None
    if merged is None or not dims.same_shape(merged, shape):
        raise ShapeError(
            f"can't broadcast {x} to ({', '.join(map(str, shape))})",
            remedy="sizes must be equal or 1, aligned from the last axis",
        )
    return x.with_shape(shape)


def _broadcast_index(x: ArrayType, indices: Shape, *, shape: Shape) -> Shape:
    aligned = indices[len(shape) - x.rank :]
    return tuple(0 if dim == 1 else index for index, dim in zip(aligned, x.shape, strict=True))


def sum_to_shape(x: Any, shape: Shape) -> Any:
    """Sum ``x`` over the axes along which an operand of ``shape`` was broadcast to it."""
    whole = shape_of(x)
    if whole == shape:
        return x
    extra = len(whole) - len(shape)
    stretched = [
        axis + extra for axis, dim in enumerate(shape) if dim == 1 and whole[axis + extra] != 1
    ]
    axes = (*range(extra), *stretched)
    if axes:
        x = np.sum(x, axis=axes)
    return x if shape_of(x) == shape else reshape(x, shape=shape)


broadcast = declare(
    Op(
        name="broadcast",
        evaluate=lambda x, *, shape: np.broadcast_to(x, shape),
        infer=_broadcast_type,
        lowering=View(_broadcast_index),
        pullback=lambda cotangent, out, x, *, shape: (sum_to_shape(cotangent, shape_of(x)),),
        samples=(
            Sample((real(-1, 1, (3, 1)),), {"shape": (2, 3, 4)}),
            Sample((np.float64(2.0),), {"shape": (3,)}),
        ),
        spellings=("np.broadcast_to",),
    )
)


def _concatenate_type(*types: ArrayType, axis: int) -> ArrayType:
    first = types[0]
    total: Dim = 0
    for type in types:
        others = [a for a in range(first.rank) if a != axis]
        if type.rank != first.rank or not all(
            dims.same(type.shape[a], first.shape[a]) for a in others
        ):
            raise ShapeError(
                f"can't concatenate {' and '.join(map(str, types))} along axis {axis}",
                remedy="the other axes must agree",
            )
        total = total + type.shape[axis]
    return first.with_shape((*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _concatenate_pullback(
    cotangent: Any, out: Any, *parts: Any, axis: int
) -> tuple[Any, ...]:
    pieces = []
    start: Dim = 0
    for part in parts:
        shape = shape_of(part)
        whole = shape_of(out)
        starts = tuple(start if a == axis else 0 for a in range(len(whole)))
        pieces.append(
            strided(cotangent, starts=starts, sizes=shape, steps=(1,) * len(whole), dropped=())
        )
        start = start + shape[axis]
    return tuple(pieces)


concatenate = declare(
    Op(
        name="concatenate",
        evaluate=lambda *parts, axis: np.concatenate(parts, axis),
        infer=_concatenate_type,
        lowering=Source(),
        pullback=_concatenate_pullback,
        promote=lambda dtypes: (np.result_type(*dtypes),) * (len(dtypes) + 1),
        samples=(
            Sample((real(-1, 1, (2, 3)), real(-2, 2, (4, 3))), {"axis": 0}),
            Sample((real(-1, 1, (2, 1)), real(-2, 2, (2, 3))), {"axis": 1}),
        ),
        spellings=("np.concatenate", "np.stack"),
    )
)


@spelling(np.reshape, method="reshape")
def _reshape(x: Any, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    wanted = shape[0] if len(shape) == 1 else shape
    if order != "C":
        raise UnsupportedCallError(
            f"reshape with order={order!r}", remedy="transpose before and after the reshape"
        )
    target = as_shape(wanted)
    if any(dim == -1 for dim in target):
        known = dims.product(dim for dim in target if dim != -1)
        rest = dims.floor_divide(dims.product(shape_of(x)), known) if known != 0 else 0
        target = tuple(rest if dim == -1 else dim for dim in target)
    return view(x, reshape, lambda value: reshape(value, shape=shape_of(x)), shape=target)


@spelling(np.ravel, method="ravel")
def _ravel(x: Any, order: str = "C") -> Any:
    return _reshape(x, (-1,), order=order)


@spelling(method="flatten")
def _flatten(x: Any, order: str = "C") -> Any:
    return _ravel(x, order=order).copy()


@spelling(np.transpose, method="transpose")
def _transpose(x: Any, *axes: Any) -> Any:
    wanted: Any = axes[0] if len(axes) == 1 else axes
    rank = len(shape_of(x))
    order = tuple(range(rank))[::-1] if not axes or wanted is None else normalized_axes(wanted, rank)
    if sorted(order) != list(range(rank)):
        raise ShapeError(
            f"transpose: axes {order} are no order of {rank} axes", remedy="name each axis once"
        )
    inverse = tuple(int(a) for a in np.argsort(order))
    return view(x, transpose, lambda value: transpose(value, axes=inverse), axes=order)


@spelling(np.swapaxes, method="swapaxes")
def _swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    rank = len(shape_of(x))
    order = list(range(rank))
    a, b = normalized_axis(axis1, rank), normalized_axis(axis2, rank)
    order[a], order[b] = order[b], order[a]
    return _transpose(x, tuple(order))


@spelling(np.moveaxis)
def _moveaxis(x: Any, source: Any, destination: Any) -> Any:
    rank = len(shape_of(x))
    sources = normalized_axes(source, rank)
    destinations = normalized_axes(destination, rank)
    order = [axis for axis in range(rank) if axis not in sources]
    for target, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(target, axis)
    return _transpose(x, tuple(order))


@spelling(np.squeeze, method="squeeze")
def _squeeze(x: Any, axis: Any = None) -> Any:
    shape = shape_of(x)
    if axis is None:
        dropped = {a for a, dim in enumerate(shape) if dim == 1}
    else:
        dropped = set(normalized_axes(axis, len(shape)))
        if any(shape[a] != 1 for a in dropped):
            raise ShapeError(
                f"can't squeeze axis {axis} of shape {shape}", remedy="its size must be 1"
            )
    return _reshape(x, tuple(dim for a, dim in enumerate(shape) if a not in dropped))


@spelling(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    shape = list(shape_of(a))
    added = axis if isinstance(axis, tuple | list) else (axis,)
    for position in sorted(normalized_axes(added, len(shape) + len(added))):
        shape.insert(position, 1)
    return _reshape(a, tuple(shape))


@spelling(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return broadcast(array, shape=as_shape(shape))


@spelling(np.concatenate)
def _concatenate(
    arrays: Sequence[Any], axis: int | None = 0, out: Any = None, *, dtype: Any = None, **_: Any
) -> Any:
    parts = list(arrays)
    if axis is None:
        parts, axis = [np.ravel(part) for part in parts], 0
    joined = concatenate(*parts, axis=normalized_axis(axis, len(shape_of(parts[0]))))
    return joined if dtype is None else joined.astype(dtype)


@spelling(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0, out: Any = None, **options: Any) -> Any:
    return np.concatenate([np.expand_dims(part, axis) for part in arrays], axis, **options)
