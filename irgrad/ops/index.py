"""Indexing: what ``x[key]`` and ``x[key] = value`` mean for every kind of key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.errors import MutationError, ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Shape
from irgrad.ir.op import Op, Operand, Sample, Source, Write
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import carrier, convert, counting
from irgrad.ops.declare import real
from irgrad.ops.keys import (
    Selection,
    element,
    entries_of,
    is_mask,
    take_apart,
    without_truths,
)
from irgrad.ops.masked import Masked, picked, where_masked
from irgrad.ops.registry import declare, spelling
from irgrad.ops.shape import broadcast, reshape, shaped, transpose
from irgrad.ops.views import (
    Into,
    alias_of,
    is_whole,
    strided,
    strided_add,
    strided_set,
    strided_view,
    view,
    whole_of,
)


def _index_shape(types: Sequence[ArrayType]) -> Shape:
    for type in types:
        if type.dtype.kind not in "iu":
            raise UnsupportedCallError(
                f"an index of dtype {type.dtype}", remedy="index by integers"
            )
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
    part = np.transpose(x, order)[key]
    # Numbers as indices would give a view, which a later write in place must not change.
    return part if any(map(np.ndim, indices)) else np.array(part)[()]


gather: Op = declare(
    Op(
        name="gather",
        evaluate=_gather,
        infer=lambda x, *indices, axes: x.with_shape(
            (*_index_shape(indices), *_rest(x.shape, axes))
        ),
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
            Sample((real(-1, 1, (1,)), np.array([0])), {"axes": (0,)}),
        ),
        spellings=("ndarray.__getitem__ with integer arrays", "np.take"),
    )
)
"""Elements picked by integer arrays along ``axes``: the indices' axes first, then the others."""


def _scatter(
    x: Any, update: Any, indices: tuple[Any, ...], axes: tuple[int, ...], add: bool, out: Any
) -> Any:
    result = np.array(x, copy=True) if out is None else out
    order, key = _key(result.ndim, indices, axes)
    part = np.transpose(result, order)
    if add:
        np.add.at(part, key, update)
    else:
        part[key] = update
    return result


