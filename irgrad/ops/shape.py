"""Ops that rearrange: reshape, transpose, broadcast, concatenate; and their NumPy spellings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Op, Sample, Source, View
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import as_shape, normalized_axes, normalized_axis, shape_of
from irgrad.ops.declare import real
from irgrad.ops.layout import is_fortran, reshape_copies
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


reshape: Op = declare(
    Op(
        name="reshape",
        evaluate=lambda x, *, shape: np.reshape(x, shape),
        infer=_reshape_type,
        lowering=View(_reshape_index),
        pullback=lambda cotangent, out, x, *, shape: (reshape(cotangent, shape=shape_of(x)),),
        samples=(
            Sample((real(-1, 1),), {"shape": (2, 6)}),
            Sample((real(-1, 1),), {"shape": (3, 1, 4, 1)}),
            Sample((real(-1, 1, (1,)),), {"shape": (1, 1)}),
            Sample((real(-1, 1, (2, 0)),), {"shape": (0, 3)}),
        ),
        spellings=("np.reshape", "np.ravel", "np.squeeze", "np.expand_dims"),
    )
)


def _transpose_index(x: ArrayType, indices: Shape, *, axes: tuple[int, ...]) -> Shape:
    operand: list[Dim] = [0] * len(axes)
    for index, axis in zip(indices, axes, strict=True):
        operand[axis] = index
    return tuple(operand)


transpose: Op = declare(
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


broadcast: Op = declare(
    Op(
        name="broadcast",
        evaluate=lambda x, *, shape: np.broadcast_to(x, shape),
        infer=_broadcast_type,
        lowering=View(_broadcast_index),
        pullback=lambda cotangent, out, x, *, shape: (sum_to_shape(cotangent, shape_of(x)),),
        samples=(
            Sample((real(-1, 1, (3, 1)),), {"shape": (2, 3, 4)}),
            Sample((np.float64(2.0),), {"shape": (3,)}),
            Sample((real(-1, 1, (1,)),), {"shape": (1, 1)}),
            Sample((real(-1, 1, (1, 1)),), {"shape": (2, 0)}),
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


def _restored(base: Any, value: Any) -> Any:
    """Undo a reshape of ``base``, or of some other array of its shape."""
    return reshape(value, shape=shape_of(base))


def shaped(x: Any, shape: Shape) -> Any:
    """Return ``x`` in another shape, as a view where NumPy gives one."""
    if reshape_copies(x, shape):
        return reshape(x, shape=shape)
    return view(x, reshape, _restored, shape=shape)


def permuted(x: Any, axes: tuple[int, ...]) -> Any:
    """Return a view of ``x`` with its axes in another order."""
    inverse = tuple(int(axis) for axis in np.argsort(axes))
    return view(x, transpose, lambda base, value: transpose(value, axes=inverse), axes=axes)


def _completed(target: Shape, size: Dim) -> Shape:
    """Return a shape with the -1 in it, if any, replaced by what makes up ``size`` elements."""
    unknown = [axis for axis, dim in enumerate(target) if isinstance(dim, int) and dim < 0]
    if not unknown:
        return target
    if len(unknown) > 1 or target[unknown[0]] != -1:
        raise ShapeError(
            f"can't reshape to {target}", remedy="at most one size may be -1, none less than that"
        )
    known = dims.product(dim for dim in target if dim != -1)
    if dims.same(known, 0):
        raise ShapeError(
            f"can't reshape to {target}: any size would do for -1", remedy="give every size"
        )
    rest = dims.floor_divide(size, known)
    return tuple(rest if dim == -1 else dim for dim in target)


@spelling(np.reshape, method="reshape")
def _reshape(
    a: Any, *sizes: Any, order: str = "C", copy: Any = None, newshape: Any = None,
    shape: Any = None,
) -> Any:  # fmt: skip
    if len(sizes) == 2 and isinstance(sizes[1], str):  # np.reshape(a, shape, order)
        order = sizes[1]
        sizes = sizes[:1]
    named = newshape if shape is None else shape
    wanted = named if named is not None else sizes[0] if len(sizes) == 1 else sizes
    target = _completed(as_shape(wanted), dims.product(shape_of(a)))
    x = a.copy() if copy else a
    if _in_fortran_order(x, order):
        return _reversed(shaped(_reversed(x), target[::-1]))
    return shaped(x, target)


def _in_fortran_order(x: Any, order: Any) -> bool:
    """Tell whether NumPy's ``order`` means that the first index runs fastest.

    "A" and "K" follow the memory, which is in C order but for views that transpose it.
    """
    if order not in ("C", "F", "A", "K", None):
        raise UnsupportedCallError(f"order={order!r}", remedy="orders are 'C', 'F', 'A' and 'K'")
    return order == "F" or (order in ("A", "K") and is_fortran(x))


def _reversed(x: Any) -> Any:
    return permuted(x, tuple(range(len(shape_of(x))))[::-1])


@spelling(np.ravel, method="ravel")
def _ravel(a: Any, order: str = "C") -> Any:
    return _reshape(a, (-1,), order=order) if len(shape_of(a)) != 1 else shaped(a, shape_of(a))


@spelling(method="flatten")
def _flatten(a: Any, order: str = "C") -> Any:
    return _ravel(a, order=order).copy()


@spelling(method="flat")
def _flat(a: Any) -> Any:
    """Return the elements in C order, as a view even where ``ravel`` has to copy."""
    return view(a, reshape, _restored, shape=(dims.product(shape_of(a)),))


@spelling(method="view")
def _view(a: Any, *args: Any, **options: Any) -> Any:
    if args or options:
        raise UnsupportedCallError(
            "a view of another dtype", remedy="convert the numbers: x.astype(dtype)"
        )
    return shaped(a, shape_of(a))


@spelling(np.transpose, method="transpose")
def _transpose(a: Any, *places: Any, axes: Any = None) -> Any:
    wanted: Any = axes if not places else places[0] if len(places) == 1 else places
    rank = len(shape_of(a))
    default = wanted is None
    order = tuple(range(rank))[::-1] if default else normalized_axes(wanted, rank)
    if sorted(order) != list(range(rank)):
        raise ShapeError(
            f"transpose: axes {order} are no order of {rank} axes", remedy="name each axis once"
        )
    return permuted(a, order)


@spelling(np.matrix_transpose, np.linalg.matrix_transpose, method="mT")
def _matrix_transpose(x: Any, /) -> Any:
    if len(shape_of(x)) < 2:
        raise ShapeError("the matrix transpose of fewer than 2 axes", remedy="use .T")
    return _swapaxes(x, -1, -2)


@spelling(np.swapaxes, method="swapaxes")
def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    rank = len(shape_of(a))
    order = list(range(rank))
    i, j = normalized_axis(axis1, rank), normalized_axis(axis2, rank)
    order[i], order[j] = order[j], order[i]
    return permuted(a, tuple(order))


@spelling(np.moveaxis)
def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    rank = len(shape_of(a))
    sources = normalized_axes(source, rank)
    destinations = normalized_axes(destination, rank)
    if len(sources) != len(destinations):
        raise ShapeError(
            f"moveaxis: {len(sources)} axes to {len(destinations)} places",
            remedy="name as many destinations as sources",
        )
    order = [axis for axis in range(rank) if axis not in sources]
    for target, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(target, axis)
    return permuted(a, tuple(order))


@spelling(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    rank = len(shape_of(a))
    moved = normalized_axis(axis, rank)
    place = start + rank if start < 0 else start
    if not 0 <= place <= rank:
        raise ShapeError(f"rollaxis: start {start} of {rank} axes", remedy="name a place it has")
    order = [other for other in range(rank) if other != moved]
    order.insert(place - 1 if moved < place else place, moved)
    return permuted(a, tuple(order))


@spelling(np.squeeze, method="squeeze")
def _squeeze(a: Any, axis: Any = None) -> Any:
    shape = shape_of(a)
    if axis is None:
        dropped = {i for i, dim in enumerate(shape) if dim == 1}
    else:
        dropped = set(normalized_axes(axis, len(shape)))
        if not all(dims.same(shape[i], 1) for i in dropped):
            raise ShapeError(
                f"can't squeeze axis {axis} of shape {shape}", remedy="its size must be 1"
            )
    return shaped(a, tuple(dim for i, dim in enumerate(shape) if i not in dropped))


@spelling(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    shape = list(shape_of(a))
    added = axis if isinstance(axis, tuple | list) else (axis,)
    for position in sorted(normalized_axes(added, len(shape) + len(added))):
        shape.insert(position, 1)
    return shaped(a, tuple(shape))


def _with_leading(x: Any, rank: int) -> Any:
    shape = shape_of(x)
    return x if len(shape) >= rank else shaped(x, (1,) * (rank - len(shape)) + shape)


def _each(arrays: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Apply a function to one array, or to each of several."""
    results = tuple(change(array) for array in arrays)
    return results[0] if len(results) == 1 else results


