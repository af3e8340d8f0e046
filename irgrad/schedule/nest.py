"""Bodies of loops and branches: work on arrays in stretches, numbers one by one.

Arrays are read and written in place, numbers an element at a time. Every write comes after the
reads of what it replaces, so no version of an array but the last is ever needed. Work on arrays
between two writes is a *stretch*: it is lowered, and fused, as the body of a function is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Control, Elementwise, Op, View, Write
from irgrad.ops import create
from irgrad.ops.ensure import ensure
from irgrad.ops.index import gather
from irgrad.ops.views import strided
from irgrad.schedule.bodies import is_begin
from irgrad.schedule.dependence import SUM
from irgrad.schedule.names import Names
from irgrad.schedule.units import VARIABLES, occurrences, variable

CONTROL: dict[Op, Callable[[Any, Node, Sequence[Node]], None]] = {}
"""How the control ops are lowered in a body; ``schedule.loops`` and ``schedule.choices`` fill it.
"""

LONGEST = 8
"""Operations up to which a number that is used once is written where it is used."""


@dataclass(frozen=True)
class Stretch:
    """Statements of work on arrays, what they need allocated, and where the results are."""

    statements: Sequence[loops.Statement]
    allocations: Sequence[loops.Allocate]
    values: Mapping[Node, Any]


@dataclass(frozen=True)
class Around:
    """What bodies share with the function they stand in.

    ``stretch`` lowers nodes, of which some are wanted afterwards, on values known before them; all
    are work of the node that ``number`` is of.
    """

    names: Names
    allocations: list[loops.Statement]
    stretch: Callable[[Iterable[Node], Sequence[Node], Mapping[Node, Any], int], Stretch]
    looks_at: dict[str, str] = field(default_factory=dict)
    """The array behind each view taken in a body."""


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
    outputs: frozenset[Node] = frozenset()
    invariants: frozenset[Node] = frozenset()
    """Inputs of the body that are the same each time it runs."""
    waiting: dict[Node, None] = field(default_factory=dict)
    """The stretch that is not lowered yet."""
    read: set[Any] = field(default_factory=set)
    """What the stretch reads: names of arrays, and nodes of its own."""

    def size(self, dim: Dim) -> Dim:
        """Return a size or an index over the emitted loop variables."""
        return dims.substitute(dim, self.where)

    def fresh(self, node: Node) -> str:
        """Return a new name for a number."""
        return self.around.names.fresh(f"{node.op.name}_{self.number}")

    def body(self, graph: Graph) -> None:
        """Add the statements of a graph."""
        self.readers = graph.consumers()
        self.outputs = frozenset(graph.outputs)
        for node in graph.nodes:
            if self.readers[node] or node in self.outputs:
                self.node(node)
        self.settle()

    def node(self, node: Node) -> None:
        """Add what one node does, or let it wait in the stretch."""
        if node in self.values or node in self.waiting:
            return
        if self._joins(node):
            self._join(node)
        elif node.op in CONTROL:
            self.settle()
            CONTROL[node.op](self, node, self.readers[node])
        elif isinstance(node.op.lowering, Write):
            self._write(node)
        elif node.op is not create.item:  # that of a control op is named with it
            if node.op is ensure:
                self._ensure(node)
            value = self._value(node)
            if value is not None:
                self.values[node] = value

    def _joins(self, node: Node) -> bool:
        """Tell whether a node is work on arrays, or follows from such work that waits."""
        op = node.op
        if op in (create.constant, create.size) or is_begin(node) or op in CONTROL:
            return False
        if op is create.item and isinstance(node.inputs[0].op.lowering, Control):
            return False
        if any(operand in self.waiting for operand in node.inputs):
            return True
        if isinstance(op.lowering, Write):
            placed = op.lowering.index is not None or all(map(_is_tabled, node.inputs[2:]))
            return bool(node.inputs[1].array_type.rank) or not placed
        if isinstance(node.type, tuple):
            return True
        if node.type.shape:
            return not self._is_row(node)
        in_table = op is gather and all(map(_is_tabled, node.inputs[1:]))
        return not (isinstance(op.lowering, Elementwise | View) or in_table)

    def _join(self, node: Node) -> None:
        if isinstance(node.op.lowering, Write):
            self._begin_write(node)
        self.waiting[node] = None
        self.read.update(map(self._memory, _reads(node)))
        if isinstance(node.type, tuple):
            for item in self.readers[node]:
                self.waiting[item] = None

    def _memory(self, node: Node) -> Any:
        """Return the array whose memory a value is in, or the node in the stretch that makes it."""
        while node in self.waiting and isinstance(node.op.lowering, View | Write):
            node = node.inputs[0]
        value = self.values.get(node)
        return self.around.looks_at.get(value, value) if isinstance(value, str) else node

    def settle(self, chosen: Iterable[Node] | None = None) -> None:
        """Add the statements of the stretch, or of a part of it that the rest may follow."""
        waiting = dict.fromkeys(self.waiting if chosen is None else chosen)
        if not waiting:
            return
        self.waiting = {node: None for node in self.waiting if node not in waiting}
        self.read = {self._memory(o) for node in self.waiting for o in _reads(node)}
        wanted = [
            node
            for node in waiting
            if node in self.outputs or any(reader not in waiting for reader in self.readers[node])
        ]
        # A stretch counts from the first loop variable on; those of the loops around stand aside.
        aside = {f"@{v}": dims.symbol(f"around {v}") for v in VARIABLES[: self.depth]}
        known = {}
        for node in waiting:
            for operand in node.inputs:
                if operand not in self.values:
                    continue
                if not isinstance(node.op.lowering, Elementwise) and not operand.array_type.rank:
                    self._named(operand)  # routines take numbers by their names
                known[operand] = loops.placed(self.values[operand], aside)
        made = self.around.stretch(waiting, wanted, known, self.number)
        free = VARIABLES[: len(VARIABLES) - self.depth]
        values = dict(self.where)
        values |= {f"@{v}": variable(self.depth + d) for d, v in enumerate(free)}
        values |= {f"around {v}": variable(d) for d, v in enumerate(VARIABLES[: self.depth])}
        for part in made.allocations:
            self.allocate(loops.placed(part, values))
        self.statements.extend(loops.placed(part, values) for part in made.statements)
        self.values.update(made.values)

    def value(self, node: Node) -> Any:
        """Return what a node is: an expression, or the name of an array."""
        if is_begin(node) and node not in self.values:
            self.values[node] = self.filled(node)
        return self.values[node]

    def _value(self, node: Node) -> Any:
        """Return what a node is, None where that can wait."""
        op = node.op
        if op is create.constant:
            return loops.Literal(node.params["value"], node.array_type.dtype)
        if op is create.size:
            return loops.SizeValue(self.size(node.params["dim"]), node.params["dtype"])
        if is_begin(node):  # filled where it is used, for each of those who change it
            return self.filled(node) if node in self.outputs else None
        if op is strided and node.array_type.rank:
            return self._row(node)
        if op is gather:
            array, *indices = map(self.value, node.inputs)
            return self._kept(node, loops.Load(array, tuple(indices)))
        if isinstance(op.lowering, View):
            return self._kept(node, self._element(node))
        return self._kept(node, self._applied(node))

    def _ensure(self, node: Node) -> None:
        """Raise where a condition fails; the value is read as that of any view."""
        holds, shown = (self._named(operand) for operand in node.inputs[1:])
        params = node.params
        statement = loops.Ensure(holds.name, params["problem"], shown, params["number"])
        if statement not in self.statements:
            self.statements.append(statement)

    def _named(self, node: Node) -> loops.Name:
        """Return a number by its name, which it gets if it has none."""
        value = self.value(node)
        if not isinstance(value, loops.Name):
            name = self.fresh(node)
            self.statements.append(loops.Let(name, value, (self.number,)))
            value = self.values[node] = loops.Name(name)
        return value

    def _element(self, node: Node) -> loops.Expression:
        """Return a number that is a view of an array, or of a number."""
        lowering = node.op.lowering
        assert isinstance(lowering, View)
        operand = node.inputs[0]
        value = self.value(operand)
        if not operand.array_type.rank:
            return value  # type: ignore[no-any-return]
        place = lowering.index(operand.array_type, (), **node.params)
        assert place is not None
        return loops.Load(value, tuple(self.size(index) for index in place))

    def _applied(self, node: Node) -> loops.Expression:
        """Return the expression of an elementwise op on numbers."""
        lowering = node.op.lowering
        assert isinstance(lowering, Elementwise)
        dtype = node.array_type.dtype
        operands = tuple(self.values[operand] for operand in node.inputs)
        if node.op is create.convert:
            return loops.Apply(conversion(dtype), operands, dtype)
        known = [o.value if isinstance(o, loops.Literal) else None for o in operands]
        return loops.Apply(lowering.expression_for(known, dtype), operands, dtype)

    def _kept(self, node: Node, expression: loops.Expression) -> loops.Expression:
        """Give a number a name, unless it is used once and can be written there."""
        once = len(self.readers[node]) == 1 and node not in self.outputs
        once = once and _once(self.readers[node][0], node)
        if once and not self._changes(expression) and _weight(expression) <= LONGEST:
            return expression
        if isinstance(expression, loops.Literal | loops.SizeValue):
            return expression
        name = self.fresh(node)
        self.statements.append(loops.Let(name, expression, (self.number,)))
        return loops.Name(name)

    def _changes(self, expression: loops.Expression) -> bool:
        """Tell whether an expression reads what statements of this body may change."""
        return any(
            isinstance(part, loops.Load) and part.array in self.changing
            for part in parts_of(expression)
        )

    def _is_row(self, node: Node) -> bool:
        """Tell whether a node is a contiguous part of an array that no statement changes."""
        array = self.values.get(node.inputs[0]) if node.op is strided else None
        if not isinstance(array, str) or array in self.changing:
            return False
        params = node.params
        kept = [k for k in range(len(params["steps"])) if k not in params["dropped"]]
        shape = node.inputs[0].array_type.shape
        whole = all(params["sizes"][k] == shape[k] for k in kept[1:])
        return params["steps"][kept[0]] == 1 and kept[-1] - kept[0] + 1 == len(kept) and whole

    def _row(self, node: Node) -> str:
        """Name a part of an array."""
        params = node.params
        array: str = self.values[node.inputs[0]]
        slices: list[loops.AxisSlice | None] = []
        for axis, dim in enumerate(node.inputs[0].array_type.shape):
            start, size = params["starts"][axis], params["sizes"][axis]
            step = 0 if axis in params["dropped"] else params["steps"][axis]
            whole = step == 1 and start == 0 and size == dim
            part = loops.AxisSlice(self.size(start), self.size(size), step, bounded=step != 0)
            slices.append(None if whole else part)
        name = self.around.names.view(array)
        self.around.looks_at[name] = self.around.looks_at.get(array, array)
        self.statements.append(loops.Slice(name, array, tuple(slices)))
        return name

    def begin_change(self, array: Node, update: Node | None = None) -> None:
        """Read now what else is to be read of an array that is about to change, by ``update``."""
        for reader in self.readers[array]:
            if reader.op is strided and (self.readers[reader] or reader in self.outputs):
                self.node(reader)
        memory = self._memory(array)
        if memory in self.read:
            first = self._reading(memory)
            kept = {o for n in self.waiting if n not in first for o in n.inputs if o in first}
            few = sum(map(_needs_memory, kept)) < (update in self.waiting and _needs_memory(update))
            self.settle(first if few else None)

    def _reading(self, memory: Any) -> dict[Node, None]:
        """Return what of the stretch reads an array, and what that needs."""
        first: dict[Node, None] = {}
        for node in reversed(self.waiting):
            reads = not isinstance(node.op.lowering, View) and any(
                self._memory(operand) == memory for operand in _reads(node)
            )
            if reads or node in first or node.op is create.item:
                first.update(dict.fromkeys((node, *node.inputs)))
        return {node: None for node in self.waiting if node in first}

    def _begin_write(self, node: Node) -> None:
        if not is_begin(node.inputs[0]):
            self.begin_change(*node.inputs[:2])

    def _write(self, node: Node) -> None:
        """Write or add a number to an element."""
        target, update = node.inputs[:2]
        self._begin_write(node)
        array = self.filled(target) if is_begin(target) else self.values[target]
        lowering = node.op.lowering
        assert isinstance(lowering, Write)
        template = SUM if lowering.accumulate else ""
        if lowering.index is None:
            indices = tuple(map(self.value, node.inputs[2:]))
        else:
            indices = tuple(map(self.size, node.params["starts"]))
        value = self.values[update]
        self.statements.append(loops.Store(array, indices, value, (self.number,), template))
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
        type = node.array_type
        self.allocate(loops.Allocate(name, tuple(map(self.size, type.shape)), type.dtype))
        return name

    def allocate(self, part: loops.Allocate) -> None:
        """Give an array its memory, and let reads of it stay before writes."""
        varies = any(s.startswith(("@", "count")) for dim in part.shape for s in dims.symbols(dim))
        (self.statements if varies else self.around.allocations).append(part)
        self.changing.add(part.name)


def _reads(node: Node) -> tuple[Node, ...]:
    """Return the operands that a node reads, and does not only go on writing."""
    return node.inputs[1:] if isinstance(node.op.lowering, Write) else node.inputs


def _is_tabled(index: Node) -> bool:
    """Tell whether an index is the re-roller's own, of a table or alone: such ones are in range."""
    return index.op in (strided, create.constant) and index.origin is None


