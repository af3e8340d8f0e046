"""``custom_vjp`` and ``checkpoint`` on traced values: the function, and beside it the rule.

Both are recorded at once, so that what the rule captures is an argument of the emitted function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree

from irgrad.arguments import flatten
from irgrad.differentiate.reverse import pull_back
from irgrad.errors import ArgumentError, DifferentiationError
from irgrad.inline.leaves import added, lifted, matched, placeholder, tangent_type, trace_of
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import constant, input_, item, size
from irgrad.ops.custom import again, custom
from irgrad.trace.origins import location_here
from irgrad.trace.tracer import Trace, Tracer


def inline_custom(
    name: str,
    function: Callable[..., Any],
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    args: tuple[Any, ...],
    fixed: Sequence[int],
) -> Any:
    """Return ``function(*args)``, whose derivative will be what ``backward`` says.

    forward: maps ``args`` to the value and what ``backward`` is to know; both are told of
    arguments at ``fixed`` first, which have no derivative.

    Raises: ArgumentError where the rule's results do not fit; DifferentiationError where the
    function reads traced values that are no arguments.
    """
    trace = trace_of(args)
    positions = [position for position in range(len(args)) if position not in fixed]
    arguments = tuple(args[position] for position in positions)
    leaves, _ = flatten(arguments)
    primals = [lifted(trace, leaf) for leaf in leaves]
    start = len(trace.nodes)
    value = function(*args)
    results, structure = flatten(value)
    outputs = [lifted(trace, result) for result in results]
    _check_closed(name, trace, start, primals, outputs)
    pair = forward(*args)
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise ArgumentError(
            f"custom_vjp of {name}: the forward function returns no pair (value, residuals)",
            remedy="return exactly two values; None is fine for the second",
            location=location_here(),
        )
    start = len(trace.nodes)
    seeds = [placeholder(trace, tangent_type(output.type)) for output in outputs]
    found = backward(
        *(args[position] for position in fixed), pair[1], optree.tree_unflatten(structure, seeds)
    )
    slopes = _slopes(name, trace, arguments, found)
    wanted = [k for k, (slope, x) in enumerate(zip(slopes, primals, strict=True))
              if slope is not None and x.type.inexact]  # fmt: skip
    body, read = _body(
        trace, start, [seed.node for seed in seeds], [slopes[k].node for k in wanted]
    )
    return _with_rule(trace, outputs, [x.node for x in primals], read, wanted, body, structure)


def _slopes(name: str, trace: Trace, arguments: tuple[Any, ...], found: Any) -> list[Any]:
    """Return the cotangent that the rule gave for each leaf of the arguments, None for zero."""
    if not isinstance(found, tuple | list) or len(found) != len(arguments):
        count = f"{len(found)} values" if isinstance(found, tuple | list) else "no tuple"
        raise ArgumentError(
            f"custom_vjp of {name}: the backward function returns {count} for "
            f"{len(arguments)} arguments",
            remedy="return a tuple with one cotangent an argument, None where it is zero",
            location=location_here(),
        )
    slopes: list[Any] = []
    for argument, part in zip(arguments, found, strict=True):
        own, structure = flatten(argument)
        if part is None:
            slopes.extend([None] * len(own))
            continue
        types = [lifted(trace, leaf).type for leaf in own]
        slopes.extend(matched(trace, part, structure, types, "cotangent"))
    return slopes


def _check_closed(
    name: str, trace: Trace, start: int, primals: list[Tracer], outputs: list[Tracer]
) -> None:
    """Refuse a function that reads traced numbers besides its arguments.

    The rule says nothing of them, so their derivative would silently be zero.
    """
    captured = {node for _, node in trace.captures.arrays.values()}
    allowed = {x.node for x in primals} | captured
    for node in _read(trace.nodes[start:], [output.node for output in outputs]):
        if node in allowed:
            continue
        location = node.origin.location() if node.origin else None
        where = f", made at {location.describe()}" if location else ""
        raise DifferentiationError(
            f"custom_vjp of {name}: the function reads a traced value that is no argument{where}",
            remedy="pass it as an argument, so that the backward function can give its cotangent",
            location=location_here(),
        )


def _read(stretch: list[Node], outputs: list[Node]) -> list[Node]:
    """Return the floating-point values from outside a stretch of a trace that ``outputs`` read.

    What a loop's body reads of its surroundings becomes an input of it when it is first read.
    """
    inside = {node for node in stretch if node.op is not input_}
    needed = set(outputs)
    for node in reversed(stretch):
        if node in needed:
            needed.update(node.inputs)
    before = dict.fromkeys(
        x for node in stretch if node in needed for x in node.inputs if x not in inside
    )
    before.update(dict.fromkeys(x for x in outputs if x not in inside))
    return [
        node
        for node in before
        if node.op not in (constant, size)
        and isinstance(node.type, ArrayType)
        and node.type.inexact
    ]


def inline_checkpoint(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Return ``function``'s value; its derivative keeps what it reads, and runs it again."""
    trace = trace_of((args, kwargs))
    start = len(trace.nodes)
    value = function(*args, **kwargs)
    results, structure = flatten(value)
    outputs = [lifted(trace, result) for result in results]
    stretch = trace.nodes[start:]
    read = _read(stretch, [output.node for output in outputs])
    start = len(trace.nodes)
    became = {node: trace.record(again, (node,), {"number": start}) for node in read}
    fresh = [became[node] for node in read]
    for node in stretch:
        if node not in became and any(x in became for x in node.inputs):
            inputs = tuple(became.get(x, x) for x in node.inputs)
            became[node] = trace.record(node.op, inputs, node.params)
    start = len(trace.nodes)
    seeds = [placeholder(trace, tangent_type(output.type)) for output in outputs]
    given: dict[Node, Tracer] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if output.type.inexact and output.node in became:
            added(given, became[output.node], seed)
    slopes = pull_back(trace, given, fresh) if given else [None] * len(fresh)
    wanted = [k for k, slope in enumerate(slopes) if slope is not None]
    body, known = _body(
        trace, start, [seed.node for seed in seeds],
        [slope.node for slope in slopes if slope is not None],
    )  # fmt: skip
    return _with_rule(trace, outputs, read, known, wanted, body, structure)


