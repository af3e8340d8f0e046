"""Answering calls by evaluating a graph, in the form in which compiled functions answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.runtime.memory import keep_freed_memory


def evaluating(graph: Graph) -> Callable[..., Any]:
    """Return a function of flat arguments that gives what the emitted one would give.

    No result shares memory with an argument, or with another result.
    """
    keep_freed_memory()  # of which an evaluation frees much more than compiled code

    def call(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            values = evaluate(graph, *arguments)
        own: set[int] = set()
        results = []
        for value in values:
            if isinstance(value, np.ndarray):
                if value.base is not None or id(value) in own or not value.flags.c_contiguous:
                    value = np.array(value, order="C")
                elif any(value is argument for argument in arguments):
                    value = value.copy()
                own.add(id(value))
            results.append(value)
        return results[0] if len(results) == 1 else tuple(results)

    return call