def _needs_memory(node: Node | None) -> bool:
    """Tell whether a value is stored only because it is read apart from where it is computed."""
    return node is not None and isinstance(node.op.lowering, Elementwise | View) and bool(
        node.array_type.rank
    )


def _once(reader: Node, node: Node) -> bool:
    """Tell whether what ``reader`` becomes names its operand ``node`` once, in the same body."""
    lowering = reader.op.lowering
    if isinstance(lowering, Elementwise):
        return occurrences(lowering.expression, reader.inputs.index(node)) == 1
    return not isinstance(lowering, Control)


def conversion(dtype: Any) -> str:
    """Return the template that converts a number to ``dtype``."""
    return "x != 0" if dtype.kind == "b" else f"np.{dtype.name}(x)"


def counters(nest: Nest, shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """Return the loop variables over ``shape``; an axis of size 1 needs none."""
    return tuple(0 if dim == 1 else variable(nest.depth + axis) for axis, dim in enumerate(shape))


def nested(
    nest: Nest, shape: Sequence[Dim], inside: Sequence[loops.Statement]
) -> Sequence[loops.Statement]:
    """Return statements inside loops over ``shape``."""
    for axis in reversed(range(len(shape))):
        if shape[axis] != 1:
            name = next(iter(dims.symbols(variable(nest.depth + axis))))
            inside = (loops.Loop(name, nest.size(shape[axis]), tuple(inside)),)
    return inside


def parts_of(expression: loops.Expression) -> Iterator[loops.Expression]:
    """Yield an expression and all expressions in it."""
    stack: list[Any] = [expression]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, loops.Apply):
            stack.extend(part.operands)
        elif isinstance(part, loops.Load):
            stack.extend(i for i in part.indices if not isinstance(i, int | dims.Size))


def _weight(expression: loops.Expression) -> int:
    return sum(1 for _ in parts_of(expression))