scatter_add: Op = declare(
    Op(
        name="scatter_add",
        evaluate=lambda x, update, *indices, axes, out=None: _scatter(
            x, update, indices, axes, True, out
        ),
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
            Sample((real(-1, 1, (1,)), real(2, 3, (1,)), np.array([0])), {"axes": (0,)}),
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
    nothing = (None,) * len(indices)
    if all(shape_of(index) == () for index in indices):
        return cleared, taken, *nothing
    shape = shape_of(update)
    order = reshape(counting(carrier(cotangent, update), dims.product(shape)), shape=shape)
    last = scatter_set(np.zeros_like(cotangent, dtype=np.int64), order, *indices, axes=axes)
    wins = gather(last, *indices, axes=axes) == order
    return cleared, np.where(wins, taken, 0.0), *nothing


scatter_set: Op = declare(
    Op(
        name="scatter_set",
        evaluate=lambda x, update, *indices, axes, out=None: _scatter(
            x, update, indices, axes, False, out
        ),
        infer=lambda x, update, *indices, axes: x,
        lowering=Write(accumulate=False),
        pullback=_scatter_set_pullback,
        samples=(
            Sample((real(-1, 1, (5,)), real(2, 3, (3,)), np.array([3, 0, -1])), {"axes": (0,)}),
            Sample((real(-1, 1, (5,)), real(2, 3, (3,)), np.array([3, 0, 3])), {"axes": (0,)}),
            Sample((real(-1, 1, (1,)), real(2, 3, (1,)), np.array([0])), {"axes": (0,)}),
        ),
        spellings=("ndarray.__setitem__ with integer arrays",),
        selects=True,
    )
)
"""The array with the elements at integer indices replaced; of repeats, the last one counts."""


def _integers(entry: Any) -> Any:
    if dtype_of(entry).kind not in "iu":
        raise UnsupportedCallError(
            f"an index of dtype {dtype_of(entry)}",
            remedy="index by integers: x[i.astype(int)]",
        )
    return entry


def _picked(x: Any, selection: Selection) -> Any:
    """Return what integer arrays pick of a strided part, their axes first."""
    base, params = whole_of(x, selection.strided)
    part = base if is_whole(shape_of(base), params) else strided(base, **params)
    indices = tuple(map(_integers, selection.arrays))
    if any(shape_of(index) for index in indices):
        return gather(part, *indices, axes=selection.axes)
    if not is_whole(shape_of(x), selection.strided):
        part = strided_view(x, **selection.strided)
    else:
        part = x

    def write(whole: Any, value: Any) -> Any:
        return scatter_set(whole, value, *indices, axes=selection.axes)

    return view(part, gather, write, *indices, axes=selection.axes)


def _arranged(part: Any, selection: Selection) -> Any:
    """Move the axes of the index arrays to where NumPy has them, and add the new axes."""
    shape = shape_of(part)
    rank = len(shape) - (len(selection.strided["starts"]) - len(selection.strided["dropped"]))
    rank += len(selection.axes)
    if selection.added:
        part = shaped(part, (*shape[:rank], *selection.others))
    if selection.front and rank:
        part = np.transpose(part, _placement(rank, selection))
    return part


def _placement(rank: int, selection: Selection) -> tuple[int, ...]:
    """Return the order of axes that takes the index arrays' axes from the front to their place."""
    front = selection.front
    total = rank + len(selection.others)
    return (*range(rank, rank + front), *range(rank), *range(rank + front, total))


@spelling(method="__getitem__")
def getitem(x: Any, key: Any) -> Any:
    """Return ``x[key]``; a view where NumPy gives one."""
    selection = element(x, key)
    if selection is None:
        x, entries = without_truths(x, entries_of(x, key))
        if len(entries) == 1 and isinstance(entries[0], Operand) and is_mask(entries[0]):
            return picked(x, entries[0])
        selection = take_apart(x, entries)
    if selection.arrays:
        return _arranged(_picked(x, selection), selection)
    if selection.scalar:
        base, params = whole_of(x, selection.strided)
        return strided(base, **params)
    part = strided_view(x, **selection.strided)
    return shaped(part, selection.others) if selection.added else part


@spelling(method="__setitem__")
def setitem(x: Any, key: Any, value: Any) -> None:
    """Do ``x[key] = value`` to a traced ``x``; its views follow."""
    update(x, key, value, accumulate=False)


@spelling(method="__iadd__")
def add_in_place(x: Any, value: Any) -> None:
    """Do ``x += value`` to a traced ``x``."""
    update(x, Ellipsis, value, accumulate=True)


def update(x: Any, key: Any, value: Any, *, accumulate: bool) -> None:
    """Assign or add to ``x[key]`` in place, repeated indices adding up."""
    if not isinstance(value, Operand):
        value = _understood(x, value)
    _check_cast(x, value, accumulate)
    selection = element(x, key)
    if selection is None:
        x, entries = without_truths(x, entries_of(x, key))
        if len(entries) == 1 and isinstance(entries[0], Operand) and is_mask(entries[0]):
            x.rebind(where_masked(x, entries[0], value, accumulate).node)
            return
        selection = take_apart(x, entries)
    if isinstance(value, Masked):
        raise value.misused()
    if selection.arrays:
        base, params = x, selection.strided
        if not accumulate and _is_picked_from(value, base, selection):
            return
    else:
        base, params = whole_of(x, selection.strided)
        if not accumulate and _is_itself(value, base, params):
            return
    part = base if is_whole(shape_of(base), params) else strided(base, **params)
    if selection.arrays:
        new = _scattered(x, part, selection, value, accumulate)
        result = new if part is base else strided_set(base, new, **params)
    else:
        result = _overwritten(x, base, part, params, selection, value, accumulate)
    base.rebind(result.node)


def _overwritten(
    x: Any,
    base: Any,
    part: Any,
    params: dict[str, Any],
    selection: Selection,
    value: Any,
    accumulate: bool,
) -> Any:
    """Return ``base`` with a strided part assigned or added to."""
    if not accumulate:
        summand = _summand(value, strided, base, (), params)
        if summand is not None:
            value, accumulate = summand, True
    weak = not isinstance(value, Operand) and np.ndim(value) == 0
    if accumulate and not weak and dtype_of(value) != dtype_of(x):
        value, accumulate = part + _shaped_value(x, value, selection.others, None), False
    new = _shaped_value(x, value, selection.others, dtype_of(x))
    if selection.added:
        new = reshape(new, shape=shape_of(part))
    if part is base:
        return part + new if accumulate else new
    return (strided_add if accumulate else strided_set)(base, new, **params)


def _scattered(x: Any, part: Any, selection: Selection, value: Any, accumulate: bool) -> Any:
    """Return ``part`` with the elements that integer arrays pick assigned or added to."""
    indices = tuple(map(_integers, selection.arrays))
    merged = dims.broadcast_shapes(*map(shape_of, indices))
    if merged is None:
        raise ShapeError(
            f"index arrays of shapes {' and '.join(str(shape_of(i)) for i in indices)} can't be "
            "broadcast together",
            remedy="make the sizes equal or 1",
        )
    front, others, rank = selection.front, selection.others, len(merged)
    if not accumulate and not rank:
        summand = _summand(value, gather, part, indices, {"axes": selection.axes})
        if summand is not None:
            value, accumulate = summand, True
    new = _shaped_value(x, value, (*others[:front], *merged, *others[front:]), dtype_of(x))
    if front and rank:
        new = transpose(
            new, axes=tuple(int(a) for a in np.argsort(_placement(rank, selection)))
        )
    if selection.added:
        kept = [dim for axis, dim in enumerate(shape_of(part)) if axis not in selection.axes]
        new = reshape(new, shape=(*merged, *kept))
    op = scatter_add if accumulate else scatter_set
    return op(part, new, *indices, axes=selection.axes)


def _is_itself(value: Any, base: Any, params: dict[str, Any]) -> bool:
    """Tell whether a part is assigned to itself, as ``a[i:j] += v`` does after adding."""
    alias = alias_of(value)
    if alias is None:
        return value is base and is_whole(shape_of(base), params)
    return alias.base is base and alias.op is strided and alias.params == params


def _is_picked_from(value: Any, base: Any, selection: Selection) -> bool:
    """Tell whether a part at traced numbers is assigned to itself, as ``a[i] += v`` does."""
    alias = alias_of(value)
    return (
        alias is not None
        and alias.base is base
        and alias.op is gather
        and is_whole(shape_of(base), selection.strided)
        and alias.params == {"axes": selection.axes}
        and len(alias.operands) == len(selection.arrays)
        and all(
            getattr(a, "node", None) is getattr(b, "node", a)
            for a, b in zip(alias.operands, selection.arrays, strict=True)
        )
    )


def _summand(
    value: Any, op: Op, base: Any, operands: tuple[Any, ...], params: Mapping[str, Any]
) -> Any:
    """Return ``v`` where the value is ``a[i] + v`` and is written to ``a[i]``, else None.

    ``a[i] += v`` on a number reads, adds and writes; as one addition its adjoint is a read.
    """
    node = getattr(value, "node", None)
    if node is None or node.op.name not in ("add", "subtract") or alias_of(value) is not None:
        return None
    where = (base.node, *(x.node for x in operands))
    for read, other in (node.inputs, node.inputs[::-1])[: 2 if node.op.name == "add" else 1]:
        if read.op is op and read.inputs == where and read.params == params:
            summand = type(value)(value.tape, other)
            return summand if node.op.name == "add" else -summand
    return None


def _understood(x: Any, value: Any) -> Any:
    """Return a written value as a number, an ndarray or a traced array."""
    if isinstance(value, int | float | complex | np.generic):
        return value
    array = np.asarray(value)
    return x.lift(array) if array.dtype == object else array


def _check_cast(x: Any, value: Any, accumulate: bool) -> None:
    if not accumulate and not isinstance(value, Operand):
        return
    kind = type(value) if isinstance(value, int | float) else dtype_of(value)
    result = np.result_type(dtype_of(x), kind(0) if isinstance(kind, type) else kind)
    if not np.can_cast(result, dtype_of(x), "same_kind"):
        raise MutationError(
            f"can't write {getattr(kind, 'name', kind)} into {dtype_of(x)} in place",
            remedy="make the target with a float dtype, or convert with .astype",
        )


def _shaped_value(x: Any, value: Any, shape: Shape, dtype: np.dtype | None) -> Any:
    """Return ``value`` as a traced array of ``shape`` and, if given, ``dtype``."""
    if not isinstance(value, Operand):
        number = not isinstance(value, np.ndarray) and dtype is not None
        value = x.lift(np.asarray(value).astype(dtype) if number else value)
    if dtype is not None and dtype_of(value) != dtype:
        value = convert(value, dtype=dtype)
    extra = len(shape_of(value)) - len(shape)
    if extra > 0 and all(dim == 1 for dim in shape_of(value)[:extra]):
        value = reshape(value, shape=shape_of(value)[extra:])
    return value if shape_of(value) == shape else broadcast(value, shape=shape)
