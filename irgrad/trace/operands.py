"""Operands as users write them, made nodes: numbers, arrays, object arrays of traced scalars."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import EscapedTracerError, UnsupportedCallError
from irgrad.ir.graph import Node
from irgrad.ir.op import Operand
from irgrad.ops.create import constant, convert, size
from irgrad.ops.views import strided
from irgrad.trace.origins import location_here
from irgrad.trace.sizes import TracedSize


def readied(operand: Any) -> Any:
    """Return an operand as a tracer, an ndarray, a NumPy scalar or a Python number."""
    if isinstance(operand, Operand | int | float | complex | np.generic):
        return operand
    if isinstance(operand, TracedSize):
        return operand.trace.size(operand.dim)
    array = np.asarray(operand)
    if array.dtype != object:
        return array
    return joined(array)


def joined(array: np.ndarray) -> Any:
    """Return the traced array that an object array of traced scalars stands for."""
    if array.ndim == 0:
        element = array[()]
        if isinstance(element, Operand):
            return element
        raise UnsupportedCallError(
            f"an array of {type(element).__name__} objects has no numbers in it",
            remedy="pass arrays of numbers",
            location=location_here(),
        )
    if array.shape[0] == 0:
        return np.zeros(array.shape)
    return np.stack([readied(row) for row in array])


def dtype_or_weak(operand: Any) -> Any:
    """Return the dtype of an operand, or the Python type of a weak one."""
    if isinstance(operand, Operand):
        return operand.weak or operand.type.dtype
    if isinstance(operand, bool):
        return np.dtype(bool)
    if isinstance(operand, np.generic | np.ndarray):
        return operand.dtype
    return type(operand)


def as_node(trace: Any, operand: Any, dtype: np.dtype | None = None) -> Node:
    """Return the node of an operand, converted to ``dtype``."""
    operand = readied(operand)
    if isinstance(operand, Operand):
        if operand.tape is not trace:
            raise EscapedTracerError(
                "traced values of two different functions meet",
                remedy="pass the value as an argument instead of storing it outside",
                location=location_here(),
            )
        node = operand.node
        if dtype is not None and node.array_type.dtype != dtype:
            if node.op is constant:
                return trace.scalar(node.params["value"], dtype)
            if node.op is size:
                return trace.record(size, (), {"dim": node.params["dim"], "dtype": dtype})
            return trace.record(convert, (node,), {"dtype": dtype})
        return node
    if isinstance(operand, np.ndarray) and operand.ndim:
        node = trace.capture(operand)
        if dtype is not None and operand.dtype != dtype:
            return trace.record(convert, (node,), {"dtype": dtype})
        return node
    return trace.scalar(operand, dtype or np.asarray(operand).dtype)
