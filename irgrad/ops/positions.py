"""Positions as arrays of whole numbers: sorting by several keys, flat places, triangles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_shape, normalized_axis, shape_of
from irgrad.ops.create import carrier, counting
from irgrad.ops.registry import spelling
from irgrad.ops.statistics import size_number


@spelling(np.lexsort)
def _lexsort(keys: Any, axis: Any = -1) -> Any:
    """Sort stably by each key in turn, so that the last one counts most."""
    parts = list(keys) if isinstance(keys, tuple | list) else [keys[i] for i in range(len(keys))]
    if not parts:
        raise ShapeError("np.lexsort of no keys", remedy="give at least one")
    traced = carrier(*parts)
    parts = [part if isinstance(part, Operand) else traced.lift(np.asarray(part)) for part in parts]
    place = normalized_axis(axis, len(shape_of(parts[0])))
    order = np.argsort(parts[0], axis=place)
    for key in parts[1:]:
        step = np.argsort(np.take_along_axis(key, order, place), axis=place)
        order = np.take_along_axis(order, step, place)
    return order


def _bounded(index: Any, size: Any, mode: str) -> Any:
    """Return places along an axis; one outside raises IndexError, wraps around, or is clipped."""
    number = size_number(index, size)
    if mode == "wrap":
        return np.remainder(index, number)
    if mode == "clip":
        return np.clip(index, 0, number - 1)
    if mode != "raise":
        raise UnsupportedCallError(f"mode={mode!r}", remedy="modes are raise, wrap and clip")
    # Looking a place up among all is what checks it; a negative one does not count from the end.
    return np.take(counting(index, size), np.where(index < 0, number, index))


def _in_order(items: Sequence[Any], order: str) -> list[Any]:
    """Return what goes by axis with the axis that runs fastest first."""
    if order not in ("C", "F"):
        raise UnsupportedCallError(f"order={order!r}", remedy="orders are 'C' and 'F'")
    return list(items)[:: -1 if order == "C" else 1]


@spelling(np.ravel_multi_index)
def _ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    shape = as_shape(dims)
    traced = carrier(*multi_index)
    modes = list(mode) if isinstance(mode, tuple | list) else [mode] * len(shape)
    places = [
        _bounded(index if isinstance(index, Operand) else traced.lift(np.asarray(index)), size, how)
        for index, size, how in zip(multi_index, shape, modes, strict=True)
    ]
    flat: Any = 0
    stride: Any = 1
    for place, size in zip(_in_order(places, order), _in_order(shape, order), strict=True):
        flat = flat + place * stride
        stride = stride * size_number(traced, size)
    return flat


@spelling(np.unravel_index)
def _unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    sizes = as_shape(shape)
    rest = _bounded(indices, dims.product(sizes), "raise")
    found = []
    for size in _in_order(sizes, order):
        number = size_number(indices, size)
        found.append(np.remainder(rest, number))
        rest = np.floor_divide(rest, number)
    return tuple(_in_order(found, order))


def _from_sizes(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return what makes index arrays of the last two sizes of an array, which a trace fixes."""

    def meaning(arr: Any, k: int = 0) -> Any:
        rows, columns = _matrix_sizes(arr)
        return make(rows, k, columns)

    return meaning


def _matrix_sizes(arr: Any) -> tuple[int, int]:
    if len(shape_of(arr)) != 2:
        raise ShapeError(f"a triangle of shape {shape_of(arr)}", remedy="pass a matrix")
    rows, columns = map(dims.concrete, shape_of(arr))
    return rows, columns


spelling(np.tril_indices_from)(_from_sizes(np.tril_indices))
spelling(np.triu_indices_from)(_from_sizes(np.triu_indices))


@spelling(np.diag_indices_from)
def _diag_indices_from(arr: Any) -> Any:
    sizes = set(map(dims.concrete, shape_of(arr)))
    if len(sizes) != 1 or len(shape_of(arr)) < 2:
        raise ShapeError(
            f"a diagonal of shape {shape_of(arr)}", remedy="pass an array of equal sizes"
        )
    return np.diag_indices(sizes.pop(), len(shape_of(arr)))


@spelling(np.einsum_path)
def _einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: Any = False) -> Any:
    """Find the order for the sizes of this call, which a trace fixes."""


    def plain(x: Any) -> Any:
        sizes = tuple(map(dims.concrete, shape_of(x))) if isinstance(x, Operand) else ()
        return np.broadcast_to(0.0, sizes) if isinstance(x, Operand) else x

    return np.einsum_path(*map(plain, operands), optimize=optimize, einsum_call=einsum_call)


