"""Statements that compute whole arrays in the body of a loop: one nest an operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Node
from irgrad.ir.op import Contraction, Elementwise, Reduction, View
from irgrad.ops import create
from irgrad.ops.shape import concatenate
from irgrad.schedule.units import variable

Indices = tuple[Dim, ...]


POSTPONED = object()
"""Stands for an array that is computed element by element where it is read."""


class Body(Protocol):
    """The part of the lowering of a body that arrays need."""

    depth: int
    number: int
    values: dict[Node, Any]
    statements: list[loops.Statement]
    targets: dict[Node, str]

    def size(self, dim: Dim) -> Dim:
        """Return a size over the emitted loop variables."""

    def array(self, wished: str, node: Node) -> str:
        """Allocate an array."""

    def fresh(self, node: Node) -> str:
        """Return a new name for a number."""


def conversion(dtype: np.dtype) -> str:
    """Return the template that converts a number to ``dtype``."""
    return "x != 0" if dtype.kind == "b" else f"np.{dtype.name}(x)"


def computes(node: Node) -> bool:
    """Tell whether ``compute`` knows what to do for a node."""
    lowering = node.op.lowering
    if isinstance(lowering, View):
        operand = node.inputs[0].array_type
        indices = tuple(dims.symbol(f"@{axis}") for axis in range(node.array_type.rank))
        return lowering.index(operand, indices, **node.params) is not None
    if node.op in (create.iota, concatenate):
        return True
    return isinstance(lowering, Elementwise | Reduction | Contraction)


def compute(body: Body, node: Node) -> None:
    """Add the statements that compute a node, and say what its value is."""
    lowering = node.op.lowering
    if isinstance(lowering, Reduction):
        _fold(body, node, lowering)
    elif isinstance(lowering, Contraction):
        _product(body, node)
    elif isinstance(lowering, View):
        _store(body, node, lambda indices: looked_up(body, node, indices))
    elif node.op is concatenate:
        _join(body, node)
    elif node.op is create.iota:
        dtype = node.array_type.dtype
        _store(body, node, lambda indices: loops.SizeValue(indices[0], dtype))
    else:
        _store(body, node, lambda indices: _applied(body, node, indices))


def element(body: Body, node: Node, indices: Indices) -> Any:
    """Return an element of a value, whose leading indices and axes of size 1 don't matter."""
    shape = node.array_type.shape
    value = body.values[node]
    if not shape:
        return value
    aligned = indices[len(indices) - len(shape) :]
    place = tuple(0 if dim == 1 else i for i, dim in zip(aligned, shape, strict=True))
    if value is POSTPONED:
        if isinstance(node.op.lowering, View):
            return looked_up(body, node, place)
        return _applied(body, node, place)
    return loops.Load(value, place)


def nested(
    body: Body, shape: Shape, first: int, inside: Sequence[loops.Statement]
) -> Sequence[loops.Statement]:
    """Return statements inside loops over ``shape``, from the ``first`` variable free."""
    for axis in reversed(range(len(shape))):
        if shape[axis] != 1:
            name = next(iter(dims.symbols(variable(body.depth + first + axis))))
            inside = (loops.Loop(name, body.size(shape[axis]), tuple(inside)),)
    return inside


def counters(body: Body, shape: Shape, first: int = 0) -> Indices:
    """Return the loop variables over ``shape``; an axis of size 1 needs none."""
    return tuple(
        0 if dim == 1 else variable(body.depth + first + axis) for axis, dim in enumerate(shape)
    )


def _store(body: Body, node: Node, make: Callable[[Indices], Any]) -> None:
    shape = node.array_type.shape
    indices = counters(body, shape)
    name = body.targets.get(node) or body.array(node.op.name, node)
    statement = loops.Store(name, indices, make(indices), (body.number,))
    body.statements.extend(nested(body, shape, 0, (statement,)))
    body.values[node] = name


