"""Arrays that a function makes of nothing but sizes, found again as what they are.

``np.eye(d)`` and ``np.tri(d)`` are plain arrays by the time a trace meets them. Said by the places
of their elements they need no memory, and what is known to be zero in them needs no work.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ir.op import Op
from irgrad.ir.origin import Origin
from irgrad.ops.create import constant, convert, iota
from irgrad.ops.elementwise import add, equal, greater_equal, less_equal, select, subtract
from irgrad.ops.shape import reshape

_COMPARISONS = (
    (equal, min),
    (less_equal, max),
    (greater_equal, min),
)
"""How columns and shifted rows compare where elements are not zero; which diagonal bounds them."""


def pattern(array: np.ndarray, origin: Origin | None) -> Node | None:
    """Return an array as a number on one side of a diagonal or on it, and zero elsewhere.

    ``array``: a matrix of floats or truth values; None where it is no such thing. Linear.
    """
    if array.ndim != 2 or min(array.shape) < 2 or array.dtype.kind not in "bf":
        return None
    filled = array != 0
    if filled.all() or not filled.any() or np.signbit(array.astype(float)[~filled]).any():
        return None
    value = array[filled][0]
    if not np.array_equal(array[filled], np.full(filled.sum(), value)):
        return None
    rows, columns = np.arange(array.shape[0])[:, None], np.arange(array.shape[1])
    offsets = (columns - rows)[filled]
    for comparison, bound in _COMPARISONS:
        diagonal = int(bound(offsets))
        if np.array_equal(filled, comparison.evaluate(columns, rows + diagonal)):
            return _filled(array, comparison, diagonal, value, origin)
    return None


def _filled(
    array: np.ndarray, comparison: Op, diagonal: int, value: Any, origin: Origin | None
) -> Node:
    """Return the graph of an array that is ``value`` where columns and shifted rows compare so."""

    def node(op: Op, *inputs: Node, **params: Any) -> Node:
        return Node(op, inputs, params, op.infer(*[n.type for n in inputs], **params), origin)

    height, width = array.shape
    columns = node(iota, length=width, dtype=np.dtype(np.int64))
    rows = columns if height == width else node(iota, length=height, dtype=np.dtype(np.int64))
    rows = node(reshape, rows, shape=(height, 1))
    if diagonal:
        shift = add if diagonal > 0 else subtract
        rows = node(shift, rows, node(constant, value=np.int64(abs(diagonal))))
    mask = node(comparison, columns, rows)
    if array.dtype.kind == "b":
        return mask
    if value == 1:
        return node(convert, mask, dtype=array.dtype)
    zero = node(constant, value=array.dtype.type(0))
    return node(select, mask, node(constant, value=value), zero)
