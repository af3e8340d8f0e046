"""Statements of a Program as lines of Python."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.emit import library
from irgrad.emit.expressions import Printer, literal, size_text
from irgrad.emit.templates import render
from irgrad.ir import loops
from irgrad.ir.dims import Dim

WIDTH = 84
"""Characters of a line of conditions, of a message or of a call, without its indentation."""


@dataclass(frozen=True, slots=True)
class LoopView:
    """What ``loop.py.jinja`` prints."""

    variable: str
    extent: str
    body: str


@dataclass(frozen=True, slots=True)
class BlocksView:
    """What ``blocks.py.jinja`` prints."""

    start: str
    size: str
    extent: str
    length: int
    body: str


@dataclass(frozen=True, slots=True)
class WhileView:
    """What ``while.py.jinja`` prints."""

    body: str


@dataclass(frozen=True, slots=True)
class CondView:
    """What ``cond.py.jinja`` prints."""

    condition: str
    body: str


@dataclass(frozen=True, slots=True)
class ShareView:
    """What ``share.py.jinja`` prints: a loop done by a function, on one thread or on several."""

    parts: str
    count: str
    alone: tuple[str, ...]
    copies: str
    part: str
    shared: str
    sums: str


def statements_text(statements: Iterable[loops.Statement], printer: Printer) -> str:
    """Return statements as text, one or more lines each."""
    lines: list[str] = []
    for statement in statements:
        lines.extend(_STATEMENTS[type(statement)](statement, printer))
    return "\n".join(lines)


def _noted(lines: Sequence[str], nodes: Sequence[int]) -> list[str]:
    """Return lines with the numbers of the nodes they compute."""
    if not nodes:
        return list(lines)
    note = " ".join(f"%{number}" for number in sorted(set(nodes)))
    return [*lines[:-1], f"{lines[-1]}  # {note}"]


def _let(statement: loops.Let, printer: Printer) -> list[str]:
    return _noted([f"{statement.name} = {printer.text(statement.expression)}"], statement.nodes)


def _store(statement: loops.Store, printer: Printer) -> list[str]:
    target = f"{statement.array}[{', '.join(map(printer.text, statement.indices))}]"
    if statement.template:
        return _noted(
            printer.fold(target, statement.template, statement.expression), statement.nodes
        )
    return _noted([f"{target} = {printer.text(statement.expression)}"], statement.nodes)


def _accumulate(statement: loops.Accumulate, printer: Printer) -> list[str]:
    lines = printer.fold(statement.name, statement.template, statement.expression)
    return _noted(lines, statement.nodes)


def _loop(statement: loops.Loop, printer: Printer) -> list[str]:
    view = LoopView(
        statement.variable.removeprefix("@"),
        f"{statement.over}.shape[0]" if statement.over else size_text(statement.extent),
        statements_text(statement.body, printer),
    )
    return render("loop.py.jinja", view).rstrip("\n").split("\n")


def _blocks(statement: loops.Blocks, printer: Printer) -> list[str]:
    view = BlocksView(
        statement.variable.removeprefix("@"),
        statement.size.removeprefix("@"),
        size_text(statement.extent),
        statement.length,
        statements_text(statement.body, printer),
    )
    return render("blocks.py.jinja", view).rstrip("\n").split("\n")


ROW_START = 32
"""Trips of an inner loop that take as long as to begin it *(measured)*."""


def _cut(statement: loops.Share, trips: str, place: str) -> str:
    """Return the trip that a part begins with; of triangles, such that they take equally long.

    To begin a row of a triangle of ``n`` counts as ``ROW_START`` elements of it: so the first ``i``
    of ever longer rows take ``i**2 / 2 + ROW_START * i``, which is solved for ``i``.
    """
    if not statement.slope:
        return f"{place} * {trips} // {statement.parts}"
    whole = f"{trips} * ({trips} + {2 * ROW_START}) * {place} / {statement.parts}"
    if statement.slope > 0:
        return f"int(np.sqrt({ROW_START**2} + {whole}) - {ROW_START - 0.5})"
    longest = f"({trips} + {ROW_START})"
    return f"int({trips} + {ROW_START + 0.5} - np.sqrt({longest}**2 - {whole}))"


def _share(statement: loops.Share, printer: Printer) -> list[str]:
    part, parts = statement.variable.removeprefix("@"), statement.parts
    extent = size_text(statement.extent)
    trips, work, least = (
        f"({text})" if " " in text else text
        for text in map(size_text, (statement.extent, statement.work, statement.least))
    )
    scalars = [total for total in statement.totals if not total.shape]
    copies = {total.name: f"{total.parts}[{part}]" for total in statement.totals if total.shape}

    def call(targets: Iterable[str], first: str, last: str, given: Iterable[str]) -> str:
        result = "".join([", ".join(targets), " = "]) if scalars else ""
        return broken(f"{result}{statement.task}(", ", ".join([first, last, *given]))

    found = [total.part for total in scalars]
    alone = call(found, "0", extent, statement.parameters).split("\n")
    for total in scalars:
        alone += printer.fold(total.name, total.template, loops.Name(total.part))
    cuts = [_cut(statement, trips, place) for place in (part, f"({part} + 1)")]
    first, last = (statement.first, statement.last) if statement.slope else cuts
    named = [f"{first} = {cuts[0]}", f"{last} = {cuts[1]}"] if statement.slope else []
    targets = [f"{total.parts}[{part}]" for total in scalars]
    given = [copies.get(name, name) for name in statement.parameters]
    shared = "\n".join([*named, call(targets, first, last, given)])
    limits = [str(statement.most), f"{work} // {least}"]
    if statement.length > 1:
        limits.append(f"{trips} // {statement.length}")
    view = ShareView(
        parts=parts,
        count=f"min({', '.join(limits)}) // 2 * 2",
        alone=tuple(alone),
        copies=statements_text(statement.copies, printer),
        part=part,
        shared=shared,
        sums=statements_text(statement.sums, printer),
    )
    return render("share.py.jinja", view).rstrip("\n").split("\n")


def broken(opening: str, arguments: str) -> str:
    """Return what takes arguments, with these on lines of their own where one is too long."""
    if len(opening) + len(arguments) < WIDTH:
        return f"{opening}{arguments})"
    lines = textwrap.wrap(arguments, WIDTH, break_long_words=False)
    return "\n".join([opening, *(f"    {line}" for line in lines), ")"])


def _while(statement: loops.While, printer: Printer) -> list[str]:
    view = WhileView(statements_text(statement.body, printer))
    return render("while.py.jinja", view).rstrip("\n").split("\n")


def _when(statement: loops.When, printer: Printer) -> list[str]:
    view = CondView(statement.condition, statements_text(statement.body, printer))
    return render("cond.py.jinja", view).rstrip("\n").split("\n")


def _leave(statement: loops.Leave, printer: Printer) -> list[str]:
    return [f"if not {statement.condition}:", "    break"]


def _ensure(statement: loops.Ensure, printer: Printer) -> list[str]:
    shown = printer.text(statement.expression)
    return [
        f"if not {statement.condition}:",
        f'    raise ArithmeticError("{statement.problem}", {shown}, {statement.number})',
    ]


def _grow(statement: loops.Grow, printer: Printer) -> list[str]:
    longer = [
        f"    {array} = np.concatenate(({array}, np.empty_like({array})))"
        for array in statement.arrays
    ]
    return [f"if {statement.count} == {statement.arrays[0]}.shape[0]:", *longer]


def _shape_text(shape: Sequence[Any]) -> str:
    sizes = ", ".join(map(size_text, shape))
    return sizes if len(shape) == 1 else f"({sizes})"


def _allocate(statement: loops.Allocate, printer: Printer) -> list[str]:
    shape = _shape_text(statement.shape)
    dtype = "" if statement.dtype == np.float64 else f", np.{_dtype_name(statement.dtype)}"
    if statement.fill is None:
        text = f"np.empty({shape}{dtype})"
    elif statement.fill == 0:
        text = f"np.zeros({shape}{dtype})"
    else:
        text = f"np.full({shape}, {literal(statement.fill, statement.dtype)}{dtype})"
    return _noted([f"{statement.name} = {text}"], statement.nodes)


def _dtype_name(dtype: np.dtype) -> str:
    return "bool_" if dtype.kind == "b" else dtype.name


def _fill(statement: loops.Fill, printer: Printer) -> list[str]:
    return [f"{statement.array}[...] = {literal(statement.value, statement.dtype)}"]


def _slice(statement: loops.Slice, printer: Printer) -> list[str]:
    parts = []
    for part in statement.slices:
        if part is None:
            parts.append(":")
        elif part.step == 0:
            parts.append(size_text(part.start))
        else:
            parts.append(_slice_text(part))
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()  # numba knows an array cut along its first axis alone to be contiguous
    return [f"{statement.name} = {statement.array}[{', '.join(parts)}]"]


def _slice_text(part: loops.AxisSlice) -> str:
    """Return the slice of a view, open at the end where it may be."""
    start = "" if part.start == 0 and part.step > 0 else size_text(part.start)
    if part.bounded:
        return f"{start}:{size_text(part.start + part.size)}"
    return f"{start}:" if part.step == 1 else f"{start}::{part.step}"


def _rearrange(statement: loops.Rearrange, printer: Printer) -> list[str]:
    if statement.axes is not None:
        text = f"{statement.array}.transpose({', '.join(map(str, statement.axes))})"
    elif statement.shape is not None:
        text = f"{statement.array}.reshape({_shape_text(statement.shape)})"
    else:
        text = f"{statement.array}  # its memory, used again"
    return _noted([f"{statement.name} = {text}"], statement.nodes)


def _call(statement: loops.Call, printer: Printer) -> list[str]:
    arguments = ", ".join(_argument(argument, printer) for argument in statement.arguments)
    text = f"{statement.function}({arguments})"
    printer.used.update(dict.fromkeys(library.called(text)))
    return _noted([text], statement.nodes)


def _argument(argument: Any, printer: Printer) -> str:
    if isinstance(argument, str):
        return argument
    if isinstance(argument, loops.Part):
        places = ", ".join(map(_place_text, argument.leading))
        leading = f"[{places}]" if argument.leading else ""
        return f"{argument.array}{leading}{'.T' if argument.transposed else ''}"
    if isinstance(argument, bool):  # numba would compile the function for each literal value
        return f"np.bool_({argument})"
    return printer.text(argument)


def _place_text(place: Dim | loops.AxisSlice) -> str:
    return _slice_text(place) if isinstance(place, loops.AxisSlice) else size_text(place)


def _copy(statement: loops.Copy, printer: Printer) -> list[str]:
    return _noted([f"{statement.target}[...] = {statement.source}"], statement.nodes)


def _exchange(statement: loops.Exchange, printer: Printer) -> list[str]:
    return [f"{statement.one}, {statement.other} = {statement.other}, {statement.one}"]


_STATEMENTS: dict[type, Callable[[Any, Printer], list[str]]] = {
    loops.Let: _let,
    loops.Store: _store,
    loops.Accumulate: _accumulate,
    loops.Loop: _loop,
    loops.Blocks: _blocks,
    loops.Share: _share,
    loops.Allocate: _allocate,
    loops.Fill: _fill,
    loops.Slice: _slice,
    loops.Rearrange: _rearrange,
    loops.Call: _call,
    loops.Copy: _copy,
    loops.Exchange: _exchange,
    loops.While: _while,
    loops.When: _when,
    loops.Leave: _leave,
    loops.Grow: _grow,
    loops.Ensure: _ensure,
}
