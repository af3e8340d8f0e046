"""Matrices of a pattern, made from what is written into it."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ops.axes import shape_of
from irgrad.ops.create import carrier, counting
from irgrad.ops.picking import as_traced
from irgrad.scipy.linalg.operands import together
from irgrad.scipy.traced import as_array, drop_in

_drop_in = drop_in("scipy.linalg")


@_drop_in
def toeplitz(c: Any, r: Any = None) -> Any:
    """Return the matrix of first column ``c`` and first row ``r`` with constant diagonals.

    The row is the conjugate of the column where it is not given.
    """
    c = np.atleast_1d(as_array(c))
    r = np.conj(c) if r is None else np.atleast_1d(as_array(r))
    rows, columns = shape_of(c)[-1], shape_of(r)[-1]
    of = carrier(c, r)
    numbers = np.concatenate([c[..., ::-1], r[..., 1:]], axis=-1)
    places = counting(of, columns) + counting(of, rows)[::-1][:, None]
    return numbers[..., places]


@_drop_in
def circulant(c: Any) -> Any:
    """Return the matrix whose columns are the rotations of ``c``."""
    c = np.atleast_1d(as_array(c))
    return toeplitz(c, np.concatenate([c[..., :1], c[..., 1:][..., ::-1]], axis=-1))


@_drop_in
def block_diag(*arrs: Any) -> Any:
    """Return the matrix that has matrices on its diagonal and zeros elsewhere."""
    blocks = [np.atleast_2d(as_array(block)) for block in arrs]
    of = carrier(*blocks)
    blocks = together("block_diag", *[as_traced(block, of) for block in blocks])
    widths = [shape_of(block)[-1] for block in blocks]
    bands = []
    for k, block in enumerate(blocks):
        kept: Any = [(0, 0)] * (len(shape_of(block)) - 1)
        bands.append(np.pad(block, [*kept, (sum(widths[:k]), sum(widths[k + 1 :]))]))
    return np.concatenate(bands, axis=-2)
