"""From a graph to units: which nodes compute, what each reads, and which only rename."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir import dims
from irgrad.ir import op as lowerings
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Graph, Node
from irgrad.ir.ranges import Ranges
from irgrad.ops import create
from irgrad.ops.elementwise import (
    add,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    select,
    subtract,
)
from irgrad.ops.ensure import ensure
from irgrad.ops.index import gather
from irgrad.ops.shape import concatenate, reshape
from irgrad.schedule.bodies import is_begin
from irgrad.schedule.products import product_unit
from irgrad.schedule.units import (
    Kernel,
    Number,
    Read,
    Routine,
    SizeNumber,
    Term,
    Unit,
    variable,
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the array of a write begins as: a fill, left empty, or the array of another node."""

    fill: Number | None = None
    adopted: Node | None = None


def root_of(node: Node, memory: Mapping[Node, Memory]) -> Node:
    """Return the node whose memory a node goes on writing."""
    while node in memory and (adopted := memory[node].adopted) is not None:
        node = adopted
    return node


@dataclass
class Builder:
    """Units made so far, and the nodes that have memory of their own."""

    graph: Graph
    units: list[Unit] = field(default_factory=list)
    memory: dict[Node, Memory] = field(default_factory=dict)
    stored: set[Node] = field(default_factory=set)
    readers: dict[Node, list[Node]] = field(default_factory=dict)
    checked: set[tuple[Node, Dim]] = field(default_factory=set)
    """Index arrays with the sizes of the axes they are known to fit; conditions ensured."""
    in_place: bool = False
    """Whether the arrays that the graph is given may be written where they stand."""

    def __post_init__(self) -> None:
        self.ranges = Ranges(self.graph.inputs)

    def access(self, node: Node, indices: tuple[Any, ...]) -> Any:
        """Return the term for an element of ``node``, following views to what they look at."""
        while node not in self.stored:
            op = node.op
            if op is create.constant:
                return Number(node.params["value"], node.array_type.dtype)
            if op is create.size:
                return SizeNumber(node.params["dim"], node.params["dtype"])
            if op is create.iota:
                return SizeNumber(indices[0], node.array_type.dtype)
            if isinstance(op.lowering, lowerings.Elementwise) and by_position(node):
                return self.elementwise(node, indices)
            if not isinstance(op.lowering, lowerings.View):
                raise InternalError(f"{op.name} is read before it is scheduled")
            operand = node.inputs[0]
            followed = op.lowering.index(operand.array_type, indices, **node.params)
            if followed is None:
                raise InternalError(f"{op.name} is read before it is stored")
            node, indices = operand, followed
        return Read(node, indices)

    def elementwise(self, node: Node, indices: tuple[Any, ...]) -> Any:
        """Return the term for an element of an elementwise operation."""
        rank = node.array_type.rank
        operands = []
        for operand in node.inputs:
            aligned = indices[rank - operand.array_type.rank :]
            operands.append(
                self.access(
                    operand,
                    tuple(
                        0 if dim == 1 else index
                        for index, dim in zip(aligned, operand.array_type.shape, strict=True)
                    ),
                )
            )
        dtype = node.array_type.dtype
        lowering = node.op.lowering
        assert isinstance(lowering, lowerings.Elementwise)
        if node.op is create.convert and node.inputs[0].array_type.dtype == dtype:
            return operands[0]  # a copy
        if node.op is create.convert:
            return Term(_conversion(dtype), tuple(operands), dtype)
        known = [operand.value if isinstance(operand, Number) else None for operand in operands]
        expression = lowering.expression_for(known, dtype)
        kernel = lowering.kernel_for(lambda: self.ranges.of(node.inputs[0]), dtype)
        return Term(expression, tuple(operands), dtype, kernel)

    def whole(self, node: Node) -> Node:
        """Return ``node``, stored as a contiguous array: copied where it is only a view."""
        if node not in self.stored:
            self.copy(node)
        return node

    def copy(self, node: Node) -> None:
        """Store a view or a fill as an array of its own."""
        indices = all_indices(node.array_type.shape)
        term = self.access(node, indices)
        self.units.append(Kernel(node, domain_of(node.array_type.shape), indices, term))
        self.stored.add(node)


def all_indices(shape: Shape) -> tuple[Dim, ...]:
    """Return the loop variables that run over ``shape``; an axis of size 1 needs none."""
    depths = iter(range(len(shape)))
    return tuple(0 if dim == 1 else variable(next(depths)) for dim in shape)


def domain_of(shape: Shape) -> Shape:
    """Return the extents of the loops over ``shape``."""
    return tuple(dim for dim in shape if dim != 1)


def build_units(
    graph: Graph, *, in_place: bool = False
) -> tuple[list[Unit], dict[Node, Memory]]:
    """Return the units of a graph in an order of evaluation, and where writes begin.

    ``in_place``: writes into what the graph is given change it.
    """
    builder = Builder(graph, readers=graph.consumers(), in_place=in_place)
    builder.stored.update(graph.inputs)
    for node in graph.nodes:
        if node in builder.stored:
            continue
        build = _BUILDERS.get(node.op) or _LOWERINGS.get(type(node.op.lowering))
        if build is None:
            raise InternalError(f"the back end has no lowering for {node.op.name}")
        build(builder, node)
    for node in graph.outputs:
        builder.whole(node)
    return builder.units, builder.memory


