"""What each op does on operands with a batch axis in front: one rule an op, or a kind of ops.

A rule gets a node and its operands, those that are mapped with a first axis more than the node's
own, and returns a node whose first axis is the batch. What no rule covers runs in a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Elementwise, Kernel, Op, Reduction
from irgrad.ir.types import ArrayType
from irgrad.ops.affine import affine, affine_add, affine_set
from irgrad.ops.contract import LETTERS, contract
from irgrad.ops.control import loop
from irgrad.ops.create import constant, full, iota, item
from irgrad.ops.custom import custom
from irgrad.ops.elementwise import multiply
from irgrad.ops.ensure import ensure
from irgrad.ops.index import gather, scatter_add, scatter_set
from irgrad.ops.order_statistics import order_statistics
from irgrad.ops.shape import broadcast, concatenate, reshape, transpose
from irgrad.ops.solution import solution
from irgrad.ops.sorting import search_sorted
from irgrad.ops.views import strided, strided_add, strided_set
from irgrad.trace.tracer import Trace, Tracer


class Batch:
    """A batch being made in a trace: ``size`` elements at once.

    ``diagonals`` are nodes known to be diagonal matrices, with their diagonals (None: ones).
    """

    def __init__(self, trace: Trace, size: Dim, unit: Node | None = None) -> None:
        self.trace = trace
        self.size = size
        self.diagonals: dict[Node, Node | None] = {} if unit is None else {unit: None}

    def record(self, op: Op, *inputs: Node, **params: Any) -> Node:
        """Append a node."""
        return self.trace.record(op, inputs, params)

    def reshape(self, node: Node, shape: Shape) -> Node:
        """Return ``node`` in another shape."""
        return node if node.array_type.shape == shape else self.record(reshape, node, shape=shape)

    def transpose(self, node: Node, axes: tuple[int, ...]) -> Node:
        """Return ``node`` with its axes in another order."""
        if axes == tuple(range(len(axes))):
            return node
        return self.record(transpose, node, axes=axes)

    def stretched(self, node: Node, mapped: bool) -> Node:
        """Return an operand with a batch axis, the same everywhere where it has none yet."""
        if mapped:
            return node
        shape = (self.size, *node.array_type.shape)
        return self.record(broadcast, node, shape=shape) if shape[1:] else self._filled(node)

    def _filled(self, node: Node) -> Node:
        return self.record(full, node, shape=(self.size,))

    def aligned(self, node: Node, mapped: bool, rank: int) -> Node:
        """Return an operand that broadcasts against results of ``rank`` axes behind the batch."""
        shape = node.array_type.shape
        if not mapped or len(shape) == rank + 1:
            return node
        ones = (1,) * (rank + 1 - len(shape))
        return self.reshape(node, (shape[0], *ones, *shape[1:]))

    def positions(self, rank: int) -> Node:
        """Return the numbers of the batch's elements, as an index array of ``rank`` more axes."""
        counted = self.record(iota, length=self.size, dtype=np.dtype(np.int64))
        return self.reshape(counted, (self.size, *(1,) * rank))

    def apply(self, node: Node, operands: Sequence[Node], mapped: Sequence[bool]) -> Node:
        """Return ``node`` on operands of which ``mapped`` have the batch axis."""
        rule = RULES.get(node.op) or _rule_by_kind(node.op)
        made = rule(self, node, tuple(operands), tuple(mapped))
        return _looped(self, node, tuple(operands), tuple(mapped)) if made is None else made


Rule = Callable[[Batch, Node, tuple[Node, ...], tuple[bool, ...]], Node | None]
RULES: dict[Op, Rule] = {}


def _rule(*ops: Op) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, function))
        return function

    return register


def _rule_by_kind(op: Op) -> Rule:
    if isinstance(op.lowering, Elementwise):
        return _elementwise
    if isinstance(op.lowering, Reduction):
        return _reduction
    return _kernel if isinstance(op.lowering, Kernel) else _looped


