"""How the values of units are read, and which units fold: what lowering decides by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irgrad.ir import loops
from irgrad.ir.graph import Node
from irgrad.schedule.fuse import Item, Nest
from irgrad.schedule.storage import Path
from irgrad.schedule.units import Kernel, Routine, Unit, moves


@dataclass(frozen=True)
class Reading:
    """How values are read: ``once`` in the body that makes them; ``at_once``, while at hand."""

    once: frozenset[Node]
    at_once: frozenset[Node]


def read_values(
    units: Sequence[Unit], around: Mapping[int, Path], maker: Mapping[Node, Unit]
) -> Reading:
    """Find out how the value of every kernel is read."""
    count: dict[Node, int] = {}
    apart: set[Node] = set()
    at_once: set[Node] = set()
    for unit in units:
        if isinstance(unit, Routine):
            apart.update(unit.operands)
            continue
        path = around[id(unit)]
        for node, times in unit.uses():
            count[node] = count.get(node, 0) + times
        for read in unit.reads():
            made_by = maker.get(read.node)
            if not isinstance(made_by, Kernel) or made_by is unit:
                continue
            made = around[id(made_by)]
            if made != path:
                apart.add(read.node)
            if is_fold(made_by):
                depth = fold_depth(made_by)
                if depth is None:
                    continue
                made = made[:depth]
            if made and made == path[: len(made)] and made_by.write == read.indices:
                at_once.add(read.node)
    once = {node for node, number in count.items() if number == 1} - apart
    return Reading(frozenset(once), frozenset(at_once))


def kernels_in(nest: Nest) -> Iterable[Kernel]:
    stack: list[Item] = list(reversed(nest.items))
    while stack:
        item = stack.pop()
        if isinstance(item, Nest):
            stack.extend(reversed(item.items))
        elif isinstance(item, Kernel):
            yield item


def is_fold(kernel: Kernel) -> bool:
    """Tell whether a unit folds over loops of its own; a write into memory there is does not."""
    return (
        kernel.fold is not None
        and kernel.inplace is None
        and not all(_keeps(kernel, depth) for depth in range(len(kernel.domain)))
    )


def _keeps(kernel: Kernel, depth: int) -> bool:
    """Tell whether the loop at ``depth`` moves what a unit writes."""
    return any(moves(index, depth) for index in kernel.write)


def fold_depth(kernel: Kernel) -> int | None:
    """Return the depth of the outermost folded loop if all kept axes lie outside it, else None."""
    kept = [_keeps(kernel, depth) for depth in range(len(kernel.domain))]
    first = kept.index(False)
    return None if any(kept[first:]) else first


def weight(expression: loops.Expression) -> int:
    """Return how many operations and reads an expression holds."""
    count = 0
    stack: list[Any] = [expression]
    while stack:
        part = stack.pop()
        count += 1
        if isinstance(part, loops.Apply):
            stack.extend(part.operands)
    return count
