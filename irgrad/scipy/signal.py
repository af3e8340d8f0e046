"""Convolution and correlation of ``scipy.signal`` on traced arrays, in any number of axes.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy import signal
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> irgrad.grad(lambda k: np.sum(signal.convolve(x, k, mode="valid") ** 2))(np.ones(2))
    array([42., 26.])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ops.axes import dtype_of, normalized_axes, shape_of
from irgrad.ops.create import carrier
from irgrad.ops.picking import as_traced
from irgrad.scipy.sliding import slid
from irgrad.scipy.traced import as_array, drop_in, others
from irgrad.scipy.transformed import pays, transformed

__all__ = ["convolve", "correlate", "fftconvolve"]

_drop_in = drop_in("scipy.signal")
__getattr__ = others("scipy.signal")


@_drop_in
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return ``out[k] = sum over j of in2[j] in1[k - j]``.

    By direct sums, in time the product of the sizes, or by transforms where they are faster and
    ``method`` lets it.
    """
    return _convolved("convolve", as_array(in1), as_array(in2), mode, None, method)


@_drop_in
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Return what `convolve` does, over some axes; other axes are broadcast together.

    By transforms, in time n log n; by direct sums where these are faster, for short kernels, or
    where numba can't compile transforms for want of rocket-fft.
    """
    in1, in2 = (_inexact(as_array(operand)) for operand in (in1, in2))
    return _convolved("fftconvolve", in1, in2, mode, axes, "fft")


@_drop_in
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return ``out[k] = sum over j of in2[j] in1[k + j - (len(in2) - 1)]``.

    By direct sums or by transforms, as `convolve`.
    """
    in2 = as_array(in2)
    turned = np.flip(in2) if len(shape_of(in2)) else in2
    return _convolved("correlate", as_array(in1), np.conj(turned), mode, None, method)


def _inexact(x: Any) -> Any:
    """Return whole numbers as floats, which is what transforms make of them."""
    return x if dtype_of(x).kind in "fc" else x * 1.0


def _convolved(name: str, in1: Any, in2: Any, mode: str, axes: Any, method: str) -> Any:
    if method not in ("auto", "direct", "fft"):
        raise ShapeError(
            f"scipy.signal.{name} with method={method!r}", remedy="direct, fft or auto"
        )
    rank = len(shape_of(in1))
    if rank != len(shape_of(in2)):
        raise ShapeError(
            f"scipy.signal.{name} of {rank} axes and of {len(shape_of(in2))}",
            remedy="give both as many axes",
        )
    if mode not in ("full", "same", "valid"):
        raise ShapeError(f"scipy.signal.{name} with mode={mode!r}", remedy="full, same or valid")
    if rank == 0:
        return in1 * in2
    if 0 in (*shape_of(in1), *shape_of(in2)):
        raise ShapeError(
            f"scipy.signal.{name} of arrays without elements", remedy="give both elements"
        )
    of = carrier(in1, in2)
    in1, in2 = as_traced(in1, of), as_traced(in2, of)
    over = normalized_axes(axes, rank)
    in1, in2 = _broadcast(name, in1, in2, over)
    if mode != "same" and _fits(in1, in2, over):
        in1, in2 = in2, in1
    counts = [shape_of(in2)[axis] for axis in over]
    sizes = [shape_of(in1)[axis] for axis in over]
    if mode == "valid" and not all(map(dims.at_least, sizes, counts)):
        raise ShapeError(
            f"scipy.signal.{name} with mode='valid' of sizes {sizes} and {counts}",
            remedy="one has to be at least as large as the other along every axis",
        )
    if method != "direct" and pays(in1, in2, over):
        parts = [_kept(mode, size, count) for size, count in zip(sizes, counts, strict=True)]
        return transformed(in1, in2, over, *zip(*parts, strict=True))
    around: list[Any] = [(0, 0)] * rank
    for axis, count in zip(over, counts, strict=True):
        if mode == "full":
            around[axis] = (count - 1, count - 1)
        elif mode == "same":
            before = dims.floor_divide(count, 2)
            around[axis] = (before, count - 1 - before)
    padded = np.pad(in1, around) if mode != "valid" else in1
    return slid(padded, np.flip(in2, over), over)


def _kept(mode: str, size: Dim, count: Dim) -> tuple[Dim, Dim]:
    """Return start and length of the part of a full convolution that ``mode`` keeps."""
    if mode == "full":
        return 0, size + count - 1
    if mode == "same":
        return dims.floor_divide(count - 1, 2), size
    return count - 1, size - count + 1


def _broadcast(name: str, in1: Any, in2: Any, over: Sequence[int]) -> tuple[Any, Any]:
    """Return both with equal sizes of the axes that are not convolved."""
    left, right = list(shape_of(in1)), list(shape_of(in2))
    for axis, sizes in enumerate(zip(left, right, strict=True)):
        if axis in over:
            continue
        merged = dims.broadcast_shapes(*((size,) for size in sizes))
        if merged is None:
            raise ShapeError(
                f"scipy.signal.{name}: axis {axis} has sizes {sizes[0]} and {sizes[1]}",
                remedy="make them equal or 1, or convolve over that axis",
            )
        left[axis] = right[axis] = merged[0]
    shapes: list[Any] = [tuple(left), tuple(right)]
    return np.broadcast_to(in1, shapes[0]), np.broadcast_to(in2, shapes[1])


def _fits(in1: Any, in2: Any, over: Sequence[int]) -> bool:
    """Tell whether the first array is the kernel: nowhere longer, and somewhere shorter."""
    pairs = [(shape_of(in1)[axis], shape_of(in2)[axis]) for axis in over]
    inside = all(dims.at_least(large, small) for small, large in pairs)
    return inside and not all(dims.same(small, large) for small, large in pairs)
