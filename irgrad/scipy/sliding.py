"""Sums of products of an array's windows with a kernel, over some axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from irgrad.ir.op import Operand
from irgrad.ops.axes import shape_of
from irgrad.ops.tiling import part

FEW_TAPS = 32
"""Kernels of up to so many numbers are written as so many shifted terms, which fuse."""


def slid(x: Any, kernel: Any, over: Sequence[int]) -> Any:
    """Return ``out[k] = sum over j of kernel[j] x[k + j]`` for the windows that lie inside ``x``.

    ``over`` are the axes the windows slide along; the others are broadcast together. Terms whose
    factor is a plain 0 are left out.
    """
    counts: list[Any] = [shape_of(kernel)[axis] for axis in over]
    lengths = [
        shape_of(x)[axis] - count + 1 for axis, count in zip(over, counts, strict=True)
    ]
    if all(isinstance(count, int) for count in counts) and math.prod(counts) <= FEW_TAPS:
        return _few(x, kernel, over, counts, lengths)
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(counts), axis=tuple(over))
    rank = len(shape_of(x))
    letters = "abcdefghijklmnopqrstuvwxyz"
    outer, inner = letters[:rank], letters[rank : rank + len(over)]
    taps = "".join(
        inner[list(over).index(axis)] if axis in over else outer[axis] for axis in range(rank)
    )
    return np.einsum(f"{outer}{inner},{taps}->{outer}", windows, kernel)


def _few(
    x: Any, kernel: Any, over: Sequence[int], counts: Sequence[int], lengths: Sequence[Any]
) -> Any:
    rank = len(shape_of(x))
    terms: list[Any] = []
    for place in product(*map(range, counts)):
        moved, factor = x, kernel
        for axis, start, length in zip(over, place, lengths, strict=True):
            moved = part(moved, axis, start, length)
            factor = factor[(slice(None),) * axis + (slice(start, start + 1),)]
        if len(over) == rank:
            factor = np.reshape(factor, ())[()]
        if isinstance(factor, Operand) or np.any(factor != 0) or not terms:
            terms.append(moved * factor)
    return sum(terms[1:], terms[0])
