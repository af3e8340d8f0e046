"""Lowering of ``loop`` nodes: nests of plain statements.

Arrays are read and written in place, numbers an element at a time. Every write comes after the
reads of what it replaces, so no version of an array but the last is ever needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Control, Elementwise, Op, View, Write
from irgrad.ir.types import ArrayType
from irgrad.ops import create
from irgrad.ops.control import loop
from irgrad.ops.ensure import ensure
from irgrad.ops.index import gather
from irgrad.ops.views import strided
from irgrad.schedule.arrays import POSTPONED, compute, conversion, element, looked_up
from irgrad.schedule.bodies import is_begin, origin_of, postponed
from irgrad.schedule.names import Names
from irgrad.schedule.units import occurrences, variable

CHOICES: dict[Op, Callable[[Any, Node, Sequence[Node]], None]] = {}
"""How the control ops besides ``loop`` are lowered; ``schedule.choices`` fills it."""

LONGEST = 8
"""Operations up to which a number that is used once is written where it is used."""


@dataclass(frozen=True)
class Around:
    """The names and the allocations of the function a loop stands in."""

    names: Names
    allocations: list[loops.Statement]


@dataclass
class Nest:
    """The statements of one body, and what each node of it is: an expression, or an array's name.

    ``where`` gives loop variables of the graph as sizes over the emitted ones; ``changing`` are
    the arrays and numbers that statements change, so that a read of them can't be put off.
    """

    around: Around
    number: int
    depth: int
    where: dict[str, Dim]
    changing: set[str]
    values: dict[Node, Any]
    statements: list[loops.Statement] = field(default_factory=list)
    readers: dict[Node, list[Node]] = field(default_factory=dict)
    postponed: set[Node] = field(default_factory=set)
    targets: dict[Node, str] = field(default_factory=dict)
    """Values that can be written where a state of the loop stands."""
    invariants: frozenset[Node] = frozenset()
    """Inputs of the body that are the same each time it runs."""

    def size(self, dim: Dim) -> Dim:
        """Return a size or an index over the emitted loop variables."""
        return dims.substitute(dim, self.where)

    def fresh(self, node: Node) -> str:
        """Return a new name for a number."""
        return self.around.names.fresh(f"{node.op.name}_{self.number}")

    def body(self, graph: Graph) -> None:
        """Add the statements of a graph."""
        self.readers = graph.consumers()
        self.postponed = postponed(graph, self.targets)
        for node in graph.nodes:
            if node not in self.values and (self.readers[node] or node in graph.outputs):
                self.node(node, node in graph.outputs)

    def node(self, node: Node, is_output: bool) -> None:
        """Add what one node does."""
        op = node.op
        if op is ensure:
            self.ensure(node)
        if op is create.constant:
            self.values[node] = loops.Literal(node.params["value"], node.array_type.dtype)
        elif op is create.size:
            self.values[node] = loops.SizeValue(self.size(node.params["dim"]), node.params["dtype"])
        elif is_begin(node):
            if is_output or not _begins_tapes(node, self.readers[node]):
                self.values[node] = self.filled(node)
        elif op is create.full and not node.array_type.rank:
            self.values[node] = self.values[node.inputs[0]]
        elif op is strided:
            self.read(node)
        elif node in self.postponed:
            self.values[node] = POSTPONED
        elif op is gather:
            array = self.values[node.inputs[0]]
            self.keep(node, loops.Load(array, tuple(self.values[i] for i in node.inputs[1:])))
        elif isinstance(op.lowering, Write):
            self.write(node)
        elif op is loop:
            lower_nest(self, node, self.readers[node])
        elif op in CHOICES:
            CHOICES[op](self, node, self.readers[node])
        elif op is create.item:
            pass  # named with its loop
        elif isinstance(op.lowering, View) and not node.array_type.rank:
            self.keep(node, looked_up(self, node, ()), is_output)
        elif node.array_type.rank or not isinstance(op.lowering, Elementwise):
            compute(self, node)
        else:
            self.keep(node, self.applied(node), is_output)

    def ensure(self, node: Node) -> None:
        """Raise where a condition fails; the value is read as that of any view."""
        holds, shown = (self._named(operand) for operand in node.inputs[1:])
        params = node.params
        statement = loops.Ensure(holds, params["problem"], loops.Name(shown), params["number"])
        if statement not in self.statements:
            self.statements.append(statement)

    def _named(self, node: Node) -> str:
        """Return the name of a number, which gets one if it has none."""
        value = self.values[node]
        if isinstance(value, loops.Name):
            return value.name
        name = self.fresh(node)
        self.statements.append(loops.Let(name, value, (self.number,)))
        return name

    def applied(self, node: Node) -> loops.Expression:
        """Return the expression of an elementwise op on numbers."""
        lowering = node.op.lowering
        assert isinstance(lowering, Elementwise)
        dtype = node.array_type.dtype
        operands = tuple(self.values[operand] for operand in node.inputs)
        template = _template(lowering, operands, dtype)
        if node.op is create.convert:
            template = conversion(dtype)
        return loops.Apply(template, operands, dtype)

    def keep(self, node: Node, expression: loops.Expression, is_output: bool = False) -> None:
        """Give a number a name, unless it is used once and can be written there."""
        once = len(self.readers[node]) == 1 and not is_output
        reader = self.readers[node][0] if once else None
        inside = reader is not None and isinstance(reader.op.lowering, Control)
        once = once and not (reader is not None and _repeats(reader, node))
        if once and not inside and not self.changes(expression) and _weight(expression) <= LONGEST:
            self.values[node] = expression
            return
        name = self.fresh(node)
        self.values[node] = loops.Name(name)
        self.statements.append(loops.Let(name, expression, (self.number,)))

    def changes(self, expression: loops.Expression) -> bool:
        """Tell whether an expression reads what statements of this body may change."""
        return any(
            isinstance(part, loops.Load) and part.array in self.changing
            for part in _parts(expression)
        )

    def place(self, params: Mapping[str, Any]) -> tuple[Dim, ...]:
        """Return the indices of an element of a strided part that is one."""
        return tuple(self.size(start) for start in params["starts"])

    def read(self, node: Node) -> None:
        """Read an element, or name a part of an array."""
        array = self.values[node.inputs[0]]
        params = node.params
        if node.array_type.rank == 0:
            self.keep(node, element(self, node.inputs[0], self.place(params)))
            return
        if array is POSTPONED and node in self.postponed:
            self.values[node] = POSTPONED
            return
        if array is POSTPONED or (array in self.changing and node not in self.postponed):
            compute(self, node)
            return
        slices: list[loops.AxisSlice | None] = []
        for axis, start in enumerate(self.place(params)):
            step = 0 if axis in params["dropped"] else params["steps"][axis]
            slices.append(loops.AxisSlice(start, self.size(params["sizes"][axis]), step))
        name = self.around.names.view(array)
        self.values[node] = name
        self.statements.append(loops.Slice(name, array, tuple(slices)))

    def settle_reads(self, array: Node) -> None:
        """Read now what else is to be read of an array that is about to change."""
        for reader in self.readers[array]:
            if reader.op is strided and reader not in self.values:
                self.node(reader, False)

    def write(self, node: Node) -> None:
        """Write or add to an element, or to a part one element at a time."""
        target, update = node.inputs[:2]
        if is_begin(target) and len(self.readers[target]) > 1:
            array = self.filled(target)
        else:
            self.settle_reads(target)
            array = self.values[target]
        params = node.params
        assert isinstance(node.op.lowering, Write)
        template = "x + y" if node.op.lowering.accumulate else ""
        if node.op.lowering.index is None:
            places = tuple(self.values[index] for index in node.inputs[2:])
            value = element(self, update, ())
            self.statements.append(loops.Store(array, places, value, (self.number,), template))
            self.values[node] = array
            return
        shape = update.array_type.shape
        inner = [variable(self.depth + axis) for axis in range(len(shape))]
        remaining = iter(inner)
        indices = tuple(
            start if axis in params["dropped"] else start + params["steps"][axis] * next(remaining)
            for axis, start in enumerate(self.place(params))
        )
        expression = element(self, update, tuple(inner))
        statement: loops.Statement = loops.Store(
            array, indices, expression, (self.number,), template
        )
        for axis in reversed(range(len(shape))):
            name = next(iter(dims.symbols(inner[axis])))
            statement = loops.Loop(name, self.size(shape[axis]), (statement,))
        self.statements.append(statement)
        self.values[node] = array

    def filled(self, node: Node) -> str:
        """Return the name of an array filled anew each time the body runs."""
        name = self.array(node.op.name, node)
        value = node.inputs[0].params["value"]
        self.statements.append(loops.Fill(name, value, node.array_type.dtype))
        return name

    def array(self, wished: str, node: Node) -> str:
        """Allocate an array: before all loops, where its shape doesn't depend on them."""
        name = self.around.names.fresh(f"{wished}_{self.number}")
        self.allocate(name, node.array_type)
        return name

    def allocate(self, name: str, type: ArrayType) -> None:
        """Give an array its memory, and let reads of it stay before writes."""
        shape = tuple(self.size(dim) for dim in type.shape)
        varies = any(s.startswith(("@", "count")) for dim in shape for s in dims.symbols(dim))
        into = self.statements if varies else self.around.allocations
        into.append(loops.Allocate(name, shape, type.dtype))
        self.changing.add(name)


