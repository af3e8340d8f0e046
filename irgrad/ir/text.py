"""The text of a graph: one node a line, the same in every process, and its digest.

Origins and the sizes of the first call stand outside the text, so a function that moves within
its file keeps its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir.dims import Size
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType, ValueType

_INDENT = "  "
_LONGEST_ARRAY = 8
"""Longer arrays among the params are named by a digest of their bytes."""


def graph_text(graph: Graph) -> str:
    """Return ``graph`` as text: inputs, one line a node, guards, outputs; ends with a newline.

    Nodes are numbered as ``graph.numbers()`` numbers them; graphs among the params of a node
    follow its line, indented.
    """
    return "\n".join(_lines(graph, f"graph {_word(graph.name)}")) + "\n"


def digest(text: str) -> str:
    """Return 16 hexadecimal digits that name ``text``: the start of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lines(graph: Graph, title: str) -> list[str]:
    numbers = graph.numbers()
    header = ", ".join(
        f"%{numbers[node]} {_word(node.params['name'])}: {type_text(node.type)}"
        for node in graph.inputs
    )
    inputs = set(graph.inputs)
    lines = [f"{title}({header}):"]
    for node in graph.nodes:
        if node not in inputs:
            lines.extend(_INDENT + line for line in _node_lines(node, numbers))
    lines.append(_INDENT + "return " + ", ".join(f"%{numbers[node]}" for node in graph.outputs))
    lines.extend(f"{_INDENT}where {guard}" for guard in graph.guards)
    return lines


def _node_lines(node: Node, numbers: Mapping[Node, int]) -> list[str]:
    nested: list[Graph] = []
    words = [f"%{numbers[operand]}" for operand in node.inputs]
    words += [f"{key}={_param(value, nested)}" for key, value in sorted(node.params.items())]
    lines = [f"%{numbers[node]}: {type_text(node.type)} = {node.op.name}({', '.join(words)})"]
    for position, graph in enumerate(nested):
        lines.extend(_INDENT + line for line in _lines(graph, f"graph@{position}"))
    return lines


def type_text(type: ValueType) -> str:
    """Return a type as the text of a graph spells it: ``float64[n, d]``."""
    if isinstance(type, ArrayType):
        return str(type)
    return f"({', '.join(map(str, type))})"


def _word(name: str) -> str:
    """Return a name as it stands, quoted where it is no identifier."""
    return name if name.isidentifier() else ascii(name)


def param_text(value: Any) -> str:
    """Return the text of a param that holds no graph."""
    return _param(value, [])


def _param(value: Any, nested: list[Graph]) -> str:
    """Return the text of a param; graphs in it are added to ``nested`` and named by position."""
    if isinstance(value, Graph):
        nested.append(value)
        return f"@{len(nested) - 1}"
    if isinstance(value, np.generic):
        return f"{value.dtype.name}({value.item()!r})"
    if isinstance(value, np.ndarray):
        return _array_text(value)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return ascii(value)
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Op):
        return value.name
    if isinstance(value, tuple | list):
        inner = ", ".join(_param(item, nested) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Mapping):
        items = (f"{key!a}: {_param(value[key], nested)}" for key in sorted(value))
        return "{" + ", ".join(items) + "}"
    if is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, ArrayType):
            return str(value)
        inner = ", ".join(
            f"{item.name}={_param(getattr(value, item.name), nested)}" for item in fields(value)
        )
        return f"{type(value).__name__}({inner})"
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str) and hasattr(value, "__module__"):
        return f"{value.__module__}.{name}"
    raise InternalError(f"a param of type {type(value).__name__} has no text")


def _array_text(array: np.ndarray) -> str:
    head = f"{array.dtype.name}{list(array.shape)}"
    if array.size <= _LONGEST_ARRAY:
        return f"{head}{array.ravel().tolist()!r}"
    return f"{head}#{hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]}"
