"""A program over cells as the text of one function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irgrad.emit.expressions import Printer
from irgrad.emit.templates import render
from irgrad.group.programs import OWN, Kind, Place, Program
from irgrad.ir import dims, loops
from irgrad.ir.graph import Node
from irgrad.ir.op import Elementwise
from irgrad.ops.create import constant, convert

_RECORD = dims.symbol("k")


@dataclass(frozen=True, slots=True)
class KindView:
    """What ``grouped.py.jinja`` prints for one kind."""

    number: int
    operation: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupedView:
    """What ``grouped.py.jinja`` prints."""

    name: str
    parameters: str
    backward: bool
    starts: tuple[tuple[str, str], ...]
    kinds: tuple[KindView, ...]


def text_of(program: Program) -> str:
    """Return the function: what it reads, groups, cells, then the banks it fills."""
    names = program.names
    written = names[program.fixed :]
    starts = [f"{name}_start" for name in written]
    return render(
        "grouped.py.jinja",
        GroupedView(
            name=program.name,
            parameters=", ".join((*names[: program.fixed], *starts, "groups", "cells", *written)),
            backward=program.backward,
            starts=tuple(zip(written, starts, strict=True)),
            kinds=tuple(
                KindView(number, kind.graph.name, tuple(_lines(kind, names, program)))
                for number, kind in enumerate(program.kinds)
            ),
        ),
    )


def _lines(kind: Kind, names: Sequence[str], program: Program) -> list[str]:
    uses: dict[Node, int] = {}
    for node in kind.graph.nodes:
        for operand in node.inputs:
            uses[operand] = uses.get(operand, 0) + 1
    for output in kind.graph.outputs:
        uses[output] = uses.get(output, 0) + 1
    printer = Printer()
    lines: list[str] = []
    values: dict[Node, loops.Expression] = {}

    def named(node: Node, expression: loops.Expression, name: str) -> None:
        lines.append(f"{name} = {printer.text(expression)}")
        values[node] = loops.Name(name)

    seeds = kind.graph.inputs[kind.silent :]
    for position, (node, place) in enumerate(zip(kind.graph.inputs, kind.reads, strict=True)):
        load = loops.Load(names[place.bank], (_cell(place, program),))
        if node in seeds or uses.get(node, 0) > 1:
            named(node, load, f"c{position}" if node in seeds else f"x{position}")
        else:
            values[node] = load
    if program.careful and seeds:
        silent = " and ".join(f"{printer.text(values[seed])} == 0.0" for seed in seeds)
        lines += [f"if {silent}:", "    continue"]
    for number, node in enumerate(kind.graph.nodes):
        if node in values:
            continue
        expression = _expression(node, values)
        if uses.get(node, 0) > 1 and node.op is not constant:
            named(node, expression, f"t{number}")
        else:
            values[node] = expression
    for node, place in zip(kind.graph.outputs, kind.writes, strict=True):
        target = printer.text(loops.Load(names[place.bank], (_cell(place, program),)))
        sign = "+=" if place.added else "="
        lines.append(f"{target} {sign} {printer.text(values[node])}")
    return lines


def _cell(place: Place, program: Program) -> Any:
    """Return where the number of a record stands."""
    if place.column == OWN:
        return program.own + _RECORD
    return loops.Load("cells", (_RECORD, place.column))


def _expression(node: Node, values: Mapping[Node, loops.Expression]) -> loops.Expression:
    if node.op is constant:
        return loops.Literal(node.params["value"], node.array_type.dtype)
    lowering: Any = node.op.lowering
    assert isinstance(lowering, Elementwise)
    dtype = node.array_type.dtype
    template = lowering.expression
    if node.op is convert:
        template = "x != 0" if dtype.kind == "b" else f"np.{dtype.name}(x)"
    return loops.Apply(template, tuple(values[operand] for operand in node.inputs), dtype)
