"""Operands as users write them, made nodes: numbers, arrays, object arrays of traced scalars."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.graph import Node
from irgrad.ir.op import Operand
from irgrad.ops.axes import shape_of
from irgrad.ops.create import constant, convert, size
from irgrad.ops.views import strided
from irgrad.trace.origins import location_here
from irgrad.trace.sizes import TracedSize

WEAK_OPERATORS = frozenset(
    "add subtract multiply divide negative positive power absolute floor_divide remainder "
    "real imag conjugate".split()
)
"""Ops that make a number of Python of numbers of Python."""

WEAK_KINDS: dict[str, type] = {"f": float, "c": complex, "i": int, "u": int}
"""The type of number in Python of the elements of a kind of dtype; truth values are no weaker."""


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
    if array.size == 0:
        return np.zeros(array.shape)
    elements = array.ravel().tolist()
    if not all(map(_is_number, elements)):
        return np.stack([readied(row) for row in array])
    parts = [_part(run) for run in _runs(elements)]
    flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return flat if array.ndim == 1 else np.reshape(flat, array.shape)


def _is_number(element: Any) -> bool:
    if isinstance(element, Operand):
        return not shape_of(element)
    return isinstance(element, int | float | complex | np.generic | TracedSize)


def _runs(elements: list[Any]) -> list[list[tuple[Any, Any, int]]]:
    """Group elements that stand side by side in one array, or are plain numbers.

    ``np.asarray(x)`` takes ``x`` to its elements; so they are put together again as one part.
    """
    runs: list[list[tuple[Any, Any, int]]] = []
    for element in elements:
        source, place = _origin(element)
        if runs:
            _, before, last = runs[-1][-1]
            if before is source and (source is None or place == last + 1):
                runs[-1].append((element, source, place))
                continue
        runs.append([(element, source, place)])
    return runs


def _origin(element: Any) -> tuple[Any, int]:
    """Return the array that an element was read from, and its place in C order.

    The array is None for plain numbers, and the element itself where it was read from none.
    """
    if not isinstance(element, Operand):
        return (None, 0) if not isinstance(element, TracedSize) else (element, 0)
    node: Node = element.node  # type: ignore[attr-defined]
    if node.op is not strided:
        return element, 0
    place: Any = 0
    shape = node.inputs[0].array_type.shape
    for axis, start in enumerate(node.params["starts"]):
        if not isinstance(start, int) or (axis and not isinstance(shape[axis], int)):
            return element, 0
        place = place * (shape[axis] if axis else 1) + start
    return node.inputs[0], place


def _part(run: list[tuple[Any, Any, int]]) -> Any:
    """Return the vector of the elements of a run."""
    element, source, place = run[0]
    if source is None:
        return np.asarray([number for number, _, _ in run])
    if not isinstance(source, Node):
        return np.reshape(readied(element), (1,))
    whole = type(element)(element.tape, source)
    size = whole.type.size
    flat = whole if len(whole.type.shape) == 1 else np.reshape(whole, -1)
    if place == 0 and size == len(run):
        return flat
    return strided(flat, starts=(place,), sizes=(len(run),), steps=(1,), dropped=())


def dtype_or_weak(operand: Any) -> Any:
    """Return the dtype of an operand, or the Python type of a weak one."""
    if hasattr(operand, "weak"):
        return operand.weak or operand.type.dtype
    if isinstance(operand, bool):
        return np.dtype(bool)
    if isinstance(operand, np.generic | np.ndarray):
        return operand.dtype
    return type(operand)


def as_node(trace: Any, operand: Any, dtype: np.dtype | None = None) -> Node:
    """Return the node of an operand, converted to ``dtype``."""
    operand = readied(operand)
    node: Node
    if isinstance(operand, Operand):
        tape, node = operand.tape, operand.node  # type: ignore[attr-defined]
        node = node if tape is trace else trace.enter(operand)
    elif isinstance(operand, np.ndarray) and operand.ndim:
        node = trace.capture(operand)
    else:
        node = trace.scalar(operand, dtype or np.asarray(operand).dtype)
    if dtype is None or node.array_type.dtype == dtype:
        return node
    if node.op is constant:
        node = trace.scalar(node.params["value"], dtype)
    elif node.op is size:
        node = trace.record(size, (), {"dim": node.params["dim"], "dtype": dtype})
    else:
        node = trace.record(convert, (node,), {"dtype": dtype})
    return node
