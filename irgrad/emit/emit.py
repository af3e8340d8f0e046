"""Printing a Program as one Python file, through the Jinja templates."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from irgrad.emit import foreign, library, vector_math
from irgrad.emit.expressions import Printer, size_text
from irgrad.emit.foreign import Entry
from irgrad.emit.statements import WIDTH, broken, statements_text
from irgrad.emit.templates import render
from irgrad.ir import loops
from irgrad.ops.texts import TEXTS

TRANSFORMS = "import rocket_fft  # by which numba compiles np.fft"


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
    transforms: bool


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
    head: str
    summary: str
    sizes: tuple[str, ...]
    condition: str
    complaint: str
    body: str
    results: str


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
    transforms = any("np.fft." in text for text in kernels.values())
    texts: list[str] = []
    exact = strict = False
    for name in needed.vector_math:
        kernel = vector_math.BY_FUNCTION[name]
        flags = "LOOP" if kernel.fills else "STRICT" if kernel.strict else "EXACT"
        strict |= flags == "STRICT"
        exact |= flags == "EXACT"
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
                _needs(program, needed.foreign, transforms),
                "Numbers after % are nodes of the graph.",
            ),
            imports=_imports(needed.foreign, shares, transforms).rstrip("\n"),
            needs_shared=shares,
            needs_exact=exact,
            needs_strict=strict,
            needs_careful=bool(needed.texts),
            loop_flags="True" if fastmath else '{"reassoc", "contract", "nsz"}',
            kernels=tuple(texts),
            functions=tuple(functions),
        ),
    )


def _needs(program: loops.Program, entries: Sequence[Entry], transforms: bool) -> str:
    """Return the note that says what a file needs."""
    compiler = "numba with rocket-fft" if transforms else "numba"
    if entries:
        return f"Emitted by irgrad; needs NumPy and SciPy, and {compiler} to be fast."
    parts = loops.every_statement(program.functions[-1].body)
    blas = any(isinstance(part, loops.Call) and part.function.startswith("np.") for part in parts)
    fast = f"{compiler} {'and' if transforms else 'with'} SciPy, whose BLAS it calls,"
    fast = fast if blas else compiler
    return f"Emitted by irgrad; needs NumPy, and {fast} to be fast."


def _imports(entries: Sequence[Entry], shares: bool, transforms: bool) -> str:
    """Return the imports of numba, and the bindings of SciPy's functions."""
    if not entries:
        return render("numba.py.jinja", NumbaView(shares, transforms))
    special = [entry for entry in entries if entry.module == foreign.SPECIAL]
    routines = [entry for entry in entries if entry.module != foreign.SPECIAL]
    by_module = {entry.module: None for entry in routines}
    imports = [_import(module) for module in by_module]
    return render(
        "imports.py.jinja",
        ImportsView(
            modules=(
                *([TRANSFORMS] if transforms else []),
                *([_import(foreign.SPECIAL)] if special else []),
                *imports,
            ),
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
            head=broken(
                f"{share.task}(", ", ".join([share.first, share.last, *share.parameters])
            ),
            summary=f"Do trips {share.first} to {share.last} of a loop of {function.name}.",
            sizes=(),
            condition=_condition(share.checks),
            complaint='("other sizes than the caller has made sure of")',
            body=statements_text(share.body, printer),
            results=", ".join(scalars),
        ),
    )


def _function(function: loops.Function, flags: str, printer: Printer) -> str:
    arguments = ", ".join(argument.name for argument in function.arguments)
    return render(
        "function.py.jinja",
        FunctionView(
            flags=flags,
            head=broken(f"{function.name}(", arguments),
            summary=function.summary,
            sizes=_size_lines(function.sizes, function.arguments),
            condition=_condition(function.checks),
            complaint=_complaint(function),
            body=statements_text(function.body, printer),
            results=", ".join(result.name for result in function.results),
        ),
    )


def _condition(checks: Iterable[loops.Check]) -> str:
    """Return what must not be, alternatives on one line where they fit, else each on its own."""
    conditions = dict.fromkeys(f"{c.left} {c.relation} {c.right}" for c in checks)
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
