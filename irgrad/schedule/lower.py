"""From loop nests to a Program: statements over named buffers and locals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.accumulators import keep_sums_local
from irgrad.schedule.blocks import has_vector_math, in_blocks
from irgrad.schedule.build import Memory, build_units
from irgrad.schedule.carried import in_place
from irgrad.schedule.columns import swept_by_columns
from irgrad.schedule.copies import copies_as_loops
from irgrad.schedule.directions import forwards
from irgrad.schedule.first_uses import allocated_at_first_use
from irgrad.schedule.first_writes import set_first
from irgrad.schedule.flat import flattened, flattened_where
from irgrad.schedule.fuse import Item, Nest, fuse
from irgrad.schedule.interface import allocations, results, sizes_and_checks
from irgrad.schedule.invariants import before_loops
from irgrad.schedule.kept_rows import kept_at_once
from irgrad.schedule.late import made_when_sized
from irgrad.schedule.maxima import by_rank
from irgrad.schedule.names import Names
from irgrad.schedule.nest import Around, Stretch
from irgrad.schedule.one_block import without_loop
from irgrad.schedule.pairs import each_pair_once
from irgrad.schedule.pooled import pooled
from irgrad.schedule.reading import (
    Reading,
    fold_depth,
    is_fold,
    kernels_in,
    read_values,
    weight,
)
from irgrad.schedule.reciprocals import invert_once
from irgrad.schedule.reuse import in_freed_memory, without_copies
from irgrad.schedule.routines import lower_routine
from irgrad.schedule.row_blocks import Schedule, schedule
from irgrad.schedule.rows import through_rows
from irgrad.schedule.share import share
from irgrad.schedule.spread import spread_out
from irgrad.schedule.stencils import gathered
from irgrad.schedule.storage import Path, Place, paths, place_values
from irgrad.schedule.stretches import stretch_graph, wanted_values
from irgrad.schedule.tidy import tidy
from irgrad.schedule.two_buffers import in_two_buffers
from irgrad.schedule.units import (
    ROWS,
    Kernel,
    Number,
    Read,
    SizeNumber,
    Term,
    Unit,
    is_dim,
    moves,
    variable,
)
from irgrad.schedule.unroll import unroll
from irgrad.schedule.without_zeros import in_memory, without_zeros
from irgrad.schedule.zeros import zeros_of

INLINE_WEIGHT = 6
"""Operations up to which a value that is used once is written where it is used."""


@dataclass
class Lowering:
    """What lowering knows while it walks the loop nests of one function."""

    graph: Graph
    names: Names
    numbers: Mapping[Node, int]
    places: Mapping[Node, Place]
    memory: Mapping[Node, Memory]
    around: Mapping[int, Path]
    reading: Reading
    maker: Mapping[Node, Unit]
    allocations: list[loops.Statement] = field(default_factory=list)
    aliases: list[loops.Statement] = field(default_factory=list)
    views: dict[tuple[Any, ...], str] = field(default_factory=dict)
    block_views: dict[tuple[Any, ...], str] = field(default_factory=dict)
    """Views of the rows of the block under way."""
    inlined: dict[Node, tuple[loops.Expression, tuple[int, ...]]] = field(default_factory=dict)
    at_hand: dict[Node, loops.Name] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)

    def shared(self) -> Around:
        """Return what the bodies of loops share with this function."""
        return Around(self.names, self.allocations, self.stretch)

    def stretch(
        self,
        nodes: Iterable[Node],
        wanted: Sequence[Node],
        known: Mapping[Node, Any],
        number: int,
    ) -> Stretch:
        """Lower work on arrays in the body of a loop, which is fused as that of a function is."""
        graph = stretch_graph(nodes, wanted, known, self.graph)
        numbers = dict.fromkeys(graph.nodes, number)
        names = self.names.within(numbers)
        units, memory = build_units(graph, in_place=True)
        scheduled = Schedule(fuse(units), units)
        lowering = _prepared(graph, names, numbers, scheduled, memory, self.kernels)
        for node in graph.inputs:
            value = known[node]
            if isinstance(value, str):
                names.share(node, value)
            else:
                lowering.inlined[node] = (value, ())
                if isinstance(value, loops.Name):
                    names.share(node, value.name)
        statements = lowering.body(scheduled.items, 0)
        ends, copies = wanted_values(lowering, wanted)
        made = [*allocations(lowering, units), *lowering.allocations]
        fills = [
            loops.Fill(part.name, part.fill, part.dtype)
            for part in made
            if isinstance(part, loops.Allocate) and part.fill is not None
        ]
        empty = [replace(part, fill=None) for part in made if isinstance(part, loops.Allocate)]
        return Stretch([*lowering.looked_at(), *fills, *statements, *copies], empty, ends)

    def looked_at(self) -> list[loops.Statement]:
        """Return the arrays that are others in another shape, and the views of parts."""
        views = [loops.Slice(view, key[0], key[1]) for key, view in self.views.items()]
        return [*self.aliases, *views]

    def body(self, items: Sequence[Item], depth: int) -> list[loops.Statement]:
        """Return the statements of the items inside ``depth`` loops."""
        statements: list[loops.Statement] = []
        for item in items:
            if isinstance(item, Nest):
                folds = self._local_folds(item)
                statements.extend(map(self._initial, folds))
                inner = self.body(item.items, depth + 1)
                statements.extend(map(self._cleared, self._scratch_folds(item)))
                statements.extend(self._loop(item, inner))
                for kernel in folds:
                    statements.extend(self._stored(kernel, self._accumulator(kernel), ()))
            elif isinstance(item, Kernel):
                statements.extend(self.kernel(item, depth))
            else:
                statements.extend(lower_routine(self, item))
        return statements

    def _loop(self, nest: Nest, body: Sequence[loops.Statement]) -> Sequence[loops.Statement]:
        """Return a loop, or one over blocks that begins with views of the rows it works on."""
        name = _variable_name(nest.depth)
        if nest.length is None:
            return [loops.Loop(name, nest.extent, tuple(body))]
        views = [loops.Slice(view, *key) for key, view in self.block_views.items()]
        self.block_views.clear()
        blocks = loops.Blocks(
            name, nest.extent, (*views, *body), size=str(ROWS), length=nest.length
        )
        return without_loop(blocks)

    def _local_folds(self, nest: Nest) -> list[Kernel]:
        """Return the folds inside a nest that a local variable holds, begun before the nest."""
        return [
            kernel
            for kernel in kernels_in(nest)
            if is_fold(kernel) and fold_depth(kernel) == nest.depth
        ]

    def _scratch_folds(self, nest: Nest) -> list[Kernel]:
        """Return the folds into scratch that must begin anew before ``nest``."""
        return [
            kernel
            for kernel in kernels_in(nest)
            if is_fold(kernel)
            and fold_depth(kernel) is None
            and self.places[kernel.node].path
            and len(self.places[kernel.node].path) == nest.depth
        ]

    def _accumulator(self, kernel: Kernel) -> loops.Name:
        place = self.places[kernel.node]
        name = self.names.of(kernel.node)
        return loops.Name(name if place.scalar else self.names.local(kernel.node))

    def _cleared(self, kernel: Kernel) -> loops.Statement:
        return loops.Fill(
            self.names.of(kernel.node), kernel.initial, kernel.node.array_type.dtype
        )

    def _initial(self, kernel: Kernel) -> loops.Statement:
        name = self._accumulator(kernel).name
        if kernel.first is None:
            dtype = kernel.node.array_type.dtype
            return loops.Let(name, loops.Literal(kernel.initial, dtype), ())
        numbers = [self.numbers[kernel.node]]
        return loops.Let(name, self.expression(kernel.first, (), numbers), tuple(numbers))

    def kernel(self, kernel: Kernel, depth: int) -> list[loops.Statement]:
        """Return the statements of one unit inside its loops."""
        node = kernel.node
        place = self.places[node]
        numbers: list[int] = [self.numbers[node]]
        path = self.around[id(kernel)]
        expression = self.expression(kernel.term, path, numbers)
        dtype = node.array_type.dtype
        if kernel.inplace is not None:
            array, indices = self.element(place.root, node, kernel.write, path, numbers)
            return [
                loops.Store(array, indices, expression, tuple(numbers), kernel.fold or "")
            ]
        if is_fold(kernel):
            assert kernel.fold is not None
            if fold_depth(kernel) is not None:
                return [
                    loops.Accumulate(
                        self._accumulator(kernel).name, kernel.fold, expression, dtype,
                        tuple(numbers),
                    )
                ]  # fmt: skip
            array, indices = self.element(node, node, kernel.write, path, numbers)
            return [loops.Store(array, indices, expression, tuple(numbers), kernel.fold)]
        if self._inlines(kernel, expression):
            self.inlined[node] = (expression, tuple(numbers))
            return []
        return self._stored(kernel, expression, tuple(numbers))

    def _stored(
        self, kernel: Kernel, expression: loops.Expression, numbers: tuple[int, ...]
    ) -> list[loops.Statement]:
        """Return the statements that put a finished value in its place."""
        node = kernel.node
        place = self.places[node]
        if place.scalar:
            name = self.names.of(node)
            if isinstance(expression, loops.Name) and expression.name == name:
                return []
            return [loops.Let(name, expression, numbers)]
        array, indices = self.element(node, node, kernel.write, self.around[id(kernel)], [])
        if node in self.reading.at_once and isinstance(expression, loops.Name):
            self.at_hand[node] = expression
        elif node in self.reading.at_once:
            local = self.names.local(node)
            return [
                loops.Let(local, expression, numbers),
                loops.Store(array, indices, loops.Name(local)),
            ]
        return [loops.Store(array, indices, expression, numbers)]

    def _inlines(self, kernel: Kernel, expression: loops.Expression) -> bool:
        node = kernel.node
        place = self.places[node]
        return (
            place.scalar
            and node in self.reading.once
            and node not in self.graph.outputs
            and weight(expression) <= INLINE_WEIGHT
        )

    def expression(self, term: Any, path: Path, numbers: list[int]) -> loops.Expression:
        """Return the expression of a term read inside ``path``."""
        if isinstance(term, Number):
            return loops.Literal(term.value, term.dtype)
        if isinstance(term, SizeNumber):
            return loops.SizeValue(term.dim, np.dtype(term.dtype))
        if isinstance(term, Term):
            operands = tuple(self.expression(operand, path, numbers) for operand in term.operands)
            return loops.Apply(
                term.template, operands, term.dtype, term.vector_math if path else None
            )
        assert isinstance(term, Read)
        node = term.node
        if node in self.inlined:
            expression, inner = self.inlined[node]
            numbers.extend(inner)
            return expression
        place = self.places.get(node)
        if place is None:  # an argument of the function
            if node.array_type.rank == 0:
                return loops.Name(self.names.of(node))
        elif place.scalar:
            return loops.Name(self.names.of(node))
        else:
            maker = self.maker.get(node)
            if isinstance(maker, Kernel) and node in self.reading.at_once:
                made = self.around[id(maker)]
                fold = fold_depth(maker) if is_fold(maker) else None
                made = made if fold is None else made[:fold]
                if made == path[: len(made)] and self._same_element(maker, term):
                    return self.at_hand.get(node) or loops.Name(self.names.local(node))
        array, indices = self.element(
            place.root if place else node, node, term.indices, path, numbers
        )
        return loops.Load(array, indices)

    def _same_element(self, maker: Kernel, read: Read) -> bool:
        return maker.inplace is None and tuple(maker.write) == tuple(read.indices)

    def element(
        self, root: Node, node: Node, indices: tuple[Any, ...], path: Path, numbers: list[int]
    ) -> tuple[str, tuple[Any, ...]]:
        """Return an array and indices for an element: a view where an index has an offset."""
        place = self.places.get(node)
        array = self.names.of(root)
        shape = root.array_type.shape
        if place is not None:
            indices = place.indices(indices)
            shape = place.shape(shape)
        in_blocks = bool(path) and path[0].length is not None
        slices: list[loops.AxisSlice | None] = []
        plain: list[Any] = []
        for axis, (index, dim) in enumerate(zip(indices, shape, strict=True)):
            slices.append(None)
            if not is_dim(index):
                plain.append(self.expression(index, path, numbers))
                continue
            if in_blocks and moves(index, 0):
                row = _row(index)
                if row is None:
                    plain.append(index)
                else:
                    slices[axis] = loops.AxisSlice(index - row, ROWS, 1, bounded=True)
                    plain.append(row)
                continue
            loop, start, step = _affine(index)
            leads = all(part is not None and part.step == 0 for part in slices[:axis])
            if loop is None:
                if leads and not (isinstance(index, int) and index >= 0):
                    slices[axis] = loops.AxisSlice(index, 1, 0)
                else:
                    plain.append(index)
            elif (start == 0 and step == 1) or not leads or axis + 1 < len(shape):
                plain.append(index)  # a view would not be contiguous
            elif any(name.startswith("@") for name in dims.symbols(start)):
                plain.append(index)  # it moves with several loops, as in overlapping windows
            else:
                extent = _extent(loop, path) if path else None
                size = extent if extent is not None else dim
                slices[axis] = loops.AxisSlice(start, size, step)
                plain.append(loop)
        if all(part is None for part in slices):
            return array, tuple(plain)
        if not plain:  # one fixed element: no view of it is needed
            return array, tuple(indices)
        key = (array, tuple(slices))
        views = self.views
        if any(part is not None and moves(part.start, 0) for part in slices):
            views = self.block_views
        name = views.get(key)
        if name is None:
            name = views[key] = self.names.view(array)
        return name, tuple(plain)


def _affine(index: Dim) -> tuple[dims.Size | None, Dim, int]:
    """Split an index into its loop variable (None: it has none), the offset and the step."""
    if isinstance(index, int):
        return None, index, 0
    for name in dims.symbols(index):
        if name.startswith("@"):
            loop = dims.symbol(name)
            start = dims.substitute(index, {name: 0})
            step = dims.substitute(index, {name: 1}) - start
            if not isinstance(step, int) or start + step * loop != index:
                raise InternalError(f"the index {index} is not affine in one loop variable")
            return loop, start, step
    return None, index, 0


def _row(index: Dim) -> dims.Size | None:
    """Return the loop over the rows of a block that an index moves with, besides the blocks.

    None where the index moves otherwise than one element a row, or with other loops too.
    """
    block = set(dims.symbols(variable(0)))
    inner = [name for name in dims.symbols(index) if name.startswith("@") and name not in block]
    if len(inner) != 1:
        return None
    row = dims.symbol(inner[0])
    return None if inner[0] in dims.symbols(index - row) else row


def _extent(loop: dims.Size, path: Path) -> Dim | None:
    for nest in path:
        if variable(nest.depth) == loop:
            return nest.extent
    return None


def _variable_name(depth: int) -> str:
    return next(iter(dims.symbols(variable(depth))))


def _prepared(
    graph: Graph,
    names: Names,
    numbers: Mapping[Node, int],
    scheduled: Schedule,
    memory: Mapping[Node, Memory],
    kernels: dict[str, str],
) -> Lowering:
    """Return what lowering a schedule needs: where each value lives, and how it is read."""
    units = scheduled.units
    around = paths(scheduled.items)
    places = place_values(graph, units, memory, around)
    maker: dict[Node, Unit] = {unit.node: unit for unit in reversed(units)}
    reading = read_values(units, around, maker)
    return Lowering(graph, names, numbers, places, memory, around, reading, maker, kernels=kernels)


def lower_function(
    graph: Graph,
    name: str,
    summary: str,
    wishes: Sequence[str],
    reserved: frozenset[str],
    *,
    parallel: bool = False,
) -> loops.Function:
    """Return the emitted function of a graph; ``wishes`` are names for its results.

    ``parallel`` lets threads share its outer loops.
    """
    numbers = graph.numbers()
    names = Names(graph, numbers, reserved)
    units, memory, inner = gathered(graph, *build_units(graph))
    units, memory = set_first(units, memory)
    units, inverses = invert_once(graph, units)
    units, columns = swept_by_columns(units)
    scheduled = schedule(graph, units, memory, overlapping=not parallel)
    copies = inner | inverses | columns | scheduled.copies
    for copy, (node, _) in copies.items():
        numbers[copy] = numbers[node]
    lowering = _prepared(graph, names, numbers, scheduled, memory, {})
    for node, wish in zip(graph.outputs, wishes, strict=True):
        place = lowering.places.get(node)
        names.prefer(place.root if place is not None else node, wish)
    for copy, (node, purpose) in copies.items():
        names.prefer(copy, f"{names.of(node)}_{purpose}")
    statements = lowering.body(scheduled.items, 0)
    returned_values, extra = results(lowering, wishes)
    head = [*allocations(lowering, scheduled.units), *lowering.allocations, *lowering.looked_at()]
    sizes, checks = sizes_and_checks(graph, names)
    arguments = tuple(
        loops.Argument(names.of(node), node.array_type.dtype, node.array_type.shape)
        for node in graph.inputs
    )
    returned = frozenset(result.name for result in returned_values)
    everything = made_when_sized([*head, *statements, *extra])
    zeros = zeros_of(graph)
    nonzero = in_memory(zeros.nonzero, lowering.places, names.of)
    needed = in_memory(zeros.needed, lowering.places, names.of)
    everything = without_zeros(everything, nonzero, needed, names.fresh)
    lean = without_copies(unroll(everything, returned, names.fresh), returned)
    lean = before_loops(kept_at_once(in_place(lean, returned)))
    lean = each_pair_once(lean, returned, names.fresh)
    shapes = {argument.name: argument.shape for argument in arguments}
    if parallel:
        lean = share(lean, shapes, [size.name for size in sizes], names, name)
    return loops.Function(
        name,
        summary,
        arguments,
        returned_values,
        sizes,
        checks,
        tuple(_tidied(lean, returned, names, graph.hints, shapes, parallel=parallel)),
        tuple(lowering.kernels.items()),
    )


def _tidied(
    statements: Sequence[loops.Statement],
    returned: frozenset[str],
    names: Names,
    hints: Mapping[str, int],
    shapes: Mapping[str, Shape],
    *,
    parallel: bool,
) -> list[loops.Statement]:
    """Return the statements after the passes that work on each function's statements."""
    written = copies_as_loops(keep_sums_local(statements, names.fresh))
    rows = through_rows(tidy(forwards(written), names), names)
    rows = flattened_where(has_vector_math, rows, shapes, names.fresh)
    lean = in_freed_memory(in_blocks(rows, names, hints), returned)
    lean = spread_out(lean if parallel else pooled(lean, returned, names.fresh))
    final = by_rank(lean, names.fresh)
    if not parallel:
        final = in_two_buffers(final, returned, names.fresh)
    return flattened(allocated_at_first_use(final, returned), shapes, names.fresh)
