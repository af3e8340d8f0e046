"""Arguments of a transformed function as fresh nodes of the trace it runs in."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.errors import DifferentiationError
from irgrad.ops.create import convert
from irgrad.trace.tracer import Trace, Tracer, as_node


def trace_of(tree: Any) -> Trace:
    """Return the trace that the tracers in ``tree`` belong to."""
    for leaf in flatten(tree)[0]:
        if isinstance(leaf, Tracer):
            return leaf.trace
    raise DifferentiationError("no argument is traced", remedy="compile the function first")


def fresh(trace: Trace, tree: Any, purpose: str) -> tuple[Any, list[Tracer]]:
    """Return ``tree`` with every leaf a new node, and those leaves.

    A new node marks what the derivative is taken by: other uses of the same value stay constant.

    Raises: DifferentiationError for a leaf that is no floating-point number.
    """
    leaves, structure = flatten(tree)
    marked = []
    for leaf in leaves:
        tracer = leaf if isinstance(leaf, Tracer) else _lifted(trace, leaf)
        if not tracer.type.inexact:
            raise DifferentiationError(
                f"{purpose} needs floating-point arguments; one is {tracer.type}",
                remedy="convert it with .astype(float), or choose other argnums",
            )
        node = trace.record(convert, (tracer.node,), {"dtype": tracer.dtype})
        marked.append(Tracer(trace, node, tracer.weak))
    return optree.tree_unflatten(structure, marked), marked


def _lifted(trace: Trace, value: Any) -> Tracer:


    return Tracer(trace, as_node(trace, np.asarray(value)[()]))


def replaced(args: tuple[Any, ...], positions: tuple[int, ...], new: list[Any]) -> tuple[Any, ...]:
    """Return ``args`` with those at ``positions`` replaced."""
    result = list(args)
    for position, value in zip(positions, new, strict=True):
        result[position] = value
    return tuple(result)
