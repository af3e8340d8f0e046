"""Lowering of ``loop`` nodes: nests of plain statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.graph import Node
from irgrad.ops import create
from irgrad.ops.control import loop
from irgrad.schedule.bodies import is_begin, with_copies
from irgrad.schedule.nest import CONTROL, Around, Nest, parts_of
from irgrad.schedule.units import variable


def lower_loop(
    around: Around,
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
    names = around.names
    nest = Nest(around, number, 0, {}, set(), {})
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
                nest.allocate(loops.Allocate(home, type.shape, type.dtype))
                if not is_begin(operand):
                    nest.statements.append(loops.Copy(home, nest.values[operand]))
                elif not is_tape:
                    fill = operand.inputs[0].params["value"]
                    nest.statements.append(loops.Fill(home, fill, type.dtype))
        homes.append(home)
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
        if is_begin(operand):  # what a tape begins as counts for nothing
            tape = position >= carries
            names.append(nest.array("tape", operand) if tape else nest.filled(operand))
            continue
        value: Any = nest.values[operand]
        if not operand.array_type.rank:
            name = nest.around.names.fresh(f"carry_{nest.number}")
            nest.statements.append(loops.Let(name, value, (nest.number,)))
        elif value in nest.changing and operand not in nest.invariants:
            nest.begin_change(operand)
            name = value
        else:  # the next iteration of this body reads it again
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
    body = with_copies(params["body"], len(names))
    trips = nest.size(params["trips"])
    counter = variable(nest.depth)
    step = trips - 1 - counter if params["reverse"] else counter
    values: dict[Node, Any] = {}
    for position, inside in enumerate(body.inputs):
        if position >= len(names):
            values[inside] = nest.value(node.inputs[position])
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


def _reads(expression: loops.Expression, name: str) -> bool:
    return any(part == loops.Name(name) for part in parts_of(expression))


CONTROL[loop] = lower_nest
