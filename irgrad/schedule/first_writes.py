"""The first of several additions to an array of zeros sets it instead.

The adjoint of reads such as ``x[1:]`` and ``x[:-1]`` adds to shifted parts of one array. The part
with the greatest shift is written first, so that the others may follow it block by block; only the
borders that it leaves out are filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Node
from irgrad.schedule.build import Memory, root_of
from irgrad.schedule.units import Kernel, Number, Unit, moves, variable

WIDEST = 4
"""Elements up to which a border is filled one by one."""


def set_first(
    units: Sequence[Unit], memory: dict[Node, Memory]
) -> tuple[list[Unit], dict[Node, Memory]]:
    """Return the units, and where writes begin, with such additions turned into assignments."""
    memory = dict(memory)
    rewritten: dict[int, list[Unit]] = {}
    for root, chain in chains_of(units, memory).items():
        ordered = _ordered(root, chain, memory[root])
        if ordered is None:
            continue
        memory[root] = Memory()
        rewritten |= {id(unit): [] for unit in chain}
        rewritten[id(chain[-1])] = ordered
    return [new for unit in units for new in rewritten.get(id(unit), [unit])], memory


def chains_of(
    units: Sequence[Unit], memory: Mapping[Node, Memory]
) -> dict[Node, list[Unit]]:
    """Return, for every array that is written in parts, the units that write it."""
    chains: dict[Node, list[Unit]] = {}
    for unit in units:
        root = root_of(unit.node, memory)
        if root in memory:  # else it begins as a copy
            chains.setdefault(root, []).append(unit)
    return chains


def _ordered(root: Node, chain: Sequence[Unit], memory: Memory) -> list[Unit] | None:
    """Return the units of a chain of additions, the one with the greatest shift first."""
    if memory.fill is None or memory.fill.value != 0:
        return None
    kernels = [unit for unit in chain if isinstance(unit, Kernel) and unit.fold == "x + y"]
    shifts = [shift_of(unit) for unit in kernels]
    known = [shift for shift in shifts if shift is not None]
    if len(known) != len(chain) or len({axis for axis, _ in known}) > 1:
        return None
    first = max(range(len(known)), key=lambda place: known[place][1])
    axis, shift = known[first]
    extent = next(
        extent
        for depth, extent in enumerate(kernels[first].domain)
        if moves(kernels[first].write[axis], depth)
    )
    after = root.array_type.shape[axis] - (shift + extent)
    if not isinstance(after, int) or not 0 <= after <= WIDEST or shift > WIDEST:
        return None
    if any(unit.domain != kernels[first].domain for unit in kernels):
        return None
    order = [kernels[first], *(unit for unit in kernels if unit is not kernels[first])]
    placed = [
        replace(unit, node=old.node, inplace=old.inplace)
        for unit, old in zip(order, kernels, strict=True)
    ]
    zero = Number(memory.fill.value, memory.fill.dtype)
    edges: list[Dim] = [*range(shift), *(shift + extent + place for place in range(after))]
    borders = [_border(placed[0], axis, edge, zero) for edge in edges]
    return [*borders, replace(placed[0], fold=None), *placed[1:]]


def shift_of(unit: Kernel) -> tuple[int, int] | None:
    """Return the one axis that a write covers in part, and where it begins; None where not one."""
    parts: list[tuple[int, int]] = []
    depths: list[int] = []
    for axis, (index, size) in enumerate(
        zip(unit.write, unit.node.array_type.shape, strict=True)
    ):
        depth = next((d for d in range(len(unit.domain)) if moves(index, d)), None)
        if depth is None:
            if size != 1 or index != 0:
                return None
            continue
        depths.append(depth)
        start = index - variable(depth)
        if start == 0 and unit.domain[depth] == size:
            continue
        if not isinstance(start, int) or start < 0:
            return None
        parts.append((axis, start))
    once = sorted(depths) == list(range(len(unit.domain)))  # no diagonal, and nothing summed
    return parts[0] if once and len(parts) == 1 else None


def _border(unit: Kernel, axis: int, edge: Dim, zero: Number) -> Kernel:
    """Return what fills the elements at ``edge`` of an axis."""
    depth = next(d for d in range(len(unit.domain)) if moves(unit.write[axis], d))
    rest = [d for d in range(len(unit.domain)) if d != depth]
    names = {
        name: variable(rest.index(d)) if d in rest else 0
        for d in range(len(unit.domain))
        for name in dims.symbols(variable(d))
    }
    write = tuple(
        edge if place == axis else dims.substitute(index, names)
        for place, index in enumerate(unit.write)
    )
    domain = tuple(unit.domain[d] for d in rest)
    return replace(unit, domain=domain, write=write, term=zero, fold=None)
