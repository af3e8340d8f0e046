"""Adjoints of stencils as gathers: each element adds up what it is part of, and is set once.

The adjoint of reads such as ``x[1:]`` and ``x[:-1]`` adds to shifted parts of one array. Where what
is added costs a few sums and products of what the function is given, it is computed again for each
element that it goes to. The elements between the borders are then set by one loop without scratch,
which vector units like; those at the borders stand before it, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import Memory
from irgrad.schedule.first_writes import WIDEST, chains_of, shift_of
from irgrad.schedule.units import (
    Kernel,
    Number,
    Read,
    SizeNumber,
    Term,
    Unit,
    is_dim,
    occurrences,
    variable,
)

CHEAP = frozenset({"x + y", "x - y", "x * y", "-x", "x * x"})
"""What is rather done twice than stored and loaded."""
MOST = 32
"""Operations and reads of an element, all that goes to it taken together."""


def gathered(
    graph: Graph, units: Sequence[Unit], memory: dict[Node, Memory]
) -> tuple[list[Unit], dict[Node, Memory]]:
    """Return the units, and where writes begin, with such additions turned into one assignment."""
    makers = {unit.node: unit for unit in units if isinstance(unit, Kernel) and _is_plain(unit)}
    memory = dict(memory)
    rewritten: dict[int, list[Unit]] = {}
    for root, chain in chains_of(units, memory).items():
        pieces = _gather(graph, root, chain, memory[root], makers)
        if pieces is not None:
            memory[root] = Memory()
            rewritten |= {id(unit): [] for unit in chain}
            rewritten[id(chain[-1])] = pieces
    if not rewritten:
        return list(units), memory
    changed = [new for unit in units for new in rewritten.get(id(unit), [unit])]
    return _without_unread(graph, changed), memory


def _is_plain(unit: Kernel) -> bool:
    """Tell whether a kernel computes each element of its node once."""
    return unit.fold is None and unit.inplace is None and all(is_dim(i) for i in unit.write)


def _gather(
    graph: Graph,
    root: Node,
    chain: Sequence[Unit],
    memory: Memory,
    makers: Mapping[Node, Kernel],
) -> list[Unit] | None:
    """Return the units that set the array of a chain of additions; None where none should."""
    kernels = [unit for unit in chain if isinstance(unit, Kernel) and unit.fold == "x + y"]
    if len(kernels) < 2 or len(kernels) != len(chain):
        return None
    if memory.fill is None or memory.fill.value != 0:
        return None
    found = [shift_of(unit) for unit in kernels]
    shifts = [shift for _, shift in (place for place in found if place is not None)]
    if len(shifts) != len(found) or len({place and place[0] for place in found}) > 1:
        return None
    if any(unit.domain != kernels[0].domain for unit in kernels):
        return None
    axis = (found[0] or (0, 0))[0]
    depth = _depth(kernels[0], axis)
    extent = kernels[0].domain[depth]
    terms = [_inlined(graph, unit.term, makers) for unit in kernels]
    if None in terms or sum(map(_weight, terms)) > MOST:
        return None
    low, high = min(shifts), max(shifts)
    after = root.array_type.shape[axis] - (extent + low)
    if not isinstance(after, int) or high + after > WIDEST or not after >= 0:
        return None
    if low == high or not _reaches(graph, extent, high - low):
        return None
    last = kernels[-1]
    zero = Number(memory.fill.value, memory.fill.dtype)
    template = str(last.fold)

    def total(parts: Sequence[Any]) -> Any:
        result = parts[0] if parts else zero
        for part in parts[1:]:
            result = Term(template, (result, part), root.array_type.dtype)
        return result

    pieces: list[Unit] = []
    for edge in range(high):
        parts = [_moved(term, depth, edge - shift) for term, shift in _those(terms, shifts, edge)]
        pieces.append(_border(kernels[0], axis, depth, edge, total(parts)))
    for number in range(after):
        parts = [
            _moved(term, depth, extent + (low + number - shift))
            for term, shift in zip(terms, shifts, strict=True)
            if shift > low + number
        ]
        pieces.append(_border(kernels[0], axis, depth, extent + low + number, total(parts)))
    inner = [
        _moved(term, depth, variable(depth) + (high - shift))
        for term, shift in zip(terms, shifts, strict=True)
    ]
    domain = (*last.domain[:depth], extent - (high - low), *last.domain[depth + 1 :])
    write = (*last.write[:axis], variable(depth) + high, *last.write[axis + 1 :])
    pieces.append(replace(last, domain=domain, write=write, term=total(inner), fold=None))
    return pieces


def _those(terms: Sequence[Any], shifts: Sequence[int], edge: int) -> list[tuple[Any, int]]:
    """Return what goes to an element before the parts overlap."""
    return [(t, shift) for t, shift in zip(terms, shifts, strict=True) if shift <= edge]


def _depth(unit: Kernel, axis: int) -> int:
    symbols = set(dims.symbols(unit.write[axis]))
    return next(d for d in range(len(unit.domain)) if symbols & set(dims.symbols(variable(d))))


def _reaches(graph: Graph, extent: Dim, least: int) -> bool:
    """Tell whether an extent is ``least`` at the least, by what every call makes sure of."""
    spare = extent - least
    if isinstance(spare, int):
        return spare >= 0
    gaps = [spare - (g.left - g.right) for g in graph.guards if g.relation == ">="]
    return any(isinstance(gap, int) and gap >= 0 for gap in gaps)


def _inlined(graph: Graph, term: Any, makers: Mapping[Node, Kernel]) -> Any:
    """Return a term over what the function is given; None where that costs more than a little.

    Recursion as deep as there are operations, which end with ``MOST``.
    """
    left = MOST

    def changed(part: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            return None
        if isinstance(part, Number | SizeNumber):
            return part
        if isinstance(part, Term):
            if part.template not in CHEAP:
                return None
            operands = tuple(map(changed, part.operands))
            return None if None in operands else replace(part, operands=operands)
        if not isinstance(part, Read) or not all(map(is_dim, part.indices)):
            return None
        maker = makers.get(part.node)
        if part.node in graph.inputs or (not part.node.array_type.rank and maker is None):
            return part
        if maker is None:
            return None
        values = {
            name: index
            for depth in range(len(maker.domain))
            for place, index in enumerate(part.indices)
            if maker.write[place] == variable(depth)
            for name in dims.symbols(variable(depth))
        }
        return changed(_substituted(maker.term, values))

    return changed(term)


def _weight(term: Any) -> int:
    """Return how many operations and reads stand in the text of a term."""
    if not isinstance(term, Term):
        return 1
    return 1 + sum(
        occurrences(term.template, place) * _weight(operand)
        for place, operand in enumerate(term.operands)
    )


def _moved(term: Any, depth: int, position: Dim) -> Any:
    """Return a term at a position along the loop at ``depth``."""
    return _substituted(term, dict.fromkeys(dims.symbols(variable(depth)), position))


def _substituted(term: Any, values: Mapping[str, Dim]) -> Any:
    if isinstance(term, Read):
        indices = tuple(
            dims.substitute(index, values) if is_dim(index) else _substituted(index, values)
            for index in term.indices
        )
        return Read(term.node, indices)
    if isinstance(term, Term):
        operands = tuple(_substituted(operand, values) for operand in term.operands)
        return replace(term, operands=operands)
    if isinstance(term, SizeNumber):
        return replace(term, dim=dims.substitute(term.dim, values))
    return term


def _border(unit: Kernel, axis: int, depth: int, edge: Dim, term: Any) -> Kernel:
    """Return what sets the elements at ``edge`` of an axis, with one loop less."""
    rest = [d for d in range(len(unit.domain)) if d != depth]
    names = {name: variable(rest.index(d)) for d in rest for name in dims.symbols(variable(d))}
    write = tuple(
        edge if place == axis else dims.substitute(index, names)
        for place, index in enumerate(unit.write)
    )
    domain = tuple(unit.domain[d] for d in rest)
    return replace(unit, domain=domain, write=write, term=_substituted(term, names), fold=None)


def _without_unread(graph: Graph, units: Sequence[Unit]) -> list[Unit]:
    """Return the units without those whose elements nobody reads any more."""
    needed = set(graph.outputs)
    kept: list[Unit] = []
    for unit in reversed(units):
        if isinstance(unit, Kernel) and _is_plain(unit) and unit.node not in needed:
            continue
        kept.append(unit)
        needed.update(read.node for read in unit.reads())
        if isinstance(unit, Kernel) and unit.inplace is not None:
            needed.add(unit.inplace)
    return kept[::-1]
