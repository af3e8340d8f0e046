"""``cond`` and ``switch``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control.carries import tree
from irgrad.errors import ArgumentError, ShapeError
from irgrad.ir import dims
from irgrad.ops.control import branch
from irgrad.ops.create import convert
from irgrad.trace.bodies import Body, trace_body, with_inputs
from irgrad.trace.operands import as_node
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Tracer


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """Return ``true_fun(*operands)`` where ``pred`` holds, else ``false_fun(*operands)``.

    Raises: ShapeError where the two return different types.
    """
    if isinstance(pred, bool | np.bool_ | int) or current_trace() is None:
        return (true_fun if pred else false_fun)(*operands)
    return switch(pred, (false_fun, true_fun), *operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return ``branches[index](*operands)``, the index clamped to those there are.

    Raises: ShapeError where the branches return different types.
    """
    if not branches:
        raise ArgumentError("switch needs a branch", remedy="give it one or more functions")
    trace = current_trace()
    if trace is None or isinstance(index, int | np.integer):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    leaves, form = flatten(operands)
    given = [as_node(trace, leaf) for leaf in leaves]
    types = [node.array_type for node in given]
    bodies = [
        trace_body(trace, lambda *v, f=f: f(*tree(form, v)), types, flatten, "branch")
        for f in branches
    ]
    first = bodies[0]
    for body in bodies[1:]:
        _check_alike(first, body)
    entered = tuple(dict.fromkeys(node for body in bodies for node in body.entered))
    chosen = Tracer(trace, as_node(trace, index))
    if chosen.dtype.kind not in "iub":
        raise ShapeError(
            f"the index of a switch is {chosen.type}",
            remedy="give a whole number, or a truth value to cond",
            location=location_here(),
        )
    results = branch(
        convert(chosen, dtype=np.dtype(np.int64)),
        *(Tracer(trace, node) for node in (*given, *entered)),
        branches=tuple(with_inputs(body, len(given), entered) for body in bodies),
    )
    return tree(first.structure, results)


def _check_alike(first: Body, other: Body) -> None:
    if first.structure != other.structure:
        raise ShapeError(
            f"one branch returns {first.structure}, another {other.structure}",
            remedy="return the same nesting from all branches",
            location=location_here(),
        )
    for a, b in zip(first.graph.outputs, other.graph.outputs, strict=True):
        if a.array_type.dtype != b.array_type.dtype or not dims.same_shape(
            a.array_type.shape, b.array_type.shape
        ):
            raise ShapeError(
                f"one branch returns {a.array_type} where another returns {b.array_type}",
                remedy="return the same shapes and dtypes from all branches",
                location=b.origin.location() if b.origin else location_here(),
            )
