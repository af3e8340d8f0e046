"""Rules for ops that move numbers without computing: views, fills, and writes into parts.

All are exact, but where a comment says otherwise: the result's elements are the same bits.
"""

from __future__ import annotations

from bisect import bisect_right

from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Node
from irgrad.ops.accesses import Bounds, apart, bounds_of, written_by
from irgrad.ops.contract import contract
from irgrad.ops.control import loop
from irgrad.ops.create import full, item
from irgrad.ops.elementwise import add, divide, multiply, negative
from irgrad.ops.index import gather
from irgrad.ops.shape import broadcast, concatenate, reshape, transpose
from irgrad.ops.views import composed, strided, strided_add, strided_set
from irgrad.simplify.factors import factored, is_number, scaled
from irgrad.simplify.rewrite import Build, elementwise_rule, rule


def _filling(build: Build, scalar: Node, node: Node) -> Node:
    return build(full, scalar, shape=node.array_type.shape)


@rule(full)
def full_of_no_axes(build: Build, node: Node) -> Node | None:
    """full(x, ()) -> x."""
    return None if node.array_type.shape else node.inputs[0]


@rule(broadcast)
@rule(reshape)
def view_of_scalar(build: Build, node: Node) -> Node | None:
    """broadcast(scalar) -> full(scalar), and a reshaped one: one spelling for all fills."""
    x = node.inputs[0]
    return None if x.array_type.shape else _filling(build, x, node)


@rule(broadcast, full)
@rule(reshape, full)
@rule(transpose, full)
@rule(strided, full)
def view_of_full(build: Build, node: Node) -> Node | None:
    """view(full(x)) -> full(x)."""
    return _filling(build, node.inputs[0].inputs[0], node)


@rule(gather, full)
def gather_from_full(build: Build, node: Node) -> Node | None:
    """gather(full(x), ...) -> full(x): indices out of range are not looked for."""
    filled = node.inputs[0]
    return _filling(build, filled.inputs[0], node) if filled.op is full else None


@rule(broadcast)
@rule(reshape)
def same_shape(build: Build, node: Node) -> Node | None:
    """Broadcast or reshape to the shape it has: nothing."""
    x = node.inputs[0]
    return x if x.type == node.type else None


@rule(broadcast, broadcast)
@rule(reshape, reshape)
def twice(build: Build, node: Node) -> Node | None:
    """reshape(reshape(x)) -> reshape(x); broadcast likewise."""
    return build(node.op, node.inputs[0].inputs[0], shape=node.array_type.shape)


@rule(broadcast, reshape)
def leading_axes(build: Build, node: Node) -> Node | None:
    """broadcast(x[None, ...]) -> broadcast(x): leading axes come of themselves."""
    x = node.inputs[0].inputs[0]
    shape, own = node.inputs[0].array_type.shape, x.array_type.shape
    extra = len(shape) - len(own)
    if extra <= 0 or shape[extra:] != own or any(dim != 1 for dim in shape[:extra]):
        return None
    return build(broadcast, x, shape=node.array_type.shape)


@rule(transpose)
def same_order(build: Build, node: Node) -> Node | None:
    """Transpose to the order it has: nothing. Axes of size 1 that move: a reshape."""
    axes = node.params["axes"]
    x = node.inputs[0]
    if axes == tuple(range(len(axes))):
        return x
    shape = x.array_type.shape
    long = [axis for axis in axes if shape[axis] != 1]
    return build(reshape, x, shape=node.array_type.shape) if long == sorted(long) else None


@rule(transpose, transpose)
def transpose_twice(build: Build, node: Node) -> Node | None:
    """transpose(transpose(x)) -> transpose(x)."""
    inner = node.inputs[0]
    axes = tuple(inner.params["axes"][axis] for axis in node.params["axes"])
    return build(transpose, inner.inputs[0], axes=axes)


