"""What loops carry: their structure, the types that settle, and the op that is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree

from irgrad.arguments import flatten
from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.control import loop
from irgrad.ops.create import full
from irgrad.trace.bodies import Body, trace_body
from irgrad.trace.operands import as_node
from irgrad.trace.origins import location_here
from irgrad.trace.tracer import Trace, Tracer


def tree(form: Any, leaves: Sequence[Any]) -> Any:
    return optree.tree_unflatten(form, leaves)


def state_of(trace: Trace, init: Any) -> tuple[list[Node], Any]:
    leaves, form = flatten(init)
    return [as_node(trace, leaf) for leaf in leaves], form


def check_structure(form: Any, value: Any) -> None:
    found = flatten(value)[1]
    if found != form:
        raise ShapeError(
            f"the carry changes its structure from {form} to {found}",
            remedy="return what the body was given, in the same nesting",
            location=location_here(),
        )


def settled(
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


def run_loop(
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
