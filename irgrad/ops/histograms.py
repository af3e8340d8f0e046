"""Counting numbers into bins of one axis or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir.dims import Dim
from irgrad.ir.op import Operand
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.calculus import beside
from irgrad.ops.create import carrier, convert
from irgrad.ops.index import scatter_add
from irgrad.ops.registry import spelling
from irgrad.ops.shape import reshape
from irgrad.ops.statistics import size_number


def _edges(numbers: Any, bins: Any, range: Any, dtype: Any = None) -> Any:
    """Return the edges of bins, traced: those given, or evenly spaced ones in a dtype."""
    if isinstance(bins, str):
        raise UnsupportedCallError(f"a histogram with bins={bins!r}", remedy="give a number")
    if not isinstance(bins, int | np.integer):
        return beside(numbers, bins)
    low, high = (np.min(numbers), np.max(numbers)) if range is None else range
    if range is None:
        equal = low == high
        low, high = np.where(equal, low - 0.5, low), np.where(equal, high + 0.5, high)
    elif not isinstance(low, Operand) and not isinstance(high, Operand) and low == high:
        low, high = low - 0.5, high + 0.5
    edges = beside(numbers, np.linspace(low, high, int(bins) + 1))
    return edges if dtype in (None, dtype_of(edges)) else convert(edges, dtype=dtype)


def _kind(numbers: Any, range: Any) -> Any:
    """Return the dtype that NumPy gives evenly spaced edges."""
    ends: Sequence[Any] = () if range is None else range
    kind = np.result_type(numbers, *ends)
    return kind if kind.kind == "f" else np.result_type(kind, float)


def _bin(numbers: Any, edges: Any) -> tuple[Any, Any]:
    """Return the bin of each number, and whether it lies outside; the last bin has both edges."""
    count = size_number(numbers, shape_of(edges)[0] - 1)
    place = np.searchsorted(edges, numbers, "right") - 1
    place = np.where(numbers == edges[-1], count - 1, place)
    return place, (place < 0) | (place >= count)


@spelling(np.histogram_bin_edges)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    numbers = np.ravel(beside(carrier(a, bins), a))
    return _edges(numbers, bins, range, _kind(numbers, range))


@spelling(np.histogram)
def _histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """Count numbers into bins; only the weights have a derivative."""
    traced = carrier(a, weights, bins)
    numbers = np.ravel(beside(traced, a))
    edges = _edges(numbers, bins, range, _kind(numbers, range))
    place, outside = _bin(numbers, edges)
    ones = np.ones_like(numbers, dtype=np.int64)
    each = ones if weights is None else np.ravel(beside(traced, weights))
    totals = _totals(each, place, outside, shape_of(edges)[0] - 1)
    if density:
        widths = convert(np.diff(edges), dtype=np.dtype(np.float64))
        totals = totals / widths / np.sum(totals)
    return totals, edges


def _totals(each: Any, place: Any, outside: Any, count: Dim) -> Any:
    """Add up what falls into each bin; what lies outside goes into one more, which is dropped."""
    shape: Any = (count + 1,)
    into = np.where(outside, size_number(each, count), place)
    return scatter_add(np.zeros_like(each, shape=shape), each, into, axes=(0,))[:-1]


@spelling(np.histogramdd)
def _histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """Count points ``sample: (n, d)``, or d vectors of coordinates, into bins."""
    columns, traced = _columns(sample, weights, bins)
    several = isinstance(bins, tuple | list)
    if several and len(bins) != len(columns):
        raise ShapeError(
            f"{len(bins)} bins for points of {len(columns)} coordinates", remedy="give one for each"
        )
    each_bins = list(bins) if several else [bins] * len(columns)
    ranges = [None] * len(columns) if range is None else list(range)
    edges = [
        _edges(x, own, limits)
        for x, own, limits in zip(columns, each_bins, ranges, strict=True)
    ]
    counts = [shape_of(own)[0] - 1 for own in edges]
    flat: Any = 0
    outside: Any = False
    total: Dim = 1
    for x, own, count in zip(columns, edges, counts, strict=True):
        place, beyond = _bin(x, own)
        flat = flat * size_number(x, count) + place
        outside = outside | beyond
        total = total * count
    each = np.ones_like(columns[0]) if weights is None else beside(traced, weights)
    each = convert(each, dtype=np.dtype(np.float64))
    result = reshape(_totals(each, flat, outside, total), shape=tuple(counts))
    if density:
        number = np.sum(result)
        for axis, own in enumerate(edges):
            widths = [1] * len(edges)
            widths[axis] = -1
            result = result / np.reshape(np.diff(own), widths)
        result = result / number
    return result, tuple(edges)


def _columns(sample: Any, weights: Any, bins: Any) -> tuple[list[Any], Any]:
    """Return the coordinates of points as traced vectors, and a traced value."""
    if not isinstance(sample, tuple | list):
        own = bins if isinstance(bins, tuple | list) else (bins,)
        traced = carrier(sample, weights, *own)
        points: Any = beside(traced, sample)
        if len(shape_of(points)) == 1:
            points = points[:, None]
        return [points[:, k] for k in np.arange(points.shape[1])], traced
    own = bins if isinstance(bins, tuple | list) else (bins,)
    traced = carrier(*sample, weights, *own)
    return [beside(traced, column) for column in sample], traced


@spelling(np.histogram2d)
def _histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if not isinstance(bins, int | np.integer) and len(bins) not in (1, 2):
        bins = (bins, bins)  # one array of edges serves both axes
    result, edges = _histogramdd((x, y), bins, range, density, weights)
    return result, edges[0], edges[1]
