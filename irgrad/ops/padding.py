"""``np.pad`` in all its modes, as concatenations of what lies inside and what is put around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, dtype_of, shape_of
from irgrad.ops.create import convert, counting
from irgrad.ops.registry import spelling
from irgrad.ops.shape import broadcast, reshape
from irgrad.ops.tiling import part
from irgrad.ops.views import strided_set

Pair = tuple[Any, Any]


def _pairs(value: Any, rank: int, convert_one: Callable[[Any], Any]) -> list[Pair]:
    """Return NumPy's ``(before, after)`` for each axis, of which one may stand for all."""
    if isinstance(value, dict):
        pairs: list[Pair] = [(0, 0)] * rank
        for axis, entry in value.items():
            pairs[axis] = _pairs(entry, 1, convert_one)[0]
        return pairs
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, tuple | list):
        return [(convert_one(value),) * 2] * rank
    rows = [row if isinstance(row, tuple | list) else (row,) for row in value]
    if all(len(row) == 1 for row in rows) and not isinstance(value[0], tuple | list):
        if len(rows) == 2:  # (before, after) for every axis
            return [(convert_one(value[0]), convert_one(value[1]))] * rank
        rows = [tuple(value)]
    pairs = [(convert_one(row[0]), convert_one(row[-1])) for row in rows]
    if len(pairs) == 1:
        pairs = pairs * rank
    if len(pairs) != rank or any(len(row) > 2 for row in rows):
        raise ShapeError(
            f"{value} does not name what comes before and after {rank} axes",
            remedy="give ((before, after), ...) for each axis, or one pair for all",
        )
    return pairs


@spelling(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    rank = len(shape_of(array))
    widths = _pairs(pad_width, rank, as_dim)
    if any(not dims.at_least(width, 0) for pair in widths for width in pair):
        raise ShapeError("a negative pad width", remedy="slice instead")
    if callable(mode):
        raise UnsupportedCallError(
            "np.pad with a function as mode, which fills plain arrays in place",
            remedy="use a named mode, or np.concatenate what the function would fill in",
        )
    if mode in ("constant", "empty"):
        return _constant(array, widths, options.get("constant_values", 0))
    fill = _FILLS.get(mode)
    if fill is None:
        raise UnsupportedCallError(
            f"np.pad with mode={mode!r}", remedy=f"modes are 'constant', {', '.join(_FILLS)}"
        )
    names = {"linear_ramp": "end_values"}.get(mode, "stat_length")
    details = _pairs(options.get(names, 0 if mode == "linear_ramp" else None), rank, lambda v: v)
    odd = options.get("reflect_type", "even") == "odd"
    for axis, ((before, after), detail) in enumerate(zip(widths, details, strict=True)):
        array = fill(array, axis, before, after, odd if mode in _MIRRORS else detail)
    return np.copy(array)


def _constant(x: Any, widths: list[Pair], value: Any) -> Any:
    shape = shape_of(x)
    values = _pairs(value, len(shape), lambda v: v)
    if all(number is values[0][0] or number == values[0][0] for pair in values for number in pair
           if not isinstance(number, Operand)) and not _any_traced(values):  # fmt: skip
        whole: Any = tuple(b + d + a for (b, a), d in zip(widths, shape, strict=True))
        filler = np.full_like(x, values[0][0], shape=whole) if values else x
        starts = tuple(before for before, _ in widths)
        return strided_set(
            filler, x, starts=starts, sizes=shape, steps=(1,) * len(shape), dropped=()
        )
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, values, strict=True)):
        x = _around(x, axis, _filled(x, axis, before, low), _filled(x, axis, after, high))
    return x


def _any_traced(values: list[Pair]) -> bool:
    return any(isinstance(number, Operand) for pair in values for number in pair)


def _filled(x: Any, axis: int, width: Dim, value: Any) -> Any:
    shape: Any = tuple(width if a == axis else dim for a, dim in enumerate(shape_of(x)))
    return np.full_like(x, value, shape=shape)


def _around(x: Any, axis: int, before: Any, after: Any) -> Any:
    """Put arrays before and after ``x`` along an axis, leaving out empty ones."""
    parts = [p for p in (before, x, after) if p is x or shape_of(p)[axis] != 0]
    return np.concatenate(parts, axis) if len(parts) > 1 else x


def _nonempty(x: Any, axis: int) -> Dim:
    size = shape_of(x)[axis]
    if not dims.at_least(size, 1):
        raise ShapeError(
            f"axis {axis} has no elements to pad with", remedy="use mode 'constant' or 'empty'"
        )
    return size


def _repeated(x: Any, axis: int, width: Dim) -> Any:
    """Stretch an axis of size 1 to ``width``."""
    return broadcast(x, shape=tuple(width if a == axis else d for a, d in enumerate(shape_of(x))))


