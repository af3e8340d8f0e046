"""Narrow arrays copied column by column where a loop sweeps their rows again and again.

A loop over points whose coordinates lie side by side, ``P[j, 0]``, ``P[j, 1]``, ``P[j, 2]``, takes
its numbers apart at every sweep. Copied once, each coordinate is a vector of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from irgrad.ir import dims
from irgrad.ir.graph import Node
from irgrad.schedule.units import Copies, Kernel, Read, Unit, reading, variable

NARROW = 4
"""Columns up to which a loop over them is written out."""


def swept_by_columns(units: Sequence[Unit]) -> tuple[list[Unit], Copies]:
    """Return the units with such arrays copied first, and of which each copy is one."""
    made = {unit.node for unit in units}
    swept = {
        read.node: None
        for unit in units
        if isinstance(unit, Kernel)
        for read in unit.reads()
        if read.node not in made and _is_swept(read, unit)
    }
    copies: Copies = {}
    first: list[Unit] = []
    renewed = list(units)
    for node in swept:
        copy = Node(node.op, node.inputs, node.params, node.type, node.origin)
        copies[copy] = (node, "columns")
        rows, columns = node.array_type.shape
        place = (variable(1), variable(0))
        first.append(Kernel(copy, (columns, rows), place, Read(node, place)))
        renewed = [
            reading(unit, {node: copy}) if _sweeps(unit, node) else unit for unit in renewed
        ]
    return [*first, *renewed], copies


def _sweeps(unit: Unit, node: Node) -> bool:
    return isinstance(unit, Kernel) and any(
        read.node is node and _is_swept(read, unit) for read in unit.reads()
    )


def _is_swept(read: Read, unit: Kernel) -> bool:
    """Tell whether a kernel goes down a narrow matrix for every trip of a loop around."""
    shape = read.node.array_type.shape
    if len(shape) != 2 or not isinstance(shape[0], dims.Size):
        return False
    if not isinstance(shape[1], int) or not 1 < shape[1] <= NARROW:
        return False
    depths = [next(_depths(index, unit), None) for index in read.indices]
    if None in depths or depths[1] <= depths[0]:  # type: ignore[operator]
        return False
    around = unit.domain[: depths[0]]
    return any(isinstance(extent, dims.Size) for extent in around)


def _depths(index: object, unit: Kernel) -> Iterator[int]:
    """Yield the depth of the loop whose variable an index is."""
    return (depth for depth in range(len(unit.domain)) if index == variable(depth))
