"""Differences, gradients, integrals and interpolation along an axis, and counting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.op import Operand
from irgrad.ops.axes import as_dim, dtype_of, normalized_axes, normalized_axis, shape_of
from irgrad.ops.create import convert
from irgrad.ops.floating import as_float
from irgrad.ops.index import gather, scatter_add
from irgrad.ops.registry import spelling
from irgrad.ops.shape import reshape
from irgrad.ops.statistics import size_number


def _part(x: Any, axis: int, start: int | None, stop: int | None, step: int = 1) -> Any:
    """Return a slice along one axis."""
    return x[(*(slice(None),) * axis, slice(start, stop, step))]


@spelling(np.diff)
def _diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> Any:
    rank = len(shape_of(a))
    if rank == 0:
        raise ShapeError("np.diff of a number", remedy="give an array")
    place = normalized_axis(axis, rank)
    if n < 0:
        raise ShapeError(f"np.diff of order {n}", remedy="give an order of 0 or more")
    parts = [
        part if part is a else _edge(part, a, place)
        for part in (prepend, a, append)
        if part is not np._NoValue
    ]
    if n and len(parts) > 1:
        a = np.concatenate(parts, axis=place)
    for _ in range(n):
        right, left = _part(a, place, 1, None), _part(a, place, None, -1)
        a = right != left if dtype_of(a).kind == "b" else right - left
    return a


def _edge(value: Any, a: Any, axis: int) -> Any:
    """Return what is put before or after ``a``: a number is spread over one layer."""
    if len(shape_of(value)):
        return value
    shape: Any = tuple(1 if i == axis else dim for i, dim in enumerate(shape_of(a)))
    return np.broadcast_to(a.lift(value), shape)


@spelling(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(ary)
    parts = [flat[1:] - flat[:-1]]
    if to_begin is not None:
        parts.insert(0, np.ravel(to_begin))
    if to_end is not None:
        parts.append(np.ravel(to_end))
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([ary.lift(part).astype(dtype_of(ary)) for part in parts])


@spelling(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return central differences, one-sided at the ends.

    Reference: Fornberg, Math. Comp. 51 (1988): the three-point formula on uneven points.
    """
    f = as_float(f)
    axes = normalized_axes(axis, len(shape_of(f)))
    if edge_order not in (1, 2):
        raise UnsupportedCallError(f"np.gradient with edge_order={edge_order}", remedy="1 or 2")
    if len(varargs) not in (0, 1, len(axes)):
        raise ShapeError(
            f"{len(varargs)} spacings for {len(axes)} axes", remedy="give one, or one an axis"
        )
    spacings = list(varargs) * (len(axes) if len(varargs) == 1 else 1) or [1.0] * len(axes)
    results = [
        _gradient_along(f, place, spacing, edge_order)
        for place, spacing in zip(axes, spacings, strict=True)
    ]
    return results[0] if len(results) == 1 else tuple(results)


