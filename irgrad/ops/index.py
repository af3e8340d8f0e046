"""Indexing: what ``x[key]`` and ``x[key] = value`` mean for every kind of key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.errors import MutationError, ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Op, Operand, Sample, Source, Write
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import as_dim, dtype_of, shape_of
from irgrad.ops.create import convert, counting
from irgrad.ops.declare import real
from irgrad.ops.registry import declare, spelling
from irgrad.ops.shape import reshape
from irgrad.ops.views import Into, part_size, strided, strided_set, strided_view, view


def _index_shape(types: Sequence[ArrayType]) -> Shape:
    for type in types:
        if type.dtype.kind not in "iu":
            raise UnsupportedCallError(f"an index of dtype {type.dtype}", remedy="index by integers")
    shape = dims.broadcast_shapes(*[type.shape for type in types])
    if shape is None:
        raise ShapeError(
            f"index arrays {' and '.join(map(str, types))} can't be broadcast together",
            remedy="make the sizes equal or 1",
        )
    return shape


def _rest(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)


def _key(rank: int, indices: tuple[Any, ...], axes: tuple[int, ...]) -> Any:
    """Return the view with ``axes`` first as an order of axes, and the NumPy index into it."""
    return (*axes, *(axis for axis in range(rank) if axis not in axes)), tuple(indices)


def _gather(x: Any, *indices: Any, axes: tuple[int, ...]) -> Any:
    order, key = _key(np.ndim(x), indices, axes)
    return np.transpose(x, order)[key]


gather = declare(
    Op(
        name="gather",
        evaluate=_gather,
        infer=lambda x, *indices, axes: x.with_shape((*_index_shape(indices), *_rest(x.shape, axes))),
        lowering=Source(),
        pullback=lambda cotangent, out, x, *indices, axes: (
            Into(scatter_add, cotangent, indices, {"axes": axes}),
            *(None for _ in indices),
        ),
        samples=(
            Sample((real(-1, 1, (5,)), np.array([3, 0, 3, -1])), {"axes": (0,)}),
            Sample((real(-1, 1, (3, 4)), np.array([[2, 0], [1, 1]])), {"axes": (0,)}),
            Sample((real(-1, 1, (3, 4)), np.array([2, 0]), np.array([1, -1])), {"axes": (0, 1)}),
            Sample((real(-1, 1, (3, 4)), np.array([1, 1, 0])), {"axes": (1,)}),
        ),
        spellings=("ndarray.__getitem__ with integer arrays", "np.take"),
    )
)
"""Elements picked by integer arrays along ``axes``: the indices' axes first, then the others."""


def _scatter(x: Any, update: Any, indices: tuple[Any, ...], axes: tuple[int, ...], add: bool) -> Any:
    result = np.array(x, copy=True)
    order, key = _key(result.ndim, indices, axes)
    part = np.transpose(result, order)
    if add:
        np.add.at(part, key, update)
    else:
        part[key] = update
    return result


scatter_add = declare(
    Op(
        name="scatter_add",
        evaluate=lambda x, update, *indices, axes: _scatter(x, update, indices, axes, True),
        infer=lambda x, update, *indices, axes: x,
        lowering=Write(accumulate=True),
        pullback=lambda cotangent, out, x, update, *indices, axes: (
            cotangent,
            gather(cotangent, *indices, axes=axes),
            *(None for _ in indices),
        ),
        samples=(
            Sample(
                (real(-1, 1, (5,)), real(2, 3, (4,)), np.array([3, 0, 3, -1])), {"axes": (0,)}
            ),
            Sample(
                (real(-1, 1, (3, 4)), real(2, 3, (3, 3)), np.array([1, 1, 0])), {"axes": (1,)}
            ),
        ),
        spellings=("np.add.at",),
    )
)
"""The array with ``update`` added at integer indices, repeats adding up."""


def _scatter_set_pullback(
    cotangent: Any, out: Any, x: Any, update: Any, *indices: Any, axes: tuple[int, ...]
) -> tuple[Any, ...]:
    """Where an index repeats the last write wins, so only that one gets the cotangent."""
    taken = gather(cotangent, *indices, axes=axes)
    cleared = scatter_set(cotangent, np.zeros_like(taken), *indices, axes=axes)
    shape = shape_of(update)
    order = reshape(counting(cotangent, dims.product(shape)), shape=shape)
    last = scatter_set(np.zeros_like(cotangent, dtype=np.int64), order, *indices, axes=axes)
    wins = gather(last, *indices, axes=axes) == order
    return cleared, np.where(wins, taken, 0.0), *(None for _ in indices)


