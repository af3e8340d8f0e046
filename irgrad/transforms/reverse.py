"""``grad`` and ``value_and_grad`` on traced values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.differentiate.reverse import pull_back
from irgrad.errors import DifferentiationError
from irgrad.trace.tracer import Tracer
from irgrad.transforms.leaves import fresh, replaced, trace_of


def inline_value_and_grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    """Return value and gradient of ``function`` at traced arguments, recorded in their trace."""
    trace = trace_of((args, kwargs))
    one = isinstance(argnums, int)
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    trees, wanted = [], []
    for position in positions:
        tree, leaves = fresh(trace, args[position], "grad")
        trees.append(tree)
        wanted.append(leaves)
    value = function(*replaced(args, positions, trees), **kwargs)
    results, _ = flatten(value)
    if len(results) != 1 or (isinstance(results[0], Tracer) and results[0].ndim):
        raise DifferentiationError(
            "grad needs a function that returns one real number",
            remedy="sum or average the result, or ask for a jacobian",
        )
    nodes = [leaf.node for leaves in wanted for leaf in leaves]
    found: list[Tracer | None] = [None] * len(nodes)
    if isinstance(results[0], Tracer):
        result = results[0].node
        seed = Tracer(trace, trace.scalar(1.0, result.array_type.dtype))
        found = pull_back(trace, {result: seed}, nodes)
    slopes = iter(
        slope if slope is not None else np.zeros_like(Tracer(trace, node))
        for slope, node in zip(found, nodes, strict=True)
    )
    gradients = []
    for tree, leaves in zip(trees, wanted, strict=True):
        structure = flatten(tree)[1]
        gradients.append(optree.tree_unflatten(structure, [next(slopes) for _ in leaves]))
    return value, gradients[0] if one else tuple(gradients)


