"""``scan``: a loop over the rows of arrays that carries values and stacks results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.arguments import flatten
from irgrad.control.blocks import scan_in_blocks
from irgrad.control.plain import plain_scan, scan_at_once
from irgrad.control.snapshots import scan_in_snapshots
from irgrad.errors import ArgumentError, ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ops.axes import as_dim
from irgrad.trace.operands import as_node
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Tracer


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: int | str | None = None,
) -> tuple[Any, Any]:
    """Apply ``carry, y = f(carry, x)`` along the first axis of ``xs``; return carry and all ys.

    ``checkpoint`` says what the derivative keeps; what it does not keep, it computes again. None:
    all that it needs of every step. A number n: n carries at a time, placed by the binomial
    schedule, so that no step is computed again more than r times, where (n + r)! / (n! r!) is at
    least the number of steps. ``"sqrt"``: the carries of about the square root of the number of
    steps, and all of the steps between two of them, each of which is computed again once. With a
    ``checkpoint`` the number of steps is fixed by the first call.

    Raises: ShapeError where the carry's type changes, or the lengths of ``xs`` differ.
    Reference: Griewank & Walther, Algorithm 799: revolve, ACM TOMS 26 (2000).
    """
    trace = current_trace()
    if trace is None:
        return scan_at_once(f, init, xs, length, reverse)
    leaves, structure = flatten(xs)
    arrays = [Tracer(trace, as_node(trace, leaf)) for leaf in leaves]
    count = _length(arrays, length)
    rows = arrays, structure
    if checkpoint is not None:
        number = dims.concrete(count)
        if checkpoint == "sqrt":
            size = round(number**0.5)
            if 1 < size < number:
                return scan_in_blocks(trace, f, init, rows, number, size, reverse)
        elif not isinstance(checkpoint, int) or checkpoint < 1:
            raise ArgumentError(
                f"checkpoint={checkpoint!r}",
                remedy='give "sqrt", or the number of carries to keep at a time',
                location=location_here(),
            )
        elif checkpoint < number:
            return scan_in_snapshots(trace, f, init, rows, number, checkpoint, reverse)
    return plain_scan(trace, f, init, rows, count, reverse)


def _length(arrays: Sequence[Tracer], length: int | None) -> Dim:
    count: Dim | None = None if length is None else as_dim(length)
    for array in arrays:
        if not array.type.shape:
            raise ShapeError(
                "scan runs along the first axis of xs, and a scalar has none",
                remedy="pass it in the carry, or let f close over it",
                location=location_here(),
            )
        if count is None:
            count = array.type.shape[0]
        elif not dims.same(count, array.type.shape[0]):
            raise ShapeError(
                f"scan over {count} and over {array.type.shape[0]} elements at once",
                remedy="make the first axes of xs equally long",
                location=location_here(),
            )
    if count is None:
        raise ArgumentError(
            "scan over nothing", remedy="give xs, or length=", location=location_here()
        )
    return count
