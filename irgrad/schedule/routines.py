"""Lowering of work on whole arrays: products, opaque kernels, reshapes, copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from irgrad.ir import dims, loops
from irgrad.ir.dims import Shape
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Kernel as OpaqueKernel
from irgrad.ops.control import loop
from irgrad.ops.create import constant
from irgrad.schedule.choices import lower_choice
from irgrad.schedule.loops import lower_loop
from irgrad.schedule.names import Names
from irgrad.schedule.nest import Around
from irgrad.schedule.storage import Place
from irgrad.schedule.units import ROWS, Routine, variable

CHECK_INDEX = '''def check_index(index, size):
    """Refuse indices that lie outside an axis of ``size`` elements."""
    for i in index.flat:
        if i < -size or i >= size:
            raise IndexError("an index is out of range")
'''


CHECK_NUMBER = '''def check_number(index, size):
    """Refuse an index that lies outside an axis of ``size`` elements."""
    if index < -size or index >= size:
        raise IndexError("an index is out of range")
'''


class Context(Protocol):
    """The part of the lowering that routines need."""

    graph: Graph
    names: Names
    numbers: Mapping[Node, int]
    places: Mapping[Node, Place]
    kernels: dict[str, str]
    aliases: list[loops.Statement]
    allocations: list[loops.Statement]

    def shared(self) -> Around:
        """Return what the bodies of loops share with this function."""


def lower_routine(context: Context, routine: Routine) -> list[loops.Statement]:
    """Return the statements of a routine."""
    return _ROUTINES[routine.kind](context, routine)


def _array(context: Context, node: Node) -> str:
    place = context.places.get(node)
    return context.names.of(place.root if place is not None else node)


def _dot(context: Context, routine: Routine) -> list[loops.Statement]:
    arguments: list[Any] = []
    for position, (operand, flipped) in enumerate(
        zip(routine.operands, routine.detail.transposed, strict=True)
    ):
        place = routine.places[position] if routine.places else ()
        rows = bool(routine.rows) and routine.rows[position]
        arguments.append(_part(context, operand, place, flipped, rows))
    rows = bool(routine.rows) and routine.rows[2]
    arguments.append(_part(context, routine.node, routine.write, False, rows))
    return [loops.Call(loops.PRODUCT, tuple(arguments), (context.numbers[routine.node],))]


def _part(
    context: Context,
    node: Node,
    leading: tuple[dims.Dim, ...],
    transposed: bool,
    rows: bool,
) -> loops.Part:
    """Return the part of an array at leading indices; axes without memory are left out.

    With ``rows``, the next axis is that of blocks, and the part has those of one block.
    """
    place = context.places.get(node)
    kept: tuple[dims.Dim | loops.AxisSlice, ...] = leading
    if place is not None:
        kept = tuple(index for axis, index in enumerate(leading) if axis in place.axes)
    if rows:
        start = 0 if place is not None and place.blocked is not None else variable(0)
        kept = (*kept, loops.AxisSlice(start, ROWS, 1, bounded=True))
    return loops.Part(_array(context, node), kept, transposed)


def _copy(context: Context, routine: Routine) -> list[loops.Statement]:
    source = _array(context, routine.operands[0])
    number = context.numbers[routine.node]
    return [loops.Copy(context.names.of(routine.node), source, (number,))]


def _reshape(context: Context, routine: Routine) -> list[loops.Statement]:
    context.aliases.append(
        loops.Rearrange(
            context.names.of(routine.node),
            _array(context, routine.operands[0]),
            routine.node.array_type.shape,
            None,
            (context.numbers[routine.node],),
        )
    )
    return []


def _bounds(context: Context, routine: Routine) -> list[loops.Statement]:
    (index,) = routine.operands
    if index.array_type.rank == 0:
        context.kernels["check_number"] = CHECK_NUMBER
        return [loops.Call("check_number", (_array(context, index), routine.detail))]
    context.kernels["check_index"] = CHECK_INDEX
    return [loops.Call("check_index", (_array(context, index), routine.detail))]


def _ensure(context: Context, routine: Routine) -> list[loops.Statement]:
    holds, shown = (_array(context, operand) for operand in routine.operands)
    params = routine.node.params
    return [loops.Ensure(holds, params["problem"], loops.Name(shown), params["number"])]


def _rows(context: Context, name: str, shape: Shape, core: int) -> str:
    """Return an array seen as a batch of ``core``-dimensional ones, aliased where needed."""
    batch = shape[: len(shape) - core]
    wanted = (dims.product(batch), *shape[len(shape) - core :])
    if wanted == shape:
        return name
    for alias in context.aliases:
        if isinstance(alias, loops.Rearrange) and (alias.array, alias.shape) == (name, wanted):
            return alias.name
    rows = context.names.fresh(f"{name}_rows")
    context.aliases.append(loops.Rearrange(rows, name, wanted))
    return rows


_PRECISIONS = {"float32": "s", "complex64": "c", "complex128": "z"}


def _opaque(context: Context, routine: Routine) -> list[loops.Statement]:
    lowering = routine.detail
    assert isinstance(lowering, OpaqueKernel)
    node = routine.node
    precision = _PRECISIONS.get(routine.operands[0].array_type.dtype.name, "d")
    function = lowering.function.replace("{p}", precision)
    context.kernels[function] = lowering.source.replace("{p}", precision)
    number = context.numbers[node]
    batch = max((o.array_type.rank for o in routine.operands), default=0) - lowering.core

    def seen(name: str, shape: Shape) -> str:
        """Name an array in the shape that the kernel takes."""
        core = max(len(shape) - batch, 0)
        return name if lowering.whole else _rows(context, name, shape, core)

    arguments: list[Any] = []
    for operand in routine.operands:
        type = operand.array_type
        if type.rank == 0:
            arguments.append(_array(context, operand))
        else:
            arguments.append(seen(_array(context, operand), type.shape))
    after: list[loops.Statement] = []
    types = node.type if isinstance(node.type, tuple) else (node.type,)
    for position, type in enumerate(types):
        several = isinstance(node.type, tuple)
        name = context.names.part(node, position) if several else context.names.of(node)
        if type.rank == 0 and not several:
            box = context.names.fresh(f"{name}_box")
            context.allocations.append(loops.Allocate(box, (1,), type.dtype))
            after.append(loops.Let(name, loops.Load(box, (0,)), (number,)))
            arguments.append(box)
            continue
        if several:
            shape = type.shape or (1,)
            context.allocations.append(loops.Allocate(name, shape, type.dtype))
            arguments.append(seen(name, shape) if type.rank else name)
            continue
        arguments.append(seen(name, type.shape))
    shared = None
    if lowering.in_place is not None:
        shared = arguments[lowering.in_place], arguments[len(routine.operands)]
    for argument in lowering.arguments:
        param = node.params[argument]
        is_number = isinstance(param, float)
        arguments.append(loops.Literal(param, np.dtype(np.float64)) if is_number else param)
    return [loops.Call(function, tuple(arguments), (number,), shared), *after]


def _item(context: Context, routine: Routine) -> list[loops.Statement]:
    source = context.names.part(routine.operands[0], routine.detail)
    node = routine.node
    name = context.names.of(node)
    if node.array_type.rank == 0:
        return [loops.Let(name, loops.Load(source, (0,)), (context.numbers[node],))]
    context.aliases.append(loops.Rearrange(name, source, node.array_type.shape))
    return []


def _control(context: Context, routine: Routine) -> list[loops.Statement]:
    node = routine.node

    def value(operand: Node) -> Any:
        if operand.op is constant:
            return loops.Literal(operand.params["value"], operand.array_type.dtype)
        array = _array(context, operand)
        return array if operand.array_type.rank else loops.Name(array)

    if node.op is not loop:
        number = context.numbers[node]
        return lower_choice(context.shared(), node, routine.detail, number, value)
    return lower_loop(
        context.shared(),
        node,
        routine.detail,
        context.numbers[node],
        context.graph.outputs,
        value,
    )


def _loop_item(context: Context, routine: Routine) -> list[loops.Statement]:
    return []


_ROUTINES: dict[str, Callable[[Context, Routine], list[loops.Statement]]] = {
    "dot": _dot,
    "copy": _copy,
    "reshape": _reshape,
    "bounds": _bounds,
    "ensure": _ensure,
    "kernel": _opaque,
    "item": _item,
    "control": _control,
    "loop_item": _loop_item,
}
