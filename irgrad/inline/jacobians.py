"""Jacobians on traced values: a pullback or pushforward replayed on a whole basis at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.errors import DifferentiationError
from irgrad.inline.batch_rules import Batch, replay
from irgrad.inline.forward import Pushforward
from irgrad.inline.leaves import leaf_name, placeholder, tangent_type, zeros
from irgrad.inline.reverse import Run, check_holomorphic, cotangents, run
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.types import ArrayType
from irgrad.ops.create import convert, counting
from irgrad.ops.shape import reshape, transpose
from irgrad.trace.origins import location_here
from irgrad.trace.tracer import Trace, Tracer

Blocks = list[list[Tracer]]
"""The derivative of each output leaf by each argument leaf, of shape (*output, *argument)."""


def inline_jacobian(
    function: Callable[..., Any],
    argnums: int | Sequence[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    mode: str = "auto",
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """Return the Jacobian of ``function`` at traced arguments, recorded in their trace.

    mode: "reverse", "forward", or "auto" for the one that needs fewer directions.
    The result has the structure of the value, and in each leaf that of the argument.

    Without ``holomorphic``, in reverse the results must be real, forward the arguments: a matrix
    of complex numbers is no derivative of both by both.

    Raises: DifferentiationError for integer arguments or results.
    """
    done = run(function, argnums, args, kwargs, "jacobian", has_aux)
    for position, output in enumerate(done.outputs):
        if not output.type.inexact:
            raise DifferentiationError(
                f"jacobian of {leaf_name(done.structure, position, 'result')}, which is "
                f"{output.type}: only floating-point results have derivatives",
                remedy="return other results by has_aux=True",
                location=location_here(),
            )
    if holomorphic:
        check_holomorphic(done, "jacobian")
    rows_first = _picked(mode, done) == "reverse"
    if not holomorphic:
        _check_real(done.outputs if rows_first else done.wanted, rows_first)
    blocks = _by_rows(done) if rows_first else _by_columns(done)
    one = not isinstance(argnums, Sequence)
    rows = []
    for row in blocks:
        inner = done.in_structure(row)
        rows.append(inner[0] if one else inner)
    result = optree.tree_unflatten(done.structure, rows)
    return (result, done.aux) if has_aux else result


def _check_real(tracers: Sequence[Tracer], rows_first: bool) -> None:
    for tracer in tracers:
        if tracer.dtype.kind == "c":
            raise DifferentiationError(
                f"a jacobian {'in reverse' if rows_first else 'forward'} needs real "
                f"{'results' if rows_first else 'arguments'}, and one is {tracer.type}",
                remedy="give holomorphic=True if the function is holomorphic; else return or take "
                "real and imaginary parts, or use "
                + ("jacfwd if the arguments are real" if rows_first else
                   "jacrev if the results are real"),
                location=location_here(),
            )


def _picked(mode: str, done: Run) -> str:
    """Return the mode that needs fewer directions, by the sizes of the first call."""
    if mode != "auto":
        return mode
    of_complex, by_complex = (
        any(tracer.dtype.kind == "c" for tracer in tracers)
        for tracers in (done.outputs, done.wanted)
    )
    if of_complex != by_complex:
        return "forward" if of_complex else "reverse"
    assumptions = done.trace.assumptions
    sizes = {**dict.fromkeys(assumptions.loops, 0), **assumptions.hints}
    results, arguments = (
        sum(dims.evaluate(tracer.type.size, sizes) for tracer in tracers)
        for tracers in (done.outputs, done.wanted)
    )
    return "reverse" if results <= arguments else "forward"


def _basis(trace: Trace, type: ArrayType) -> tuple[Tracer, Dim]:
    """Return every unit array of ``type``, along a first axis, and how many there are."""
    count = type.size
    numbers = counting(zeros(trace, ArrayType(np.dtype(np.int64))), count)
    rows = reshape(numbers, shape=(count, 1))
    columns = reshape(numbers, shape=(1, count))
    unit = convert(rows == columns, dtype=type.dtype)
    return reshape(unit, shape=(count, *type.shape)), count


def _by_rows(done: Run) -> Blocks:
    """Pull back the unit cotangents of each output."""
    trace = done.trace
    blocks: Blocks = []
    for position, output in enumerate(done.outputs):
        type = output.type
        seeds: list[Tracer | None] = [None] * len(done.outputs)
        if not type.shape:
            seeds[position] = Tracer(trace, trace.scalar(1.0, type.dtype))
            blocks.append(cotangents(done, seeds))
            continue
        start = len(trace.nodes)
        seed = seeds[position] = placeholder(trace, type)
        found = cotangents(done, seeds)
        unit, count = _basis(trace, type)
        batch = Batch(trace, count, unit.node if len(type.shape) == 1 else None)
        mapped = replay(batch, start, [x.node for x in found], {seed.node: unit.node})
        row = []
        for slope in found:
            whole = Tracer(trace, mapped.get(slope.node) or batch.stretched(slope.node, False))
            row.append(reshape(whole, shape=(*type.shape, *slope.type.shape)))
        blocks.append(row)
    return blocks


def _by_columns(done: Run) -> Blocks:
    """Push forward the unit tangents of each argument leaf."""
    trace = done.trace
    push = Pushforward(done)
    columns: list[list[Tracer]] = []
    for position, leaf in enumerate(done.wanted):
        type = tangent_type(leaf.type)
        seeds: list[Tracer | None] = [None] * len(done.wanted)
        if not type.shape:
            seeds[position] = Tracer(trace, trace.scalar(1.0, type.dtype))
            columns.append(push(seeds))
            continue
        start = len(trace.nodes)
        seed = seeds[position] = placeholder(trace, type)
        found = push(seeds)
        unit, count = _basis(trace, type)
        batch = Batch(trace, count, unit.node if len(type.shape) == 1 else None)
        mapped = replay(batch, start, [x.node for x in found], {seed.node: unit.node})
        column = []
        for slope in found:
            whole = Tracer(trace, mapped.get(slope.node) or batch.stretched(slope.node, False))
            rank = len(slope.type.shape)
            last = transpose(whole, axes=(*range(1, rank + 1), 0)) if rank else whole
            column.append(reshape(last, shape=(*slope.type.shape, *type.shape)))
        columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)] or [[] for _ in done.outputs]


def inline_hessian(
    function: Callable[..., Any],
    argnums: int | Sequence[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    holomorphic: bool = False,
) -> Any:
    """Return the Jacobian, forward, of the Jacobian, in reverse."""

    def slope(*inner: Any, **options: Any) -> Any:
        return inline_jacobian(function, argnums, inner, options, "reverse", False, holomorphic)

    return inline_jacobian(slope, argnums, args, kwargs, "forward", False, holomorphic)
