"""Which elements of the arrays of a graph are zero by how they are made, and which matter.

A matrix times a mask is zero wherever the mask is, for all that the matrix holds; and of what is
only read through a mask, the elements behind its zeros don't matter. Both are known from the graph
alone where the lengths of the masked axes are numbers. Cf. the sparsity patterns of Griewank &
Walther, Evaluating Derivatives, 2nd edition, 2008, chapter 7.

That a product with such a zero is zero is the one place where irgrad takes 0 * inf for 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Contraction, Elementwise, Reduction, View
from irgrad.ops.create import constant, convert, iota
from irgrad.ops.elementwise import (
    absolute,
    add,
    divide,
    multiply,
    negative,
    select,
    sqrt,
    square,
    subtract,
)
from irgrad.ops.shape import broadcast, reshape, transpose

LARGEST = 4096
"""Elements of the largest pattern that is looked at."""

_ZERO_AT_ZERO = (absolute, convert, negative, sqrt, square)

Pattern = Any
"""Truth values for the elements of an array, one for all along axes whose length is no number.

One alone speaks for all elements.
"""


@dataclass(frozen=True)
class Zeros:
    """``nonzero``: what may be other than zero; ``needed``: what matters, of contractions."""

    nonzero: Mapping[Node, Pattern] = field(default_factory=dict)
    needed: Mapping[Node, Pattern] = field(default_factory=dict)


def zeros_of(graph: Graph) -> Zeros:
    """Return what is known of the zeros in a graph with contractions; linear in its nodes."""
    if not any(isinstance(node.op.lowering, Contraction) for node in graph.nodes):
        return Zeros()
    known = _known_values(graph)
    nonzero: dict[Node, Pattern] = {
        node: value != 0 for node, value in known.items() if not np.all(value)
    }
    for node in graph.nodes:
        if node not in known:
            found = _nonzero(node, nonzero, known)
            if found is not None and not found.all():
                nonzero[node] = found
    if not any(np.ndim(mask) for mask in nonzero.values()):
        return Zeros()
    return Zeros(nonzero, _needed(graph, nonzero, known))


def _known_values(graph: Graph) -> dict[Node, Any]:
    """Return the small arrays that no input has a part in."""
    known: dict[Node, Any] = {}
    for node in graph.nodes:
        if isinstance(node.type, tuple) or _pattern_shape(node) != node.type.shape:
            continue
        made = node.op in (constant, iota)
        computed = isinstance(node.op.lowering, Elementwise | View) and bool(node.inputs)
        if made or (computed and all(operand in known for operand in node.inputs)):
            with np.errstate(all="ignore"):
                known[node] = node.op.evaluate(*[known[n] for n in node.inputs], **node.params)
    return known


def _pattern_shape(node: Node) -> tuple[int, ...] | None:
    """Return the shape of a node's pattern: None where it would be large, or has none."""
    if isinstance(node.type, tuple):
        return None
    shape = tuple(dim if isinstance(dim, int) else 1 for dim in node.type.shape)
    return shape if math.prod(shape) <= LARGEST else None


def _nonzero(
    node: Node, nonzero: Mapping[Node, Pattern], known: Mapping[Node, Any]
) -> Pattern | None:
    """Return what may be other than zero in a node, by what may be in its operands."""
    if not any(operand in nonzero for operand in node.inputs) or _pattern_shape(node) is None:
        return None
    masks = [nonzero.get(operand, np.True_) for operand in node.inputs]
    if node.op is multiply:
        return _of_shape(node, masks[0] & masks[1])
    if node.op in (add, subtract):
        return _of_shape(node, masks[0] | masks[1])
    if node.op is select and node.inputs[0] in known:
        return _of_shape(node, np.where(known[node.inputs[0]], masks[1], masks[2]))
    if node.op is divide or node.op in _ZERO_AT_ZERO:
        return _of_shape(node, masks[0])
    if isinstance(node.op.lowering, View) and np.ndim(masks[0]):
        places = _places(node)
        return None if places is None else masks[0].reshape(-1)[places]
    return None


