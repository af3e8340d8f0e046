"""Where every value lives: in a local variable, in scratch, or in an array that lasts.

A value that is read only inside the loops that make it needs memory for the axes of the inner
loops alone: none at all where the readers stand in the same innermost body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import Memory
from irgrad.schedule.fuse import Item, Nest
from irgrad.schedule.units import Kernel, Routine, Unit, variable

Path = tuple[Nest, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The home of a value: the loops it lives in, and the axes it keeps memory for.

    ``axes`` empty and ``scalar`` true means a local variable. ``path`` are the loops around it.
    """

    path: Path
    axes: tuple[int, ...]
    scalar: bool
    root: Node


def paths(items: Iterable[Item]) -> dict[int, Path]:
    """Return the loops around every unit, by the unit's id."""
    found: dict[int, Path] = {}
    stack: list[tuple[Item, Path]] = [(item, ()) for item in items]
    while stack:
        item, path = stack.pop()
        if isinstance(item, Nest):
            stack.extend((inner, (*path, item)) for inner in item.items)
        else:
            found[id(item)] = path
    return found


def place_values(
    graph: Graph, units: Iterable[Unit], memory: Mapping[Node, Memory], around: Mapping[int, Path]
) -> dict[Node, Place]:
    """Return the place of every node that a unit makes."""
    units = list(units)
    readers: dict[Node, list[Unit]] = {}
    makers: dict[Node, list[Unit]] = {}
    for unit in units:
        makers.setdefault(unit.node, []).append(unit)
        for node in {read.node for read in unit.reads()}:
            readers.setdefault(node, []).append(unit)
    places: dict[Node, Place] = {}
    lasting = set(graph.outputs) | {m.adopted for m in memory.values() if m.adopted}
    for node, made_by in makers.items():
        rank = node.array_type.rank if not isinstance(node.type, tuple) else 0
        every = tuple(range(rank))
        adopted = memory[node].adopted if node in memory else None
        if adopted is not None:
            places[node] = Place((), every, False, places[adopted].root)
            continue
        maker = made_by[0]
        written = isinstance(maker, Kernel) and maker.inplace is not None
        if node in lasting or len(made_by) > 1 or written or _aliased(maker, readers.get(node, [])):
            places[node] = Place((), every, rank == 0, node)
            continue
        shared = around[id(maker)]
        for reader in readers.get(node, ()):
            shared = _common(shared, around[id(reader)])
        bound = {0, *(variable(depth) for depth in range(len(shared)))}
        axes = tuple(
            axis for axis in every if axis >= len(maker.write) or maker.write[axis] not in bound
        )
        if isinstance(maker, Routine) and maker.domain:
            # BLAS fills its part whole, size-1 axes included
            axes = tuple(axis for axis in every if axis in axes or axis >= len(maker.domain))
        places[node] = Place(shared, axes, not axes, node)
    return places


def _aliased(maker: Unit, readers: Iterable[Unit]) -> bool:
    """Tell whether a value must be one whole array: a routine without a domain touches it."""
    return any(isinstance(unit, Routine) and not unit.domain for unit in (maker, *readers))


def _common(first: Path, second: Path) -> Path:
    length = 0
    for a, b in zip(first, second, strict=False):
        if a is not b:
            break
        length += 1
    return first[:length]
