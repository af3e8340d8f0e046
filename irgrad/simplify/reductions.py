"""Rules for sums, other reductions and contractions.

Linear factors are pulled out: ``sum(s * x)`` becomes ``s * sum(x)``. That regroups products and
sums (the emitted loops permit it) and does the multiplication once. It is the same for every
finite s. Where s is infinite or NaN, the result is not finite either, but it may be an infinity
where it was NaN, or NaN where there are no elements to sum.
"""

from __future__ import annotations

from irgrad.ir import dims
from irgrad.ir.dims import Shape
from irgrad.ir.graph import Node
from irgrad.ir.work import sizes_of_letters
from irgrad.ops.contract import contract
from irgrad.ops.create import convert, full
from irgrad.ops.elementwise import divide, masked_product, multiply, negative
from irgrad.ops.reduce import max_, min_, sum_
from irgrad.ops.shape import broadcast, reshape, transpose
from irgrad.simplify.factors import factored, reassociates, scaled
from irgrad.simplify.rewrite import Build, rule


@rule(sum_)
@rule(max_)
@rule(min_)
def reduce_nothing(build: Build, node: Node) -> Node | None:
    """Reduce over no axes, or over axes of size 1: nothing, or a reshape.

    Exact but for a -0.0, which NumPy sums to 0.0.
    """
    x = node.inputs[0]
    shape = x.array_type.shape
    axes = node.params["axes"]
    if all(shape[axis] == 1 for axis in axes):
        return build(reshape, x, shape=node.array_type.shape)
    rest = tuple(axis for axis in axes if shape[axis] != 1)
    if len(rest) == len(axes):
        return None
    return build(reshape, build(node.op, x, axes=rest), shape=node.array_type.shape)


@rule(max_, full)
@rule(min_, full)
def extreme_of_full(build: Build, node: Node) -> Node | None:
    """max(full(x)) -> x. Exact; that there is an element is a guard of the trace."""
    return build(full, node.inputs[0].inputs[0], shape=node.array_type.shape)


@rule(sum_, full)
@rule(sum_, broadcast)
def sum_of_copies(build: Build, node: Node) -> Node | None:
    """sum(broadcast(x)) -> the sum of x times the number of copies, stretched. Rounds less."""
    copies = node.inputs[0]
    x = copies.inputs[0]
    shape, own = copies.array_type.shape, x.array_type.shape
    extra = len(shape) - len(own)
    axes = node.params["axes"]
    stretched = [
        axis for axis in axes if axis < extra or (own[axis - extra] == 1 and shape[axis] != 1)
    ]
    kind = node.array_type.dtype
    total = x if x.array_type.dtype == kind else build(convert, x, dtype=kind)
    rest = tuple(axis - extra for axis in axes if axis >= extra)
    if rest:
        total = build(sum_, total, axes=rest)
    if stretched:
        count = build.size(dims.product(shape[axis] for axis in stretched), kind)
        total = build(multiply, count, total)
    return build(broadcast, total, shape=node.array_type.shape)


@rule(sum_, sum_)
def sum_of_sum(build: Build, node: Node) -> Node | None:
    """sum(sum(x)) -> sum(x) over all the axes. Reassociates."""
    inner = node.inputs[0]
    if build.uses(inner) > 1:
        return None
    gone = inner.params["axes"]
    left = [axis for axis in range(inner.inputs[0].array_type.rank) if axis not in gone]
    axes = tuple(sorted((*gone, *(left[axis] for axis in node.params["axes"]))))
    return build(sum_, inner.inputs[0], axes=axes)


@rule(sum_, transpose)
def sum_of_transpose(build: Build, node: Node) -> Node | None:
    """sum(transpose(x)) -> sum(x) over those axes, the rest put in order. Reassociates."""
    order = node.inputs[0].params["axes"]
    axes = tuple(sorted(order[axis] for axis in node.params["axes"]))
    total = build(sum_, node.inputs[0].inputs[0], axes=axes)
    kept = [axis for position, axis in enumerate(order) if position not in node.params["axes"]]
    ranks = {axis: rank for rank, axis in enumerate(sorted(kept))}
    return build(transpose, total, axes=tuple(ranks[axis] for axis in kept))


@rule(sum_, reshape)
def sum_of_reshape(build: Build, node: Node) -> Node | None:
    """sum(reshape(x)) -> sum(x) over all axes, or where the reshape moves only axes of size 1.

    Reassociates.
    """
    x = node.inputs[0].inputs[0]
    if not node.array_type.shape:
        return build(sum_, x, axes=tuple(range(x.array_type.rank)))
    own, shape = x.array_type.shape, node.inputs[0].array_type.shape
    long = [axis for axis, dim in enumerate(own) if dim != 1]
    places = [axis for axis, dim in enumerate(shape) if dim != 1]
    if [own[axis] for axis in long] != [shape[axis] for axis in places]:
        return None
    summed = node.params["axes"]
    axes = tuple(axis for axis, place in zip(long, places, strict=True) if place in summed)
    return build(reshape, build(sum_, x, axes=axes), shape=node.array_type.shape)