def _of_shape(node: Node, mask: Pattern) -> Pattern:
    shape = _pattern_shape(node)
    assert shape is not None
    return np.broadcast_to(mask, shape)


def _places(node: Node) -> Any:
    """Return which element of its operand's pattern each of a view's is, counted in C order.

    None where that isn't known.
    """
    (operand,) = node.inputs
    before, after = _pattern_shape(operand), _pattern_shape(node)
    if before is None or after is None:
        return None
    counted = np.arange(math.prod(before)).reshape(before)
    if node.op is transpose:
        return transpose.evaluate(counted, **node.params)
    if node.op is broadcast:
        return broadcast.evaluate(counted, shape=after)
    if node.op is reshape and _long(operand) == _long(node):
        return reshape.evaluate(counted, shape=after)
    return None


def _long(node: Node) -> list[int]:
    """Return the lengths other than 1 in order, 0 for those that are no numbers."""
    lengths = [dim if isinstance(dim, int) else 0 for dim in node.array_type.shape]
    return [length for length in lengths if length != 1]


def _needed(
    graph: Graph, nonzero: Mapping[Node, Pattern], known: Mapping[Node, Any]
) -> dict[Node, Pattern]:
    """Return the elements that matter of those contractions of which not all do."""
    needed: dict[Node, Pattern] = dict.fromkeys(graph.outputs, np.True_)
    found: dict[Node, Pattern] = {}
    for node in reversed(graph.nodes):
        mask = needed.get(node, np.True_)
        if isinstance(node.op.lowering, Contraction) and not np.all(mask):
            found[node] = mask
        for operand, part in _needs(node, mask, nonzero, known):
            shape = _pattern_shape(operand)
            so_far = needed.get(operand, np.False_)
            if np.ndim(so_far) == 0 and so_far:
                continue
            if shape is None or np.all(part):
                needed[operand] = np.True_
            else:
                needed[operand] = so_far | _folded(part, shape)
    return found


def _folded(mask: Pattern, shape: tuple[int, ...]) -> Pattern:
    """Return what matters of an operand of ``shape`` of that which matters of the result."""
    extra = np.ndim(mask) - len(shape)
    if extra > 0:
        mask = mask.any(axis=tuple(range(extra)))
    stretched = tuple(
        axis - len(shape)
        for axis in range(len(shape) - np.ndim(mask), len(shape))
        if shape[axis] == 1
    )
    return np.broadcast_to(mask.any(axis=stretched, keepdims=True), shape)


def _needs(
    node: Node,
    mask: Pattern,
    nonzero: Mapping[Node, Pattern],
    known: Mapping[Node, Any],
) -> Iterator[tuple[Node, Pattern]]:
    """Yield the operands of a node, each with the elements that matter to those in ``mask``."""
    if node.op is multiply:
        x, y = node.inputs
        yield x, mask & nonzero.get(y, np.True_)
        yield y, mask & nonzero.get(x, np.True_)
    elif node.op is select and node.inputs[0] in known:
        condition, x, y = node.inputs
        yield x, mask & known[condition]
        yield y, mask & ~known[condition]
    elif isinstance(node.op.lowering, Elementwise):
        for operand in node.inputs:
            yield operand, mask
    elif isinstance(node.op.lowering, View) and np.ndim(mask):
        places, (operand,) = _places(node), node.inputs
        if places is None:
            yield operand, np.True_
        else:
            shape = _pattern_shape(operand)
            assert shape is not None
            part = np.zeros(math.prod(shape), bool)
            part[places[mask]] = True
            yield operand, part.reshape(shape)
    elif isinstance(node.op.lowering, Reduction) and np.ndim(mask):
        yield node.inputs[0], np.expand_dims(mask, node.params["axes"])
    else:
        for operand in node.inputs:
            yield operand, np.True_
