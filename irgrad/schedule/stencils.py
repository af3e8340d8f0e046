"""Adjoints of stencils as gathers: each element adds up what it is part of, and is set once.

The adjoint of reads such as ``x[1:]`` and ``x[:-1]`` adds to shifted parts of one array. Where what
is added costs a few sums and products of what the function is given, it is computed again for each
element that it goes to. The elements between the borders are then set by one loop without scratch,
which vector units like; those at the borders stand before it, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import Memory
from irgrad.schedule.first_writes import WIDEST, chains_of, shift_of
from irgrad.schedule.units import (
    Copies,
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
) -> tuple[list[Unit], dict[Node, Memory], Copies]:
    """Return the units, and where writes begin, with such additions turned into one assignment.

    Sums over the same range go into the loop between the borders, for which the nodes they add up
    are made once more for a part of their elements: the copies.
    """
    makers = {unit.node: unit for unit in units if isinstance(unit, Kernel) and _is_plain(unit)}
    memory = dict(memory)
    copies: Copies = {}
    rewritten: dict[int, list[Unit]] = {}
    for root, chain in chains_of(units, memory).items():
        stencil = _stencil(graph, root, chain, memory[root], makers)
        if stencil is None:
            continue
        memory[root] = Memory()
        rewritten |= {id(unit): [] for unit in chain}
        sweep = Sweep(graph, makers, stencil.extent - stencil.span, stencil.span, copies)
        folds = [
            (unit, term)
            for unit in units
            if id(unit) not in rewritten and stencil.sweeps(unit)
            if (term := _inlined(graph, unit.term, makers)) is not None  # type: ignore[union-attr]
        ]
        for fold, term in folds:
            rewritten[id(fold)] = sweep.fold(fold, term)  # type: ignore[arg-type]
        rewritten[id(chain[-1])] = stencil.pieces(sweep if folds else None)
    if not rewritten:
        return list(units), memory, copies
    changed = [new for unit in units for new in rewritten.get(id(unit), [unit])]
    return _without_unread(graph, changed), memory, copies


def _is_plain(unit: Kernel) -> bool:
    """Tell whether a kernel computes each element of its node once."""
    return unit.fold is None and unit.inplace is None and all(is_dim(i) for i in unit.write)


@dataclass(frozen=True, eq=False)
class _Stencil:
    """Additions to an array, shifted along an axis; ``terms`` are what is added, written out.

    ``after`` are the elements behind the last that the addition with the least shift reaches.
    """

    kernels: Sequence[Kernel]
    terms: Sequence[Any]
    shifts: Sequence[int]
    axis: int
    depth: int
    extent: Dim
    after: int
    zero: Number

    @property
    def span(self) -> int:
        """How far the additions are apart."""
        return max(self.shifts) - min(self.shifts)

    def sweeps(self, unit: Unit) -> bool:
        """Tell whether a unit is a sum over the range of the additions."""
        return (
            isinstance(unit, Kernel)
            and unit.fold == "x + y"
            and unit.inplace is None
            and unit.write == ()
            and unit.domain == (self.extent,) == self.kernels[0].domain
            and unit.initial == 0
        )

    def pieces(self, sweep: Sweep | None) -> list[Unit]:
        """Return the units that set the borders, and what lies between them."""
        low, high = min(self.shifts), max(self.shifts)
        edges: list[Dim] = [*range(high), *(self.extent + low + n for n in range(self.after))]
        parts: list[list[Any]] = [
            [
                _moved(term, self.depth, edge - shift)
                for term, shift in zip(self.terms, self.shifts, strict=True)
                if (shift <= place if place < high else shift > low + place - high)
            ]
            for place, edge in enumerate(edges)
        ]
        borders: list[Unit] = [
            _border(self.kernels[0], self.axis, self.depth, edge, self._total(terms))
            for edge, terms in zip(edges, parts, strict=True)
        ]
        between = [
            sweep.term(unit.term)
            if sweep is not None and shift == low
            else _moved(term, self.depth, variable(self.depth) + (high - shift))
            for unit, term, shift in zip(self.kernels, self.terms, self.shifts, strict=True)
        ]
        last, axis, depth = self.kernels[-1], self.axis, self.depth
        domain = (*last.domain[:depth], self.extent - self.span, *last.domain[depth + 1 :])
        write = (*last.write[:axis], variable(depth) + high, *last.write[axis + 1 :])
        made = [] if sweep is None else sweep.made()
        inner = replace(last, domain=domain, write=write, term=self._total(between), fold=None)
        return [*borders, *made, inner]

    def _total(self, parts: Sequence[Any]) -> Any:
        return _added(parts, self.zero.dtype) if parts else self.zero


def _added(parts: Sequence[Any], dtype: np.dtype) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = Term("x + y", (total, part), dtype)
    return total


class Sweep:
    """A loop between borders that sums are taken into: all but the first ``skipped`` elements."""

    def __init__(
        self,
        graph: Graph,
        makers: Mapping[Node, Kernel],
        extent: Dim,
        skipped: int,
        copies: Copies,
    ) -> None:
        self._graph = graph
        self._makers = makers
        self._extent = extent
        self._skipped = skipped
        self._copies = copies
        self._copy_of: dict[Node, Node] = {}
        self._made: list[Unit] = []

    def fold(self, unit: Kernel, written_out: Any) -> list[Unit]:
        """Return the sum of all elements in this loop, which begins with those before it."""
        dtype = unit.node.array_type.dtype
        first = _added([_moved(written_out, 0, place) for place in range(self._skipped)], dtype)
        term = self.term(unit.term)
        return [*self.made(), replace(unit, domain=(self._extent,), term=term, first=first)]

    def term(self, term: Any) -> Any:
        """Return a term over copies that hold this loop's elements; as deep as operations are."""
        if isinstance(term, Term):
            return replace(term, operands=tuple(map(self.term, term.operands)))
        maker = self._makers.get(term.node) if isinstance(term, Read) else None
        whole = (self._extent + self._skipped,)
        if maker is None or maker.domain != whole or term.indices != (variable(0),):
            written_out = _inlined(self._graph, term, self._makers)
            return _moved(written_out, 0, variable(0) + self._skipped)
        if term.node not in self._copy_of:
            node = term.node
            type = replace(node.array_type, shape=(self._extent,))
            copy = Node(node.op, node.inputs, node.params, type, node.origin)
            self._copy_of[node] = copy
            self._copies[copy] = (node, "inner")
            own = self.term(maker.term)
            self._made.append(Kernel(copy, (self._extent,), (variable(0),), own))
        return Read(self._copy_of[term.node], (variable(0),))

    def made(self) -> list[Unit]:
        """Return the units that make the copies which are new since the last time."""
        made, self._made = self._made, []
        return made


