"""Fusion: which units share loops.

Units are placed one after another, in an order of evaluation, into *groups*. A group is a loop
over one extent, or a single unit without one. A unit joins a group whose loop it can share with
the units it reads from: those must have finished the element it reads when the shared iteration
reaches it, and nothing it needs from elsewhere may itself need that group. Inside a group the
same problem arises one axis further in, and is solved the same way.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from irgrad.ir.dims import Dim
from irgrad.ir.graph import Node
from irgrad.schedule.units import Kernel, Read, Unit, moves, variable


@dataclass(eq=False)
class Nest:
    """A loop over the variable of ``depth`` and what runs inside, in order.

    With a ``length``, it goes over blocks of so many elements.
    """

    depth: int
    extent: Dim
    items: list[Item]
    length: int | None = None


Item = Unit | Nest


@dataclass(eq=False)
class _Group:
    number: int
    extent: Dim | None
    units: list[Unit] = field(default_factory=list)
    reads: set[Node] = field(default_factory=set)
    needs: set[_Group] = field(default_factory=set)
    rank: int = 0


@dataclass(frozen=True)
class Dependences:
    """Which units make the nodes that a unit reads or goes on writing."""

    makers: dict[Node, list[Unit]]

    def of(self, unit: Unit) -> list[tuple[Unit, list[Read] | None]]:
        """Return the units that ``unit`` needs, with its reads of them (None: the whole)."""
        needed: dict[int, tuple[Unit, list[Read] | None]] = {}
        for read in unit.reads():
            for maker in self.makers.get(read.node, ()):
                if maker is unit:
                    continue
                known = needed.setdefault(id(maker), (maker, []))
                if known[1] is not None:
                    known[1].append(read)
        if isinstance(unit, Kernel) and unit.inplace not in (None, unit.node):
            for maker in self.makers.get(unit.inplace, ()):
                needed[id(maker)] = (maker, None)
        for maker in self.makers.get(unit.node, ()):
            if maker is unit:
                break  # units of one node run in the order they were built
            needed[id(maker)] = (maker, None)
        return list(needed.values())


def fuse(units: Sequence[Unit]) -> list[Item]:
    """Return the units arranged in loop nests."""
    return _arrange(units, 0, _dependences(units))


def arrange_inside(units: Sequence[Unit]) -> list[Item]:
    """Return the units that share their outermost loop arranged inside it."""
    return _arrange(units, 1, _dependences(units))


def _dependences(units: Sequence[Unit]) -> Dependences:
    makers: dict[Node, list[Unit]] = {}
    for unit in units:
        makers.setdefault(unit.node, []).append(unit)
    return Dependences(makers)


def _arrange(units: Sequence[Unit], depth: int, dependences: Dependences) -> list[Item]:
    groups: list[_Group] = []
    home: dict[int, _Group] = {}
    for unit in units:
        extent = unit.domain[depth] if len(unit.domain) > depth else None
        needed = [
            (home[id(maker)], maker, reads)
            for maker, reads in dependences.of(unit)
            if id(maker) in home
        ]
        group = _home_for(unit, extent, needed, groups, depth) if extent is not None else None
        if group is None:
            group = _Group(len(groups), extent)
            groups.append(group)
        group.needs.update(other for other, _, _ in needed if other is not group)
        group.units.append(unit)
        group.reads.update(read.node for read in unit.reads())
        group.rank = max(group.rank, len(unit.domain))
        home[id(unit)] = group
    _merge(groups, home, dependences, depth)
    items: list[Item] = []
    for group in _in_order(groups):
        if group.extent is None:
            items.extend(group.units)
        else:
            items.append(Nest(depth, group.extent, _arrange(group.units, depth + 1, dependences)))
    return items


def _home_for(
    unit: Unit,
    extent: Dim,
    needed: Sequence[tuple[_Group, Unit, list[Read] | None]],
    groups: Sequence[_Group],
    depth: int,
) -> _Group | None:
    """Return the group whose loop ``unit`` can and should share."""
    producing = {id(group) for group, _, _ in needed}
    behind = _behind({group for group, _, _ in needed})
    related: _Group | None = None
    unrolled = depth > 1 and isinstance(extent, int)  # nothing is gained by sharing such a loop
    own = {read.node for read in unit.reads()}
    for group in groups:
        if group.extent != extent:
            continue
        if group in behind or not all(
            _shares(maker, unit, reads, depth) for other, maker, reads in needed if other is group
        ):
            continue
        if id(group) in producing:
            return group
        if related is None and group.rank == len(unit.domain) and not own.isdisjoint(group.reads):
            related = None if unrolled else group
    return related


def _merge(
    groups: list[_Group], home: dict[int, _Group], dependences: Dependences, depth: int
) -> None:
    """Join loops whose values flow straight from one to the other, found only afterwards."""
    changed = True
    while changed:
        changed = False
        for reader in groups:
            for maker in sorted(reader.needs, key=lambda group: group.number):
                if maker.extent is None or maker.extent != reader.extent:
                    continue
                if maker in _behind(reader.needs - {maker}) or not _all_share(
                    maker, reader, home, dependences, depth
                ):
                    continue
                _absorb(maker, reader, groups, home)
                changed = True
                break
            if changed:
                break


def _all_share(
    maker: _Group, reader: _Group, home: dict[int, _Group], dependences: Dependences, depth: int
) -> bool:
    return all(
        _shares(made_by, unit, reads, depth)
        for unit in reader.units
        for made_by, reads in dependences.of(unit)
        if home.get(id(made_by)) is maker
    )


def _absorb(maker: _Group, reader: _Group, groups: list[_Group], home: dict[int, _Group]) -> None:
    """Move everything in ``maker`` to the front of ``reader``."""
    reader.units[:0] = maker.units
    reader.reads |= maker.reads
    reader.rank = max(reader.rank, maker.rank)
    reader.needs = (reader.needs | maker.needs) - {maker, reader}
    for unit in maker.units:
        home[id(unit)] = reader
    groups.remove(maker)
    for number, group in enumerate(groups):
        group.number = number
        if maker in group.needs:
            group.needs.discard(maker)
            if group is not reader:
                group.needs.add(reader)


def _behind(groups: Iterable[_Group]) -> set[_Group]:
    """Return the groups that ``groups`` need, directly or not."""
    found: set[_Group] = set()
    stack = [need for group in groups for need in group.needs]
    while stack:
        group = stack.pop()
        if group not in found:
            found.add(group)
            stack.extend(group.needs)
    return found


def _in_order(groups: Sequence[_Group]) -> list[_Group]:
    """Return the groups in an order of evaluation, as near to the order of making as can be."""
    readers: dict[_Group, list[_Group]] = {group: [] for group in groups}
    waiting = {group: len(group.needs) for group in groups}
    for group in groups:
        for need in group.needs:
            readers[need].append(group)
    ready = [group.number for group in groups if not waiting[group]]
    heapq.heapify(ready)
    order: list[_Group] = []
    while ready:
        group = groups[heapq.heappop(ready)]
        order.append(group)
        for reader in readers[group]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, reader.number)
    return order


def _shares(maker: Unit, unit: Unit, reads: list[Read] | None, depth: int) -> bool:
    """Tell whether ``unit`` can run in the same iteration of the loop at ``depth`` as ``maker``."""
    if reads is None:
        # Both add to parts of the same memory. Parts that are shifted against each other stay in
        # loops of their own: overlapping reads and writes in one loop can't be vectorised.
        return (
            isinstance(maker, Kernel)
            and isinstance(unit, Kernel)
            and maker.fold is not None
            and maker.fold == unit.fold
            and maker.write == unit.write
        )
    if isinstance(maker, Kernel) and maker.inplace is not None:
        return False
    moving = [index for index in maker.write if moves(index, depth)]
    if len(moving) != 1 or moving[0] not in (variable(depth), variable(0) + variable(depth)):
        return False
    position = maker.write.index(moving[0])
    return all(
        position < len(read.indices) and read.indices[position] == moving[0] for read in reads
    )
