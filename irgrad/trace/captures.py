"""The user's arrays that a trace reads besides its arguments, as few inputs as they can be.

A loop over the rows of a data set meets a new view of it in every iteration, and code that fills
an array of its own makes one in each. As inputs apart they would be as many as there are
iterations, and no two iterations alike. So a view is read as a part of the array it looks at, and
arrays that nothing else holds are put together as one.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ir.types import ArrayType
from irgrad.ops.shape import reshape
from irgrad.ops.views import strided
from irgrad.trace.patterns import pattern

_FEW = 3
"""How many arrays of one type are worth putting together: as many as make a loop."""

Captured = tuple[np.ndarray, Node]


@dataclass(frozen=True, slots=True)
class Part:
    """A strided part of an array, once that is taken to have ``shape``."""

    whole: np.ndarray
    shape: tuple[int, ...]
    params: dict[str, Any]


def part_of(array: np.ndarray) -> Part | None:
    """Return which part of which array a view is; None of what is no view, or no such part."""
    whole = array
    while type(whole.base) is np.ndarray:
        whole = whole.base
    flags = whole.flags
    plain = flags.c_contiguous and flags.aligned and flags.writeable
    if whole is array or not plain or whole.dtype != array.dtype or not array.size:
        return None
    offset, rest = divmod(_address(array) - _address(whole), whole.itemsize)
    if rest or not 0 <= offset < whole.size:
        return None
    rows = whole.size // array.size
    shapes = [whole.shape, (rows, *array.shape)]  # NumPy says whose memory it is, not which axes
    for shape in shapes[: 2 if rows * array.size == whole.size else 1]:
        params = _params(array, whole.reshape(shape), offset)
        if params is not None:
            return Part(whole, shape, params)
    return None


def _params(array: np.ndarray, whole: np.ndarray, offset: int) -> dict[str, Any] | None:
    """Return the params of ``strided`` that take ``array`` out of ``whole``, None if none do."""
    starts = np.unravel_index(offset, whole.shape)
    axes = list(zip(array.shape, array.strides, strict=True))
    sizes, steps, dropped = [1] * whole.ndim, [1] * whole.ndim, list(range(whole.ndim))
    for axis in reversed(range(whole.ndim)):
        if not axes:
            break
        size, stride = axes[-1]
        step, rest = divmod(stride, whole.strides[axis])
        if rest or not step or not 0 <= starts[axis] + step * (size - 1) < whole.shape[axis]:
            continue
        axes.pop()
        sizes[axis], steps[axis] = size, step
        dropped.remove(axis)
    if axes:
        return None
    return {
        "starts": tuple(map(int, starts)),
        "sizes": tuple(sizes),
        "steps": tuple(steps),
        "dropped": tuple(dropped),
    }


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


class Captures:
    """The arrays that a trace has met besides its arguments, each with the input that carries it.

    Arrays are known by their identity, so all of them are kept.
    """

    def __init__(self, trace: Any) -> None:
        self._trace = trace
        self.arrays: dict[int, Captured] = {}
        self._count = -1

    def node_of(self, array: np.ndarray) -> Node:
        """Return the input that carries an array."""
        known = self.arrays.get(id(array))
        if known is None:
            self._count += 1
            name = f"captured_{self._count}"
            node = self._trace.input(name, ArrayType(array.dtype, array.shape)).node
            known = self.arrays[id(array)] = (array, node)
        return known[1]

    def put_together(self) -> None:
        """Make parts of one input of the views of one array, and of arrays of one type.

        Of such arrays as nothing but the trace holds: nobody can change them, so their contents
        may be copied, equal ones be one, and patterns be computed.
        """
        self._find_patterns()
        for group in self._views():
            whole = self._shaped(group[0][1])
            for captured, part in group:
                self._replace(captured, whole, part.params)
        for alone in self._alone():
            rows = np.stack([array for array, _ in alone])
            table = self.node_of(rows)
            for place, captured in enumerate(alone):
                self._replace(captured, table, _row(place, rows.shape))
        replaced = self._trace.replaced
        self._trace.inputs = [node for node in self._trace.inputs if node not in replaced]

    def _find_patterns(self) -> None:
        """Compute the patterns among the arrays that nothing but the trace holds, each once."""
        known: dict[Any, Node] = {}
        for group in self._alone(1):
            for array, node in group:
                if array.base is not None:
                    continue
                key = (node.type, array.tobytes())
                if key not in known:
                    found = pattern(array, node.origin)
                    if found is None:
                        continue
                    known[key] = found
                self._trace.replaced[node] = known[key]
                del self.arrays[id(array)]

    def _shaped(self, part: Part) -> Node:
        node = self.node_of(part.whole)
        if part.shape == part.whole.shape:
            return node
        type = node.array_type.with_shape(part.shape)
        return Node(reshape, (node,), {"shape": part.shape}, type, node.origin)

    def _replace(self, captured: Captured, whole: Node, params: dict[str, Any]) -> None:
        array, node = captured
        self._trace.replaced[node] = Node(strided, (whole,), params, node.type, node.origin)
        del self.arrays[id(array)]

    def _views(self) -> list[list[tuple[Captured, Part]]]:
        """Return the views, with what they look at, in groups of one array and shape."""
        groups: dict[Any, list[tuple[Captured, Part]]] = {}
        for captured in self.arrays.values():
            part = part_of(captured[0])
            if part is not None:
                groups.setdefault((id(part.whole), part.shape), []).append((captured, part))
        return [group for group in groups.values() if len(group) >= _FEW]

    def _alone(self, least_many: int = _FEW) -> list[list[Captured]]:
        """Return the arrays that nothing but the trace holds, in groups of one type."""
        pairs = list(self.arrays.values())
        probe = [(np.empty(1), None)]
        least = [sys.getrefcount(array) for array, _ in probe]
        counts = [sys.getrefcount(array) for array, _ in pairs]
        groups: dict[Any, list[Captured]] = {}
        for captured, count in zip(pairs, counts, strict=True):
            if count == least[0]:
                groups.setdefault(captured[1].type, []).append(captured)
        return [group for group in groups.values() if len(group) >= least_many]


def _row(place: int, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the params of ``strided`` that take a row out of a table."""
    return {
        "starts": (place, *(0 for _ in shape[1:])),
        "sizes": (1, *shape[1:]),
        "steps": (1,) * len(shape),
        "dropped": (0,),
    }


__all__ = ["Captures", "Part", "part_of"]
