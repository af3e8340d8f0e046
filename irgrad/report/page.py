"""One HTML file: the user's lines, the nodes recorded there, and the emitted lines, linked.

Pygments is imported where it is used: those who ask for no page do without it.
"""

from __future__ import annotations

import html
import linecache
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irgrad.emit.templates import render
from irgrad.ir.graph import Graph, Node
from irgrad.ir.module import EmittedModule
from irgrad.ir.text import graph_text
from irgrad.pipeline import Compilation

AROUND = 2
"""Lines shown before and after those of the user's that something was recorded at."""

_NOTE = re.compile(r"  # (%\d+(?: %\d+)*)$")
_NODE = re.compile(r"%(\d+): ")


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a pane: its number, its text as HTML, and the keys of the nodes it belongs to."""

    number: int
    text: str
    keys: str


@dataclass(frozen=True, slots=True)
class PaneView:
    """A file, a graph or an emitted function, line by line."""

    title: str
    lines: tuple[LineView, ...]


@dataclass(frozen=True, slots=True)
class ReportView:
    """What ``report.html.jinja`` prints."""

    title: str
    style: str
    sources: tuple[PaneView, ...]
    graphs: tuple[PaneView, ...]
    functions: tuple[PaneView, ...]
    explanation: str


def page(compilation: Compilation, explanation: str) -> str:
    """Return the report on a compilation as an HTML file that needs no other.

    Node 7 of the second graph has the key ``1-7``: lines that share a key belong together. Linear
    in the lines shown.
    """
    graphs = [compilation.primal]
    if compilation.joint is not None:
        graphs.append(compilation.joint)
    names = ("value", "value and gradient")
    import pygments.formatters

    formatter = pygments.formatters.HtmlFormatter(nowrap=True)
    return render(
        "report.html.jinja",
        ReportView(
            title=html.escape(compilation.traced.name),
            style=formatter.get_style_defs("code"),
            sources=tuple(_sources(graphs, formatter)),
            graphs=tuple(
                _graph(f"graph of {name}", number, graph)
                for number, (name, graph) in enumerate(zip(names, graphs, strict=False))
            ),
            functions=tuple(_functions(compilation.module, formatter)),
            explanation=html.escape(explanation),
        ),
    )


def _sources(graphs: Sequence[Graph], formatter: Any) -> Iterator[PaneView]:
    """Yield the user's files, the lines around those that nodes come from."""
    found: dict[str, dict[int, dict[str, None]]] = {}
    for number, graph in enumerate(graphs):
        for node, position in graph.numbers().items():
            for filename, line in _lines_of(node):
                keys = found.setdefault(filename, {}).setdefault(line, {})
                keys[f"{number}-{position}"] = None
    for filename, by_line in found.items():
        texts = _coloured("".join(linecache.getlines(filename)), formatter)
        shown = sorted(
            {
                line + offset
                for line in by_line
                for offset in range(-AROUND, AROUND + 1)
                if 1 <= line + offset <= len(texts)
            }
        )
        yield PaneView(
            html.escape(Path(filename).name),
            tuple(
                LineView(line, texts[line - 1], " ".join(by_line.get(line, ()))) for line in shown
            ),
        )


def _lines_of(node: Node) -> Iterator[tuple[str, int]]:
    """Yield file and line of each call on the way from the traced function to an operation."""
    if node.origin is not None:
        for place in node.origin.locations():
            yield place.filename, place.line


def _graph(title: str, number: int, graph: Graph) -> PaneView:
    lines = []
    for place, text in enumerate(graph_text(graph).splitlines(), 1):
        match = _NODE.match(text.strip()) if text.startswith("  %") else None
        keys = f"{number}-{match[1]}" if match else ""
        lines.append(LineView(place, html.escape(text), keys))
    return PaneView(title, tuple(lines))


def _functions(module: EmittedModule, formatter: Any) -> Iterator[PaneView]:
    """Yield the emitted file in pieces: what stands before its main functions, and each of them.

    Parts of shared loops stand before the function they belong to, and count as it.
    """
    plain = module.source.splitlines()
    coloured = _coloured(module.source, formatter)
    starts: dict[str, int] = {}
    for place, text in enumerate(plain):
        for name in module.functions:
            if re.match(rf"def (part_of_)?{name}(_\d+)?\(", text):
                starts.setdefault(name, place - 1)  # the line of its decorator
    bounds = [0, *starts.values(), len(plain)]
    titles = ["the file's head", *starts]
    for number, title in enumerate(titles):
        yield PaneView(
            title,
            tuple(
                LineView(place + 1, coloured[place], _keys(plain[place], number - 1))
                for place in range(bounds[number], bounds[number + 1])
            ),
        )


def _keys(line: str, graph: int) -> str:
    note = _NOTE.search(line)
    numbers = note[1].split() if note else []
    return " ".join(f"{graph}-{number[1:]}" for number in numbers)


def _coloured(source: str, formatter: Any) -> list[str]:
    """Return the lines of Python as HTML, empty lines at the ends included."""
    import pygments.lexers

    lexer = pygments.lexers.PythonLexer(stripnl=False)
    coloured: str = pygments.highlight(source, lexer, formatter)
    return coloured.split("\n")[: source.count("\n") + 1]


__all__ = ["page"]