@spelling(np.atleast_1d)
def _atleast_1d(*arys: Any) -> Any:
    return _each(arys, lambda x: _with_leading(x, 1))


@spelling(np.atleast_2d)
def _atleast_2d(*arys: Any) -> Any:
    return _each(arys, lambda x: _with_leading(x, 2))


@spelling(np.atleast_3d)
def _atleast_3d(*arys: Any) -> Any:
    return _each(
        arys,
        lambda x: shaped(x, (*shape_of(x), 1)) if len(shape_of(x)) == 2
        else shaped(x, (1, *shape_of(x), 1)) if len(shape_of(x)) == 1
        else _with_leading(x, 3),
    )  # fmt: skip


@spelling(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return view(array, broadcast, None, shape=as_shape(shape))


@spelling(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = dims.broadcast_shapes(*map(shape_of, args))
    if shape is None:
        raise ShapeError(
            f"shapes {' and '.join(str(shape_of(x)) for x in args)} can't be broadcast together",
            remedy="make the sizes equal or 1, aligned from the last axis",
        )
    return tuple(
        x if shape_of(x) == shape and hasattr(x, "view_of") else _broadcast_to(x, shape)
        for x in args
    )


@spelling(np.shape)
def _shape(a: Any) -> Any:
    return a.shape


@spelling(np.ndim)
def _ndim(a: Any) -> int:
    return len(shape_of(a))


@spelling(np.size)
def _size(a: Any, axis: Any = None) -> Any:
    if axis is None:
        return a.size
    total: Any = 1
    for place in normalized_axes(axis, len(shape_of(a))):
        total = total * a.shape[place]
    return total