def _begins_tapes(node: Node, readers: Sequence[Node]) -> bool:
    """Tell whether a fill is only what tapes hold at first, which counts for nothing."""
    return all(
        reader.op is loop
        and node not in reader.inputs[: reader.params["carries"]]
        and node not in reader.inputs[reader.params["carries"] + reader.params["tapes"] :]
        for reader in readers
    )


def lower_loop(
    names: Names,
    allocations: list[loops.Statement],
    node: Node,
    readers: Mapping[Node, Sequence[Node]],
    number: int,
    outputs: Sequence[Node],
    value: Callable[[Node], Any],
) -> list[loops.Statement]:
    """Return the statements of a loop that stands in no other; ``value`` gives its operands.

    Its results get the names that ``names`` has for its items.
    """
    params = node.params
    states = params["carries"] + params["tapes"]
    nest = Nest(Around(names, allocations), number, 0, {}, set(), {})
    nest.values = {operand: value(operand) for operand in node.inputs if not is_begin(operand)}
    picked = {item.params["index"]: item for item in readers[node] if item.op is create.item}
    homes: list[str] = []
    for position, operand in enumerate(node.inputs[:states]):
        item = picked.get(position)
        is_tape = position >= params["carries"]
        type = operand.array_type
        alone = is_tape or len(readers[operand]) == 1
        goes_on = operand.op is create.item and operand.inputs[0].op is loop and type.rank
        if goes_on and alone and operand not in outputs and item not in outputs:
            home = nest.values[operand]
            if item is not None:
                names.share(item, home)
        else:
            home = names.of(item) if item is not None else names.fresh(f"loop_{number}")
            if not type.rank:
                nest.statements.append(loops.Let(home, nest.values[operand], (number,)))
            else:
                nest.allocate(home, operand.array_type)
                if not is_begin(operand):
                    nest.statements.append(loops.Copy(home, nest.values[operand]))
                elif not is_tape:
                    fill = operand.inputs[0].params["value"]
                    nest.statements.append(loops.Fill(home, fill, type.dtype))
        homes.append(home)
    for operand in node.inputs[states:]:
        if is_begin(operand) and operand not in nest.values:
            nest.values[operand] = nest.filled(operand)
    run_nest(nest, node, homes)
    return nest.statements