def _nothing(builder: Builder, node: Node) -> None:
    """Leave a node to be read through."""


def _elementwise(builder: Builder, node: Node) -> None:
    if by_position(node):
        return  # computed where it is read: that costs less than memory
    shape = node.array_type.shape
    indices = all_indices(shape)
    builder.units.append(
        Kernel(node, domain_of(shape), indices, builder.elementwise(node, indices))
    )
    builder.stored.add(node)


def by_position(node: Node) -> bool:
    """Tell whether the elements of an array say where they are, or on which side of a diagonal.

    Looks a few operations deep and no deeper: a chain of thousands of additions is not followed.
    """
    if not node.array_type.rank:
        return False
    if node.op is create.convert:
        return _compares(node.inputs[0])
    if node.op is select:
        condition, *numbers = node.inputs
        return _compares(condition) and all(n.op is create.constant for n in numbers)
    return _is_shifted(node) or _compares(node)


def _compares(node: Node) -> bool:
    """Tell whether a node compares places along axes."""
    return node.op in _COMPARISONS and all(map(_is_position, node.inputs))


def _is_position(node: Node) -> bool:
    """Tell whether a node holds the places along an axis, or these and a number."""
    node = _behind_views(node)
    return node.op is create.iota or _is_shifted(node)


def _is_shifted(node: Node) -> bool:
    """Tell whether a node adds a number to the places along an axis."""
    if node.op not in (add, subtract):
        return False
    x, y = node.inputs
    return y.op is create.constant and _behind_views(x).op is create.iota


def _behind_views(node: Node) -> Node:
    """Return the node whose elements a node shows, possibly in another shape."""
    while node.inputs and isinstance(node.op.lowering, lowerings.View):
        node = node.inputs[0]
    return node


_COMPARISONS = (equal, less, less_equal, greater, greater_equal)


def _conversion(dtype: np.dtype) -> str:
    return "x != 0" if dtype.kind == "b" else f"np.{dtype.name}(x)"


def _reduction(builder: Builder, node: Node) -> None:
    operand = node.inputs[0]
    shape = operand.array_type.shape
    indices = all_indices(shape)
    axes = node.params["axes"]
    lowering = node.op.lowering
    assert isinstance(lowering, lowerings.Reduction)
    dtype = node.array_type.dtype
    term = builder.access(operand, indices)
    if operand.array_type.dtype != dtype:
        term = Term(_conversion(dtype), (term,), dtype)
    builder.units.append(
        Kernel(
            node,
            domain_of(shape),
            tuple(index for axis, index in enumerate(indices) if axis not in axes),
            term,
            lowering.expression,
            lowering.initial(dtype),
        )
    )
    builder.stored.add(node)


def _view(builder: Builder, node: Node) -> None:
    """Leave a view to be read through; a true reshape needs its operand as an array."""
    lowering = node.op.lowering
    assert isinstance(lowering, lowerings.View)
    operand = node.inputs[0].array_type
    indices = all_indices(node.array_type.shape)
    if lowering.index(operand, indices, **node.params) is not None:
        return
    if node.op is not reshape:
        raise InternalError(f"no index map for {node.op.name}")
    source = builder.whole(node.inputs[0])
    builder.units.append(Routine(node, "reshape", (source,)))
    builder.stored.add(node)


def _begin_write(builder: Builder, node: Node, target: Node) -> None:
    """Give a write its memory: that of its operand where nobody else needs it, else a copy."""
    alone = len(builder.readers[target]) == 1 and target not in builder.graph.outputs
    written = isinstance(target.op.lowering, lowerings.Write) or target.op is concatenate
    given = builder.in_place and target in builder.graph.inputs
    if given or (alone and written and target in builder.stored):
        builder.memory[node] = Memory(adopted=target)
    elif target not in builder.stored and target.op is create.full:
        value = builder.access(target, all_indices(target.array_type.shape))
        if isinstance(value, Number):
            builder.memory[node] = Memory(fill=value)
        else:
            builder.units.append(Routine(node, "copy", (builder.whole(target),)))
    else:
        _read_numbers(builder, target)
        builder.units.append(Routine(node, "copy", (builder.whole(target),)))
    builder.stored.add(node)


def _read_numbers(builder: Builder, array: Node) -> None:
    """Read the elements that are read of an array now, so that nothing reads it once it is copied.

    Its memory may then be the copy's.
    """
    for reader in builder.readers[array]:
        if isinstance(reader.op.lowering, lowerings.View) and not reader.array_type.rank:
            builder.whole(reader)


