"""Taking the key of ``x[key]`` apart: slices and numbers, integer arrays, new axes.

Reference: NumPy's ``mapping.c`` (``prepare_index``, ``PyArray_MapIterNew``).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.errors import OutOfRangeError, ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, dtype_of, shape_of
from irgrad.ops.shape import shaped
from irgrad.ops.views import part_size

TRACED_MASK = (
    "a traced boolean mask picks a number of elements that is only known when the compiled "
    "function runs"
)
TRACED_MASK_REMEDY = (
    "keep the shape: np.where(mask, x, 0), np.sum(x, where=mask), x[mask] = value"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """A key taken apart: a strided part, then integer arrays on its axes, then new axes.

    The result's axes are those of the arrays, broadcast together, and ``others``; the arrays'
    come after the first ``front`` of the others.
    """

    strided: dict[str, Any]
    arrays: tuple[Any, ...]
    axes: tuple[int, ...]
    others: tuple[Dim, ...]
    front: int
    added: bool
    """Whether ``None`` in the key adds axes."""
    scalar: bool
    """Whether NumPy gives a number and not a view: one number for each axis and no ``...``."""


def is_mask(entry: Any) -> bool:
    """Tell whether an entry of a key is an array of truth values."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice) or is_number(entry):
        return False
    return dtype_of(entry).kind == "b"


def is_number(entry: Any) -> bool:
    """Tell whether an entry of a key is one number: an int, or a size seen while tracing."""
    return isinstance(entry, int | np.integer) or (
        hasattr(entry, "dim") and not isinstance(entry, Operand)
    )


def entries_of(x: Any, key: Any) -> list[Any]:
    """Return the entries of a key: numbers, slices, None, ``...``, integer and boolean arrays."""
    entries = list(key) if isinstance(key, tuple) else [key]
    return [entry if _is_basic(entry) else _as_array(x, entry) for entry in entries]


def _is_basic(entry: Any) -> bool:
    if entry is None or entry is Ellipsis or isinstance(entry, slice | Operand):
        return True
    return is_number(entry) and not isinstance(entry, bool)


def _as_array(x: Any, entry: Any) -> Any:
    array = np.asarray(entry) if not isinstance(entry, list) or entry else np.zeros(0, np.int64)
    if array.dtype == object:
        return x.lift(array)
    if array.dtype.kind not in "iub":
        raise UnsupportedCallError(
            f"an index of dtype {array.dtype}", remedy="index by integers or truth values"
        )
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def without_truths(x: Any, entries: list[Any]) -> tuple[Any, list[Any]]:
    """Return ``x`` with an axis added for every ``True`` or ``False`` in a key, which picks it."""
    axis = 0
    result = list(entries)
    for position, entry in enumerate(entries):
        if entry is Ellipsis:
            axis = len(shape_of(x)) - sum(map(_width, entries[position + 1 :]))
        elif isinstance(entry, np.ndarray) and entry.ndim == 0:
            shape = shape_of(x)
            x = shaped(x, (*shape[:axis], 1, *shape[axis:]))
            result[position] = np.zeros(1 if entry else 0, np.int64)
            axis += 1
        else:
            axis += _width(entry)
    return x, result


def _plain(entries: Sequence[Any], shape: tuple[Dim, ...]) -> list[Any]:
    """Return the entries with concrete masks as integer arrays, and a ``...`` among them."""
    flat: list[Any] = []
    axis = 0
    for position, entry in enumerate(entries):
        if entry is Ellipsis:
            later = sum(map(_width, entries[position + 1 :]))
            axis = len(shape) - later
            flat.append(entry)
        elif isinstance(entry, Operand) and dtype_of(entry).kind == "b":
            raise UnsupportedCallError(TRACED_MASK, remedy=TRACED_MASK_REMEDY)
        elif is_mask(entry):
            for offset, size in enumerate(entry.shape):
                if axis + offset < len(shape) and not dims.same(shape[axis + offset], size):
                    raise OutOfRangeError(
                        f"a mask of {size} truth values for axis {axis + offset} of size "
                        f"{shape[axis + offset]}",
                        remedy="make the mask as long as the axis",
                    )
            flat.extend(np.nonzero(entry))
            axis += entry.ndim
        else:
            flat.append(entry)
            axis += _width(entry)
    if sum(1 for entry in flat if entry is Ellipsis) > 1:
        raise OutOfRangeError("a key with two ellipses ('...')", remedy="write one")
    used = sum(map(_width, flat))
    if used > len(shape):
        raise OutOfRangeError(
            f"too many indices: {used} for an array with {len(shape)} axes", remedy="drop some"
        )
    if not any(entry is Ellipsis for entry in flat):
        flat.append(Ellipsis)
    return flat


def _width(entry: Any) -> int:
    """Return how many axes an entry of a key takes up."""
    if entry is None or entry is Ellipsis:
        return 0
    if isinstance(entry, np.ndarray) and entry.dtype.kind == "b":
        return entry.ndim
    return 1