@rule(sum_, negative)
def sum_of_negative(build: Build, node: Node) -> Node | None:
    """sum(-x) -> -sum(x). Exact but for the sign of an empty sum's zero."""
    x = node.inputs[0].inputs[0]
    if not reassociates(x):
        return None
    return build(negative, build(sum_, x, **node.params))


@rule(sum_, multiply, divide)
def sum_of_scaled(build: Build, node: Node) -> Node | None:
    """sum(s * x) -> s * sum(x); sum(x / s) -> sum(x) / s; s a scalar."""
    parts = factored(node.inputs[0])
    if parts is None or not reassociates(node) or parts.rest.type != node.inputs[0].type:
        return None
    return scaled(build, parts.op, build(sum_, parts.rest, **node.params), parts.factor)


@rule(sum_, masked_product)
def sum_of_masked(build: Build, node: Node) -> Node | None:
    """sum(masked_product(s, x)) -> masked_product(s, sum(x)), s a scalar; s may come second too."""
    first, second = node.inputs[0].inputs
    if not reassociates(node) or first.array_type.shape == second.array_type.shape:
        return None
    if not first.array_type.shape:
        return build(masked_product, first, build(sum_, second, **node.params))
    if not second.array_type.shape:
        return build(masked_product, build(sum_, first, **node.params), second)
    return None


@rule(sum_, multiply, divide)
def sum_of_constant_factor(build: Build, node: Node) -> Node | None:
    """sum(u * x) -> u * sum(x), sum(x / u) -> sum(x) / u: u is constant along the axes summed."""
    product = node.inputs[0]
    if not reassociates(node):
        return None
    x, y = product.inputs
    candidates = ((x, y), (y, x)) if product.op is multiply else ((y, x),)
    axes = node.params["axes"]
    for factor, rest in candidates:
        if not factor.array_type.shape or rest.type != product.type:
            continue
        if _is_constant_along(factor, product, axes):
            factor = build(reshape, factor, shape=_without(factor, product, axes))
            return scaled(build, product.op, build(sum_, rest, axes=axes), factor)
    return None


@rule(sum_, multiply)
def sum_of_inner_constant_factor(build: Build, node: Node) -> Node | None:
    """sum(x * (v / u)) -> sum(x * v) / u, sum(x * (u * v)) -> u * sum(x * v): u as above."""
    product = node.inputs[0]
    if not reassociates(node):
        return None
    for x, y in (product.inputs, product.inputs[::-1]):
        if y.op not in (multiply, divide):
            continue
        first, second = y.inputs
        pairs = ((first, second),) if y.op is divide else ((first, second), (second, first))
        for v, u in pairs:
            if not u.array_type.shape or not _is_constant_along(u, product, node.params["axes"]):
                continue
            inner = build(multiply, x, v)
            if inner.type == product.type:
                total = build(sum_, inner, **node.params)
                kept = _without(u, product, node.params["axes"])
                return scaled(build, y.op, total, build(reshape, u, shape=kept))
    return None


def _is_constant_along(factor: Node, product: Node, axes: tuple[int, ...]) -> bool:
    """Tell whether a factor of a product is the same along some axes of it."""
    own, extra = factor.array_type.shape, product.array_type.rank - factor.array_type.rank
    return all(axis < extra or own[axis - extra] == 1 for axis in axes)


def _without(factor: Node, product: Node, axes: tuple[int, ...]) -> Shape:
    """Return the shape of a factor without the axes of the product along which it is the same."""
    extra = product.array_type.rank - factor.array_type.rank
    return tuple(dim for i, dim in enumerate(factor.array_type.shape) if i + extra not in axes)


@rule(sum_, contract)
def sum_of_contract(build: Build, node: Node) -> Node | None:
    """sum(contract(x, y)) -> contract(sum(x), y): the product is that much smaller. Reassociates.

    A letter that both operands have is one more that is contracted.
    """
    product = node.inputs[0]
    dtypes = {node.array_type.dtype, product.array_type.dtype}
    if build.uses(product) > 1 or not reassociates(node) or len(dtypes) > 1:
        return None
    summed = {product.params["result"][axis] for axis in node.params["axes"]}
    sides = [product.params["left"], product.params["right"]]
    operands = list(product.inputs)
    for side, letters in enumerate(sides):
        lonely = [c for c in letters if c in summed and c not in sides[1 - side]]
        if lonely:
            axes = tuple(letters.index(c) for c in lonely)
            operands[side] = build(sum_, operands[side], axes=axes)
            sides[side] = "".join(c for c in letters if c not in lonely)
    result = "".join(c for c in product.params["result"] if c not in summed)
    return build(contract, *operands, left=sides[0], right=sides[1], result=result)


