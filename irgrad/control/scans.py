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
    snapshots: int | None = None,
) -> tuple[Any, Any]:
    """Apply ``carry, y = f(carry, x)`` along the first axis of ``xs``; return carry and all ys.

    ``checkpoint`` keeps the carries of every n-th step only for the derivative (``"sqrt"``: about
    the square root of their number), and computes the others again. ``snapshots`` is how many
    carries to keep at a time, whatever the length; they are placed by the binomial schedule, so
    that no step is computed again more than r times, where (n + r)! / (n! r!) is at least the
    number of steps. With either of them the number of steps is fixed by the first call.

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
    if snapshots is not None:
        number = dims.concrete(count)
        _check_snapshots(snapshots, checkpoint)
        if snapshots < number:
            return scan_in_snapshots(trace, f, init, rows, number, snapshots, reverse)
    elif checkpoint is not None:
        number = dims.concrete(count)
        size = _block(number, checkpoint)
        if 1 < size < number:
            return scan_in_blocks(trace, f, init, rows, number, size, reverse)
    return plain_scan(trace, f, init, rows, count, reverse)


def _block(number: int, checkpoint: int | str) -> int:
    """Return how many steps keep one set of carries."""
    size = max(round(number**0.5), 1) if checkpoint == "sqrt" else checkpoint
    if not isinstance(size, int) or size < 1:
        raise ArgumentError(
            f"checkpoint={checkpoint!r}",
            remedy='give "sqrt", or the number of iterations between kept carries',
            location=location_here(),
        )
    return size


def _check_snapshots(snapshots: Any, checkpoint: int | str | None) -> None:
    if checkpoint is not None:
        raise ArgumentError(
            f"snapshots={snapshots!r} with checkpoint={checkpoint!r}",
            remedy="give one of them",
            location=location_here(),
        )
    if not isinstance(snapshots, int) or snapshots < 1:
        raise ArgumentError(
            f"snapshots={snapshots!r}",
            remedy="give the number of carries to keep at a time, 1 or more",
            location=location_here(),
        )


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