def _applied(body: Body, node: Node, indices: Indices) -> loops.Expression:
    lowering = node.op.lowering
    assert isinstance(lowering, Elementwise)
    dtype = node.array_type.dtype
    operands = tuple(element(body, operand, indices) for operand in node.inputs)
    if node.op is create.convert:
        return loops.Apply(conversion(dtype), operands, dtype)
    return loops.Apply(lowering.expression_for((), dtype), operands, dtype, lowering.vector_math)


def looked_up(body: Body, node: Node, indices: Indices) -> Any:
    """Return an element of a view, as one of what it looks at."""
    operand = node.inputs[0]
    lowering = node.op.lowering
    assert isinstance(lowering, View)
    found = lowering.index(operand.array_type, indices, **node.params)
    assert found is not None
    return element(body, operand, tuple(body.size(index) for index in found))


def _join(body: Body, node: Node) -> None:
    """Store the parts of a concatenation one behind the other."""
    name = body.array(node.op.name, node)
    axis = node.params["axis"]
    start: Dim = 0
    for operand in node.inputs:
        shape = operand.array_type.shape
        indices = counters(body, shape)
        place = tuple(i + start if a == axis else i for a, i in enumerate(indices))
        store = loops.Store(name, place, element(body, operand, indices), (body.number,))
        body.statements.extend(nested(body, shape, 0, (store,)))
        start = start + body.size(shape[axis])
    body.values[node] = name


def _fold(body: Body, node: Node, lowering: Reduction) -> None:
    operand = node.inputs[0]
    dtype = node.array_type.dtype
    axes = node.params["axes"]
    shape = operand.array_type.shape
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    order = [*kept, *(axis for axis in range(len(shape)) if axis in axes)]
    loop_shape = tuple(shape[axis] for axis in order)
    variables = counters(body, loop_shape)
    indices = tuple(variables[order.index(axis)] for axis in range(len(shape)))
    expression = element(body, operand, indices)
    if operand.array_type.dtype != dtype:
        expression = loops.Apply(conversion(dtype), (expression,), dtype)
    initial = loops.Literal(lowering.initial(dtype), dtype)
    _folded(body, node, loop_shape, len(kept), lowering.expression, initial, expression)


def _folded(
    body: Body,
    node: Node,
    shape: Shape,
    kept: int,
    template: str,
    initial: loops.Literal,
    expression: Any,
) -> None:
    """Fold an expression over the axes of ``shape`` from ``kept`` on."""
    name = body.fresh(node)
    dtype = node.array_type.dtype
    step = loops.Accumulate(name, template, expression, dtype, (body.number,))
    inside = [loops.Let(name, initial), *nested(body, shape[kept:], kept, (step,))]
    if not node.array_type.rank:
        body.statements.extend(inside)
        body.values[node] = loops.Name(name)
        return
    array = body.array(node.op.name, node)
    variables = counters(body, shape[:kept])
    inside.append(loops.Store(array, variables, loops.Name(name)))
    body.statements.extend(nested(body, shape[:kept], 0, inside))
    body.values[node] = array


def _product(body: Body, node: Node) -> None:
    x, y = node.inputs
    left, right, result = (node.params[key] for key in ("left", "right", "result"))
    letters = [*result, *(letter for letter in left if letter not in result)]
    sizes = dict(zip(left, x.array_type.shape, strict=True))
    sizes |= dict(zip(right, y.array_type.shape, strict=True))
    shape = tuple(sizes[letter] for letter in letters)
    place = dict(zip(letters, counters(body, shape), strict=True))
    dtype = node.array_type.dtype
    factors = tuple(
        element(body, operand, tuple(place[letter] for letter in own))
        for operand, own in ((x, left), (y, right))
    )
    product = loops.Apply("x * y", factors, dtype)
    if len(letters) == len(result) and result:
        _store(body, node, lambda indices: product)
        return
    zero = loops.Literal(np.zeros((), dtype)[()], dtype)
    _folded(body, node, shape, len(result), "x + y", zero, product)
