"""Loops and branches known only at run time, with JAX's signatures.

On plain numbers and arrays they run as ordinary Python; inside a compiled function their bodies
are traced once, and become ``loop``, ``while`` and ``branch`` ops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.errors import ArgumentError, ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import as_dim
from irgrad.ops.control import branch, loop, repeat
from irgrad.ops.create import convert, full, input_
from irgrad.ops.views import strided, strided_set
from irgrad.trace.bodies import Body, trace_body, with_inputs
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
) -> tuple[Any, Any]:
    """Apply ``carry, y = f(carry, x)`` along the first axis of ``xs``; return carry and all ys.

    ``checkpoint`` keeps the carries of every n-th iteration only for the derivative (``"sqrt"``:
    about the square root of their number), and computes the others again.

    Raises: ShapeError where the carry's type changes, or the lengths of ``xs`` differ.
    Reference: Griewank & Walther, Algorithm 799: revolve, TOMS 26 (2000), for one level.
    """
    trace = current_trace()
    if trace is None:
        return _scan_at_once(f, init, xs, length, reverse)
    leaves, structure = flatten(xs)
    arrays = [Tracer(trace, as_node(trace, leaf)) for leaf in leaves]
    count = _length(arrays, length)
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
    state, form = _state(trace, init)
    index = f"t{trace.depth}"
    place = dims.symbol(index)
    result_form: list[Any] = []

    def run(*values: Any) -> Any:
        carry, ys = f(_tree(form, values), _tree(structure, [_row(x, place) for x in arrays]))
        parts, y_form = flatten(ys)
        result_form[:] = [y_form]
        _check_structure(form, carry)
        return [*flatten(carry)[0], *parts]

    body, state = _settled(trace, index, count, state, form, run)
    graph, tapes = _with_tapes(body, len(state), count, place)
    results = _run_loop(trace, graph, body.entered, state, tapes, index, count, reverse, recompute)
    return _tree(form, results[: len(state)]), _tree(result_form[0], results[len(state) :])


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
    return carry, _tree(ys[0][1], joined)


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
    state, form = _state(trace, init_val)
    index = f"t{trace.depth}"
    place = start + dims.symbol(index)

    def run(*values: Any) -> Any:
        inner = current_trace()
        number = TracedSize(place, inner) if isinstance(place, dims.Size) else place
        value = body_fun(number, _tree(form, values))
        _check_structure(form, value)
        return flatten(value)[0]

    body, state = _settled(trace, index, count, state, form, run)
    results = _run_loop(trace, body.graph, body.entered, state, (), index, count, False)
    return _tree(form, results)


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
    state, form = _state(trace, init_val)
    if not state:
        raise ArgumentError(
            "while_loop without a carry could never end",
            remedy="give init_val the values that the condition depends on",
            location=location_here(),
        )

    def run(*values: Any) -> Any:
        value = body_fun(_tree(form, values))
        _check_structure(form, value)
        return flatten(value)[0]

    count = f"count{len(trace.nodes)}"
    body, state = _settled(trace, None, 0, state, form, run)
    types = [node.array_type for node in state]
    condition = trace_body(
        trace,
        lambda *values: cond_fun(_tree(form, values)),
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
    return _tree(form, results)


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
        trace_body(trace, lambda *v, f=f: f(*_tree(form, v)), types, flatten, "branch")
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
    return _tree(first.structure, results)


def _tree(form: Any, leaves: Sequence[Any]) -> Any:
    return optree.tree_unflatten(form, leaves)


def _scan_at_once(
    f: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any, length: int | None, reverse: bool
) -> tuple[Any, Any]:
    leaves, structure = flatten(xs)
    count = len(leaves[0]) if leaves else length
    if count is None:
        raise ArgumentError("scan over nothing", remedy="give xs, or length=")
    rows: list[Any] = [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        carry, rows[i] = f(carry, _tree(structure, [leaf[i] for leaf in leaves]))
    if not rows:
        return carry, None
    forms = [flatten(row) for row in rows]
    stacked = [np.stack(parts) for parts in zip(*(parts for parts, _ in forms), strict=True)]
    return carry, _tree(forms[0][1], stacked)


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


def _state(trace: Trace, init: Any) -> tuple[list[Node], Any]:
    leaves, form = flatten(init)
    return [as_node(trace, leaf) for leaf in leaves], form


def _check_structure(form: Any, value: Any) -> None:
    found = flatten(value)[1]
    if found != form:
        raise ShapeError(
            f"the carry changes its structure from {form} to {found}",
            remedy="return what the body was given, in the same nesting",
            location=location_here(),
        )


def _settled(
    trace: Trace,
    index: str | None,
    count: Dim,
    state: list[Node],
    form: Any,
    run: Callable[..., Any],
) -> tuple[Body, list[Node]]:
    """Trace a loop's body; a carry that begins as a whole number may turn out to be a float."""
    loops = trace.assumptions.loops
    for attempt in range(2):
        if index is not None:
            loops[index] = count
        try:
            body = trace_body(trace, run, [n.array_type for n in state], _as_is, "body")
        finally:
            if index is not None:
                loops.pop(index, None)
        wider = [
            _widened(trace, start, end) if not attempt else start
            for start, end in zip(state, body.graph.outputs, strict=False)
        ]
        if wider == state:
            break
        state = wider
    paths = optree.treespec_paths(form)
    for path, start, end in zip(paths, state, body.graph.outputs, strict=False):
        before, after = start.array_type, end.array_type
        if before.dtype != after.dtype or not dims.same_shape(before.shape, after.shape):
            where = "".join(f"[{key!r}]" for key in path) or "the carry"
            raise ShapeError(
                f"{where if not path else 'carry' + where} begins as {before} and comes out of "
                f"the body as {after}",
                remedy="start with the type that the body returns, or convert with .astype",
                location=end.origin.location() if end.origin else location_here(),
            )
    return body, state


def _as_is(leaves: list[Any]) -> tuple[list[Any], None]:
    return list(leaves), None


def _widened(trace: Trace, start: Node, end: Node) -> Node:
    """Return the start of a carry that is a whole number where the body makes it a float."""
    before, after = start.array_type, end.array_type
    if before.dtype.kind in "iub" and after.inexact and before.shape == after.shape == ():
        return as_node(trace, Tracer(trace, start), after.dtype)
    return start


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


def _run_loop(
    trace: Trace,
    graph: Graph,
    entered: Sequence[Node],
    state: Sequence[Node],
    tapes: Sequence[ArrayType],
    index: str,
    count: Dim,
    reverse: bool,
    recompute: bool = False,
) -> tuple[Any, ...]:
    if not state and not tapes:
        return ()
    starts = [Tracer(trace, node) for node in state]
    for type in tapes:
        zero = Tracer(trace, trace.scalar(0, type.dtype))
        starts.append(full(zero, shape=type.shape))
    operands = (*starts, *(Tracer(trace, node) for node in entered))
    params: dict[str, Any] = {"recompute": True} if recompute else {}
    return loop(  # type: ignore[no-any-return]
        *operands,
        index=index,
        trips=count,
        reverse=reverse,
        carries=len(state),
        tapes=len(tapes),
        body=graph,
        **params,
    )


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


__all__ = ["cond", "fori_loop", "scan", "switch", "while_loop"]
