"""Which axis is worth going over in blocks, by what it saves and costs, and how long blocks are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import Memory
from irgrad.schedule.clusters import Cluster, cluster_along, readers_of, without_bystanders
from irgrad.schedule.fuse import Nest, fuse
from irgrad.schedule.storage import Place, paths, place_values
from irgrad.schedule.units import ROWS, Kernel, Routine, Unit, moves
from irgrad.schedule.unroll import LONGEST as UNROLLED

SHORT = 16
"""Elements up to which an axis is short: kept out of the innermost loops, or unrolled in them."""
ONE_VECTOR = 8
"""Elements of a row up to which LLVM makes a vector of it that it has written out."""
WORKING_SET = 49_152
"""Numbers that the scratch of a block may hold: 384 kB, of a second-level cache of 1 MB or so."""
FIRST_LEVEL = 4_096
"""Numbers that a loop inside may fill anew or read again in a trip: 32 kB, a first-level cache."""
WORTHWHILE = 3
"""How many numbers blocks must keep in the cache for each that they add to sums outside it."""
SHORTEST, LONGEST = 32, 512
"""Bounds on the rows of a block."""


def best_cluster(
    graph: Graph, units: Sequence[Unit], memory: Mapping[Node, Memory], overlapping: bool
) -> Cluster | None:
    """Return the cluster whose blocks save most memory, None where none saves enough.

    One is worth it as well that makes vectors of rows too short for them.
    """
    extents = {
        extent: None
        for unit in units
        if isinstance(unit, Kernel)
        for extent in unit.domain
        if isinstance(extent, dims.Size) or extent >= 2 * SHORTEST
    }
    if not extents or all(_is_simple(unit) for unit in units):
        return None
    around = paths(fuse(units))
    places = place_values(graph, units, memory, around)
    readers = readers_of(units)
    best: Cluster | None = None
    most = 0.0
    for extent in extents:
        cluster = cluster_along(extent, units, memory, overlapping)
        inside = {id(unit) for unit in cluster.inside}
        by_columns = _by_columns(cluster)
        saved = 0.0
        wanted = []
        for node, axis in cluster.axes.items():
            place = places[node]
            private = node not in graph.outputs and all(
                id(unit) in inside for unit in readers.get(node, ())
            )
            if private and _gains(node, place, axis, by_columns):
                saved += _elements(graph, node.array_type.shape) / number_of(graph, extent)
                wanted.append(node)
        without_bystanders(cluster, wanted, units, memory)
        if saved * length_of(saved) <= WORTHWHILE * _summed(graph, cluster):
            continue
        if saved < _cut_across(graph, cluster):
            continue
        if saved * number_of(graph, extent) > most:
            best, most = cluster, saved * number_of(graph, extent)
    return best


def _gains(node: Node, place: Place, axis: int, by_columns: bool) -> bool:
    """Tell whether blocks spare a value memory along an axis, or make vectors of its short rows."""
    if not place.path:
        return axis in place.axes
    return _has_short_rows(node, axis) and (by_columns or not place.scalar)


def _has_short_rows(node: Node, axis: int) -> bool:
    """Tell whether the rows of a value are too short to make vectors of.

    Where they have scratch of their own, blocks in which the rows are the innermost axis pay: the
    gradient of a layer norm over 5,000 rows of 8 takes 70 µs, and 352 row by row *(measured)*. The
    shortest are written out, in registers.
    """
    rest = [dim for other, dim in enumerate(node.array_type.shape) if other != axis]
    written_out = all(isinstance(dim, int) and dim <= UNROLLED for dim in rest)
    return all(map(is_narrow, rest)) and not written_out


def _by_columns(cluster: Cluster) -> bool:
    """Tell whether short rows are added up column by column, or meet a number for each column.

    LLVM writes such rows out and finds no vectors: the gradient of ``tanh((X - m) / s)`` by X and m
    over 5,000 rows of 8 takes 238 µs row by row, and 61 in blocks *(measured)*.
    """
    for unit in cluster.inside:
        if not isinstance(unit, Kernel):
            continue
        depth = cluster.depths[id(unit)]
        rest = [extent for place, extent in enumerate(unit.domain) if place != depth]
        width = math.prod(extent for extent in rest if isinstance(extent, int))
        if not all(map(is_narrow, rest)) or not UNROLLED < width < SHORT:
            continue
        if unit.fold is not None and unit.write and not _any_moves(unit.write, depth):
            return True
        columns = any(read.indices and not _any_moves(read.indices, depth) for read in unit.reads())
        if columns and width > ONE_VECTOR:
            return True
    return False


def _any_moves(indices: Sequence[Any], depth: int) -> bool:
    return any(moves(index, depth) for index in indices)


def scratch_of(
    graph: Graph, units: Sequence[Unit], memory: Mapping[Node, Memory], nest: Nest
) -> tuple[float, float]:
    """Return how many numbers of scratch one row needs, and those that a loop inside goes over.

    Those that are needed at a time: memory that is read for the last time is used again. A trip of
    a loop inside goes over what it fills anew, or over what it reads as all others do.
    """
    around = paths([nest])
    outside = {id(unit): () for unit in units if id(unit) not in around}
    places = place_values(graph, units, memory, around | outside)
    last = {read.node: number for number, unit in enumerate(units) for read in unit.reads()}
    sizes: dict[Node, float] = {}
    blocked: dict[Node, float] = {}
    now = most = anew = 0.0
    for number, unit in enumerate(units):
        done = [node for node in sizes if last.get(node, -1) == number]
        turns = isinstance(unit, Kernel) and unit.fold is None
        if turns:
            now -= sum(sizes.pop(node) for node in done)
        place = places.get(unit.node)
        if place is not None and place.blocked is not None and unit.node not in sizes:
            own = _elements(graph, place.shape(unit.node.array_type.shape)) / place.length
            sizes[unit.node] = blocked[unit.node] = own
            now += own
            anew += own if len(place.path) > 1 else 0.0
        most = max(most, now)
        if not turns:
            now -= sum(sizes.pop(node) for node in done)
    return most, max(anew, _read_again(graph, units, blocked))


def _read_again(graph: Graph, units: Sequence[Unit], sizes: Mapping[Node, float]) -> float:
    """Return the most numbers, for each row, in one trip of a loop that stands outside the rows.

    ``sizes`` says how many there are in all: the loops that an index moves with share them.
    """
    most = 0.0
    for unit in units:
        depth = next((d for d, extent in enumerate(unit.domain) if extent is ROWS), 0)
        if not isinstance(unit, Kernel) or depth < 2:
            continue
        indices = {unit.node: unit.write} | {read.node: read.indices for read in unit.reads()}
        trip = 0.0
        for node in indices.keys() & sizes.keys():
            trips = [
                float(number_of(graph, unit.domain[loop]))
                for loop in range(1, depth)
                if any(moves(index, loop) for index in indices[node])
            ]
            trip += sizes[node] / math.prod(trips)
        most = max(most, trip)
    return most


def _is_simple(unit: Unit) -> bool:
    """Tell whether a unit goes over one axis, element by element: fusion alone keeps such short."""
    return isinstance(unit, Kernel) and len(unit.domain) < 2 and unit.inplace is None


def number_of(graph: Graph, dim: Dim) -> int:
    """Return a size at the first call, 1 at least."""
    return max(dims.evaluate(dim, graph.hints), 1)


def _elements(graph: Graph, shape: Shape) -> float:
    return float(number_of(graph, dims.product(shape)))


def _summed(graph: Graph, cluster: Cluster) -> float:
    """Return how many numbers BLAS gives for each block, to be added to those of the others."""
    return sum(
        _elements(graph, unit.node.array_type.shape)
        for unit in cluster.inside
        if isinstance(unit, Routine) and unit.node not in cluster.axes
        and not is_short(unit, cluster)
    )


def _cut_across(graph: Graph, cluster: Cluster) -> float:
    """Return how many numbers, for each row of a block, lie in long arrays that blocks cut across.

    What such a block needs of an array lies in many pieces, which LLVM makes no vectors of.
    """
    own = {unit.node for unit in cluster.inside} - set(graph.outputs)
    found: dict[Node, float] = {}
    for unit in cluster.inside:
        if not isinstance(unit, Kernel):
            continue
        depth = cluster.depths[id(unit)]
        used = [(unit.node, unit.write), *((read.node, read.indices) for read in unit.reads())]
        for node, indices in used:
            shape = node.array_type.shape
            axis = next((axis for axis, index in enumerate(indices) if moves(index, depth)), 0)
            if node not in own and not all(map(is_narrow, shape[:axis])):
                found[node] = _elements(graph, shape) / number_of(graph, cluster.extent)
    return sum(found.values())


def length_of(numbers: float, again: float = 0.0) -> int:
    """Return how many rows a block has where each needs so many numbers, some again and again."""
    length = SHORTEST
    share = max(numbers / WORKING_SET, again / FIRST_LEVEL)
    while length < LONGEST and 2 * length * share <= 1.0:
        length *= 2
    return length


def is_short(unit: Routine, cluster: Cluster) -> bool:
    """Tell whether all axes of one product but its rows are short: loops over rows do it well."""
    row = cluster.letters[id(unit)]
    batch = len(unit.write)
    return all(
        letter == row or is_narrow(dim)
        for node, letters in zip(unit.operands, unit.detail.letters, strict=False)
        for letter, dim in list(zip(letters, node.array_type.shape, strict=True))[batch:]
    )


def is_narrow(extent: Dim) -> bool:
    """Tell whether an axis is known to be short."""
    return isinstance(extent, int) and extent <= SHORT
