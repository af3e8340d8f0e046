"""Evaluating a graph on ndarrays, node by node: the reference semantics of every op."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType


def evaluate(graph: Graph, *arguments: Any) -> tuple[Any, ...]:
    """Return the outputs of ``graph`` on ``arguments``, one an input.

    Raises: ShapeError where the arguments' shapes do not fit the graph's.
    """
    sizes = bind_sizes([node.array_type for node in graph.inputs], arguments)
    for guard in graph.guards:
        if not guard.holds(sizes):
            raise ShapeError(f"the graph was traced for {guard}", remedy="trace it again")
    values: dict[Node, Any] = dict(zip(graph.inputs, arguments, strict=True))
    for node in graph.nodes:
        if node in values:
            continue
        operands = [values[operand] for operand in node.inputs]
        result = node.op.evaluate(*operands, **concrete_params(node.params, sizes))
        values[node] = _typed(result, node.type)
    return tuple(values[node] for node in graph.outputs)


def _typed(result: Any, type: Any) -> Any:
    """Return a result with the dtype of its node, as rules give it for weak scalars."""
    if isinstance(type, tuple):
        return tuple(_typed(part, part_type) for part, part_type in zip(result, type, strict=True))
    array = np.asarray(result)
    return (array if array.dtype == type.dtype else array.astype(type.dtype))[()]


def concrete_params(params: Any, sizes: dict[str, int]) -> dict[str, Any]:
    """Return an op's params with symbolic sizes replaced by numbers."""
    return {key: _concrete(value, sizes) for key, value in params.items()}


def _concrete(value: Any, sizes: dict[str, int]) -> Any:
    if isinstance(value, dims.Size):
        return dims.evaluate(value, sizes)
    if type(value) is tuple:
        return tuple(_concrete(part, sizes) for part in value)
    return value


def bind_sizes(types: list[ArrayType], arguments: Any) -> dict[str, int]:
    """Return the numbers of the size symbols that make ``types`` fit ``arguments``.

    Raises: ShapeError where there are none.
    """
    sizes: dict[str, int] = {}
    for position, (type, argument) in enumerate(zip(types, arguments, strict=True)):
        shape = np.shape(argument)
        if len(shape) != len(type.shape):
            raise ShapeError(
                f"argument {position} has {len(shape)} axes, expected {type}",
                remedy="pass arrays of the ranks the function was traced with",
            )
        for dim, number in zip(type.shape, shape, strict=True):
            names = set(dims.symbols(dim))
            if isinstance(dim, dims.Size) and dim == dims.symbol(next(iter(names))):
                known = sizes.setdefault(str(dim), number)
            else:
                known = dims.evaluate(dim, sizes)
            if known != number:
                raise ShapeError(
                    f"argument {position} has shape {shape}, expected {type} with "
                    + ", ".join(f"{name} = {size}" for name, size in sizes.items()),
                    remedy="make the sizes agree",
                )
    return sizes