@rule(transpose, contract)
def transpose_of_contract(build: Build, node: Node) -> Node | None:
    """transpose(contract(...)) -> contract with the result's letters in that order.

    Not where something else reads the product, which would be computed twice.
    """
    product = node.inputs[0]
    if build.uses(product) > 1:
        return None
    params = dict(product.params)
    params["result"] = "".join(params["result"][axis] for axis in node.params["axes"])
    return build(contract, *product.inputs, **params)


@elementwise_rule(reshape)
def reshape_outwards(build: Build, node: Node) -> Node | None:
    """f(x[:, None], y[:, None]) -> f(x, y)[:, None], where the other operands are scalars.

    What is computed with ``keepdims`` meets what is computed without. Not signs and scalar
    factors, which move outwards themselves.
    """
    if node.op is negative or factored(node) is not None:
        return None
    shape = node.array_type.shape
    own: Shape | None = None
    operands = list(node.inputs)
    for place, operand in enumerate(operands):
        if not operand.array_type.shape:
            continue
        if operand.op is not reshape or operand.array_type.shape != shape:
            return None
        operands[place] = operand.inputs[0]
        source = operands[place].array_type.shape
        if own is None:
            own = source
        if source != own or len(source) >= len(shape) or not _adds_axes(source, shape):
            return None
    return build(reshape, build(node.op, *operands, **node.params), shape=shape)


def _adds_axes(shape: Shape, longer: Shape) -> bool:
    """Tell whether the shapes differ only by axes of size 1."""
    return [dim for dim in shape if dim != 1] == [dim for dim in longer if dim != 1]


@rule(reshape, negative)
@rule(transpose, negative)
@rule(strided, negative)
def view_of_negative(build: Build, node: Node) -> Node | None:
    """view(-x) -> -view(x), where -x is read only here: the sign meets others on its way out."""
    x = node.inputs[0]
    if build.uses(x) > 1:
        return None
    return build(negative, build(node.op, x.inputs[0], **node.params))


@rule(reshape, multiply, divide)
@rule(transpose, multiply, divide)
@rule(strided, multiply, divide)
def view_of_scaled(build: Build, node: Node) -> Node | None:
    """view(s * x) -> s * view(x), s a scalar, where s * x is read only here."""
    x = node.inputs[0]
    parts = factored(x) if build.uses(x) == 1 else None
    if parts is None:
        return None
    return scaled(build, parts.op, build(node.op, parts.rest, **node.params), parts.factor)


# Strided parts


def _is_whole(shape: Shape, node: Node) -> bool:
    """Tell whether the part that ``node`` reads or writes is all of an array of ``shape``.

    Axes of size 1 may be dropped.
    """
    return node.params["sizes"] == shape and all(step == 1 for step in node.params["steps"])


@rule(strided)
def whole_part(build: Build, node: Node) -> Node | None:
    """x[:] -> x; x[0] of an axis of size 1 -> a reshape."""
    x = node.inputs[0]
    if not _is_whole(x.array_type.shape, node):
        return None
    return build(reshape, x, shape=node.array_type.shape)


@rule(strided, strided)
def part_of_part(build: Build, node: Node) -> Node | None:
    """x[a][b] -> x[c]."""
    inner = node.inputs[0]
    return build(strided, inner.inputs[0], **composed(inner.params, node.params))


@rule(strided, strided_set, strided_add)
def read_what_was_written(build: Build, node: Node) -> Node | None:
    """(x with x[a] = u)[a] -> u; (x with x[a] += u)[a] -> x[a] + u; (x with x[a] = u)[b] -> x[b].

    The last one where a and b have no element in common.
    """
    written = node.inputs[0]
    base, update = written.inputs
    if apart(bounds_of(written.params), bounds_of(node.params)):
        return build(strided, base, **node.params)
    if written.params != node.params:
        return None
    if written.op is strided_set:
        return update
    if build.uses(written) > 1:
        return None  # the sum is there anyway
    return build(add, build(strided, base, **node.params), update)


