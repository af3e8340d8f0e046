"""Picking and replacing elements by position: take, put, compress, insert, delete, add.at."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import MutationError, OutOfRangeError, ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, dtype_of, normalized_axis, shape_of
from irgrad.ops.create import carrier, convert, counting
from irgrad.ops.elementwise import select
from irgrad.ops.index import getitem, setitem, update
from irgrad.ops.keys import TRACED_MASK, TRACED_MASK_REMEDY
from irgrad.ops.outputs import delivered
from irgrad.ops.reduce import is_true
from irgrad.ops.registry import FUNCTIONS, METHODS, REDUCERS, refuse, spelling
from irgrad.ops.shape import broadcast, reshape
from irgrad.ops.statistics import size_number


def as_traced(x: Any, *others: Any) -> Any:
    """Return ``x`` traced, as one of the other operands is."""
    return x if isinstance(x, Operand) else carrier(*others).lift(x)


def written(x: Any, call: str) -> Any:
    """Return an array that is to be written in place.

    Raises: MutationError where it is a plain array, which can't hold traced values.
    """
    if not isinstance(x, Operand):
        raise MutationError(
            f"{call} would write a traced value into a plain array",
            remedy="make the array from a traced one, as with np.zeros_like(x)",
        )
    return x


def _moded(indices: Any, size: Dim, mode: str, x: Any) -> Any:
    """Return indices that are in range by a mode of ``np.take``."""
    if mode == "raise":
        return indices
    if mode not in ("wrap", "clip"):
        raise UnsupportedCallError(f"mode={mode!r}", remedy="use 'raise', 'wrap' or 'clip'")
    length: Any = size
    if not isinstance(size, int):
        length = x.tape.size(size, np.int64)
        indices = as_traced(indices, x)
    if mode == "wrap":
        return np.remainder(indices, length)
    return np.minimum(np.maximum(indices, 0), length - 1)


def _as_indices(indices: Any) -> Any:
    return indices if isinstance(indices, Operand) else np.asarray(indices)


@spelling(np.take, method="take")
def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    x = as_traced(a, indices)
    if axis is None:
        x, axis = np.ravel(x), 0
    place = normalized_axis(axis, len(shape_of(x)))
    picked = _moded(_as_indices(indices), shape_of(x)[place], mode, x)
    if not isinstance(picked, Operand) and np.size(picked) == 0:
        picked = picked.astype(np.int64)
    key = (*([slice(None)] * place), picked)
    return delivered(np.copy(getitem(x, key)), out, "np.take")


def _along(arr: Any, indices: Any, axis: Any) -> tuple[Any, Any, int]:
    """Return the index that picks along an axis, at each place of the others."""
    x = as_traced(arr, indices)
    picked = _as_indices(indices)
    if axis is None:
        x, axis = np.ravel(x), 0
    rank = len(shape_of(x))
    if len(shape_of(picked)) != rank:
        raise ShapeError(
            f"indices with {len(shape_of(picked))} axes for an array with {rank}",
            remedy="give the indices the array's number of axes",
        )
    place = normalized_axis(axis, rank)
    key = tuple(picked if a == place else _open_range(x, picked, a, rank) for a in range(rank))
    return x, key, place


def _open_range(x: Any, picked: Any, axis: int, rank: int) -> Any:
    """Return the positions along an axis that the index of another one goes with."""
    size = shape_of(picked)[axis]
    if size == 1 and shape_of(x)[axis] != 1:
        size = shape_of(x)[axis]
    shape = tuple(size if a == axis else 1 for a in range(rank))
    return reshape(counting(x, size), shape=shape)


@spelling(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x, key, _ = _along(arr, indices, axis)
    return getitem(x, key)


@spelling(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    written(arr, "np.put_along_axis")
    target = arr.flat if axis is None else arr
    _, key, _ = _along(target, indices, 0 if axis is None else axis)
    setitem(target, key, values)


@spelling(np.put, method="put")
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write flat positions, repeating the values as often as needed."""
    target = written(a, "np.put").flat
    places = np.ravel(_moded(_as_indices(ind), shape_of(target)[0], mode, a))
    values = v if isinstance(v, Operand) else np.asarray(v)
    count = shape_of(places)[0]
    if dims.product(shape_of(values)) != 1 and not dims.same_shape(shape_of(values), (count,)):
        values = _resized(values, (count,))
    setitem(target, places, values)