scatter_set = declare(
    Op(
        name="scatter_set",
        evaluate=lambda x, update, *indices, axes: _scatter(x, update, indices, axes, False),
        infer=lambda x, update, *indices, axes: x,
        lowering=Write(accumulate=False),
        pullback=_scatter_set_pullback,
        samples=(
            Sample((real(-1, 1, (5,)), real(2, 3, (3,)), np.array([3, 0, -1])), {"axes": (0,)}),
            Sample((real(-1, 1, (5,)), real(2, 3, (3,)), np.array([3, 0, 3])), {"axes": (0,)}),
        ),
        spellings=("ndarray.__setitem__ with integer arrays",),
        selects=True,
    )
)
"""The array with the elements at integer indices replaced; of repeats, the last one counts."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A key taken apart: a strided part, then integer arrays on its axes, then new axes."""

    strided: dict[str, Any]
    arrays: tuple[Any, ...]
    axes: tuple[int, ...]
    front: int
    """Where NumPy puts the axes of the index arrays."""
    shape: Shape | None
    """The result's shape where ``None`` in the key adds axes, else None."""


def _is_mask(entry: Any) -> bool:
    return not isinstance(entry, bool | int | slice) and dtype_of(entry).kind == "b"


def _is_number(entry: Any) -> bool:
    """Tell whether an entry of a key is one number: an int, or a size seen while tracing."""
    return isinstance(entry, int | np.integer) or (
        hasattr(entry, "dim") and not isinstance(entry, Operand)
    )


def _expanded(key: Any, rank: int) -> list[Any]:
    """Return the key's entries with ``...`` spelled out and masks as integer arrays."""
    entries = list(key) if isinstance(key, tuple) else [key]
    flat: list[Any] = []
    for entry in entries:
        if isinstance(entry, list):
            entry = np.asarray(entry) if entry else np.zeros(0, np.int64)
        if entry is None or entry is Ellipsis or isinstance(entry, slice):
            flat.append(entry)
        elif isinstance(entry, Operand) and _is_mask(entry):
            raise UnsupportedCallError(
                "a traced boolean mask picks a number of elements that is only known when the "
                "compiled function runs",
                remedy="keep the shape: np.where(mask, x, 0), np.sum(x, where=mask)",
            )
        elif _is_mask(entry):
            flat.extend(np.nonzero(entry))
        else:
            flat.append(entry)
    used = sum(1 for entry in flat if entry is not None and entry is not Ellipsis)
    if used > rank:
        raise ShapeError(
            f"too many indices: {used} for an array with {rank} axes", remedy="drop some"
        )
    if not any(entry is Ellipsis for entry in flat):
        flat.append(Ellipsis)
    position = next(i for i, entry in enumerate(flat) if entry is Ellipsis)
    flat[position : position + 1] = [slice(None)] * (rank - used)
    return flat


def _slice_part(entry: slice, dim: Dim) -> tuple[Dim, Dim, int]:
    """Return start, size and step of a slice of an axis of ``dim`` elements."""
    step = 1 if entry.step is None else entry.step.__index__()
    if step == 0:
        raise ShapeError("a slice with step 0", remedy="use a step other than 0")

    def bound(value: Any, default: Dim, low: Dim, high: Dim) -> Dim:
        if value is None:
            return default
        number = as_dim(value)
        if not dims.at_least(number, 0):
            number = number + dim
            return number if dims.at_least(number, low) else low
        return high if dims.at_least(number, high) else number

    if step > 0:
        start, stop = bound(entry.start, 0, 0, dim), bound(entry.stop, dim, 0, dim)
    else:
        start, stop = bound(entry.start, dim - 1, -1, dim - 1), bound(entry.stop, -1, -1, dim - 1)
    size = part_size(start, stop, step)
    return (start, size, step) if size != 0 else (0, 0, 1)


def take_apart(x: Any, key: Any) -> Selection:
    """Take a key apart."""
    shape = shape_of(x)
    starts: list[Dim] = []
    sizes: list[Dim] = []
    steps: list[int] = []
    dropped: list[int] = []
    arrays: list[Any] = []
    axes: list[int] = []
    result: list[Dim | None] = []
    places: list[int] = []
    kept = 0
    for position, entry in enumerate(_expanded(key, len(shape))):
        if entry is None:
            result.append(1)
            continue
        axis = len(starts)
        dim = shape[axis]
        if isinstance(entry, slice):
            start, size, step = _slice_part(entry, dim)
        elif _is_number(entry):
            number = as_dim(entry)
            start = number if dims.at_least(number, 0) else number + dim
            if not (dims.at_least(start, 0) and dims.at_least(dim, start + 1)):
                raise ShapeError(
                    f"index {entry} is out of range for axis {axis} of size {dim}",
                    remedy="indices run from -size to size - 1",
                )
            starts.append(start)
            sizes.append(1)
            steps.append(1)
            dropped.append(axis)
            # A NumPy index array elsewhere in the key draws in scalar indices too; they are
            # dropped before the gather, which places the arrays' axes the same way but for the
            # split case handled by `places`.
            places.append(position)
            continue
        else:
            start, size, step = 0, dim, 1
            arrays.append(entry)
            axes.append(kept)
            places.append(position)
        starts.append(start)
        sizes.append(size)
        steps.append(step)
        kept += 1
        result.append(size if isinstance(entry, slice) else None)
    together = not places or places[-1] - places[0] == len(places) - 1
    front = 0
    if arrays and together:
        front = sum(1 for entry in result[: _first_array(result)] if entry is not None)
    new_shape = tuple(dim for dim in result if dim is not None)
    has_new = len(new_shape) != kept - len(arrays)
    params = {
        "starts": tuple(starts),
        "sizes": tuple(sizes),
        "steps": tuple(steps),
        "dropped": tuple(dropped),
    }
    return Selection(params, tuple(arrays), tuple(axes), front, new_shape if has_new else None)


