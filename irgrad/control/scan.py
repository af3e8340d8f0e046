"""``scan``: a loop along the first axis of arrays, at once or in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.arguments import flatten
from irgrad.control.carries import check_structure, run_loop, settled, state_of, tree
from irgrad.control.snapshots import scan_with_snapshots
from irgrad.errors import ArgumentError, ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import as_dim
from irgrad.ops.create import input_
from irgrad.ops.views import strided, strided_set
from irgrad.trace.bodies import Body
from irgrad.trace.operands import as_node
from irgrad.trace.origins import location_here
from irgrad.trace.sizes import TracedSize
from irgrad.trace.trace import current_trace
from irgrad.trace.tracer import Trace, Tracer


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

    ``checkpoint`` keeps the carries of every n-th iteration only for the derivative (``"sqrt"``:
    about the square root of their number), and computes the others again. ``snapshots`` bounds how
    many carries are kept at a time, whatever the length, and runs as few iterations again as that
    allows: with s of them each iteration r times at most, for C(s + r, r) iterations. The results
    then have first derivatives in reverse only.

    Raises: ShapeError where the carry's type changes, or the lengths of ``xs`` differ.
    Reference: Griewank & Walther, Algorithm 799: revolve, TOMS 26 (2000).
    """
    trace = current_trace()
    if trace is None:
        return _scan_at_once(f, init, xs, length, reverse)
    leaves, structure = flatten(xs)
    arrays = [Tracer(trace, as_node(trace, leaf)) for leaf in leaves]
    count = _length(arrays, length)
    if snapshots is not None:
        most = _most(count, snapshots, checkpoint)
        trips = TracedSize(count, trace) if isinstance(count, dims.Size) else count

        def plain(f: Any, init: Any, xs: Any, reverse: bool) -> tuple[Any, Any]:
            rows, form = flatten(xs)
            return _scan(trace, f, init, (rows, form), count, reverse)

        xs = tree(structure, arrays)
        return scan_with_snapshots(trace, plain, f, init, xs, trips, most, reverse)
    size = _block(count, checkpoint)
    if size is None:
        return _scan(trace, f, init, (arrays, structure), count, reverse)
    return _scan_in_blocks(trace, f, init, (arrays, structure), count, size, reverse)


def _scan(
    trace: Trace,
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: tuple[Sequence[Tracer], Any],
    count: Dim,
    reverse: bool,
    recompute: bool = False,
) -> tuple[Any, Any]:
    arrays, structure = xs
    state, form = state_of(trace, init)
    index = f"t{trace.depth}"
    place = dims.symbol(index)
    result_form: list[Any] = []

    def run(*values: Any) -> Any:
        carry, ys = f(tree(form, values), tree(structure, [_row(x, place) for x in arrays]))
        parts, y_form = flatten(ys)
        result_form[:] = [y_form]
        check_structure(form, carry)
        return [*flatten(carry)[0], *parts]

    body, state = settled(trace, index, count, state, form, run)
    graph, tapes = _with_tapes(body, len(state), count, place)
    results = run_loop(trace, graph, body.entered, state, tapes, index, count, reverse, recompute)
    return tree(form, results[: len(state)]), tree(result_form[0], results[len(state) :])


def _most(count: Dim, snapshots: int, checkpoint: int | str | None) -> int:
    """Return how many carries to keep at a time: no more than there are."""
    if checkpoint is not None or type(snapshots) is not int or snapshots < 1:
        raise ArgumentError(
            f"snapshots={snapshots!r}, checkpoint={checkpoint!r}",
            remedy="give either, and as snapshots the number of carries to keep at a time",
            location=location_here(),
        )
    return snapshots if isinstance(count, dims.Size) else max(min(snapshots, count), 1)


def _block(count: Dim, checkpoint: int | str | None) -> int | None:
    """Return how many iterations keep one set of carries, None for one each."""
    if checkpoint is None:
        return None
    number = dims.concrete(count)
    size = max(round(number**0.5), 1) if checkpoint == "sqrt" else checkpoint
    if not isinstance(size, int) or size < 1:
        raise ArgumentError(
            f"checkpoint={checkpoint!r}",
            remedy='give "sqrt", or the number of iterations between kept carries',
            location=location_here(),
        )
    return size if 1 < size < number else None


