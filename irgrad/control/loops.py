"""``fori_loop`` and ``while_loop``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control.carries import check_structure, run_loop, settled, state_of, tree
from irgrad.errors import ArgumentError, ShapeError
from irgrad.ir import dims
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import as_dim
from irgrad.ops.control import repeat
from irgrad.trace.bodies import trace_body, with_inputs
from irgrad.trace.origins import location_here
from irgrad.trace.sizes import TracedSize
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Tracer


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Return ``value`` after ``value = body_fun(i, value)`` for ``i`` from ``lower`` to ``upper``.

    Raises: ShapeError where the value's type changes.
    """
    trace = current_trace()
    if trace is None:
        value = init_val
        for i in range(int(lower), int(upper)):
            value = body_fun(i, value)
        return value
    if isinstance(lower, Tracer) or isinstance(upper, Tracer):
        _, value = while_loop(
            lambda pair: pair[0] < upper,
            lambda pair: (pair[0] + 1, body_fun(pair[0], pair[1])),
            (lower, init_val),
        )
        return value
    start = as_dim(lower)
    count = as_dim(upper) - start
    if not dims.at_least(count, 0):
        count = 0
    state, form = state_of(trace, init_val)
    index = f"t{trace.depth}"
    place = start + dims.symbol(index)

    def run(*values: Any) -> Any:
        inner = current_trace()
        number = TracedSize(place, inner) if isinstance(place, dims.Size) else place
        value = body_fun(number, tree(form, values))
        check_structure(form, value)
        return flatten(value)[0]

    body, state = settled(trace, index, count, state, form, run)
    results = run_loop(trace, body.graph, body.entered, state, (), index, count, False)
    return tree(form, results)


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any
) -> Any:
    """Return ``value`` after ``value = body_fun(value)`` while ``cond_fun(value)`` holds.

    Differentiable in reverse: each iteration's carries are kept on growing stacks.

    Raises: ShapeError where the value's type changes.
    """
    trace = current_trace()
    if trace is None:
        value = init_val
        while cond_fun(value):
            value = body_fun(value)
        return value
    state, form = state_of(trace, init_val)
    if not state:
        raise ArgumentError(
            "while_loop without a carry could never end",
            remedy="give init_val the values that the condition depends on",
            location=location_here(),
        )

    def run(*values: Any) -> Any:
        value = body_fun(tree(form, values))
        check_structure(form, value)
        return flatten(value)[0]

    count = f"count{len(trace.nodes)}"
    body, state = settled(trace, None, 0, state, form, run)
    types = [node.array_type for node in state]
    condition = trace_body(
        trace,
        lambda *values: cond_fun(tree(form, values)),
        types,
        lambda result: ([result], None),
        "condition",
    )
    if condition.graph.outputs[0].array_type != ArrayType(np.dtype(bool)):
        raise ShapeError(
            f"the condition of a while_loop is {condition.graph.outputs[0].array_type}",
            remedy="return one truth value",
            location=location_here(),
        )
    entered = tuple(dict.fromkeys((*condition.entered, *body.entered)))
    results = repeat(
        *(Tracer(trace, node) for node in (*state, *entered)),
        condition=with_inputs(condition, len(state), entered),
        body=with_inputs(body, len(state), entered),
        carries=len(state),
        count=count,
    )
    return tree(form, results)