def _slice_part(entry: slice, dim: Dim) -> tuple[Dim, Dim, int]:
    """Return start, size and step of a slice of an axis of ``dim`` elements."""
    step = 1 if entry.step is None else operator.index(entry.step)
    if step == 0:
        raise ShapeError("a slice with step 0", remedy="use a step other than 0")

    def bound(value: Any, default: Dim, low: Dim, high: Dim) -> Dim:
        if value is None:
            return default
        number = as_dim(value)
        if not dims.at_least(number, 0):
            number = number + dim
            return number if dims.at_least(number, low) else low
        return number if dims.at_least(high, number) else high

    if step > 0:
        start, stop = bound(entry.start, 0, 0, dim), bound(entry.stop, dim, 0, dim)
    else:
        start, stop = bound(entry.start, dim - 1, -1, dim - 1), bound(entry.stop, -1, -1, dim - 1)
    size = part_size(start, stop, step)
    return (start, size, step) if size != 0 else (0, 0, 1)


def _position(number: Dim, dim: Dim, axis: int) -> Dim:
    """Return an index of an axis counted from the front."""
    start = number if dims.at_least(number, 0) else number + dim
    if not (dims.at_least(start, 0) and dims.at_least(dim, start + 1)):
        raise OutOfRangeError(
            f"index {number} is out of range for axis {axis} of size {dim}",
            remedy="indices run from -size to size - 1",
        )
    return start


def check_range(array: Any, dim: Dim, axis: int) -> None:
    """Refuse an index array, known while tracing, with an element out of range."""
    if isinstance(array, Operand) or array.size == 0:
        return
    low, high = int(array.min()), int(array.max())
    if not (dims.at_least(dim, high + 1) and (low >= 0 or dims.at_least(dim, -low))):
        raise OutOfRangeError(
            f"an index array with elements from {low} to {high} for axis {axis} of size {dim}",
            remedy="indices run from -size to size - 1",
        )


def element(x: Any, key: Any) -> Selection | None:
    """Take apart a key that is one number in range for each axis, the most common one, fast."""
    numbers = key if type(key) is tuple else (key,)
    shape = shape_of(x)
    rank = len(shape)
    if len(numbers) != rank or not rank:
        return None
    starts: list[Dim] = []
    for number, dim in zip(numbers, shape, strict=True):
        if type(number) is not int or not isinstance(dim, int) or not -dim <= number < dim:
            return None
        starts.append(number if number >= 0 else number + dim)
    ones = (1,) * rank
    params = {
        "starts": tuple(starts), "sizes": ones, "steps": ones, "dropped": tuple(range(rank)),
    }  # fmt: skip
    return Selection(params, (), (), (), 0, False, True)


def take_apart(x: Any, entries: Sequence[Any]) -> Selection:
    """Take a key apart, given its entries.

    Raises: OutOfRangeError, UnsupportedCallError.
    """
    shape = shape_of(x)
    plain = _plain(entries, shape)
    rest = len(shape) - sum(map(_width, plain))
    starts: list[Dim] = []
    sizes: list[Dim] = []
    steps: list[int] = []
    dropped: list[int] = []
    arrays: list[Any] = []
    axes: list[int] = []
    others: list[Dim] = []
    front: int | None = None
    last_advanced = -1
    kept = 0
    for position, entry in enumerate(plain):
        axis = len(starts)
        if entry is None:
            others.append(1)
            continue
        if entry is Ellipsis:
            whole = shape[axis : axis + rest]
            starts += [0] * rest
            sizes += whole
            steps += [1] * rest
            kept += rest
            others += whole
            continue
        if isinstance(entry, slice):
            start, size, step = _slice_part(entry, shape[axis])
            others.append(size)
        else:
            # Next to an index array a number counts as one too: both, if they stand together,
            # are replaced by the arrays' axes where they stand, else those come first.
            if front is None:
                front = len(others)
            elif last_advanced != position - 1:
                front = 0
            last_advanced = position
            if is_number(entry):
                start, size, step = _position(as_dim(entry), shape[axis], axis), 1, 1
                dropped.append(axis)
            else:
                check_range(entry, shape[axis], axis)
                start, size, step = 0, shape[axis], 1
                arrays.append(entry)
                axes.append(kept)
        if axis not in dropped:
            kept += 1
        starts.append(start)
        sizes.append(size)
        steps.append(step)
    return Selection(
        {
            "starts": tuple(starts),
            "sizes": tuple(sizes),
            "steps": tuple(steps),
            "dropped": tuple(dropped),
        },
        tuple(arrays),
        tuple(axes),
        tuple(others),
        front or 0 if arrays else 0,
        any(entry is None for entry in plain),
        len(dropped) == len(shape) and not any(e is Ellipsis or e is None for e in entries),
    )