def _stencil(
    graph: Graph,
    root: Node,
    chain: Sequence[Unit],
    memory: Memory,
    makers: Mapping[Node, Kernel],
) -> _Stencil | None:
    """Return what a chain of additions is; None where it should stay as it is."""
    kernels = [unit for unit in chain if isinstance(unit, Kernel) and unit.fold == "x + y"]
    if len(kernels) < 2 or len(kernels) != len(chain):
        return None
    if memory.fill is None or memory.fill.value != 0:
        return None
    found = [place for place in map(shift_of, kernels) if place is not None]
    if len(found) != len(kernels) or len({axis for axis, _ in found}) > 1:
        return None
    if any(unit.domain != kernels[0].domain for unit in kernels):
        return None
    axis, shifts = found[0][0], [shift for _, shift in found]
    depth = _depth(kernels[0], axis)
    extent = kernels[0].domain[depth]
    terms = [_inlined(graph, unit.term, makers) for unit in kernels]
    if None in terms or sum(map(_weight, terms)) > MOST:
        return None
    low, high = min(shifts), max(shifts)
    after = root.array_type.shape[axis] - (extent + low)
    if not isinstance(after, int) or after < 0 or high + after > WIDEST:
        return None
    if low == high or not _reaches(graph, extent, high - low):
        return None
    zero = Number(memory.fill.value, memory.fill.dtype)
    return _Stencil(kernels, terms, shifts, axis, depth, extent, after, zero)


def _depth(unit: Kernel, axis: int) -> int:
    symbols = set(dims.symbols(unit.write[axis]))
    return next(d for d in range(len(unit.domain)) if symbols & set(dims.symbols(variable(d))))


def _reaches(graph: Graph, extent: Dim, least: int) -> bool:
    """Tell whether an extent is ``least`` at the least, by what every call makes sure of."""
    spare = extent - least
    if isinstance(spare, int):
        return spare >= 0
    gaps = [spare - guard.slack for guard in graph.guards if guard.relation != "=="]
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