def lower_nest(nest: Nest, node: Node, readers: Sequence[Node]) -> None:
    """Add the statements of a loop to those of the body it stands in."""
    names = homes(nest, node, node.params["carries"], node.params["tapes"])
    run_nest(nest, node, names)
    settle_items(nest, names, readers)


def homes(nest: Nest, node: Node, carries: int, tapes: int) -> list[str]:
    """Return the variables and arrays of a loop's states, which begin as its operands."""
    names: list[str] = []
    for position, operand in enumerate(node.inputs[: carries + tapes]):
        value: Any = nest.values.get(operand)
        if not operand.array_type.rank:
            name = nest.around.names.fresh(f"carry_{nest.number}")
            nest.statements.append(loops.Let(name, value, (nest.number,)))
        elif (
            operand.op is not create.full
            and value in nest.changing
            and operand not in nest.invariants
        ):
            nest.settle_reads(operand)
            name = value
        elif operand.op is not create.full:  # the next iteration of this body reads it again
            name = nest.array("carry", operand)
            nest.statements.append(loops.Copy(name, value))
        elif position >= carries:
            name = nest.array("tape", operand)
        elif len(nest.readers[operand]) == 1:
            name = value
        else:
            name = nest.array("carry", operand)
            nest.statements.append(loops.Copy(name, value))
        names.append(name)
    return names


def settle_items(nest: Nest, names: Sequence[str], readers: Sequence[Node]) -> None:
    """Say where the results of a control op are."""
    for item in readers:
        if item.op is create.item:
            name = names[item.params["index"]]
            nest.values[item] = name if item.array_type.rank else loops.Name(name)


