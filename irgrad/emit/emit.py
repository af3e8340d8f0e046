"""Printing a Program as one Python file, through the Jinja templates."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
import numpy as np

from irgrad.emit import foreign, library, vector_math
from irgrad.emit.expressions import Printer, literal, size_text
from irgrad.emit.foreign import Entry
from irgrad.emit.templates import template_folder
from irgrad.ir import loops
from irgrad.ops.texts import TEXTS

MOST_PARTS = 16
"""Parts into which a shared loop is cut at most."""
WIDTH = 84
"""Characters of a line of conditions or of a message, without its indentation."""


@dataclass(frozen=True, slots=True)
class ModuleView:
    """What ``module.py.jinja`` prints."""

    title: str
    signatures: tuple[str, ...]
    notes: tuple[str, ...]
    imports: str
    needs_shared: bool
    needs_exact: bool
    needs_strict: bool
    needs_careful: bool
    loop_flags: str
    kernels: tuple[str, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumbaView:
    """What ``numba.py.jinja`` prints."""

    shares: bool


@dataclass(frozen=True, slots=True)
class ImportsView:
    """What ``imports.py.jinja`` prints: numba's imports, and the binding of SciPy's functions."""

    modules: tuple[str, ...]
    special: tuple[str, ...]
    routines: tuple[str, ...]
    plain: tuple[str, ...]
    shares: bool


@dataclass(frozen=True, slots=True)
class FunctionView:
    """What ``function.py.jinja`` prints."""

    flags: str
    name: str
    parameters: str
    summary: str
    sizes: tuple[str, ...]
    condition: str
    complaint: str
    body: str
    results: str


@dataclass(frozen=True, slots=True)
class LoopView:
    """What ``loop.py.jinja`` prints."""

    variable: str
    extent: str
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


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, view: Any) -> str:
    """Return a template filled from its view, whose fields are its variables."""
    return _environment().get_template(template).render({
        field: getattr(view, field) for field in view.__dataclass_fields__
    })


def emit(program: loops.Program, *, title: str, notes: Sequence[str], fastmath: bool) -> str:
    """Return the source text of a program, deterministic to the byte."""
    printer = Printer()
    kernels: dict[str, str] = {}
    functions: list[str] = []
    shares = False
    for function in program.functions:
        kernels.update(function.kernels)
        tasks = [part for part in function.body if isinstance(part, loops.Share)]
        shares |= bool(tasks)
        functions.extend(_task(task, function, printer) for task in tasks)
        functions.append(_function(function, "SHARED" if tasks else "LOOP", printer))
    for text in kernels.values():
        printer.used.update(dict.fromkeys(library.called(text)))
    needed = library.needed(printer.used)
    texts: list[str] = []
    exact = strict = False
    for name in needed.vector_math:
        kernel = vector_math.BY_FUNCTION[name]
        strict |= kernel.strict
        exact |= not kernel.strict
        flags = "STRICT" if kernel.strict else "EXACT"
        texts.append(f"@njit(**{flags})\n{vector_math.source(name).strip()}")
    texts.extend(
        f"@njit(**CAREFUL)\n{TEXTS[name].strip()}" for name in needed.texts
    )
    texts.extend(f"@njit(**LOOP)\n{text.strip()}" for text in kernels.values())
    main = program.functions[-1]
    return render(
        "module.py.jinja",
        ModuleView(
            title=title,
            signatures=(_signature(main.arguments), _signature(main.results)),
            notes=(
                *notes,
                _needs(program, needed.foreign),
                "Numbers after % are nodes of the graph.",
            ),
            imports=_imports(needed.foreign, shares).rstrip("\n"),
            needs_shared=shares,
            needs_exact=exact,
            needs_strict=strict,
            needs_careful=bool(needed.texts),
            loop_flags="True" if fastmath else '{"reassoc", "contract", "nsz"}',
            kernels=tuple(texts),
            functions=tuple(functions),
        ),
    )


def _needs(program: loops.Program, entries: Sequence[Entry]) -> str:
    """Return the note that says what a file needs."""
    if entries:
        return "Emitted by irgrad; needs NumPy and SciPy, and numba to be fast."
    parts = loops.every_statement(program.functions[-1].body)
    blas = any(isinstance(part, loops.Call) and part.function.startswith("np.") for part in parts)
    fast = "numba with SciPy, whose BLAS it calls," if blas else "numba"
    return f"Emitted by irgrad; needs NumPy, and {fast} to be fast."


def _imports(entries: Sequence[Entry], shares: bool) -> str:
    """Return the imports of numba, and the bindings of SciPy's functions."""
    if not entries:
        return render("numba.py.jinja", NumbaView(shares))
    special = [entry for entry in entries if entry.module == foreign.SPECIAL]
    routines = [entry for entry in entries if entry.module != foreign.SPECIAL]
    by_module = {entry.module: None for entry in routines}
    imports = [_import(module) for module in by_module]
    return render(
        "imports.py.jinja",
        ImportsView(
            modules=(*([_import(foreign.SPECIAL)] if special else []), *imports),
            special=tuple(
                f'{e.name} = scipy_special("{e.name}", "{e.entry}", {e.arguments})'
                for e in special
            ),
            routines=tuple(
                f'{e.name} = scipy_routine({e.module.split(".")[-1]}, "{e.entry}", {e.arguments})'
                for e in routines
            ),
            plain=(
                *imports,
                *(
                    f"from scipy.special import {e.plain}"
                    + (f" as {e.name}" if e.name != e.plain else "")
                    for e in special
                ),
            ),
            shares=shares,
        ),
    )


