"""``trace``: run a function on tracers and return the graph it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from irgrad.errors import IrgradError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Assumptions
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.options import MAX_NODES
from irgrad.trace.operands import as_node
from irgrad.trace.origins import forget_frames, located, location_of
from irgrad.trace.size_limit import SizeCheck
from irgrad.trace.tracer import PythonType, Trace, Tracer


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What is known of an argument: its name, its type, and whether its scalar is a weak one."""

    name: str
    type: ArrayType
    weak: PythonType | None = None


@dataclass(frozen=True, slots=True)
class Traced:
    """A traced function: its graph, the arrays it captured, and what it returned besides."""

    graph: Graph
    captured: tuple[Any, ...]
    structure: Any


_current: ContextVar[Trace | None] = ContextVar("current", default=None)


def current_trace() -> Trace | None:
    """Return the trace that the running function is recorded in, None outside one."""
    return _current.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Let ``trace`` be the current one inside the block."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def run_traced(
    function: Callable[..., Any],
    specs: Sequence[InputSpec],
    flatten: Callable[[Any], tuple[list[Any], Any]],
    *,
    hints: Mapping[str, int],
    name: str,
    max_nodes: int = MAX_NODES,
) -> Traced:
    """Trace ``function(*tracers)``, whose result ``flatten`` turns into leaves and a structure.

    Raises: TracingError, with the user's line, where the function can't be traced.
    """
    trace = Trace(Assumptions(dict(hints)))
    trace.size_check = SizeCheck(max_nodes)
    with dims.assuming(trace.assumptions), tracing(trace):
        try:
            arguments = [trace.input(spec.name, spec.type, spec.weak) for spec in specs]
            leaves, structure = flatten(function(*arguments))
            outputs = tuple(as_node(trace, leaf) for leaf in leaves)
            trace.size_check(trace.nodes)
            trace.captures.put_together()
        except Exception as error:
            # NumPy turns some errors into its own: `array[0] = x` of a traced x is a ValueError.
            cause = error.__cause__ if isinstance(error.__cause__, IrgradError) else error
            if isinstance(error, TypeError) and "dtype('O')" in str(error):
                cause = UnsupportedCallError(
                    "NumPy was given a list of traced values, which it takes for Python objects "
                    f"({error})",
                    remedy="make the list a traced array first: np.stack([a, b])",
                )
            if not isinstance(cause, IrgradError):
                raise
            raise located(cause, location_of(error.__traceback__)) from None
        finally:
            trace.open = False
            forget_frames()
    return Traced(
        finished(trace, outputs, name),
        tuple(array for array, _ in trace.captures.arrays.values()),
        structure,
    )


def finished(trace: Trace, outputs: tuple[Node, ...], name: str) -> Graph:
    """Return the graph that a trace has recorded."""
    nodes: Sequence[Node] = trace.nodes
    if trace.replaced:
        nodes, outputs = substituted(trace.nodes, trace.replaced, outputs)
    return Graph(
        tuple(trace.inputs),
        tuple(nodes),
        outputs,
        trace.assumptions.hints,
        dims.strongest(trace.assumptions.guards),
        name,
    )


def substituted(
    nodes: Sequence[Node], replaced: Mapping[Node, Node], outputs: Sequence[Node]
) -> tuple[list[Node], tuple[Node, ...]]:
    """Return nodes that read ``replaced[n]`` for each ``n`` in it, each where ``n`` stood.

    What the replacements need moves to the front of them; otherwise the order stays. Linear.
    """
    known: dict[Node, Node] = {}
    order: list[Node] = []
    for wanted in nodes:
        stack = [wanted]
        while stack:
            node = stack[-1]
            actual = replaced.get(node, node)
            if node in known:
                stack.pop()
                continue
            if actual is not node:
                if actual in known:
                    known[stack.pop()] = known[actual]
                else:
                    stack.append(actual)
                continue
            missing = [operand for operand in node.inputs if operand not in known]
            if missing:
                stack.extend(reversed(missing))
                continue
            inputs = tuple([known[operand] for operand in node.inputs])
            if inputs != node.inputs:
                node = Node(node.op, inputs, node.params, node.type, node.origin)
            known[stack.pop()] = node
            order.append(node)
    return order, tuple(known[node] for node in outputs)


__all__ = [
    "InputSpec",
    "Traced",
    "Tracer",
    "current_trace",
    "finished",
    "run_traced",
    "substituted",
    "tracing",
]