def _scan_in_blocks(
    trace: Trace,
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: tuple[Sequence[Tracer], Any],
    count: Dim,
    size: int,
    reverse: bool,
) -> tuple[Any, Any]:
    """Scan over blocks of ``size`` iterations; the derivative computes the carries inside again."""
    arrays, structure = xs
    number = dims.concrete(count)
    whole = number // size * size
    blocks: list[Any] = [
        x[:whole].reshape((number // size, size, *x.type.shape[1:])) for x in arrays
    ]
    rest = [x[whole:] for x in arrays]

    def block(inner: Any, part: Any) -> tuple[Any, Any]:
        here = current_trace()
        assert here is not None
        return _scan(here, f, inner, (flatten(part)[0], structure), size, reverse)

    ys: list[tuple[list[Any], Any]] = []
    steps = [False, True] if reverse else [True, False]
    for in_blocks in steps:
        if in_blocks:
            form = flatten(list(blocks))[1]
            carry, made = _scan(
                trace, block, carry, (blocks, form), number // size, reverse, recompute=True
            )
            parts, y_form = flatten(made)
            joined = [np.reshape(y, (whole, *y.type.shape[2:])) for y in parts]
            ys.append((joined, y_form))
        elif whole < number:
            carry, made = _scan(trace, f, carry, (rest, structure), number - whole, reverse)
            ys.append(flatten(made))
    ordered = ys[::-1] if reverse else ys
    joined = [
        parts[0] if len(parts) == 1 else np.concatenate(parts)
        for parts in zip(*(leaves for leaves, _ in ordered), strict=True)
    ]
    return carry, tree(ys[0][1], joined)


def _scan_at_once(
    f: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any, length: int | None, reverse: bool
) -> tuple[Any, Any]:
    leaves, structure = flatten(xs)
    count = len(leaves[0]) if leaves else length
    if count is None:
        raise ArgumentError("scan over nothing", remedy="give xs, or length=")
    rows: list[Any] = [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        carry, rows[i] = f(carry, tree(structure, [leaf[i] for leaf in leaves]))
    if not rows:
        return carry, None
    forms = [flatten(row) for row in rows]
    stacked = [np.stack(parts) for parts in zip(*(parts for parts, _ in forms), strict=True)]
    return carry, tree(forms[0][1], stacked)


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


def _row(array: Tracer, place: Dim) -> Any:
    inner = current_trace()
    assert inner is not None
    seen = Tracer(inner, as_node(inner, array))
    return strided(seen, **_part(place, array.type.shape[1:]))


def _part(place: Dim, shape: Sequence[Dim]) -> dict[str, Any]:
    return {
        "starts": (place, *(0 for _ in shape)),
        "sizes": (1, *shape),
        "steps": (1,) * (len(shape) + 1),
        "dropped": (0,),
    }


def _with_tapes(
    body: Body, carries: int, count: Dim, place: Dim
) -> tuple[Graph, tuple[ArrayType, ...]]:
    """Return the body that writes what it makes besides carries to tapes, and the tapes' types."""
    graph = body.graph
    made = graph.outputs[carries:]
    types = tuple(node.array_type.with_shape((count, *node.array_type.shape)) for node in made)
    tapes = []
    for position, type in enumerate(types):
        params = {"name": f"tape_{position}", "type": type, "position": carries + position}
        tapes.append(Node(input_, (), params, type))
    writes = []
    for tape, node in zip(tapes, made, strict=True):
        params = _part(place, node.array_type.shape)
        writes.append(Node(strided_set, (tape, node), params, tape.type))
    inputs = (*graph.inputs[:carries], *tapes, *graph.inputs[carries:])
    rest = [node for node in graph.nodes if node not in graph.inputs]
    nodes = (*inputs, *rest, *writes)
    outputs = (*graph.outputs[:carries], *writes)
    return Graph(inputs, nodes, outputs, graph.hints, (), graph.name), types
