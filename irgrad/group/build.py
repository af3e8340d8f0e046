"""A graph with its regions of scalars put into programs over cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from irgrad.group.op import PREFIX, op_of
from irgrad.group.programs import OWN, Kind, Place, Program
from irgrad.group.regions import Region, in_runs, is_element
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node, needed
from irgrad.ir.op import Elementwise
from irgrad.ir.origin import Origin
from irgrad.ir.types import ArrayType
from irgrad.ops.create import constant, convert
from irgrad.ops.index import gather
from irgrad.ops.shape import concatenate, reshape
from irgrad.ops.views import strided
from irgrad.trace.trace import finished
from irgrad.trace.tracer import Trace

CELL = np.dtype(np.uint32)
"""Of the places of cells: unsigned, so that numba need not ask whether one counts from the end."""
_Sort = tuple[bool, np.dtype]
"""Whether an operand is a constant, and its dtype."""
_KindKey = tuple[Any, ...]
"""An op, its dtype, and the sort of each operand."""


class Builder:
    """Builds a graph with a program for each region."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.trace = Trace(dims.Assumptions(graph.hints, dict.fromkeys(graph.guards)))
        self.trace.nodes = list(graph.inputs)
        self.trace.inputs = list(graph.inputs)
        self.made: dict[Node, Node] = {node: node for node in graph.inputs}
        self.kept = set(graph.outputs)
        """What is read outside its layer."""
        self.tables: list[np.ndarray] = []
        self.programs: list[Program] = []

    def build(self, layers: Sequence[Region | Node]) -> Graph:
        """Return the graph of these layers; its last inputs are ``tables``."""
        for layer in layers:
            self.kept.update(layer.outside if isinstance(layer, Region) else layer.inputs)
        with dims.assuming(self.trace.assumptions):
            for layer in layers:
                if isinstance(layer, Region):
                    self._region(layer)
                elif layer not in self.made:
                    self._node(layer)
            results = tuple(self.made[node] for node in self.graph.outputs)
        alive = needed(self.trace.nodes, results).union(self.trace.inputs)
        self.trace.nodes = [node for node in self.trace.nodes if node in alive]
        return finished(self.trace, results, self.graph.name)

    def _node(self, node: Node) -> None:
        inputs = tuple([self.made[operand] for operand in node.inputs])
        new = node
        if inputs != node.inputs:
            new = Node(node.op, inputs, node.params, node.type, node.origin)
        self.trace.nodes.append(new)
        self.made[node] = new

    def _region(self, region: Region) -> None:
        self.trace.origin = region.nodes[-1].origin
        cells = _Cells(region)
        start = self._start(region, cells)
        rows, numbers, keys = cells.records(region)
        order = in_runs(rows, numbers, cells.length)
        places = np.arange(cells.length + len(order))
        places[cells.length + np.array(order)] = places[cells.length :].copy()
        constants = np.array(cells.constants, region.dtype)
        has_constants = int(constants.size > 0)
        program = Program(
            name=PREFIX if not self.programs else f"{PREFIX}_{len(self.programs) + 1}",
            names=("constants", "cell_values")[1 - has_constants :],
            kinds=tuple(_kind(key, region.dtype, has_constants) for key in keys),
            fixed=has_constants,
            added=(len(order),),
            constant=frozenset(range(has_constants)),
            own=cells.length,
            backward=False,
            careful=any(op.selects or op.unbounded for op, *_ in keys),
            dtype=region.dtype,
            origins=_origins(region.nodes),
        )
        self.programs.append(program)
        operands = [self._table("constants", constants)] if has_constants else []
        groups = self._table("groups", _runs(np.array(numbers)[order]))
        operands += [start, groups, self._table("cells", _moved(rows, places)[order])]
        whole = self.trace.record(op_of(program), tuple(operands), {})
        for node, place in zip(region.nodes, places[cells.length :].tolist(), strict=True):
            if node in self.kept:
                params = {"starts": (place,), "sizes": (1,), "steps": (1,), "dropped": (0,)}
                value = self.trace.record(strided, (whole,), params)
                if node.array_type != value.array_type:
                    value = self._converted(value, node.array_type.dtype)
                self.made[node] = value
        self.trace.origin = None

    def _start(self, region: Region, cells: _Cells) -> Node:
        """Return the vector of what the region reads from outside."""
        parts: list[Any] = []
        for array, reads in cells.elements.items():
            axes = range(array.array_type.rank)
            tables = [
                self._table("places", np.array([read.params["starts"][axis] for read in reads]))
                for axis in axes
            ]
            operands = (self.made[array], *tables)
            parts.append(self.trace.record(gather, operands, {"axes": tuple(axes)}))
        for scalar in cells.scalars:
            node = self.made[scalar]
            if node.array_type.dtype != region.dtype:
                node = self._converted(node, region.dtype)
            parts.append(self.trace.record(reshape, (node,), {"shape": (1,)}))
        if len(parts) == 1:
            only: Node = parts[0]
            return only
        return self.trace.record(concatenate, tuple(parts), {"axis": 0})

    def _converted(self, node: Node, dtype: np.dtype) -> Node:
        return self.trace.record(convert, (node,), {"dtype": dtype})

    def _table(self, name: str, array: np.ndarray) -> Node:
        """Return the input through which the graph has an array."""
        self.tables.append(array)
        taken = {node.params["name"] for node in self.trace.inputs}
        free, number = name, 2
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        return self.trace.input(free, ArrayType(array.dtype, array.shape)).node


