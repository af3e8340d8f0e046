"""Lowering of ``while`` and ``branch``: loops left at run time, and bodies run on a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.ir import dims, loops
from irgrad.ir.graph import Graph, Node
from irgrad.ops import create
from irgrad.ops.control import branch, repeat
from irgrad.schedule.bodies import is_begin, with_copies
from irgrad.schedule.loops import assigned, homes, settle_items
from irgrad.schedule.nest import CONTROL, Around, Nest, counters, nested

FIRST = 16
"""Iterations that a stack has room for before it grows."""

_INT = np.dtype(np.int64)
_NOWHERE = dims.symbol("_")
"""The extent of a body that is no loop over a range."""


def lower_choice(
    around: Around,
    node: Node,
    readers: Mapping[Node, Sequence[Node]],
    number: int,
    value: Callable[[Node], Any],
) -> list[loops.Statement]:
    """Return the statements of a ``while`` or ``branch`` that stands in no loop."""
    nest = Nest(around, number, 0, {}, set(), {})
    nest.readers = {operand: [node] for operand in node.inputs}
    nest.values = {operand: value(operand) for operand in node.inputs if not is_begin(operand)}
    CONTROL[node.op](nest, node, readers[node])
    for item in readers[node]:
        if item.op is create.item:
            result = nest.values[item]
            around.names.share(item, result if isinstance(result, str) else result.name)
    return nest.statements


def _inside(nest: Nest, graph: Graph, given: Sequence[Any], own: Sequence[str]) -> Nest:
    """Return a body for the statements of a graph on ``given``, which may change its ``own``."""
    values = dict(zip(graph.inputs, given, strict=True))
    changing = nest.changing | set(own)
    return Nest(nest.around, nest.number, nest.depth + 1, nest.where, changing, values)


def _lower_while(nest: Nest, node: Node, readers: Sequence[Node]) -> None:
    params = node.params
    body = with_copies(params["body"], params["carries"])
    carries, count = params["carries"], params["count"]
    names = homes(nest, node, carries, 0)
    rest = [nest.value(operand) for operand in node.inputs[carries:]]
    given = [
        name if inside.array_type.rank else loops.Name(name)
        for name, inside in zip(names, body.inputs, strict=False)
    ] + rest
    nest.statements.append(loops.Let(count, loops.Literal(0, _INT)))
    stacks: list[str] = []
    for end in body.outputs[carries:]:
        stack = nest.around.names.fresh(f"stack_{nest.number}")
        shape = (FIRST, *map(nest.size, end.array_type.shape))
        nest.allocate(loops.Allocate(stack, shape, end.array_type.dtype))
        stacks.append(stack)
    test = _inside(nest, params["condition"], given, names)
    asked = with_copies(params["condition"], 0)
    test.body(asked)
    goes_on = nest.around.names.fresh(f"goes_on_{nest.number}")
    (condition,) = asked.outputs
    inner = _inside(nest, body, given, names)
    inner.statements = [
        *test.statements, loops.Let(goes_on, test.values[condition]), loops.Leave(goes_on)
    ]  # fmt: skip
    pushed = list(zip(stacks, body.outputs[carries:], strict=True))
    if stacks:
        inner.statements.append(loops.Grow(tuple(stacks), count))
    for stack, end in pushed:
        if end in body.inputs:
            _push(inner, stack, count, end)
    inner.body(body)
    for stack, end in pushed:
        if end not in body.inputs:
            _push(inner, stack, count, end)
    ends = list(zip(names, body.outputs, strict=False))
    numbers = [(name, inner.values[end]) for name, end in ends if not end.array_type.rank]
    inner.statements.extend(assigned(inner, numbers))
    for name, end in ends:
        if end.array_type.rank and inner.values[end] != name:
            inner.statements.append(loops.Copy(name, inner.values[end]))
    inner.statements.append(loops.Accumulate(count, "x + y", loops.Literal(1, _INT), _INT))
    nest.statements.append(loops.While("_", _NOWHERE, tuple(inner.statements)))
    settle_items(nest, [*names, *stacks], readers)


def _push(nest: Nest, stack: str, count: str, node: Node) -> None:
    """Put a value on a stack."""
    shape = node.array_type.shape
    indices = counters(nest, shape)
    value = nest.values[node]
    element = loops.Load(value, indices) if shape else value
    store = loops.Store(stack, (dims.symbol(count), *indices), element, (nest.number,))
    nest.statements.extend(nested(nest, shape, (store,)))


def _lower_branch(nest: Nest, node: Node, readers: Sequence[Node]) -> None:
    branches: Sequence[Graph] = node.params["branches"]
    choice = nest.around.names.fresh(f"choice_{nest.number}")
    nest.statements.append(loops.Let(choice, nest.values[node.inputs[0]]))
    names: list[str] = []
    for end in branches[0].outputs:
        if end.array_type.rank:
            names.append(nest.array("branch", end))
            continue
        names.append(nest.around.names.fresh(f"branch_{nest.number}"))
        dtype = end.array_type.dtype
        zero = loops.Literal(np.zeros((), dtype)[()], dtype)
        nest.statements.append(loops.Let(names[-1], zero))
    given = [nest.value(operand) for operand in node.inputs[1:]]
    for position, graph in enumerate(branches):
        relation = "x == y"
        if position == 0:
            relation = "x <= y"
        if position == len(branches) - 1:
            relation = "x >= y" if position else "x == x"
        number = loops.Literal(position, _INT)
        test = loops.Apply(relation, (loops.Name(choice), number), np.dtype(bool))
        case = nest.around.names.fresh(f"case_{nest.number}")
        nest.statements.append(loops.Let(case, test))
        graph = with_copies(graph, 0)
        inner = _inside(nest, graph, given, ())
        inner.body(graph)
        for name, end in zip(names, graph.outputs, strict=True):
            value = inner.values[end]
            inner.statements.append(
                loops.Copy(name, value)
                if end.array_type.rank
                else loops.Let(name, value, (nest.number,), again=True)
            )
        nest.statements.append(loops.When("_", _NOWHERE, tuple(inner.statements), case))
    settle_items(nest, names, readers)


CONTROL[repeat] = _lower_while
CONTROL[branch] = _lower_branch