def _edge(x: Any, axis: int, before: Dim, after: Dim, detail: Any) -> Any:
    if before == 0 and after == 0:
        return x
    size = _nonempty(x, axis)
    first, last = part(x, axis, 0, 1), part(x, axis, size - 1, 1)
    return _around(x, axis, _repeated(first, axis, before), _repeated(last, axis, after))


def _linear_ramp(x: Any, axis: int, before: Dim, after: Dim, ends: Pair) -> Any:
    """Go from an end value, where the padding begins, evenly to the edge."""
    if before == 0 and after == 0:
        return x
    size = _nonempty(x, axis)
    first, last = part(x, axis, 0, 1), part(x, axis, size - 1, 1)
    ramps = []
    for edge, width, end, turned in ((first, before, ends[0], 0), (last, after, ends[1], 1)):
        if width == 0:
            ramps.append(_repeated(edge, axis, width))
            continue
        along = tuple(width if a == axis else 1 for a in range(len(shape_of(x))))
        count = counting(x, width)
        places = convert(width - count if turned else count, dtype=np.dtype(np.float64))
        share = reshape(places - turned if turned else places, shape=along)
        number = width if isinstance(width, int) else x.tape.size(width)
        ramp = end + (edge - end) * (share.astype(dtype_of(x)) / number)
        ramps.append(ramp.astype(dtype_of(x)) if dtype_of(ramp) != dtype_of(x) else ramp)
    return _around(x, axis, *ramps)


def _statistic(function: Callable[..., Any]) -> Callable[..., Any]:
    def fill(x: Any, axis: int, before: Dim, after: Dim, lengths: Pair) -> Any:
        if before == 0 and after == 0:
            return x
        size = _nonempty(x, axis)
        sides = []
        for width, length, last in ((before, lengths[0], 0), (after, lengths[1], 1)):
            count: Dim = size
            if length is not None:
                wanted = as_dim(length)
                if not dims.at_least(wanted, 1):
                    raise ShapeError("np.pad with stat_length 0", remedy="use 1 or more")
                count = size if dims.at_least(wanted, size) else wanted
            taken = part(x, axis, size - count if last else 0, count)
            value = function(taken, axis=axis, keepdims=True)
            if dtype_of(value) != dtype_of(x):
                value = np.rint(value) if dtype_of(x).kind in "iu" else value
                value = value.astype(dtype_of(x))
            sides.append(_repeated(value, axis, width))
        return _around(x, axis, *sides)

    return fill


def _mirrored(mode: str, shared: int) -> Callable[..., Any]:
    """Return the fill of a mode that repeats the elements turned round.

    ``shared`` is 1 where the edge is not repeated (reflect), 0 where it is (symmetric).
    """

    def fill(x: Any, axis: int, before: Dim, after: Dim, odd: bool) -> Any:
        if before == 0 and after == 0:
            return x
        size = _nonempty(x, axis)
        if not (dims.at_least(size - shared, before) and dims.at_least(size - shared, after)):
            return _by_places(x, axis, before, after, mode, odd)
        left = np.flip(part(x, axis, shared, before), axis)
        right = np.flip(part(x, axis, size - shared - after, after), axis)
        if odd:
            left = 2 * part(x, axis, 0, 1) - left
            right = 2 * part(x, axis, size - 1, 1) - right
        return _around(x, axis, left, right)

    return fill


def _wrap(x: Any, axis: int, before: Dim, after: Dim, detail: Any) -> Any:
    if before == 0 and after == 0:
        return x
    size = _nonempty(x, axis)
    if not (dims.at_least(size, before) and dims.at_least(size, after)):
        return _by_places(x, axis, before, after, "wrap", False)
    return _around(x, axis, part(x, axis, size - before, before), part(x, axis, 0, after))


def _by_places(x: Any, axis: int, before: Dim, after: Dim, mode: str, odd: bool) -> Any:
    """Pad by more than the axis has, by what NumPy makes of the places themselves."""
    if odd:
        raise UnsupportedCallError(
            "np.pad with reflect_type='odd' and more than the axis has", remedy="pad twice"
        )
    places = np.arange(dims.concrete(shape_of(x)[axis]))
    widths = dims.concrete(before), dims.concrete(after)
    return np.take(x, np.pad(places, widths, mode=mode), axis=axis)  # type: ignore[call-overload]


_MIRRORS = ("reflect", "symmetric")
_FILLS: dict[str, Callable[..., Any]] = {
    "edge": _edge,
    "linear_ramp": _linear_ramp,
    "maximum": _statistic(lambda x, **options: np.max(x, **options)),
    "mean": _statistic(lambda x, **options: np.mean(x, **options)),
    "median": _statistic(lambda x, **options: np.median(x, **options)),
    "minimum": _statistic(lambda x, **options: np.min(x, **options)),
    "reflect": _mirrored("reflect", 1),
    "symmetric": _mirrored("symmetric", 0),
    "wrap": _wrap,
}
