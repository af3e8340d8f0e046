"""Scans whose derivative keeps one set of carries for a block of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control.carries import (
    tree_of,
)
from irgrad.control.plain import plain_scan
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Trace, Tracer


def scan_in_blocks(
    trace: Trace,
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: tuple[Sequence[Tracer], Any],
    number: int,
    size: int,
    reverse: bool,
) -> tuple[Any, Any]:
    """Scan over blocks of ``size`` iterations; the derivative computes the carries inside again."""
    arrays, structure = xs
    whole = number // size * size
    blocks: list[Any] = [
        x[:whole].reshape((number // size, size, *x.type.shape[1:])) for x in arrays
    ]
    rest = [x[whole:] for x in arrays]

    def block(inner: Any, part: Any) -> tuple[Any, Any]:
        here = current_trace()
        assert here is not None
        return plain_scan(here, f, inner, (flatten(part)[0], structure), size, reverse)

    ys: list[tuple[list[Any], Any]] = []
    steps = [False, True] if reverse else [True, False]
    for in_blocks in steps:
        if in_blocks:
            form = flatten(list(blocks))[1]
            carry, made = plain_scan(
                trace, block, carry, (blocks, form), number // size, reverse, recompute=True
            )
            parts, y_form = flatten(made)
            joined = [np.reshape(y, (whole, *y.type.shape[2:])) for y in parts]
            ys.append((joined, y_form))
        elif whole < number:
            carry, made = plain_scan(trace, f, carry, (rest, structure), number - whole, reverse)
            ys.append(flatten(made))
    ordered = ys[::-1] if reverse else ys
    joined = [
        parts[0] if len(parts) == 1 else np.concatenate(parts)
        for parts in zip(*(leaves for leaves, _ in ordered), strict=True)
    ]
    return carry, tree_of(ys[0][1], joined)