def _resized(values: Any, shape: Any) -> Any:
    return np.resize(values, shape)


def _positions(condition: Any, call: str) -> np.ndarray:
    if isinstance(condition, Operand):
        raise UnsupportedCallError(f"{call}: {TRACED_MASK}", remedy=TRACED_MASK_REMEDY)
    return np.flatnonzero(np.asarray(condition))


@spelling(np.compress, method="compress")
def _compress(*args: Any, axis: Any = None, out: Any = None, **options: Any) -> Any:
    """Pick by a mask known while tracing: ``np.compress(c, a)`` and ``a.compress(c)``."""
    condition, a = options.get("condition"), options.get("a")
    given = list(args)
    if len(given) > 2:
        axis = given.pop(2)
    if a is None:
        # As a method the array comes first: it is the traced one.
        a = given.pop(0 if len(given) > 1 and _is_array_first(given) else -1)
    if condition is None:
        condition = given.pop(0)
    return _take(a, _positions(condition, "np.compress"), axis, out)


def _is_array_first(given: list[Any]) -> bool:
    return isinstance(given[0], Operand) and not isinstance(given[1], Operand)


@spelling(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    return _take(np.ravel(arr), _positions(condition, "np.extract"), 0)


for _function in (np.nonzero, np.argwhere, np.flatnonzero):
    refuse(_function, TRACED_MASK, TRACED_MASK_REMEDY)
METHODS["nonzero"] = FUNCTIONS[np.nonzero]


@spelling(np.delete)
def _delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    x = arr
    if axis is None:
        x, axis = np.ravel(x), 0
    place = normalized_axis(axis, len(shape_of(x)))
    size = shape_of(x)[place]
    number = as_dim(obj) if not isinstance(obj, slice | list | tuple | np.ndarray) else None
    if number is not None:
        start = _insertion(number, size, size - 1)
        pieces = [_cut(x, place, 0, start), _cut(x, place, start + 1, size)]
        return np.concatenate([p for p in pieces if shape_of(p)[place] != 0] or pieces, place)
    kept = np.delete(np.arange(dims.concrete(size)), obj)
    return _take(x, kept, place)


def _cut(x: Any, axis: int, start: Dim, stop: Dim) -> Any:
    key = (*([slice(None)] * axis), slice(start, stop))
    return np.copy(getitem(x, key))


def _insertion(number: Dim, size: Dim, last: Dim) -> Dim:
    """Return a position of an axis counted from the front, ``last`` the greatest there is."""
    start = number if dims.at_least(number, 0) else number + size
    if not (dims.at_least(start, 0) and dims.at_least(last, start)):
        raise OutOfRangeError(
            f"index {number} is out of range for an axis of size {size}",
            remedy="indices run from -size to size",
        )
    return start


@spelling(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Insert values before static positions."""
    x = as_traced(arr, values)
    if axis is None:
        x, axis = np.ravel(x), 0
    rank = len(shape_of(x))
    place = normalized_axis(axis, rank)
    size = shape_of(x)[place]
    new = convert(as_traced(values, x), dtype=dtype_of(x))
    many = isinstance(obj, slice | list | tuple | np.ndarray)
    if not many or (not isinstance(obj, slice) and np.size(obj) == 1):
        start = _insertion(as_dim(np.ravel(obj)[0] if many else obj), size, size)
        shape = shape_of(new)
        shape = (1,) * (rank - len(shape)) + shape
        if not many:  # a single number: the values' first axis is the inserted one
            new = np.moveaxis(reshape(new, shape=shape), 0, place)
        else:
            new = reshape(new, shape=shape)
        count = shape_of(new)[place]
        target = tuple(count if a == place else d for a, d in enumerate(shape_of(x)))
        pieces = [
            _cut(x, place, 0, start), broadcast(new, shape=target), _cut(x, place, start, size),
        ]  # fmt: skip
        return np.concatenate([p for p in pieces if shape_of(p)[place] != 0], place)
    length = dims.concrete(size)
    places = np.arange(length)[obj] if isinstance(obj, slice) else np.asarray(obj)
    if places.dtype.kind == "b":
        places = np.flatnonzero(places)
    count = places.size
    target = tuple(count if a == place else d for a, d in enumerate(shape_of(x)))
    joined = np.concatenate([x, broadcast(new, shape=target)], place)
    order = np.insert(np.arange(length), obj, np.arange(length, length + count))
    return _take(joined, order, place)


@spelling(np.copyto)
def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    target = written(dst, "np.copyto")
    if where is True:
        setitem(target, Ellipsis, src)
        return
    _where_written(target, where, src)


@spelling(method="fill")
def _fill(a: Any, value: Any) -> None:
    setitem(a, Ellipsis, value)


def _where_written(target: Any, mask: Any, values: Any) -> None:
    value = values if isinstance(values, Operand) else np.asarray(values, dtype_of(target))
    chosen = select(mask, value, target)
    if shape_of(chosen) != shape_of(target):
        raise ShapeError(
            f"can't write shape {shape_of(chosen)} into {shape_of(target)}",
            remedy="make mask and values broadcast to the target",
        )
    setitem(target, Ellipsis, chosen)


@spelling(np.putmask)
def _putmask(a: Any, /, mask: Any, values: Any) -> None:
    """Write ``values[n]`` at the flat positions ``n`` where the mask is true."""
    target = written(a, "np.putmask")
    value = values if isinstance(values, Operand) else np.asarray(values, dtype_of(target))
    if dims.product(shape_of(value)) == 1:
        value = reshape(value, shape=())
    elif not dims.same_shape(shape_of(value), shape_of(target)):
        value = _resized(value, shape_of(target))
    _where_written(target, mask, value)


@spelling(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    """Write successive values at the true elements of a mask."""
    target = written(arr, "np.place")
    value: Any = vals if isinstance(vals, Operand) else np.asarray(vals, dtype_of(target))
    if dims.product(shape_of(value)) == 1:
        _where_written(target, mask, reshape(value, shape=()))
        return
    if isinstance(mask, Operand):
        flags = np.ravel(is_true(mask))
        turn = np.remainder(np.cumsum(flags) - 1, size_number(flags, shape_of(value)[0]))
        chosen = np.where(flags, np.take(np.ravel(value), turn), np.ravel(target))
        setitem(target, Ellipsis, reshape(chosen, shape=shape_of(target)))
        return
    _put(target, _positions(mask, "np.place"), value)


def _at(sign: int) -> Callable[..., None]:
    def at(a: Any, indices: Any, b: Any = None, /) -> None:
        name = "np.add.at" if sign > 0 else "np.subtract.at"
        if isinstance(b, list | tuple):
            b = np.asarray(b)
        update(written(a, name), indices, b if sign > 0 else np.negative(b), accumulate=True)

    return at


REDUCERS[(np.add, "at")] = _at(1)
REDUCERS[(np.subtract, "at")] = _at(-1)


def _item(a: Any, *index: Any) -> Any:
    """Return an element at a place of the flattened array, or at an index, as Python's number."""
    if len(index) == 1 and not isinstance(index[0], tuple):
        element = a.flat[index[0]]
    elif index:
        element = a[index[0] if isinstance(index[0], tuple) else index]
    else:
        element = reshape(a, shape=())
    python = {"f": float, "c": complex, "b": bool}.get(dtype_of(a).kind, int)
    return convert(element, dtype=np.dtype(python))


METHODS["item"] = _item


@spelling(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function on every stretch along an axis; each call is traced."""
    place = normalized_axis(axis, len(shape_of(arr)))
    moved = np.moveaxis(arr, place, -1)
    outer = tuple(map(dims.concrete, shape_of(moved)[:-1]))
    results = [func1d(moved[key], *args, **kwargs) for key in np.ndindex(*outer)]
    if not results:
        raise ShapeError("apply_along_axis on no stretches", remedy="pass a non-empty array")
    stacked = np.stack([as_traced(result, arr) for result in results])
    inner = shape_of(stacked)[1:]
    whole = reshape(stacked, shape=(*outer, *inner))
    targets = range(place, place + len(inner))
    return np.moveaxis(whole, range(len(outer), len(outer) + len(inner)), targets)


@spelling(np.apply_over_axes)
def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    result = a
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        number = normalized_axis(operator.index(axis), len(shape_of(a)))
        reduced = func(result, number)
        if len(shape_of(reduced)) < len(shape_of(a)):
            reduced = np.expand_dims(reduced, number)
        result = reduced
    return result