def _gradient_along(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    shape = shape_of(f)
    if not dims.at_least(shape[axis], edge_order + 1):
        raise ShapeError(
            f"np.gradient of {shape[axis]} points", remedy=f"give at least {edge_order + 1}"
        )

    def at(start: int | None, stop: int | None) -> Any:
        return _part(f, axis, start, stop)

    if len(shape_of(spacing)) == 0:
        inner = (at(2, None) - at(None, -2)) / (2.0 * spacing)
        h: Any = spacing
        if edge_order == 1:
            first = (at(1, 2) - at(0, 1)) / h
            last = (at(-1, None) - at(-2, -1)) / h
        else:
            first = (-1.5 * at(0, 1) + 2.0 * at(1, 2) - 0.5 * at(2, 3)) / h
            last = (0.5 * at(-3, -2) - 2.0 * at(-2, -1) + 1.5 * at(-1, None)) / h
        return np.concatenate([first, inner, last], axis=axis)
    points = as_float(spacing) if isinstance(spacing, Operand) else np.asarray(spacing, float)
    steps = _aligned(f.lift(np.diff(points)), axis, len(shape))

    def step(start: int | None, stop: int | None) -> Any:
        return _part(steps, axis, start, stop)

    left, right = step(None, -1), step(1, None)
    inner = (
        -right / (left * (left + right)) * at(None, -2)
        + (right - left) / (left * right) * at(1, -1)
        + left / (right * (left + right)) * at(2, None)
    )
    if edge_order == 1:
        first = (at(1, 2) - at(0, 1)) / step(0, 1)
        last = (at(-1, None) - at(-2, -1)) / step(-1, None)
    else:
        a, b = step(0, 1), step(1, 2)
        first = (
            -(2.0 * a + b) / (a * (a + b)) * at(0, 1)
            + (a + b) / (a * b) * at(1, 2)
            - a / (b * (a + b)) * at(2, 3)
        )
        a, b = step(-2, -1), step(-1, None)
        last = (
            b / (a * (a + b)) * at(-3, -2)
            - (b + a) / (a * b) * at(-2, -1)
            + (2.0 * b + a) / (b * (a + b)) * at(-1, None)
        )
    return np.concatenate([first, inner, last], axis=axis)


def _aligned(values: Any, axis: int, rank: int) -> Any:
    """Return a vector laid along ``axis`` of an array with ``rank`` axes."""
    shape = tuple(shape_of(values)[0] if i == axis else 1 for i in range(rank))
    return reshape(values, shape=shape)


@spelling(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    rank = len(shape_of(y))
    place = normalized_axis(axis, rank)
    widths = dx
    if x is not None:
        widths = np.diff(x, axis=place if len(shape_of(x)) > 1 else 0)
        if len(shape_of(widths)) == 1 and rank > 1:
            widths = _aligned(y.lift(widths), place, rank)
    pairs = _part(y, place, 1, None) + _part(y, place, None, -1)
    return np.sum(widths * pairs / 2.0, axis=place)


@spelling(np.interp)
def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Interpolate linearly; at a knot the derivative is that of the piece to its right."""
    carrier = next(value for value in (x, xp, fp) if isinstance(value, Operand))
    x, xp, fp = (_doubled(carrier, value) for value in (x, xp, fp))
    if period is not None:
        x = np.remainder(x, period)
        order = np.argsort(np.remainder(xp, period))
        xp = np.remainder(xp, period)[order]
        fp = fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    size = shape_of(xp)[0]
    last = size_number(carrier, size - 1)
    if not dims.at_least(size, 2):
        inside = fp[0]
    else:
        upper = np.clip(np.searchsorted(xp, x, "right"), 1, last)
        lower = upper - 1
        x0, f0 = gather(xp, lower, axes=(0,)), gather(fp, lower, axes=(0,))
        slope = (gather(fp, upper, axes=(0,)) - f0) / (gather(xp, upper, axes=(0,)) - x0)
        inside = slope * (x - x0) + f0
    below = fp[0] if left is None else left
    above = fp[-1] if right is None else right
    return np.where(x < xp[0], below, np.where(x > xp[-1], above, inside))


def _doubled(carrier: Any, value: Any) -> Any:
    """Return a traced float64 array: what np.interp computes in."""
    traced = beside(carrier, value)
    return traced if dtype_of(traced) == np.float64 else convert(traced, dtype=np.dtype(np.float64))


@spelling(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Any:
    """Take out jumps by whole periods, which have derivative 0."""
    p = as_float(p)
    place = normalized_axis(axis, len(shape_of(p)))
    limit = period / 2 if discont is None else np.maximum(discont, period / 2)
    steps = np.diff(p, axis=place)
    half = period / 2
    wrapped = np.remainder(steps + half, period) - half
    wrapped = np.where((wrapped == -half) & (steps > 0), half, wrapped)
    jumps = np.where(np.abs(steps) < limit, 0.0, wrapped - steps)
    rest = _part(p, place, 1, None) + np.cumsum(jumps, axis=place)
    return np.concatenate([_part(p, place, None, 1), rest], axis=place)


@spelling(np.bincount)
def _bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    """Add up weights by index.

    The length is that of the numbers in a plain ``x`` while tracing, and ``minlength`` for a
    traced one, whose numbers must be smaller.
    """
    if isinstance(x, Operand):
        length = as_dim(minlength)
        if length == 0:
            raise UnsupportedCallError(
                "np.bincount of traced numbers has a length that is only known when the compiled "
                "function runs",
                remedy="give minlength=, larger than every number",
            )
    else:
        x = np.asarray(x)
        needed = int(x.max()) + 1 if x.size else 0
        length = as_dim(minlength)
        length = length if dims.at_least(length, needed) else needed
    carrier: Any = x if isinstance(x, Operand) else weights
    if weights is None:
        each = np.ones_like(carrier, dtype=np.int64)
    else:
        each = _doubled(carrier, weights)
    shape: Any = (length,)
    return scatter_add(np.zeros_like(each, shape=shape), each, carrier.lift(x), axes=(0,))


def beside(carrier: Any, value: Any) -> Any:
    """Return a value traced beside ``carrier``."""
    return value if isinstance(value, Operand) else carrier.lift(np.asarray(value))