def _elementwise(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    rank = node.array_type.rank
    inputs = [
        batch.aligned(x, is_mapped, rank) for x, is_mapped in zip(operands, mapped, strict=True)
    ]
    made = batch.record(node.op, *inputs, **node.params)
    if node.op is multiply and rank == 1 and batch.diagonals:
        _follow_diagonal(batch, made, operands)
    return made


def _follow_diagonal(batch: Batch, made: Node, operands: tuple[Node, ...]) -> None:
    """Remember that a diagonal matrix times a row, broadcast, is diagonal again."""
    for matrix, factor in (operands, operands[::-1]):
        if matrix in batch.diagonals and factor.array_type.shape == (batch.size,):
            scale = batch.diagonals[matrix]
            batch.diagonals[made] = (
                factor if scale is None else batch.record(multiply, scale, factor)
            )


def _reduction(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    return batch.record(node.op, *operands, axes=_later(node.params["axes"]))


def _later(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


@_rule(full)
def _full(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    shape = node.params["shape"]
    value = batch.reshape(operands[0], (batch.size, *(1,) * len(shape)))
    return batch.record(broadcast, value, shape=(batch.size, *shape))


@_rule(reshape)
def _reshape(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    return batch.reshape(operands[0], (batch.size, *node.params["shape"]))


@_rule(transpose)
def _transpose(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    return batch.transpose(operands[0], (0, *_later(node.params["axes"])))


@_rule(broadcast)
def _broadcast(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    shape = node.params["shape"]
    value = batch.aligned(operands[0], True, len(shape))
    return batch.record(broadcast, value, shape=(batch.size, *shape))


@_rule(concatenate)
def _concatenate(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    return batch.record(
        concatenate, *_all_stretched(batch, operands, mapped), axis=node.params["axis"] + 1
    )


def _all_stretched(
    batch: Batch, operands: Sequence[Node], mapped: Sequence[bool]
) -> tuple[Node, ...]:
    return tuple(
        batch.stretched(x, is_mapped) for x, is_mapped in zip(operands, mapped, strict=True)
    )


@_rule(strided, strided_add, strided_set)
def _strided(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    params = node.params
    return batch.record(
        node.op,
        *_all_stretched(batch, operands, mapped),
        starts=(0, *params["starts"]),
        sizes=(batch.size, *params["sizes"]),
        steps=(1, *params["steps"]),
        dropped=_later(params["dropped"]),
    )


@_rule(affine, affine_add, affine_set)
def _affine(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    params = node.params
    return batch.record(
        node.op,
        *_all_stretched(batch, operands, mapped),
        shape=(batch.size, *params["shape"]),
        offsets=(0, *params["offsets"]),
        steps=((1, *(0 for _ in params["shape"])), *((0, *row) for row in params["steps"])),
    )


@_rule(contract)
def _contract(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    left, right, result = (node.params[key] for key in ("left", "right", "result"))
    letter = next(c for c in LETTERS if c not in left + right)
    for position, (mine, others) in enumerate(((left, right), (right, left))):
        matrix, other = operands[position], operands[1 - position]
        if matrix not in batch.diagonals or all(mapped) or mine in result or mine not in others:
            continue
        rows = batch.transpose(other, tuple(others.index(c) for c in mine + result))
        scale = batch.diagonals[matrix]
        if scale is None:
            return rows
        column = batch.reshape(scale, (batch.size, *(1,) * len(result)))
        return batch.record(multiply, rows, column)
    return batch.record(
        contract,
        *operands,
        left=letter * mapped[0] + left,
        right=letter * mapped[1] + right,
        result=letter + result,
    )


@_rule(ensure)
def _ensure(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    """Let the condition hold of the whole batch, and show the largest number."""
    holds: Any
    shown: Any
    value, holds, shown = (Tracer(batch.trace, operand) for operand in operands)
    if mapped[1]:
        holds = np.all(holds)
    if mapped[2]:
        shown = np.max(shown)
    whole = batch.stretched(value.node, mapped[0])
    return batch.record(ensure, whole, holds.node, shown.node, **node.params)


@_rule(item)
def _item(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    return batch.record(item, *operands, **node.params)


def _indices(
    batch: Batch, indices: Sequence[Node], mapped: Sequence[bool]
) -> tuple[tuple[Node, ...], int]:
    """Return index arrays that broadcast with one another behind the batch, and their rank."""
    rank = max(x.array_type.rank - is_mapped for x, is_mapped in zip(indices, mapped, strict=True))
    return tuple(
        batch.aligned(x, is_mapped, rank) for x, is_mapped in zip(indices, mapped, strict=True)
    ), rank


@_rule(gather)
def _gather(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    x, axes = operands[0], node.params["axes"]
    indices, rank = _indices(batch, operands[1:], mapped[1:])
    if not mapped[0]:
        return batch.record(gather, x, *indices, axes=axes)
    if any(mapped[1:]):
        own = batch.positions(rank)
        return batch.record(gather, x, own, *indices, axes=(0, *_later(axes)))
    picked = batch.record(gather, x, *indices, axes=_later(axes))
    return batch.transpose(picked, (rank, *range(rank), *range(rank + 1, picked.array_type.rank)))


@_rule(scatter_add, scatter_set)
def _scatter(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    x, update = _all_stretched(batch, operands[:2], mapped[:2])
    axes = node.params["axes"]
    indices, rank = _indices(batch, operands[2:], mapped[2:])
    if any(mapped[2:]):
        own = batch.positions(rank)
        return batch.record(node.op, x, update, own, *indices, axes=(0, *_later(axes)))
    moved = batch.transpose(
        update, (*range(1, rank + 1), 0, *range(rank + 1, update.array_type.rank))
    )
    return batch.record(node.op, x, moved, *indices, axes=_later(axes))


@_rule(search_sorted)
def _search_sorted(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node:
    table, wanted = operands
    if not mapped[0]:
        flat = batch.reshape(wanted, (wanted.array_type.size,))
        places = batch.record(search_sorted, table, flat, **node.params)
        return batch.reshape(places, wanted.array_type.shape)
    # A table for each element: count what comes before; NaN is the largest number.
    count = batch.stretched(wanted, mapped[1]).array_type.shape[1]
    size = table.array_type.shape[1]
    entry = Tracer(batch.trace, batch.reshape(table, (batch.size, 1, size)))
    leading = (batch.size, count, 1) if mapped[1] else (count, 1)
    number = Tracer(batch.trace, batch.reshape(wanted, leading))
    unordered = np.isnan(number)
    if node.params["right"]:
        before = (entry <= number) | unordered
    else:
        before = (entry < number) | (unordered & ~np.isnan(entry))
    counted: Any = np.sum(before, axis=-1)
    found: Node = counted.node
    return found


@_rule(order_statistics)
def _order_statistics(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node | None:
    return None if mapped[1] else batch.record(order_statistics, *operands, **node.params)


def _kernel(
    batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]
) -> Node | None:
    """Let a kernel's own batch axis hold one axis more, where all its operands are rows alike."""
    if isinstance(node.op.lowering, Kernel) and node.op.lowering.batched:
        return batch.record(node.op, *_all_stretched(batch, operands, mapped), **node.params)
    ranks = {x.array_type.rank - is_mapped for x, is_mapped in zip(operands, mapped, strict=True)}
    core = node.op.lowering.core if isinstance(node.op.lowering, Kernel) else 0
    if len(ranks) != 1 or min(ranks) < core or not isinstance(node.type, ArrayType):
        return None
    made = batch.record(node.op, *_all_stretched(batch, operands, mapped), **node.params)
    wanted = node.array_type.with_shape((batch.size, *node.array_type.shape))
    return made if made.type == wanted else None


@_rule(custom, solution)
def _custom(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    """Make a batch of the rule too."""
    params = {
        key: _batched_graph(batch, value) if isinstance(value, Graph) else value
        for key, value in node.params.items()
    }
    return batch.record(node.op, *_all_stretched(batch, operands, mapped), **params)


def _batched_graph(batch: Batch, graph: Graph) -> Graph:
    trace = Trace(batch.trace.assumptions)
    trace.depth = batch.trace.depth
    inner = Batch(trace, batch.size)
    became = {
        x: trace.input(f"x{position}", _batched(batch, x.array_type)).node
        for position, x in enumerate(graph.inputs)
    }
    known = set(became)
    for x in graph.nodes:
        if x in became:
            continue
        trace.origin = x.origin
        own = [became[operand] for operand in x.inputs]
        flags = [operand in known for operand in x.inputs]
        if any(flags):
            known.add(x)
            became[x] = inner.apply(x, own, flags)
        else:
            became[x] = trace.record(x.op, tuple(own), x.params)
    outputs = tuple(inner.stretched(became[x], x in known) for x in graph.outputs)
    return Graph(tuple(trace.inputs), tuple(trace.nodes), outputs, graph.hints)


def _batched(batch: Batch, type: ArrayType) -> ArrayType:
    return type.with_shape((batch.size, *type.shape))


def _looped(batch: Batch, node: Node, operands: tuple[Node, ...], mapped: tuple[bool, ...]) -> Node:
    """Apply ``node`` to one element of the batch after the other, results written to tapes."""
    trace = batch.trace
    several = isinstance(node.type, tuple)
    types: tuple[ArrayType, ...] = node.type if isinstance(node.type, tuple) else (node.type,)
    if node.op.name == "while" and len(types) > node.params["carries"]:
        raise UnsupportedCallError(
            "vmap of the derivative of a while loop, whose trips differ within the batch",
            remedy="map the whole derivative: vmap(grad(f)) instead of grad of vmap, or loop",
            location=node.origin.location() if node.origin else None,
        )
    index = f"@{trace.depth}_{len(trace.nodes)}"
    body = Trace(trace.assumptions)
    body.origin, body.depth = node.origin, trace.depth + 1
    place = dims.symbol(index)
    body.assumptions.loops[index] = batch.size
    try:
        tapes = [
            body.input(f"tape_{k}", type.with_shape((batch.size, *type.shape)))
            for k, type in enumerate(types)
        ]
        rest = [body.input(f"operand_{k}", x.array_type) for k, x in enumerate(operands)]
        own = tuple(
            body.record(strided, (x.node,), _part(place, x.type.shape[1:])) if is_mapped
            else _begun(body, outer) or x.node
            for x, outer, is_mapped in zip(rest, operands, mapped, strict=True)
        )  # fmt: skip
        result = body.record(node.op, own, node.params)
        results = [
            body.record(item, (result,), {"index": k}) if several else result
            for k in range(len(types))
        ]
        written = tuple(
            body.record(strided_set, (tape.node, part), _part(place, type.shape))
            for tape, part, type in zip(tapes, results, types, strict=True)
        )
    finally:
        del body.assumptions.loops[index]
    graph = Graph(tuple(body.inputs), tuple(body.nodes), written, trace.assumptions.hints)
    empty = [
        trace.record(full, (trace.scalar(0, type.dtype),), {"shape": (batch.size, *type.shape)})
        for type in types
    ]
    looped = batch.record(
        loop, *empty, *operands, index=index, trips=batch.size, reverse=False, carries=0,
        tapes=len(types), body=graph,
    )  # fmt: skip
    return looped if several else batch.record(item, looped, index=0)


def _begun(body: Trace, node: Node) -> Node | None:
    """Return an array of one number made anew in ``body``: an inner loop may write into it."""
    if node.op is not full or node.inputs[0].op is not constant:
        return None
    value = body.record(constant, (), node.inputs[0].params)
    return body.record(full, (value,), node.params)


def _part(place: Dim, shape: Shape) -> dict[str, Any]:
    return {
        "starts": (place, *(0 for _ in shape)),
        "sizes": (1, *shape),
        "steps": (1,) * (len(shape) + 1),
        "dropped": (0,),
    }


def replay(
    batch: Batch, start: int, outputs: Sequence[Node], mapped: dict[Node, Node]
) -> dict[Node, Node]:
    """Record what ``outputs`` compute from the nodes in ``mapped``, for a whole batch at once.

    Only nodes recorded after the first ``start`` depend on those. Returns ``mapped`` with the
    batches of all that depend on them. Linear in the nodes since ``start``.
    """
    trace = batch.trace
    stretch = trace.nodes[start:]
    needed = set(outputs)
    for node in reversed(stretch):
        if node in needed:
            needed.update(node.inputs)
    origin = trace.origin
    for node in stretch:
        if node in mapped or node not in needed:
            continue
        flags = [operand in mapped for operand in node.inputs]
        if not any(flags):
            continue
        trace.origin = node.origin or origin
        operands = [mapped.get(operand, operand) for operand in node.inputs]
        mapped[node] = batch.apply(node, operands, flags)
    trace.origin = origin
    return mapped