def _with_rule(
    trace: Trace,
    outputs: Sequence[Tracer],
    primals: Sequence[Node],
    read: Sequence[Node],
    wanted: Sequence[int],
    body: Graph,
    structure: Any,
) -> Any:
    """Return the outputs with the rule ``body`` for the primals ``wanted``."""
    count = len(outputs)
    node = trace.record(
        custom,
        (*(output.node for output in outputs), *primals, *read),
        {"results": count, "wanted": tuple(count + k for k in wanted), "body": body},
    )
    picked = [
        Tracer(trace, trace.record(item, (node,), {"index": index}), output.weak)
        for index, output in enumerate(outputs)
    ]
    return optree.tree_unflatten(structure, picked)


def _body(
    trace: Trace, start: int, seeds: list[Node], outputs: list[Node]
) -> tuple[Graph, list[Node]]:
    """Return what depends on ``seeds`` as a graph, and the other nodes it reads, its inputs."""
    stretch = trace.nodes[start:]
    needed = set(outputs)
    for node in reversed(stretch):
        if node in needed:
            needed.update(node.inputs)
    inside = set(seeds)
    order: list[Node] = []
    for node in stretch:
        if node in needed and node not in inside and any(x in inside for x in node.inputs):
            inside.add(node)
            order.append(node)
    read = dict.fromkeys(
        x for x in (*(x for node in order for x in node.inputs), *outputs) if x not in inside
    )
    became: dict[Node, Node] = {}
    for position, node in enumerate((*seeds, *read)):
        params = {"name": f"x{position}", "type": node.array_type, "position": position}
        became[node] = Node(input_, (), params, node.type)
    inputs = tuple(became.values())
    for node in order:
        operands = tuple(became[x] for x in node.inputs)
        became[node] = Node(node.op, operands, node.params, node.type, node.origin)
    nodes = (*inputs, *(became[node] for node in order))
    graph = Graph(inputs, nodes, tuple(became[x] for x in outputs), trace.assumptions.hints)
    return graph, list(read)
