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
from irgrad.ops.axes import normalized_axes, shape_of
from irgrad.ops.create import carrier
from irgrad.ops.picking import as_traced
from irgrad.scipy.sliding import slid
from irgrad.scipy.traced import as_array, drop_in, others

__all__ = ["convolve", "correlate", "fftconvolve"]

_drop_in = drop_in("scipy.signal")
__getattr__ = others("scipy.signal")


@_drop_in
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return ``out[k] = sum over j of in2[j] in1[k - j]``.

    Always by direct sums, whatever ``method`` says. Time the product of the sizes.
    """
    return _convolved("convolve", as_array(in1), as_array(in2), mode, None)


@_drop_in
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Return what `convolve` does, over some axes; other axes are broadcast together.

    By direct sums, which are faster for short kernels and round less. Time the product of the
    sizes.
    """
    return _convolved("fftconvolve", as_array(in1), as_array(in2), mode, axes)


@_drop_in
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return ``out[k] = sum over j of in2[j] in1[k + j - (len(in2) - 1)]``.

    Always by direct sums, whatever ``method`` says. Time the product of the sizes.
    """
    in2 = as_array(in2)
    turned = np.flip(in2) if len(shape_of(in2)) else in2
    return _convolved("correlate", as_array(in1), np.conj(turned), mode, None)


def _convolved(name: str, in1: Any, in2: Any, mode: str, axes: Any) -> Any:
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
    of = carrier(in1, in2)
    in1, in2 = as_traced(in1, of), as_traced(in2, of)
    over = normalized_axes(axes, rank)
    in1, in2 = _broadcast(name, in1, in2, over)
    if mode == "valid" and name != "correlate" and _fits(in1, in2, over):
        in1, in2 = in2, in1
    counts = [shape_of(in2)[axis] for axis in over]
    around: list[Any] = [(0, 0)] * rank
    for axis, count in zip(over, counts, strict=True):
        if mode == "full":
            around[axis] = (count - 1, count - 1)
        elif mode == "same":
            before = dims.floor_divide(count, 2)
            around[axis] = (before, count - 1 - before)
    padded = np.pad(in1, around) if mode != "valid" else in1
    return slid(padded, np.flip(in2, over), over)


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