def _import(module: str) -> str:
    package, _, name = module.rpartition(".")
    return f"from {package} import {name}"


def _signature(arguments: Iterable[loops.Argument]) -> str:
    return "    ".join(f"{a.name}: {type_text(a)}" for a in arguments)


def type_text(argument: loops.Argument) -> str:
    """Return ``float64[n, d]``, or the dtype alone of a scalar."""
    shape = ", ".join(size_text(dim) for dim in argument.shape)
    return f"{argument.dtype.name}[{shape}]" if argument.shape else argument.dtype.name


def _task(share: loops.Share, function: loops.Function, printer: Printer) -> str:
    """Return the function that does a part of a shared loop."""
    scalars = [total.name for total in share.totals if not total.shape]
    return render(
        "function.py.jinja",
        FunctionView(
            flags="LOOP",
            name=share.task,
            parameters=", ".join([share.first, share.last, *share.parameters]),
            summary=f"Do trips {share.first} to {share.last} of a loop of {function.name}.",
            sizes=(),
            condition="",
            complaint="",
            body=_body(share.body, printer),
            results=", ".join(scalars),
        ),
    )


def _function(function: loops.Function, flags: str, printer: Printer) -> str:
    arguments = ", ".join(argument.name for argument in function.arguments)
    conditions = tuple(
        dict.fromkeys(f"{c.left} {c.relation} {c.right}" for c in function.checks)
    )
    return render(
        "function.py.jinja",
        FunctionView(
            flags=flags,
            name=function.name,
            parameters=arguments,
            summary=function.summary,
            sizes=_size_lines(function.sizes, function.arguments),
            condition=_condition(conditions),
            complaint=_complaint(function),
            body=_body(function.body, printer),
            results=", ".join(result.name for result in function.results),
        ),
    )


def _condition(conditions: Sequence[str]) -> str:
    """Return the alternatives on one line where they fit, else each on its own."""
    text = " or ".join(conditions)
    if len(text) <= WIDTH:
        return text
    return "(\n    " + "\n    or ".join(conditions) + "\n)"


def _complaint(function: loops.Function) -> str:
    """Return what a call of other sizes is told, broken into lines where it is long."""
    wanted = ", ".join(f"{a.name}: {type_text(a)}" for a in function.arguments if a.shape)
    text = f"sizes must be {wanted}{_bounds(function.checks)}"
    lines = textwrap.wrap(text, WIDTH, drop_whitespace=False, break_long_words=False)
    if len(lines) == 1:
        return f'("{lines[0]}")'
    return "(\n" + "\n".join(f'    "{line}"' for line in lines) + "\n)"


def _bounds(checks: Sequence[loops.Check]) -> str:
    """Return what is required of sizes beyond the shapes, in words."""
    opposite = {"!=": "==", "<": ">=", ">=": "<"}
    beyond = [check for check in checks if ".shape" not in check.left]
    wanted = [f"{check.left} {opposite[check.relation]} {check.right}" for check in beyond]
    return f" with {', '.join(wanted)}" if wanted else ""