def run_nest(nest: Nest, node: Node, names: Sequence[str]) -> None:
    """Add the loop itself, whose states are the variables and arrays ``names``."""
    params = node.params
    body: Graph = params["body"]
    trips = nest.size(params["trips"])
    counter = variable(nest.depth)
    step = trips - 1 - counter if params["reverse"] else counter
    values: dict[Node, Any] = {}
    for position, inside in enumerate(body.inputs):
        if position >= len(names):
            values[inside] = nest.values[node.inputs[position]]
        elif inside.array_type.rank:
            values[inside] = names[position]
        else:
            values[inside] = loops.Name(names[position])
    changing = nest.changing | {
        name for name, inside in zip(names, body.inputs, strict=False) if inside.array_type.rank
    }
    inner = Nest(
        nest.around, nest.number, nest.depth + 1, {**nest.where, params["index"]: step},
        changing, values, invariants=frozenset(body.inputs[len(names) :]),
    )  # fmt: skip
    inner.targets = _targets(body, names)
    inner.body(body)
    numbers = [
        (name, inner.values[end])
        for name, end in zip(names, body.outputs, strict=True)
        if not end.array_type.rank
    ]
    inner.statements.extend(assigned(inner, numbers))
    for name, end in zip(names, body.outputs, strict=True):
        if end.array_type.rank and inner.values[end] != name:
            inner.statements.append(loops.Copy(name, inner.values[end]))
    name = next(iter(dims.symbols(counter)))
    nest.statements.append(loops.Loop(name, trips, tuple(inner.statements)))


def _targets(body: Graph, names: Sequence[str]) -> dict[Node, str]:
    """Return the new values of states that can be computed where the old ones stand."""
    position = {node: number for number, node in enumerate(body.nodes)}
    readers = body.consumers()
    last: dict[Node | None, int] = {}
    for node in body.nodes:
        for operand in node.inputs:
            if isinstance(operand.type, ArrayType) and operand.type.rank:
                last[origin_of(operand)] = position[node]
    return {
        end: name
        for name, start, end in zip(names, body.inputs, body.outputs, strict=False)
        if end.array_type.rank
        and isinstance(end.op.lowering, Elementwise)
        and not readers[end]
        and body.outputs.count(end) == 1
        and start not in body.outputs
        and last.get(start, -1) <= position[end]
    }


def assigned(nest: Nest, numbers: Sequence[tuple[str, Any]]) -> Iterator[loops.Statement]:
    """Yield assignments that take effect together."""
    waiting = [(name, e) for name, e in numbers if e != loops.Name(name)]
    while waiting:
        free = next(
            (
                position
                for position, (name, _) in enumerate(waiting)
                if not any(
                    _reads(e, name) for other, (_, e) in enumerate(waiting) if other != position
                )
            ),
            None,
        )
        if free is None:  # they change places
            kept = [nest.around.names.fresh(f"{name}_next") for name, _ in waiting]
            for name, (_, expression) in zip(kept, waiting, strict=True):
                yield loops.Let(name, expression, (nest.number,), again=True)
            for name, (state, _) in zip(kept, waiting, strict=True):
                yield loops.Let(state, loops.Name(name), again=True)
            return
        name, expression = waiting.pop(free)
        yield loops.Let(name, expression, (nest.number,), again=True)


def _template(lowering: Elementwise, operands: Sequence[Any], dtype: Any) -> str:
    """Return the expression of an op, the simpler one where operands are known numbers."""
    known = [operand.value if isinstance(operand, loops.Literal) else None for operand in operands]
    return lowering.expression_for(known, dtype)


def _repeats(reader: Node, node: Node) -> bool:
    """Tell whether the expression of ``reader`` names its operand ``node`` more than once."""
    lowering = reader.op.lowering
    return isinstance(lowering, Elementwise) and (
        occurrences(lowering.expression, reader.inputs.index(node)) > 1
    )


def _reads(expression: loops.Expression, name: str) -> bool:
    return any(part == loops.Name(name) for part in _parts(expression))


def _parts(expression: loops.Expression) -> Iterator[loops.Expression]:
    stack: list[Any] = [expression]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, loops.Apply):
            stack.extend(part.operands)
        elif isinstance(part, loops.Load):
            stack.extend(i for i in part.indices if not isinstance(i, int | dims.Size))


def _weight(expression: loops.Expression) -> int:
    return sum(1 for _ in _parts(expression))
