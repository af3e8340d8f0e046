"""Clusters: units that can go over one long axis together, a block of it at a time.

A unit belongs to a cluster if what it reads from inside stands at the same place of that axis.
What a unit folds along the axis is finished only after the last block; its readers come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from irgrad.ir.dims import Dim
from irgrad.ir.graph import Node
from irgrad.schedule.products import Product
from irgrad.schedule.units import Kernel, Routine, Unit, variable


@dataclass
class Cluster:
    """The units of a cluster in order, and those that come before and after it.

    ``depths`` gives the loop over the axis in the domain of each kernel; ``letters`` the axis in
    the letters of each product; ``axes`` the axis in each value that has it.
    """

    extent: Dim
    before: list[Unit] = field(default_factory=list)
    inside: list[Unit] = field(default_factory=list)
    after: list[Unit] = field(default_factory=list)
    depths: dict[int, int] = field(default_factory=dict)
    letters: dict[int, str] = field(default_factory=dict)
    axes: dict[Node, int] = field(default_factory=dict)


def cluster_along(extent: Dim, units: Sequence[Unit]) -> Cluster:
    """Return the cluster of units along an axis of ``extent``; the first choices win."""
    cluster = Cluster(extent)
    late: set[Node] = set()
    made: dict[Node, int] = {}
    for unit in units:
        made[unit.node] = made.get(unit.node, 0) + 1
    for unit in units:
        reads = {read.node for read in unit.reads()}
        alone = made[unit.node] == 1 and not (isinstance(unit, Kernel) and unit.inplace)
        if not reads.isdisjoint(late) or (unit.node in late):
            cluster.after.append(unit)
            late.add(unit.node)
        elif alone and _joins(cluster, unit):
            cluster.inside.append(unit)
            if unit.node not in cluster.axes:
                late.add(unit.node)
        elif reads.isdisjoint(cluster.axes) and not _goes_on(unit, cluster, late):
            cluster.before.append(unit)
        else:
            cluster.after.append(unit)
            late.add(unit.node)
    return cluster


def without_bystanders(cluster: Cluster, wanted: Iterable[Node], units: Sequence[Unit]) -> None:
    """Leave in a cluster what is linked to the ``wanted`` values, and before it what that needs.

    The rest comes after it, where its readers are.
    """
    readers = readers_of(cluster.inside)
    makers = {unit.node: unit for unit in cluster.inside}
    linked: set[int] = set()
    stack: list[Unit] = [makers[node] for node in wanted]
    while stack:
        unit = stack.pop()
        if id(unit) in linked:
            continue
        linked.add(id(unit))
        stack.extend(readers.get(unit.node, ()) if unit.node in cluster.axes else ())
        stack.extend(makers[read.node] for read in unit.reads() if read.node in makers)
    needed = {node for unit in cluster.inside if id(unit) in linked for node in _needs(unit)}
    early = {id(unit) for unit in (*cluster.before, *cluster.inside)} - linked
    first: list[Unit] = []
    for unit in reversed(units):
        if id(unit) in early and unit.node in needed:
            needed.update(_needs(unit))
            first.append(unit)
    cluster.before = first[::-1]
    taken = {id(unit) for unit in first} | linked
    cluster.inside = [unit for unit in cluster.inside if id(unit) in linked]
    cluster.after = [unit for unit in units if id(unit) not in taken]


def _needs(unit: Unit) -> set[Node]:
    """Return the nodes whose values or memory a unit needs."""
    nodes = {read.node for read in unit.reads()}
    if isinstance(unit, Kernel) and unit.inplace is not None:
        nodes.add(unit.inplace)
    return nodes


def _goes_on(unit: Unit, cluster: Cluster, late: set[Node]) -> bool:
    """Tell whether a unit writes into memory that the cluster or a later unit begins."""
    begun = unit.inplace if isinstance(unit, Kernel) else None
    return begun is not None and (begun in late or begun in cluster.axes)


def _joins(cluster: Cluster, unit: Unit) -> bool:
    """Let a unit join if it can, and note how."""
    if isinstance(unit, Routine):
        return _product_joins(cluster, unit)
    for depth, extent in enumerate(unit.domain):
        if extent == cluster.extent and _fits(cluster, unit, depth):
            cluster.depths[id(unit)] = depth
            if variable(depth) in unit.write:
                cluster.axes[unit.node] = unit.write.index(variable(depth))
            return True
    return False


def _fits(cluster: Cluster, unit: Kernel, depth: int) -> bool:
    row = variable(depth)
    if unit.fold is None and row not in unit.write:
        return False
    return all(
        read.node not in cluster.axes
        or _index(read.indices, cluster.axes[read.node]) == row
        for read in unit.reads()
    )


def _index(indices: Sequence[object], axis: int) -> object:
    return indices[axis] if axis < len(indices) else None


def _product_joins(cluster: Cluster, unit: Routine) -> bool:
    """Let a product join, whose letters say which of its axes are the same."""
    product = unit.detail
    if not isinstance(product, Product):
        return False
    sizes: dict[str, Dim] = {}
    for node, letters in zip(unit.operands, product.letters, strict=False):
        sizes.update(zip(letters, node.array_type.shape, strict=True))
    batch = len(unit.write)
    for letter, size in sizes.items():
        operands = list(zip(unit.operands, product.letters, strict=False))
        if size != cluster.extent or not all(
            node not in cluster.axes or letters.find(letter) == cluster.axes[node]
            for node, letters in operands
        ):
            continue
        places = [letters.find(letter) for letters in product.letters]
        # BLAS takes rows that follow each other in memory
        if any(place not in (-1, batch) for place in places):
            continue
        cluster.letters[id(unit)] = letter
        if places[2] >= 0:
            cluster.axes[unit.node] = places[2]
        return True
    return False


def readers_of(units: Iterable[Unit]) -> dict[Node, list[Unit]]:
    """Return the units that read each node."""
    readers: dict[Node, list[Unit]] = {}
    for unit in units:
        for node in {read.node for read in unit.reads()}:
            readers.setdefault(node, []).append(unit)
    return readers
