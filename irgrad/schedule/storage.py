"""Where every value lives: in a local variable, in scratch, or in an array that lasts.

A value that is read only inside the loops that make it needs memory for the axes of the inner
loops alone: none at all where the readers stand in the same innermost body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Shape
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import Memory, root_of
from irgrad.schedule.columns import NARROW
from irgrad.schedule.fuse import Item, Nest
from irgrad.schedule.units import VARIABLES, Kernel, Routine, Unit, is_dim, moves, variable

Path = tuple[Nest, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The home of a value: the loops it lives in, and the axes it keeps memory for.

    ``axes`` empty and ``scalar`` true means a local variable. ``path`` are the loops around it.
    Of the axis ``blocked`` only the rows of a block are kept, ``length`` at the most.
    """

    path: Path
    axes: tuple[int, ...]
    scalar: bool
    root: Node
    blocked: int | None = None
    length: int = 0

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of the memory of a value of this shape."""
        return tuple(self.length if axis == self.blocked else shape[axis] for axis in self.axes)

    def indices(self, indices: Sequence[Any]) -> tuple[Any, ...]:
        """Return where in the memory an element of the value is."""
        return tuple(
            indices[axis] - variable(0) if axis == self.blocked else indices[axis]
            for axis in self.axes
        )


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
        root = root_of(node, memory)
        if root is not node:
            places[node] = Place((), every, False, root)
            continue
        maker = made_by[0]
        written = isinstance(maker, Kernel) and maker.inplace is not None
        if node in lasting or len(made_by) > 1 or written or _aliased(maker, readers.get(node, [])):
            places[node] = Place((), every, rank == 0, node)
            continue
        shared = around[id(maker)]
        for reader in readers.get(node, ()):
            shared = _common(shared, around[id(reader)])
        places[node] = _place(maker, shared, node, readers.get(node, ()))
    return places


def _place(maker: Unit, shared: Path, node: Node, readers: Sequence[Unit]) -> Place:
    """Return the place of a value that lives in the loops ``shared``."""
    every = range(node.array_type.rank if not isinstance(node.type, tuple) else 0)
    axes = [
        axis
        for axis in every
        if axis >= len(maker.write) or not _is_bound(maker.write[axis], len(shared))
    ]
    blocks = shared[0] if shared and shared[0].length else None
    if isinstance(maker, Routine) and maker.domain:
        # BLAS fills its part whole, size-1 axes included
        axes = [axis for axis in every if axis in axes or axis >= len(maker.write)]
    elif not any(isinstance(reader, Routine) for reader in readers):
        axes.sort(key=lambda axis: _depth(maker.write[axis]))  # as the loops run that fill it
        if axes and _is_narrow(node, axes[-1]):
            axes.insert(0, axes.pop())  # that loop is written out, so the one around is innermost
    if blocks is None or blocks.length is None:
        return Place(shared, tuple(axes), not axes, node)
    blocked = next((axis for axis in axes if _is_row(maker, axis)), None)
    return Place(shared, tuple(axes), not axes, node, blocked, blocks.length)


def _is_narrow(node: Node, axis: int) -> bool:
    extent = node.array_type.shape[axis]
    return isinstance(extent, int) and extent <= NARROW


def _is_bound(index: Any, loops_around: int) -> bool:
    """Tell whether an index stays what it is within so many loops."""
    return is_dim(index) and all(
        any(name in dims.symbols(variable(depth)) for depth in range(loops_around))
        for name in dims.symbols(index)
    )


def _depth(index: Any) -> int:
    """Return how deep the innermost loop stands that an index moves with."""
    depths = (depth for depth in reversed(range(len(VARIABLES))) if moves(index, depth))
    return next(depths, -1)


def _is_row(maker: Unit, axis: int) -> bool:
    """Tell whether an axis of what a unit makes in blocks is that of the blocks."""
    if isinstance(maker, Routine):
        return maker.rows[2] and axis == len(maker.write)
    return moves(maker.write[axis], 0)


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
