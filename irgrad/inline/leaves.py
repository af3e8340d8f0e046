"""Arguments and results of transformed functions, as fresh nodes of the trace they run in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.errors import ArgumentError, DifferentiationError, ShapeError
from irgrad.ir import dims
from irgrad.ir.graph import Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import convert, full
from irgrad.ops.shape import broadcast
from irgrad.trace.operands import as_node, readied
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Trace, Tracer


def trace_of(tree: Any) -> Trace:
    """Return the trace under way: a loop's body where one is traced, else the function's."""
    trace = current_trace()
    if trace is not None:
        return trace
    for leaf in flatten(tree)[0]:
        if isinstance(leaf, Tracer):
            return leaf.tape
    raise DifferentiationError("no argument is traced", remedy="compile the function first")


def lifted(trace: Trace, value: Any) -> Tracer:
    """Return a leaf as a tracer of ``trace``; a Python number stays weak."""
    ready = readied(value)
    if isinstance(ready, Tracer):
        if ready.tape is trace:
            return ready
        return Tracer(trace, as_node(trace, ready), ready.weak)  # from outside of a loop's body
    weak = type(ready) if type(ready) in (int, float, complex) else None
    node = as_node(trace, ready if weak else np.asarray(ready)[()])
    return Tracer(trace, node, weak)


def as_float(trace: Trace, value: Any) -> Any:
    """Return a leaf as a traced float64 number or array; a complex one stays complex."""
    tracer = lifted(trace, value)
    if tracer.dtype.kind == "c" or (tracer.dtype == np.float64 and not tracer.weak):
        return tracer
    return convert(tracer, dtype=np.dtype(np.float64))


def marked(trace: Trace, tracer: Tracer) -> Tracer:
    """Return the value of a tracer as a node of its own, which nothing else reads yet."""
    node = trace.record(convert, (tracer.node,), {"dtype": tracer.dtype})
    return Tracer(trace, node, tracer.weak)


def fresh(trace: Trace, tree: Any, name: str, purpose: str) -> tuple[Any, list[Tracer]]:
    """Return ``tree`` with every leaf a new node, and those leaves.

    A new node marks what the derivative is taken by: other uses of the same value stay constant.

    Raises: DifferentiationError for a leaf that is no floating-point number.
    """
    leaves, structure = flatten(tree)
    new = []
    for position, leaf in enumerate(leaves):
        tracer = lifted(trace, leaf)
        if not tracer.type.inexact:
            raise DifferentiationError(
                f"{purpose} differentiates by {leaf_name(structure, position, name)}, which is "
                f"{tracer.type}: a derivative needs a floating-point argument",
                remedy="pass floats (2.0 for 2, x.astype(float)), or choose other argnums",
                location=location_here(),
            )
        new.append(marked(trace, tracer))
        new[-1].argument = leaf_name(structure, position, name)
    return optree.tree_unflatten(structure, new), new


def leaf_name(structure: Any, position: int, root: str) -> str:
    """Return how Python code reaches a leaf of a pytree: ``weights['bias'][0]``."""
    return str(structure.accessors()[position].codify(root))


def zeros(trace: Trace, type: ArrayType) -> Tracer:
    """Return an array of zeros, or a zero."""
    scalar = Tracer(trace, trace.scalar(0, type.dtype))
    return full(scalar, shape=type.shape) if type.shape else scalar


def placeholder(trace: Trace, type: ArrayType, weak: type | None = None) -> Tracer:
    """Return a node of its own that stands for a value not known yet."""
    return Tracer(trace, marked(trace, zeros(trace, type)).node, weak)


def tangent_type(type: ArrayType) -> ArrayType:
    """Return the type of derivatives of a value: of one that has none, zeros in float64."""
    return type if type.inexact else type.with_dtype(np.dtype(np.float64))


def replaced(
    args: tuple[Any, ...], positions: Sequence[int], new: Sequence[Any]
) -> tuple[Any, ...]:
    """Return ``args`` with those at ``positions`` replaced."""
    result = list(args)
    for position, value in zip(positions, new, strict=True):
        result[position] = value
    return tuple(result)


def matched(
    trace: Trace, tree: Any, like: Any, types: Sequence[ArrayType], word: str
) -> list[Tracer]:
    """Return the leaves of ``tree``, which must have the structure ``like`` and these types.

    Numbers and arrays of another floating dtype are converted; a single number isn't stretched.

    Raises: ArgumentError, ShapeError.
    """
    leaves, structure = flatten(tree)
    if structure != like:
        raise ArgumentError(
            f"the {word}s have the structure {structure}, and what they belong to has {like}",
            remedy=f"pass {word}s in the same containers",
            location=location_here(),
        )
    tracers = []
    for position, (leaf, type) in enumerate(zip(leaves, types, strict=True)):
        tracer = lifted(trace, leaf)
        wanted = tangent_type(type)
        if not dims.same_shape(tracer.type.shape, type.shape):
            raise ShapeError(
                f"{word} {leaf_name(structure, position, '')} is {tracer.type}, and what it "
                f"belongs to is {type}",
                remedy=f"give the {word} the same shape",
                location=location_here(),
            )
        if tracer.dtype.kind == "c" and wanted.dtype.kind != "c":
            raise ArgumentError(
                f"{word} {leaf_name(structure, position, '')} is {tracer.type}, and what it "
                f"belongs to is {type}",
                remedy=f"give a real {word} of a real value",
                location=location_here(),
            )
        if tracer.dtype != wanted.dtype or tracer.weak:
            tracer = Tracer(trace, trace.record(convert, (tracer.node,), {"dtype": wanted.dtype}))
        if tracer.type.shape != type.shape:  # equal, but spelled in other symbols
            tracer = broadcast(tracer, shape=type.shape)
        tracers.append(tracer)
    return tracers


def added(seeds: dict[Node, Tracer], node: Node, seed: Tracer) -> None:
    """Add a seed for a node, which may have one already."""
    known = seeds.get(node)
    seeds[node] = seed if known is None else known + seed
