"""Evaluating a graph on ndarrays, node by node: the reference semantics of every op."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ir.op import Control, View, Write
from irgrad.ir.types import ArrayType


def evaluate(graph: Graph, *arguments: Any) -> tuple[Any, ...]:
    """Return the outputs of ``graph`` on ``arguments``, one an input.

    Raises: ShapeError where the arguments' shapes do not fit the graph's.
    """
    sizes = bind_sizes([node.array_type for node in graph.inputs], arguments)
    for guard in graph.guards:
        if not guard.holds(sizes):
            raise ShapeError(f"the graph was traced for {guard}", remedy="trace it again")
    return evaluate_body(graph, arguments, sizes)


def evaluate_body(
    graph: Graph, arguments: Sequence[Any], sizes: MutableMapping[str, int], owned: int = 0
) -> tuple[Any, ...]:
    """Return the outputs of ``graph`` where the size symbols and loop variables have ``sizes``.

    The first ``owned`` arguments may be overwritten. Writes into arrays that nothing else reads
    afterwards happen in place, so that a loop that fills an array takes time linear in its trips.
    """
    plan = _plan(graph, owned)
    values: dict[Node, Any] = dict(zip(graph.inputs, arguments, strict=True))
    for node in plan.needed:
        if node in values:
            continue
        op = node.op
        operands = [values[operand] for operand in node.inputs]
        if isinstance(op.lowering, Control):
            result = op.evaluate(*operands, sizes=sizes, **node.params)
        elif node in plan.in_place:
            params = concrete_params(node.params, sizes)
            result = op.evaluate(*operands, **params, out=operands[0])
        else:
            result = op.evaluate(*operands, **concrete_params(node.params, sizes))
            if node in plan.copied:
                result = np.array(result)
        values[node] = _typed(result, node.type)
        del result, operands
        for dead in plan.dying.get(node, ()):
            del values[dead]  # its memory serves the next ones, while it is in the caches
    outputs = [values[node] for node in graph.outputs]
    return tuple(
        np.array(value) if position in plan.outputs else value
        for position, value in enumerate(outputs)
    )


class _Plan:
    """What is evaluated, which writes happen in place, what is copied lest they reach too far.

    ``dying`` are, by the node that reads them last, those that nobody reads afterwards.
    """

    __slots__ = ("copied", "dying", "in_place", "needed", "outputs")

    def __init__(
        self,
        needed: list[Node],
        dying: Mapping[Node, Sequence[Node]],
        in_place: set[Node],
        copied: set[Node],
        outputs: set[int],
    ) -> None:
        self.needed = needed
        self.dying = dying
        self.in_place = in_place
        self.copied = copied
        self.outputs = outputs


_plans: WeakKeyDictionary[Graph, dict[int, _Plan]] = WeakKeyDictionary()


def _plan(graph: Graph, owned: int) -> _Plan:
    known = _plans.setdefault(graph, {})
    plan = known.get(owned)
    if plan is None:
        plan = known[owned] = _planned(graph, owned)
    return plan


def _planned(graph: Graph, owned: int) -> _Plan:
    reached = set(reachable(graph.outputs))
    needed = [node for node in graph.nodes if node in reached]  # others may fail, or never end
    last: dict[Node, Node] = {}
    for node in needed:
        for operand in node.inputs:
            last[operand] = node
    kept = set(graph.outputs)
    dying: dict[Node, list[Node]] = {}
    for operand, reader in last.items():
        if operand not in kept:
            dying.setdefault(reader, []).append(operand)
    own: set[Node] = {node for node in graph.inputs[:owned] if node.array_type.shape}
    in_place: set[Node] = set()
    copied: set[Node] = set()
    picked: set[tuple[Node, int]] = set()
    for node in needed:
        lowering = node.op.lowering
        if isinstance(lowering, Write):
            target = node.inputs[0]
            only = node.inputs.count(target) == 1
            if target in own and last[target] is node and target not in kept and only:
                in_place.add(node)
            if node.array_type.shape:
                own.add(node)
        elif isinstance(lowering, View) and node.inputs and node.array_type.shape:
            if node.inputs[0] in own and node.op.name != "full":
                copied.add(node)
            if node.inputs[0] in own or node.op.name == "full":
                own.add(node)  # np.full makes a new array
        elif node.op.name == "item" and isinstance(node.inputs[0].op.lowering, Control):
            result = (node.inputs[0], node.params["index"])
            if node.array_type.shape and result not in picked:
                own.add(node)
            picked.add(result)
    if not owned:
        return _Plan(needed, dying, in_place, copied, set())
    seen: set[Node] = set()
    outputs: set[int] = set()
    for position, node in enumerate(graph.outputs[:owned]):
        if node.array_type.shape and (node in seen or node not in own):
            outputs.add(position)
        seen.add(node)
    return _Plan(needed, dying, in_place, copied, outputs)


def _typed(result: Any, type: Any) -> Any:
    """Return a result with the dtype of its node, as rules give it for weak scalars."""
    if isinstance(type, tuple):
        return tuple(_typed(part, part_type) for part, part_type in zip(result, type, strict=True))
    array = np.asarray(result)
    return (array if array.dtype == type.dtype else array.astype(type.dtype))[()]


def concrete_params(params: Any, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return an op's params with symbolic sizes replaced by numbers."""
    return {key: _concrete(value, sizes) for key, value in params.items()}


def _concrete(value: Any, sizes: Mapping[str, int]) -> Any:
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
