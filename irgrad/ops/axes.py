"""Axes and shapes as users write them, made the IR's: non-negative ints, tuples of sizes."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape


def as_dim(value: Any) -> Dim:
    """Return a size that the user wrote as an int or a ``Size``."""
    if isinstance(value, dims.Size):
        return value
    dim = getattr(value, "dim", None)  # a size seen through a traced array's shape
    if isinstance(dim, dims.Size):
        return dim
    return operator.index(value)


def as_shape(shape: Any) -> Shape:
    """Return a shape that the user wrote as a tuple of sizes."""
    if isinstance(shape, Iterable):
        return tuple(as_dim(dim) for dim in shape)
    return (as_dim(shape),)


def shape_of(x: Any) -> Shape:
    """Return the shape of an operand in the IR's sizes."""
    type = getattr(x, "type", None)
    if type is not None and hasattr(type, "shape"):
        return type.shape  # type: ignore[no-any-return]
    shape: tuple[int, ...] = np.shape(x)
    return shape


def dtype_of(x: Any) -> np.dtype:
    """Return the dtype of an operand."""
    dtype = getattr(x, "dtype", None)
    return dtype if dtype is not None else np.asarray(x).dtype


def promotion_kind(x: Any) -> Any:
    """Return what an operand is to NumPy's promotion: a dtype, or 0 of a weak Python type."""
    weak = getattr(x, "weak", None)
    if weak is None or weak is False:
        return dtype_of(x)
    return weak(0) if isinstance(weak, type) else 0.0


def normalized_axis(axis: Any, rank: int) -> int:
    """Return ``axis`` counted from the front."""
    number = operator.index(axis)
    if not -rank <= number < rank:
        raise ShapeError(
            f"axis {number} of an array with {rank} axes", remedy="name an axis it has"
        )
    return number % rank


def normalized_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """Return the axes that ``axis`` names (None: all), counted from the front, in order given."""
    if axis is None:
        return tuple(range(rank))
    named = axis if isinstance(axis, Iterable) else (axis,)
    axes = tuple(normalized_axis(a, rank) for a in named)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {axis} names an axis twice", remedy="name each axis once")
    return axes