def _first_array(result: list[Dim | None]) -> int:
    return next(i for i, dim in enumerate(result) if dim is None)


def _is_whole(x: Any, part: dict[str, Any]) -> bool:
    return (
        part["sizes"] == shape_of(x)
        and not part["dropped"]
        and all(step == 1 for step in part["steps"])
    )


def _integers(entry: Any) -> Any:
    return entry if dtype_of(entry).kind in "iu" else convert(entry, dtype=np.dtype(np.int64))


@spelling(method="__getitem__")
def getitem(x: Any, key: Any) -> Any:
    """Return ``x[key]``; a view where NumPy gives one."""
    selection = take_apart(x, key)
    whole = _is_whole(x, selection.strided)
    if not selection.arrays:
        part = strided_view(x, **selection.strided)
        if selection.shape is not None:
            shape = shape_of(part)
            part = view(
                part, reshape, lambda value: reshape(value, shape=shape), shape=selection.shape
            )
        return part
    part = x if whole else strided(x, **selection.strided)
    indices = tuple(_integers(entry) for entry in selection.arrays)
    picked = gather(part, *indices, axes=selection.axes)
    rank = max(len(shape_of(index)) for index in indices)
    total = len(shape_of(picked))
    if selection.shape is not None:
        picked = reshape(picked, shape=(*shape_of(picked)[:rank], *selection.shape))
        total = len(shape_of(picked))
    if selection.front and rank:
        order = (
            *range(rank, rank + selection.front),
            *range(rank),
            *range(rank + selection.front, total),
        )
        picked = np.transpose(picked, order)
    return picked


@spelling(method="__setitem__")
def setitem(x: Any, key: Any, value: Any) -> None:
    """Do ``x[key] = value`` to a traced ``x``; its views follow."""
    update(x, key, value, accumulate=False)


def update(x: Any, key: Any, value: Any, *, accumulate: bool) -> None:
    """Assign or add to ``x[key]`` in place, repeated indices adding up."""
    selection = take_apart(x, key)
    if not np.can_cast(dtype_of(value), dtype_of(x), "same_kind") and isinstance(value, Operand):
        raise MutationError(
            f"can't write {dtype_of(value)} into {dtype_of(x)} in place",
            remedy="make the target with a float dtype, or convert with .astype",
        )
    part = strided(x, **selection.strided)
    if selection.arrays:
        indices = tuple(_integers(entry) for entry in selection.arrays)
        place = gather(part, *indices, axes=selection.axes)
        rank = len(shape_of(place)) - (len(shape_of(part)) - len(indices))
        if selection.shape is not None:
            raise UnsupportedCallError(
                "assignment with None and integer arrays in one key", remedy="reshape the value"
            )
        target = shape_of(place)
        if selection.front and rank:
            target = (
                *target[rank : rank + selection.front],
                *target[:rank],
                *target[rank + selection.front :],
            )
        spread = _spread(x, value, target)
        if selection.front and rank:
            spread = np.moveaxis(
                spread,
                tuple(range(selection.front, selection.front + rank)),
                tuple(range(rank)),
            )
        op = scatter_add if accumulate else scatter_set
        new = op(part, spread, *indices, axes=selection.axes)
    else:
        spread = _spread(x, value, selection.shape or shape_of(part))
        new = reshape(spread, shape=shape_of(part)) if selection.shape is not None else spread
        if accumulate:
            new = part + new
    whole = _is_whole(x, selection.strided)
    result = new if whole else strided_set(x, new, **selection.strided)
    x.rebind(result.node)


def _spread(x: Any, value: Any, shape: Shape) -> Any:
    """Return ``value`` with the dtype of ``x``, broadcast to ``shape``, as a traced array."""
    if not isinstance(value, Operand):
        array = np.asarray(value)
        value = x.lift(array if array.dtype == object else array.astype(dtype_of(x)))
    if dtype_of(value) != dtype_of(x):
        value = convert(value, dtype=dtype_of(x))
    extra = len(shape_of(value)) - len(shape)
    if extra > 0 and all(dim == 1 for dim in shape_of(value)[:extra]):
        value = reshape(value, shape=shape_of(value)[extra:])
    return value if shape_of(value) == shape else np.broadcast_to(value, shape)
