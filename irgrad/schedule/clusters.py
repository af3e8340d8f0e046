"""Clusters: units that can go over one long axis together, a block of it at a time.

A unit belongs to a cluster if what it reads from inside stands at the same place of that axis.
What a unit folds along the axis is finished only after the last block; its readers come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from irgrad.ir.dims import Dim
from irgrad.ir.graph import Node
from irgrad.schedule.build import Memory, root_of
from irgrad.schedule.products import Product
from irgrad.schedule.units import Kernel, Routine, Unit, is_dim, moves, variable


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


def cluster_along(
    extent: Dim, units: Sequence[Unit], memory: Mapping[Node, Memory], overlapping: bool
) -> Cluster:
    """Return the cluster of units along an axis of ``extent``; the first choices win.

    Writes into parts of an array are among them if ``overlapping``.
    """
    cluster = Cluster(extent)
    late: set[Node] = set()
    made: dict[Node, int] = {}
    for unit in units:
        made[unit.node] = made.get(unit.node, 0) + 1
    rest = list(reversed(units))
    while rest:
        unit = rest.pop()
        needs = _needs(unit)
        chain = [unit, *_chain(unit, rest, memory)]
        if not needs.isdisjoint(late):
            cluster.after.append(unit)
            late.add(unit.node)
        elif overlapping and _writes_in_part(unit) and _chain_joins(cluster, chain, late):
            cluster.inside += chain
            late.update(one.node for one in chain)
            del rest[len(rest) - len(chain) + 1 :]
        elif made[unit.node] == 1 and not _writes_in_part(unit) and _joins(cluster, unit):
            cluster.inside.append(unit)
            if unit.node not in cluster.axes:
                late.add(unit.node)
        elif needs.isdisjoint(cluster.axes):
            cluster.before.append(unit)
        else:
            cluster.after.append(unit)
            late.add(unit.node)
    return cluster


def _writes_in_part(unit: Unit) -> bool:
    return isinstance(unit, Kernel) and unit.inplace is not None


def _writes_same(one: Unit, other: Unit, memory: Mapping[Node, Memory]) -> bool:
    same = root_of(one.node, memory) is root_of(other.node, memory)
    return _writes_in_part(one) and same


def _chain(unit: Unit, rest: Sequence[Unit], memory: Mapping[Node, Memory]) -> list[Unit]:
    """Return the units after one that go on writing into the same memory; ``rest`` is reversed."""
    chain: list[Unit] = []
    if _writes_in_part(unit):
        root = root_of(unit.node, memory)
        for other in reversed(rest):
            if not _writes_in_part(other) or root_of(other.node, memory) is not root:
                break
            chain.append(other)
    return chain


def _chain_joins(cluster: Cluster, chain: Sequence[Unit], late: set[Node]) -> bool:
    """Let writes into parts of an array join if they can: all of them add, or all but the first.

    Blocks go upwards, so what the first sets lies beyond what the others have added to by then.
    """
    depths: list[int] = []
    starts: list[int] = []
    for unit in chain:
        assert isinstance(unit, Kernel)
        fits = (
            (depth, start)
            for depth, extent in enumerate(unit.domain)
            if extent == cluster.extent
            and (start := _start(unit, depth)) is not None
            and _aligned(cluster, unit, depth)
        )
        depth, start = next(fits, (-1, -1))
        if depth < 0 or (starts and unit.fold != "x + y") or not _needs(unit).isdisjoint(late):
            return False
        depths.append(depth)
        starts.append(start)
    if chain[0].fold is None and starts[0] < max(starts):  # type: ignore[union-attr]
        return False
    if chain[0].fold not in (None, "x + y"):  # type: ignore[union-attr]
        return False
    cluster.depths |= {id(unit): depth for unit, depth in zip(chain, depths, strict=True)}
    return True


def _start(unit: Kernel, depth: int) -> int | None:
    """Return where on its axis a write begins that moves with the loop at ``depth`` alone."""
    moving = [index for index in unit.write if is_dim(index) and moves(index, depth)]
    start = moving[0] - variable(depth) if len(moving) == 1 else None
    indirect = not all(is_dim(index) for index in unit.write)
    return None if indirect or not isinstance(start, int) or start < 0 else start


def without_bystanders(
    cluster: Cluster,
    wanted: Iterable[Node],
    units: Sequence[Unit],
    memory: Mapping[Node, Memory],
) -> None:
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
        if _writes_in_part(unit):
            stack.extend(u for u in cluster.inside if _writes_same(u, unit, memory))
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
    makes_it = variable(depth) in unit.write
    return (unit.fold is not None or makes_it) and _aligned(cluster, unit, depth)


def _aligned(cluster: Cluster, unit: Kernel, depth: int) -> bool:
    """Tell whether a kernel reads values of the cluster at the place it is at itself."""
    row = variable(depth)
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