# Contractions


@rule(contract, transpose)
def contract_of_transpose(build: Build, node: Node) -> Node | None:
    """contract(transpose(x), y) -> contract(x, y) with the letters of x reordered. Exact."""
    operands = list(node.inputs)
    params = dict(node.params)
    for place, side in enumerate(("left", "right")):
        operand = operands[place]
        if operand.op is transpose:
            operands[place] = operand.inputs[0]
            letters = dict(zip(operand.params["axes"], params[side], strict=True))
            params[side] = "".join(letters[axis] for axis in range(len(letters)))
    return build(contract, *operands, **params)


@rule(contract)
def contract_over_one(build: Build, node: Node) -> Node | None:
    """contract(x, y) over axes of size 1, or with a scalar -> x * y. Exact but for 0 and -0."""
    sides, result = (node.params["left"], node.params["right"]), node.params["result"]
    sizes = sizes_of_letters(node)
    contracted = [letter for letter in sizes if letter not in result]
    if any(sizes[letter] != 1 for letter in contracted) or not (contracted or "" in sides):
        return None
    factors = []
    for letters, operand in zip(sides, node.inputs, strict=True):
        order = sorted(range(len(letters)), key=lambda axis: result.find(letters[axis]))
        shape = tuple(sizes[letter] if letter in letters else 1 for letter in result)
        factors.append(build(reshape, build(transpose, operand, axes=tuple(order)), shape=shape))
    return build(multiply, *factors)


@rule(contract, negative)
def contract_of_negative(build: Build, node: Node) -> Node | None:
    """contract(-x, y) -> -contract(x, y). Exact but for the sign of an empty sum's zero."""
    if not reassociates(node):
        return None
    for place, side in enumerate(("left", "right")):
        operand = node.inputs[place]
        if operand.op is negative and _shrinks(node, side):
            operands = list(node.inputs)
            operands[place] = operand.inputs[0]
            return build(negative, build(contract, *operands, **node.params))
    return None


@rule(contract, multiply, divide)
def contract_of_scaled(build: Build, node: Node) -> Node | None:
    """contract(s * x, y) -> s * contract(x, y), s a scalar; divisions likewise."""
    if not reassociates(node):
        return None
    for place, side in enumerate(("left", "right")):
        parts = factored(node.inputs[place])
        if parts is None or parts.rest.type != node.inputs[place].type:
            continue
        if _shrinks(node, side):
            operands = list(node.inputs)
            operands[place] = parts.rest
            result = build(contract, *operands, **node.params)
            return scaled(build, parts.op, result, parts.factor)
    return None


def _shrinks(node: Node, side: str) -> bool:
    """Tell whether work on the result costs no more than on an operand, by the number of axes.

    By the axes and not by the sizes of the first call, so that the same source always gives the
    same graph; either cost is small beside the contraction's own.
    """
    return len(node.params["result"]) <= len(node.params[side])


@rule(contract, full, broadcast)
def contract_of_copies(build: Build, node: Node) -> Node | None:
    """contract(broadcast(x), y) -> contract(x, the sums of y), stretched. Reassociates.

    Letters along which x is repeated leave x: where y has them and the result does not, y is
    summed over them; where only x has them, the result is stretched.
    """
    if not reassociates(node):
        return None
    place = 0 if node.inputs[0].op is full or node.inputs[0].op is broadcast else 1
    copies, y = node.inputs[place], node.inputs[1 - place]
    sides = node.params["left"], node.params["right"]
    letters, y_letters, result = sides[place], sides[1 - place], node.params["result"]
    x, repeated = copies.inputs[0], copies.array_type.shape
    own = x.array_type.shape
    extra = len(repeated) - len(own)
    x_letters = "".join(
        letter
        for axis, letter in enumerate(letters)
        if axis >= extra and (own[axis - extra] != 1 or repeated[axis] == 1)
    )
    if x_letters == letters:
        return None
    squeezed = tuple(repeated[axis] for axis, letter in enumerate(letters) if letter in x_letters)
    x = build(reshape, x, shape=squeezed)
    summed = tuple(i for i, c in enumerate(y_letters) if c not in x_letters + result)
    if summed:
        y = build(sum_, y, axes=summed)
        y_letters = "".join(c for c in y_letters if c in x_letters + result)
    left_over = "".join(c for c in result if c in x_letters + y_letters)
    total = build(contract, x, y, left=x_letters, right=y_letters, result=left_over)
    shape = node.array_type.shape
    leading = next((i for i, c in enumerate(result) if c in left_over), len(result))
    kept = tuple(dim if c in left_over else 1 for c, dim in zip(result, shape, strict=True))
    return build(broadcast, build(reshape, total, shape=kept[leading:]), shape=shape)