def _written(result: Node) -> list[Bounds] | None:
    """Return the parts that a loop writes of the array that it has as this result."""
    return written_by(result.inputs[0].params, result.params["index"])


@rule(strided, item)
def read_what_a_loop_left_alone(build: Build, node: Node) -> Node | None:
    """(what a loop makes of x)[a] -> x[a], where no iteration writes there."""
    result = node.inputs[0]
    source, number = result.inputs[0], result.params["index"]
    if source.op is not loop:
        return None
    writes = build.memory(result, _written)
    if writes is None or not all(apart(write, bounds_of(node.params)) for write in writes):
        return None
    return build(strided, source.inputs[number], **node.params)


@rule(strided_set)
@rule(strided_add)
def write_whole(build: Build, node: Node) -> Node | None:
    """x with x[:] = u -> u; x with x[:] += u -> x + u."""
    base, update = node.inputs
    if not _is_whole(base.array_type.shape, node):
        return None
    update = build(reshape, update, shape=base.array_type.shape)
    return update if node.op is strided_set else build(add, base, update)


@rule(strided_set, strided_set, strided_add)
def write_again(build: Build, node: Node) -> Node | None:
    """x with x[a] = u, then x[a] = v -> x with x[a] = v: the first write is never read."""
    base, update = node.inputs
    if base.op not in (strided_set, strided_add) or base.params != node.params:
        return None
    return build(strided_set, base.inputs[0], update, **node.params)


@rule(strided_add, strided_add, strided_set)
def add_again(build: Build, node: Node) -> Node | None:
    """x with x[a] += u, then x[a] += v -> x with x[a] += u + v. Reassociates the sum: 1 ulp."""
    base, update = node.inputs
    if base.op not in (strided_set, strided_add) or base.params != node.params:
        return None
    if build.uses(base) > 1:
        return None
    total = build(add, base.inputs[1], update)
    return build(base.op, base.inputs[0], total, **node.params)


@rule(strided_add, full)
def add_nothing(build: Build, node: Node) -> Node | None:
    """x with x[a] += 0 -> x. Exact but for a -0.0, which stays -0.0."""
    base, update = node.inputs
    return base if update.op is full and is_number(update.inputs[0], 0) else None


# Concatenation


@rule(concatenate)
def single_part(build: Build, node: Node) -> Node | None:
    """concatenate([x]) -> x; parts filled with one scalar -> one fill."""
    first = node.inputs[0]
    if len(node.inputs) == 1:
        return first
    if first.op is full and all(
        part.op is full and part.inputs[0] is first.inputs[0] for part in node.inputs
    ):
        return _filling(build, first.inputs[0], node)
    return None


@rule(strided, concatenate)
def part_of_concatenation(build: Build, node: Node) -> Node | None:
    """concatenate([x, y])[what lies in y] -> y[...], where the sizes of the parts are numbers."""
    joined = node.inputs[0]
    axis = joined.params["axis"]
    params = dict(node.params)
    start, size, step = (params[key][axis] for key in ("starts", "sizes", "steps"))
    offsets = build.memory(joined, _offsets)
    if offsets is None or not isinstance(start, int) or not isinstance(size, int) or size == 0:
        return None
    last = start + step * (size - 1)
    part = bisect_right(offsets, min(start, last)) - 1
    if not 0 <= part < len(joined.inputs) or max(start, last) >= offsets[part + 1]:
        return None
    starts: tuple[Dim, ...] = params["starts"]
    params["starts"] = (*starts[:axis], start - offsets[part], *starts[axis + 1 :])
    return build(strided, joined.inputs[part], **params)


def _offsets(joined: Node) -> list[int] | None:
    """Return where the parts of a concatenation start and end, None where that isn't known."""
    offsets = [0]
    for part in joined.inputs:
        size = part.array_type.shape[joined.params["axis"]]
        if not isinstance(size, int):
            return None
        offsets.append(offsets[-1] + size)
    return offsets
