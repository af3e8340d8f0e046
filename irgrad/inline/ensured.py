"""Results that are only given where a condition holds, on traced values."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.inline.leaves import lifted, trace_of
from irgrad.ops.create import convert
from irgrad.ops.ensure import ensure
from irgrad.trace.tracer import Tracer


def ensured(tree: Any, holds: Any, shown: Any, problem: str, remedy: str) -> Any:
    """Return ``tree`` with its leaves given only where ``holds``; else the call raises.

    holds: a traced truth value. shown: a number that the error shows, behind ``problem``.
    The compiled function turns the error into a ``ConvergenceError`` with the line that the
    condition was recorded for.
    """
    trace = trace_of((tree, holds))
    leaves, structure = flatten(tree)
    number = next(trace.conditions)
    truth, amount = lifted(trace, holds), lifted(trace, shown)
    if amount.dtype != np.float64:
        amount = convert(amount, dtype=np.dtype(np.float64))
    operands = (truth.node, amount.node)
    params = {"problem": problem, "remedy": remedy, "number": number}
    checked = [
        Tracer(trace, trace.record(ensure, (leaf.node, *operands), params), leaf.weak)
        for leaf in (lifted(trace, leaf) for leaf in leaves)
    ]
    return optree.tree_unflatten(structure, checked)