class _Cells:
    """Where a region has its numbers: constants apart, then what comes from outside, then its own.

    Elements of one array are gathered at once, so that they have one cotangent. A constant is
    ``~k`` among the ``places``, where ``k`` is its place among the constants.
    """

    def __init__(self, region: Region) -> None:
        self.constants: list[Any] = []
        self.elements: dict[Node, list[Node]] = {}
        self.scalars: list[Node] = []
        self.places: dict[Node, int] = {}
        self.length = 0
        self._known: dict[bytes, int] = {}
        for node in region.outside:
            if is_element(node) and node.array_type.dtype == region.dtype:
                self.elements.setdefault(node.inputs[0], []).append(node)
        for reads in self.elements.values():
            for read in reads:
                self.places[read] = self.length
                self.length += 1
        for node in region.outside:
            if node.op is constant:
                self.places[node] = ~self._constant(node, region.dtype)
            elif node not in self.places:
                self.places[node] = self.length
                self.scalars.append(node)
                self.length += 1

    def _constant(self, node: Node, dtype: np.dtype) -> int:
        value = np.asarray(node.params["value"]).astype(dtype)[()]
        known = self._known.setdefault(value.tobytes(), len(self.constants))
        if known == len(self.constants):
            self.constants.append(value)
        return known

    def records(self, region: Region) -> tuple[list[list[int]], list[int], list[_KindKey]]:
        """Return what each record reads and the number of its kind; and what makes each kind.

        Records are alike where the op is, and the dtypes and the banks of the operands.
        """
        sorts: dict[_Sort, int] = {}
        every = [*region.nodes, *region.outside]
        types = {id(node.type): node.array_type.dtype for node in every}
        of_type = {
            key: sorts.setdefault((False, dtype), len(sorts)) for key, dtype in types.items()
        }
        sort = {node: of_type[id(node.type)] for node in every}
        for node in region.outside:
            if node.op is constant:
                sort[node] = sorts.setdefault((True, node.array_type.dtype), len(sorts))
        places = self.places
        places.update(zip(region.nodes, count(self.length)))
        rows = [[places[operand] for operand in node.inputs] for node in region.nodes]
        kinds: dict[tuple[Any, ...], int] = {}
        numbers = [
            kinds.setdefault(
                (node.op, sort[node], *[sort[operand] for operand in node.inputs]), len(kinds)
            )
            for node in region.nodes
        ]
        known = list(sorts)
        keys = [(op, known[own][1], *[known[k] for k in read]) for op, own, *read in kinds]
        return rows, numbers, keys


def _moved(rows: list[list[int]], places: np.ndarray) -> np.ndarray:
    """Return a table of the cells that records read, from where they stand before the ordering."""
    width = max(map(len, rows))
    table = np.array([row + [-1] * (width - len(row)) for row in rows])
    return np.where(table < 0, ~table, places[table]).astype(CELL)


def _origins(nodes: Sequence[Node]) -> tuple[tuple[Origin, int], ...]:
    """Return the origins of nodes and how often each is one, the most frequent first."""
    # By identity: origins are unique, and hashing one hashes code objects.
    counts = Counter([id(node.origin) for node in nodes])
    origins = {id(node.origin): node.origin for node in nodes}
    found = [(origins[key], times) for key, times in counts.most_common()]
    return tuple((origin, times) for origin, times in found if origin is not None)


def _kind(key: _KindKey, dtype: np.dtype, numbers: int) -> Kind:
    """Return what records of a kind do; truth values are numbers in the cells."""
    op, own, *operands = key
    assert isinstance(op.lowering, Elementwise)
    trace = Trace(dims.Assumptions())
    reads = []
    values = []
    for column, (fixed, kind) in enumerate(operands):
        value = trace.input(f"x{column}", ArrayType(dtype, ())).node
        reads.append(Place(0 if fixed else numbers, column))
        if kind != dtype:
            value = trace.record(convert, (value,), {"dtype": kind})
        values.append(value)
    result = trace.record(op, tuple(values), {})
    if own != dtype:
        result = trace.record(convert, (result,), {"dtype": dtype})
    graph = finished(trace, (result,), op.name)
    return Kind(graph, tuple(reads), (Place(numbers, OWN),), len(reads))


def _runs(numbers: np.ndarray) -> np.ndarray:
    """Return a row for each run of equal numbers: the number, the first place, the one after."""
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    return np.stack([numbers[starts], starts, np.append(starts[1:], len(numbers))], axis=1)