def _write(builder: Builder, node: Node) -> None:
    lowering = node.op.lowering
    assert isinstance(lowering, lowerings.Write)
    target, update, *arrays = node.inputs
    _begin_write(builder, node, target)
    memory = builder.memory.get(node)
    shape = update.array_type.shape
    indices = all_indices(shape)
    if lowering.index is not None:
        place: tuple[Any, ...] = lowering.index(indices, **node.params)
    else:
        _check_indices(builder, node, target, arrays)
        place = _indirect(builder, target.array_type.shape, arrays, node.params["axes"], indices)
    builder.units.append(
        Kernel(
            node,
            domain_of(shape),
            place,
            builder.access(update, indices),
            "x + y" if lowering.accumulate else None,
            inplace=memory.adopted if memory is not None and memory.adopted else node,
        )
    )


def _indirect(
    builder: Builder,
    shape: Shape,
    arrays: list[Node],
    axes: tuple[int, ...],
    indices: tuple[Dim, ...],
) -> tuple[Any, ...]:
    """Return the indices of what integer arrays pick: their axes come first in ``indices``."""
    merged = dims.broadcast_shapes(*[array.array_type.shape for array in arrays])
    assert merged is not None
    rank = len(merged)
    rest = iter(indices[rank:])
    picked = {}
    for axis, array in zip(axes, arrays, strict=True):
        own = array.array_type.shape
        aligned = indices[rank - len(own) : rank]
        picked[axis] = builder.access(
            array, tuple(0 if dim == 1 else i for i, dim in zip(aligned, own, strict=True))
        )
    return tuple(picked[axis] if axis in picked else next(rest) for axis in range(len(shape)))


def _ensure(builder: Builder, node: Node) -> None:
    """Check the condition once, and leave the value to be read through."""
    condition = (node.inputs[1], node.params["number"])
    if condition not in builder.checked:
        builder.checked.add(condition)
        operands = tuple(builder.whole(operand) for operand in node.inputs[1:])
        builder.units.append(Routine(node, "ensure", operands))


def _gather(builder: Builder, node: Node) -> None:
    operand, *arrays = node.inputs
    shape = node.array_type.shape
    indices = all_indices(shape)
    _check_indices(builder, node, operand, arrays)
    source = builder.whole(operand)
    place = _indirect(builder, source.array_type.shape, arrays, node.params["axes"], indices)
    builder.units.append(Kernel(node, domain_of(shape), indices, Read(source, place)))
    builder.stored.add(node)


def _check_indices(builder: Builder, node: Node, target: Node, arrays: list[Node]) -> None:
    """Have index arrays checked where they are first used: numba itself checks none."""
    for axis, array in zip(node.params["axes"], arrays, strict=True):
        size = target.array_type.shape[axis]
        if (array, size) in builder.checked or _counts_to(array, size):
            continue
        builder.checked.add((array, size))
        known = array.op is create.constant and isinstance(size, int)
        if known and -size <= int(array.params["value"]) < size:
            continue
        builder.units.append(Routine(node, "bounds", (builder.whole(array),), size))


def _counts_to(array: Node, size: Dim) -> bool:
    """Tell whether an index array holds 0, 1, ..., ``size - 1`` in some shape."""
    array = _behind_views(array)
    return array.op is create.iota and array.params["length"] == size


def _concatenate(builder: Builder, node: Node) -> None:
    axis = node.params["axis"]
    builder.memory[node] = Memory()
    start: Dim = 0
    for part in node.inputs:
        shape = part.array_type.shape
        indices = all_indices(shape)
        write = tuple(start + i if a == axis else i for a, i in enumerate(indices))
        builder.units.append(
            Kernel(node, domain_of(shape), write, builder.access(part, indices), inplace=node)
        )
        start = start + shape[axis]
    builder.stored.add(node)


def _opaque(builder: Builder, node: Node) -> None:
    operands = tuple(builder.whole(operand) for operand in node.inputs)
    builder.units.append(Routine(node, "kernel", operands, node.op.lowering))
    builder.stored.add(node)


def _contraction(builder: Builder, node: Node) -> None:
    builder.units.append(product_unit(builder, node))
    builder.stored.add(node)


def _control(builder: Builder, node: Node) -> None:
    for operand in node.inputs:
        if not is_begin(operand) and operand.op is not create.constant:
            builder.whole(operand)
    builder.units.append(Routine(node, "control", node.inputs, builder.readers))
    builder.stored.add(node)


def _item(builder: Builder, node: Node) -> None:
    if isinstance(node.inputs[0].op.lowering, lowerings.Control):
        builder.units.append(Routine(node, "loop_item", (node.inputs[0],)))
        builder.stored.add(node)
        return
    builder.units.append(Routine(node, "item", (node.inputs[0],), node.params["index"]))
    builder.stored.add(node)


_BUILDERS = {
    create.constant: _nothing,
    create.size: _nothing,
    create.iota: _nothing,
    create.item: _item,
    gather: _gather,
    concatenate: _concatenate,
    ensure: _ensure,
}

_LOWERINGS = {
    lowerings.Elementwise: _elementwise,
    lowerings.Reduction: _reduction,
    lowerings.View: _view,
    lowerings.Write: _write,
    lowerings.Kernel: _opaque,
    lowerings.Control: _control,
    lowerings.Contraction: _contraction,
}
