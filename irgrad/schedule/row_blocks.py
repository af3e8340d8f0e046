"""Blocks: a cluster of units run over one long axis a few hundred elements at a time.

Each unit of a cluster gets a loop over blocks in front, and its own loop over the axis becomes one
over the ``rows`` of a block: the index ``i + l`` is that of row ``l`` in the block that begins at
``i``. What stands inside is a schedule of the same kind, whose scratch fits the cache. There the
rows are the innermost axis, contiguous in scratch, wherever the other axes are short: LLVM turns
loops over them into vectors, and unrolls what stands inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.schedule import block_costs
from irgrad.schedule.block_costs import (
    best_cluster,
    is_narrow,
    is_short,
    length_of,
    number_of,
    scratch_of,
)
from irgrad.schedule.build import Memory
from irgrad.schedule.clusters import Cluster, readers_of
from irgrad.schedule.fuse import Item, Nest, arrange_inside, fuse
from irgrad.schedule.products import Product
from irgrad.schedule.storage import paths
from irgrad.schedule.units import (
    ROWS,
    Copies,
    Kernel,
    Read,
    Routine,
    SizeNumber,
    Term,
    Unit,
    is_dim,
    moves,
    reading,
    variable,
)


@dataclass
class Schedule:
    """What runs, in order; ``copies`` says of nodes made here of which they are copies, and why."""

    items: list[Item]
    units: list[Unit]
    copies: Copies = field(default_factory=dict)


def schedule(
    graph: Graph, units: Sequence[Unit], memory: Mapping[Node, Memory], *, overlapping: bool
) -> Schedule:
    """Return the units of a graph in nests, in blocks where those save memory along an axis.

    Blocks may write to each other's elements if ``overlapping``: threads can't share those.
    """
    result = Schedule([], [])
    while True:
        chosen = best_cluster(graph, units, memory, overlapping)
        if chosen is None:
            result.items += fuse(units)
            result.units += units
            return result
        cluster = chosen
        result.items += fuse(cluster.before)
        inside = _Blocked(graph, cluster, readers_of([*cluster.inside, *cluster.after]))
        inside.rewrite()
        nest = Nest(0, cluster.extent, arrange_inside(inside.units), block_costs.LONGEST)
        length = length_of(*scratch_of(graph, [*inside.units, *cluster.after], memory, nest))
        nest.length = min(length, cluster.extent) if isinstance(cluster.extent, int) else length
        result.items.append(nest)
        result.units += [*cluster.before, *inside.units]
        result.copies |= inside.copies
        units = cluster.after


@dataclass
class _Blocked:
    """The units of a cluster, rewritten one after another."""

    graph: Graph
    cluster: Cluster
    readers: Mapping[Node, Sequence[Unit]]
    units: list[Unit] = field(default_factory=list)
    copies: Copies = field(default_factory=dict)
    rigid: set[Node] = field(default_factory=set)
    """Values in the order of axes that BLAS wants."""

    def rewrite(self) -> None:
        """Rewrite all units."""
        cluster = self.cluster
        inside = [self._in_loops(unit) for unit in cluster.inside]
        for unit in inside:
            if isinstance(unit, Routine):
                self.rigid.update((unit.node, *unit.operands))
        orders = self._orders(inside)
        for unit in inside:
            if isinstance(unit, Kernel):
                self.units.append(self._kernel(unit, orders[id(unit)]))
            else:
                self.units.extend(self._product(unit))
        self._turn_inputs()
        self._repeat_cheap()

    def _in_loops(self, unit: Unit) -> Unit:
        """Return a product of short rows as a kernel."""
        cluster = self.cluster
        if not isinstance(unit, Routine) or not is_short(unit, cluster):
            return unit
        product = unit.detail
        kernel: Kernel = product.loops
        row = cluster.letters[id(unit)]
        x, y = kernel.term.operands
        for read in (x, y):
            assert isinstance(read, Read)
        left, right = unit.node.params["left"], unit.node.params["right"]
        index = x.indices[left.index(row)] if row in left else y.indices[right.index(row)]
        cluster.depths[id(kernel)] = next(
            depth for depth in range(len(kernel.domain)) if variable(depth) == index
        )
        return kernel

    def _kernel(self, unit: Kernel, inner: frozenset[int]) -> Kernel:
        """Return a kernel with a loop over blocks in front, ``inner`` loops in that over rows."""
        depth = self.cluster.depths[id(unit)]
        places = [place for place in range(len(unit.domain)) if place != depth]
        order = [place for place in places if place not in inner]
        order += [depth, *(place for place in places if place in inner)]
        moved: dict[str, Dim] = {
            _name(place): variable(1 + position) for position, place in enumerate(order)
        }
        moved[_name(depth)] = variable(0) + moved[_name(depth)]
        extents = [ROWS if place == depth else unit.domain[place] for place in order]
        return replace(
            unit,
            domain=(self.cluster.extent, *extents),
            write=tuple(_moved(index, moved) for index in unit.write),
            term=_moved(unit.term, moved),
        )

    def _inner(self, unit: Kernel, orders: Mapping[Node, Sequence[bool]]) -> frozenset[int]:
        """Return which loops of a kernel stand inside that over rows.

        Short axes of what it makes stand outside, unless its only reader folds them inside:
        ``orders`` says so of the axes of values.
        """
        depth = self.cluster.depths[id(unit)]
        touched = {unit.node, *(read.node for read in unit.reads())}
        rigid = not touched.isdisjoint(self.rigid)
        folds_rows = not any(moves(index, depth) for index in unit.write)
        follows = folds_rows and not rigid and not touched.isdisjoint(self.cluster.axes)
        inner: list[int] = []
        narrow: list[int] = []
        for place, extent in enumerate(unit.domain):
            if place == depth:
                continue
            axis = next((a for a, index in enumerate(unit.write) if moves(index, place)), None)
            short = is_narrow(extent)
            if axis is None:
                outside = follows if short else place < depth
            elif unit.node in orders:
                outside = not orders[unit.node][axis]
            else:
                outside = place < depth or (short and not rigid)
                if short and outside:
                    narrow.append(place)
            if not outside:
                inner.append(place)
        if folds_rows and len(narrow) > 1 and not inner:  # as many sums in registers
            inner.append(min(narrow, key=lambda place: number_of(self.graph, unit.domain[place])))
        return frozenset(inner)

    def _orders(self, inside: Sequence[Unit]) -> dict[int, frozenset[int]]:
        """Return which loops of each kernel stand inside that over rows, by its id."""
        found: dict[int, frozenset[int]] = {}
        wanted: dict[Node, Sequence[bool]] = {}
        loops_of = {
            unit.node: len(unit.domain)
            for unit in inside
            if isinstance(unit, Kernel) and unit.fold is None
        }
        for unit in reversed(inside):
            if not isinstance(unit, Kernel):
                continue
            inner = found[id(unit)] = self._inner(unit, wanted)
            for read in unit.reads():
                once = loops_of.get(read.node) == len(unit.domain)  # in its own loops
                if once and len(self.readers.get(read.node, ())) == 1:
                    wanted[read.node] = [
                        any(moves(index, place) for place in inner) for index in read.indices
                    ]
        return found

    def _product(self, unit: Routine) -> Iterator[Unit]:
        """Yield a product of the rows of a block; where it sums over rows, also the sum of all."""
        cluster = self.cluster
        product: Product = unit.detail
        row = cluster.letters[id(unit)]
        shifted = {_name(d): variable(d + 1) for d in range(len(unit.domain))}
        rows = tuple(row in letters for letters in product.letters)
        moved = replace(
            unit,
            domain=(cluster.extent, *unit.domain),
            places=tuple(
                tuple(_moved(index, shifted) for index in place)
                for place in (unit.places or ((), ()))
            ),
            write=tuple(_moved(index, shifted) for index in unit.write),
            rows=rows,
        )
        if rows[2]:
            yield moved
            return
        part = self._copy(unit.node, "part")
        self.rigid.add(part)
        yield replace(moved, node=part)
        shape = unit.node.array_type.shape
        depths = iter(range(1, len(shape) + 1))
        indices = tuple(0 if dim == 1 else variable(next(depths)) for dim in shape)
        domain = (cluster.extent, *(dim for dim in shape if dim != 1))
        zero = unit.node.array_type.dtype.type(0)
        yield Kernel(unit.node, domain, indices, Read(part, indices), "x + y", zero)

    def _copy(self, node: Node, purpose: str) -> Node:
        copy = Node(node.op, node.inputs, node.params, node.type, node.origin)
        self.copies[copy] = (node, purpose)
        return copy

    def _turn_inputs(self) -> None:
        """Copy the rows of a block of narrow arrays that loops over rows read again and again."""
        again: dict[Node, int] = {}
        shifted: set[Node] = set()
        for unit in self.units:
            if isinstance(unit, Kernel):
                for read in unit.reads():
                    if not self._is_narrow(read):
                        shifted.add(read.node)
                    elif unit.domain[1] is not ROWS:
                        own = {s for index in read.indices for s in dims.symbols(index)}
                        others = len(unit.domain) > len(own)
                        again[read.node] = again.get(read.node, 0) + (2 if others else 1)
        for node, times in again.items():
            if times < 2 or node in shifted:
                continue
            copy = self._copy(node, "columns")
            shape = node.array_type.shape
            rows = variable(len(shape))
            rest = iter(range(1, len(shape)))
            indices = (variable(0) + rows, *(variable(next(rest)) for _ in shape[1:]))
            domain = (self.cluster.extent, *shape[1:], ROWS)
            self.units = [
                Kernel(copy, domain, indices, Read(node, indices)),
                *(reading(unit, {node: copy}) for unit in self.units),
            ]

    def _is_narrow(self, read: Read) -> bool:
        """Tell whether a read of an array from outside jumps from row to row."""
        node = read.node
        shape = node.array_type.shape
        return (
            node not in self.cluster.axes
            and node not in self.copies
            and len(shape) > 1
            and is_dim(read.indices[0])
            and not is_pure(read.indices[0])
            and is_pure(read.indices[0] - variable(0))
            and all(is_narrow(dim) and dim != 1 for dim in shape[1:])
            and all(is_pure(index) for index in read.indices[1:])
        )

    def _repeat_cheap(self) -> None:
        """Compute again in each nest what costs less than to keep it between them."""
        around = paths([Nest(0, self.cluster.extent, arrange_inside(self.units), 1)])
        makers = {unit.node: unit for unit in self.units}
        readers = readers_of(self.units)
        for unit in list(self.units):
            if not isinstance(unit, Kernel) or not self._is_cheap(unit, makers):
                continue
            nests: dict[int, list[Unit]] = {}
            for reader in readers.get(unit.node, ()):
                path = around[id(reader)]
                nests.setdefault(id(path[1] if len(path) > 1 else reader), []).append(reader)
            own = around[id(unit)]
            own_nest = id(own[1]) if len(own) > 1 else 0
            for nest, those in nests.items():
                if nest == own_nest or len(nests) == 1 or len(own) < 2:
                    continue
                copy = self._copy(unit.node, "again")
                changed = {id(reader) for reader in those}
                place = min(
                    position for position, other in enumerate(self.units) if id(other) in changed
                )
                self.units[place:place] = [replace(unit, node=copy)]
                renewed = {
                    id(other): reading(other, {unit.node: copy})
                    for other in self.units
                    if id(other) in changed
                }
                self.units = [renewed.get(id(other), other) for other in self.units]
                return self._repeat_cheap()
        return None

    def _is_cheap(self, unit: Kernel, makers: Mapping[Node, Unit]) -> bool:
        """Tell whether a value of several axes is one sum or product of what is at hand."""
        if unit.fold is not None or unit.node in self.graph.outputs or len(unit.domain) < 4:
            return False
        if unit.node not in self.cluster.axes or unit.node in self.rigid:
            return False
        reads = list(unit.reads())
        term = unit.term
        plain = isinstance(term, Term) and term.template in ("x + y", "x - y", "x * y")
        return plain and all(
            read.node not in makers or read.node in self.copies for read in reads
        ) and not any(isinstance(operand, Term) for operand in term.operands)


def is_pure(index: Any) -> bool:
    """Tell whether an index is a number or one loop variable alone."""
    return isinstance(index, int) or any(index == dims.symbol(s) for s in dims.symbols(index))


def _name(depth: int) -> str:
    return next(iter(dims.symbols(variable(depth))))


def _moved(term: Any, names: Mapping[str, Dim]) -> Any:
    """Return a term or an index with loop variables replaced; as deep as one expression."""
    if is_dim(term):
        return dims.substitute(term, names)
    if isinstance(term, Read):
        return Read(term.node, tuple(_moved(index, names) for index in term.indices))
    if isinstance(term, SizeNumber):
        return replace(term, dim=dims.substitute(term.dim, names))
    if isinstance(term, Term):
        return replace(term, operands=tuple(_moved(o, names) for o in term.operands))
    return term
