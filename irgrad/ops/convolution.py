"""Convolution and correlation of two sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ops.affine import windows
from irgrad.ops.axes import shape_of
from irgrad.ops.contract import contract
from irgrad.ops.registry import spelling
from irgrad.ops.stacking import operands_of
from irgrad.ops.tiling import part

FEW_TAPS = 16
"""Up to so many, a sum of shifted copies fuses into one loop; more make a contraction."""


def _vectors(a: Any, v: Any, call: str) -> tuple[Any, Any]:
    x, y = (np.atleast_1d(operand) for operand in operands_of((a, v)))
    for operand in (x, y):
        shape = shape_of(operand)
        if len(shape) != 1:
            raise ShapeError(f"{call} of {len(shape)} axes", remedy="pass sequences")
        if not dims.at_least(shape[0], 1):
            raise ShapeError(f"{call} of an empty sequence", remedy="pass one element or more")
    return x, y


def _mode(mode: Any, call: str) -> str:
    name = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}.get(
        mode, mode
    )
    if name not in ("full", "same", "valid"):
        raise ShapeError(f"{call} with mode={mode!r}", remedy="use 'full', 'same' or 'valid'")
    return name  # type: ignore[no-any-return]


def _slid(x: Any, taps: Any, start: Dim, length: Dim) -> Any:
    """Return ``sum over j of taps[j] * x[start + k + j]`` for k < ``length``; 0 beyond ``x``."""
    size, count = shape_of(x)[0], shape_of(taps)[0]
    before: Any = -start if dims.at_least(-start, 0) else 0
    after: Any = start + length + count - 1 - size
    after = after if dims.at_least(after, 0) else 0
    padded = np.pad(x, (before, after)) if before != 0 or after != 0 else x
    padded = part(padded, 0, start + before, length + count - 1)
    if isinstance(count, int) and count <= FEW_TAPS:
        terms = [taps[j] * part(padded, 0, j, length) for j in range(count)]
        return sum(terms[1:], terms[0])
    return contract(windows(padded, 0, count), taps, left="ij", right="j", result="i")


def _range(mode: str, size: Dim, count: Dim) -> tuple[Dim, Dim]:
    """Return start and length of the part of a full convolution that ``mode`` keeps."""
    if mode == "full":
        return 0, size + count - 1
    if mode == "same":
        return dims.floor_divide(count - 1, 2), size
    return count - 1, size - count + 1


@spelling(np.convolve)
def _convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """Return ``out[k] = sum over j of v[j] * a[k - j]``."""
    kept = _mode(mode, "np.convolve")
    x, taps = _vectors(a, v, "np.convolve")
    if not dims.at_least(shape_of(x)[0], shape_of(taps)[0]):
        x, taps = taps, x
    size, count = shape_of(x)[0], shape_of(taps)[0]
    start, length = _range(kept, size, count)
    return _slid(x, np.flip(taps), start - (count - 1), length)


@spelling(np.correlate)
def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Return ``out[k] = sum over n of a[n + k] * conj(v[n])``."""
    kept = _mode(mode, "np.correlate")
    x, taps = _vectors(a, v, "np.correlate")
    taps = np.conj(taps)
    turned = not dims.at_least(shape_of(x)[0], shape_of(taps)[0])
    if turned:  # NumPy slides the shorter one and turns the result round
        x, taps = taps, x
    size, count = shape_of(x)[0], shape_of(taps)[0]
    start, length = _range(kept, size, count)
    result = _slid(x, taps, start - (count - 1), length)
    return np.copy(np.flip(result)) if turned else result
