"""Correlation and convolution of ``scipy.ndimage``: filters that keep an array's shape.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy import ndimage
    >>> blurred = lambda x: ndimage.convolve1d(x, [0.25, 0.5, 0.25], mode="nearest")
    >>> irgrad.grad(lambda x: blurred(x)[0])(np.array([1.0, 2.0, 4.0]))
    array([0.75, 0.25, 0.  ])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ops.axes import dtype_of, normalized_axes, normalized_axis, shape_of
from irgrad.ops.create import carrier
from irgrad.ops.picking import as_traced
from irgrad.scipy.sliding import slid
from irgrad.scipy.traced import as_array, drop_in, others

__all__ = ["convolve", "convolve1d", "correlate", "correlate1d"]

_drop_in = drop_in("scipy.ndimage")
__getattr__ = others("scipy.ndimage")

_MODES: dict[str, Any] = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge",
    "wrap": "wrap", "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant",
}  # fmt: skip
"""What np.pad calls the extensions of ndimage."""


@_drop_in
def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """Return ``out[i] = sum over j of weights[j] input[i + j - len(weights) // 2 - origin]``."""
    return _filtered("correlate", input, weights, output, mode, cval, origin, axes)


@_drop_in
def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """Return ``out[i] = sum over j of weights[j] input[i - j + len(weights) // 2 + origin]``."""
    return _filtered("convolve", input, weights, output, mode, cval, origin, axes)


@_drop_in
def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """Return what `correlate` does, along one axis."""
    return _filtered("correlate", input, weights, output, mode, cval, origin, (axis,))


@_drop_in
def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """Return what `convolve` does, along one axis."""
    return _filtered("convolve", input, weights, output, mode, cval, origin, (axis,))


def _filtered(
    name: str, input: Any, weights: Any, output: Any, mode: str, cval: Any, origin: Any, axes: Any
) -> Any:
    x, weights = as_array(input), as_array(weights)
    if output is not None:
        raise UnsupportedCallError(f"ndimage.{name} with output=", remedy="use the result")
    if mode not in _MODES:
        raise ShapeError(f"ndimage.{name} with mode={mode!r}", remedy=f"use {', '.join(_MODES)}")
    rank = len(shape_of(x))
    over = (
        normalized_axes(None, rank) if axes is None
        else tuple(normalized_axis(axis, rank) for axis in axes)
    )  # fmt: skip
    if len(over) != len(shape_of(weights)):
        raise ShapeError(
            f"ndimage.{name} over {len(over)} axes with weights of {len(shape_of(weights))}",
            remedy="give the weights an axis for each",
        )
    origins = [origin] * len(over) if np.ndim(origin) == 0 else list(origin)
    counts = shape_of(weights)
    if name == "convolve":
        weights = np.flip(weights)
        origins = [
            -shift - (1 if dims.concrete(count) % 2 == 0 else 0)
            for shift, count in zip(origins, counts, strict=True)
        ]
    traced = as_traced(x, carrier(x, weights))
    if 0 in shape_of(x):
        return np.copy(traced)
    if dtype_of(x).kind not in "fc":
        traced = traced * 1.0  # cval need not be whole
    return _over(traced, weights, over, origins, mode, cval).astype(dtype_of(x))


def _over(
    x: Any, weights: Any, over: Sequence[int], origins: Sequence[int], mode: str, cval: Any
) -> Any:
    rank = len(shape_of(x))
    around: list[Any] = [(0, 0)] * rank
    shape: list[Any] = [1] * rank
    for axis, count, origin in zip(over, shape_of(weights), origins, strict=True):
        before = dims.floor_divide(count, 2) + origin
        after = count - 1 - before
        if not (dims.at_least(before, 0) and dims.at_least(after, 0)):
            raise ShapeError(
                f"an origin of {origin} of {count} weights", remedy="keep it within the weights"
            )
        around[axis] = (before, after)
        shape[axis] = count
    options = {"constant_values": cval} if _MODES[mode] == "constant" else {}
    padded = np.pad(x, around, _MODES[mode], **options)
    order = np.argsort(over)
    return slid(padded, np.reshape(np.transpose(weights, order), shape), sorted(over))