def _size_lines(
    sizes: Sequence[loops.Size], arguments: Sequence[loops.Argument]
) -> tuple[str, ...]:
    """Return ``n, d = X.shape`` where all of a shape's sizes are read from it, else one each."""
    ranks = {argument.name: len(argument.shape) for argument in arguments}
    lines: list[str] = []
    by_array: dict[str, list[loops.Size]] = {}
    for size in sizes:
        by_array.setdefault(size.array, []).append(size)
    for array, own in by_array.items():
        if ranks[array] == len(own) > 1:
            lines.append(f"{', '.join(size.name for size in own)} = {array}.shape")
        else:
            lines.extend(f"{size.name} = {array}.shape[{size.axis}]" for size in own)
    return tuple(lines)


def _body(statements: Iterable[loops.Statement], printer: Printer) -> str:
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
        _body(statement.body, printer),
    )
    return render("loop.py.jinja", view).rstrip("\n").split("\n")


def _share(statement: loops.Share, printer: Printer) -> list[str]:
    part, parts = statement.variable.removeprefix("@"), statement.parts
    extent = size_text(statement.extent)
    trips, work, least = (
        text if text.isalnum() else f"({text})"
        for text in map(size_text, (statement.extent, statement.work, statement.least))
    )
    scalars = [total for total in statement.totals if not total.shape]
    copies = {total.name: f"{total.parts}[{part}]" for total in statement.totals if total.shape}

    def call(targets: Iterable[str], first: str, last: str, given: Iterable[str]) -> str:
        result = "".join([", ".join(targets), " = "]) if scalars else ""
        return _broken(f"{result}{statement.task}(", ", ".join([first, last, *given]))

    found = [total.part for total in scalars]
    alone = call(found, "0", extent, statement.parameters).split("\n")
    for total in scalars:
        alone += printer.fold(total.name, total.template, loops.Name(total.part))
    shared = call(
        [f"{total.parts}[{part}]" for total in scalars],
        f"{part} * {trips} // {parts}",
        f"({part} + 1) * {trips} // {parts}",
        [copies.get(name, name) for name in statement.parameters],
    )
    view = ShareView(
        parts=parts,
        count=f"min({MOST_PARTS}, {work} // {least})",
        alone=tuple(alone),
        copies=_body(statement.copies, printer),
        part=part,
        shared=shared,
        sums=_body(statement.sums, printer),
    )
    return render("share.py.jinja", view).rstrip("\n").split("\n")


def _broken(opening: str, arguments: str) -> str:
    """Return a call, its arguments on lines of their own where one line would be too long."""
    if len(opening) + len(arguments) < WIDTH:
        return f"{opening}{arguments})"
    lines = textwrap.wrap(arguments, WIDTH, break_long_words=False)
    return "\n".join([opening, *(f"    {line}" for line in lines), ")"])


def _while(statement: loops.While, printer: Printer) -> list[str]:
    view = WhileView(_body(statement.body, printer))
    return render("while.py.jinja", view).rstrip("\n").split("\n")


def _when(statement: loops.When, printer: Printer) -> list[str]:
    view = CondView(statement.condition, _body(statement.body, printer))
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
    return _noted([f"{statement.function}({arguments})"], statement.nodes)


def _argument(argument: Any, printer: Printer) -> str:
    if isinstance(argument, str):
        return argument
    if isinstance(argument, loops.Part):
        leading = f"[{', '.join(map(size_text, argument.leading))}]" if argument.leading else ""
        return f"{argument.array}{leading}{'.T' if argument.transposed else ''}"
    return printer.text(argument)


def _copy(statement: loops.Copy, printer: Printer) -> list[str]:
    return _noted([f"{statement.target}[...] = {statement.source}"], statement.nodes)


_STATEMENTS: dict[type, Callable[[Any, Printer], list[str]]] = {
    loops.Let: _let,
    loops.Store: _store,
    loops.Accumulate: _accumulate,
    loops.Loop: _loop,
    loops.Share: _share,
    loops.Allocate: _allocate,
    loops.Fill: _fill,
    loops.Slice: _slice,
    loops.Rearrange: _rearrange,
    loops.Call: _call,
    loops.Copy: _copy,
    loops.While: _while,
    loops.When: _when,
    loops.Leave: _leave,
    loops.Grow: _grow,
    loops.Ensure: _ensure,
}
