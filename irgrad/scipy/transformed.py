"""Convolution by Fourier transforms: time n log n, where direct sums take a product of sizes.

Reference: Stockham, High-speed convolution and correlation, AFIPS 28 (1966); the convolution
theorem, DLMF 1.14(i).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.tiling import part

MANY_TAPS = 100
"""Kernels of so many numbers are convolved by transforms faster than by direct sums."""


@cache
def compiles_transforms() -> bool:
    """Tell whether the package is installed by which numba compiles transforms."""
    return find_spec("rocket_fft") is not None


def pays(x: Any, kernel: Any, over: Sequence[int]) -> bool:
    """Tell whether transforms can be had, and are faster than sums over a kernel."""
    if not compiles_transforms() or {dtype_of(x).kind, dtype_of(kernel).kind} - {"f", "c"}:
        return False
    sizes = (dims.product(shape_of(array)[axis] for axis in over) for array in (kernel, x))
    return all(dims.at_least(size, MANY_TAPS) for size in sizes)


def transformed(
    x: Any, kernel: Any, over: Sequence[int], starts: Sequence[Dim], lengths: Sequence[Dim]
) -> Any:
    """Return the part of the full convolution over some axes that has these starts and lengths."""
    sizes = [shape_of(x)[axis] + shape_of(kernel)[axis] - 1 for axis in over]
    padded = tuple(_padded(size) for size in sizes)
    forward: Any
    inverse: Any
    if "c" in (dtype_of(x).kind, dtype_of(kernel).kind):
        forward, inverse = np.fft.fftn, np.fft.ifftn
    else:
        forward, inverse = np.fft.rfftn, np.fft.irfftn
    axes = tuple(over)
    product = forward(x, padded, axes) * forward(kernel, padded, axes)
    result = inverse(product, padded, axes)
    for axis, start, length in zip(over, starts, lengths, strict=True):
        result = part(result, axis, start, length)
    return result


def _padded(size: Dim) -> int:
    """Return the least of 1, 2, 3, 4, 6, 8, 12, ... from ``size`` on, a number.

    Transforms of such lengths are fast, and one of them serves a range of sizes: the next shape
    seldom has to be traced again.
    """
    power = 1
    while not dims.at_least(power, size):
        if dims.at_least(power + power // 2, size):
            return power + power // 2
        power *= 2
    return power
