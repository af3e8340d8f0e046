"""Methods of ufuncs beyond the folds of ``reduce.py``: chains of differences, segments, ``at``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.op import Operand
from irgrad.ops.axes import normalized_axis, shape_of
from irgrad.ops.create import in_dtype
from irgrad.ops.outputs import delivered
from irgrad.ops.picking import written
from irgrad.ops.registry import REDUCERS


def _rest(fold: Callable[..., Any]) -> Callable[..., Any]:
    """Return how to fold along one axis from a first element by all the others, joined first."""

    def meaning(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
                keepdims: bool = False, **options: Any) -> Any:  # fmt: skip
        if set(options.values()) - {np._NoValue, None, True}:
            raise UnsupportedCallError(
                f"such a fold with {', '.join(options)}", remedy="fold what is wanted: x[mask]"
            )
        x = in_dtype(a, dtype)
        number = normalized_axis(_only(axis, len(shape_of(a))), len(shape_of(a)))
        rows = np.moveaxis(x, number, 0)
        result = fold(rows[0], rows[1:])
        return delivered(
            np.expand_dims(result, number) if keepdims else result, out, "ufunc.reduce"
        )

    return meaning


def _only(axis: Any, rank: int) -> int:
    axes = tuple(range(rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) != 1:
        raise ShapeError(
            "an operation that isn't commutative folds one axis only", remedy="give axis=k"
        )
    return operator.index(axes[0])


def _running(accumulate: Callable[..., Any], undo: np.ufunc) -> Callable[..., Any]:
    """Return the running values of an operation that undoes another, which accumulates."""

    def meaning(a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        x = in_dtype(a, dtype)
        rows = np.moveaxis(x, axis, 0)
        steps = np.concatenate([rows[:1], undo(rows[:1], accumulate(rows[1:], 0))])
        return delivered(np.moveaxis(steps, 0, axis), out, f"np.{undo.__name__}.accumulate")

    return meaning


def reduce_segments(
    ufunc: np.ufunc, a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    """Fold the stretches of an axis that begin at known places, as ``ufunc.reduceat``."""
    if isinstance(indices, Operand):
        raise UnsupportedCallError(
            f"np.{ufunc.__name__}.reduceat at traced places",
            remedy="pass the places as a static argument, or sum by np.bincount(label, weights)",
        )
    places = [operator.index(place) for place in indices]
    rows = np.moveaxis(a, axis, 0)
    size = dims.concrete(shape_of(rows)[0])
    if not places or not all(0 <= place < size for place in places):
        raise ShapeError(
            f"np.{ufunc.__name__}.reduceat of {size} elements at {places}",
            remedy=f"give places from 0 to {size - 1}",
        )
    folded = [
        ufunc.reduce(rows[start:stop] if start < stop else rows[start : start + 1], 0, dtype)
        for start, stop in zip(places, [*places[1:], size], strict=True)
    ]
    result = np.moveaxis(np.stack(folded), 0, axis)
    return delivered(result, out, f"np.{ufunc.__name__}.reduceat")


def apply_at(ufunc: np.ufunc, a: Any, indices: Any, *operands: Any) -> None:
    """Apply a ufunc in place to known elements, one after another, as ``ufunc.at``.

    The n-th meetings of the elements with their operands make one step each: within a step no
    element comes twice.
    """
    target = written(a, f"np.{ufunc.__name__}.at")
    keys = indices if isinstance(indices, tuple) else (indices,)
    if any(isinstance(key, Operand) for key in keys):
        raise UnsupportedCallError(
            f"np.{ufunc.__name__}.at at traced places",
            remedy="pass the places as a static argument; np.add.at takes traced ones",
        )
    shape = tuple(map(dims.concrete, shape_of(target)))
    places = np.arange(int(np.prod(shape))).reshape(shape)[indices]
    flat = target.flat
    given = [np.ravel(np.broadcast_to(operand, places.shape)) for operand in operands]
    for step in _meetings(places.ravel()):
        chosen = places.ravel()[step]
        flat[chosen] = ufunc(flat[chosen], *(operand[step] for operand in given))


def _meetings(places: np.ndarray) -> list[np.ndarray]:
    """Group positions in ``places: (n,)`` so that the k-th group has each place's k-th meeting."""
    order = np.argsort(places, kind="stable")
    first = np.searchsorted(places[order], places[order])
    turn = np.empty(places.size, np.int64)
    turn[order] = np.arange(places.size) - first
    return [np.flatnonzero(turn == k) for k in range(int(turn.max(initial=-1)) + 1)]


REDUCERS.update(
    {
        np.subtract: _rest(lambda first, others: first - np.sum(others, axis=0)),
        np.divide: _rest(lambda first, others: first / np.prod(others, axis=0)),
        (np.subtract, "accumulate"): _running(np.add.accumulate, np.subtract),
        (np.divide, "accumulate"): _running(np.multiply.accumulate, np.divide),
        "reduceat": reduce_segments,
        "at": apply_at,
    }
)
