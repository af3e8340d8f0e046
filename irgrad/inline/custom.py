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
from irgrad.inline.closures import closed, outside
from irgrad.inline.leaves import added, lifted, matched, placeholder, tangent_type, trace_of
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import View
from irgrad.ops.create import item
from irgrad.ops.custom import again, custom
from irgrad.ops.views import strided
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
    body, read = closed(
        trace, start, [seed.node for seed in seeds], [slopes[k].node for k in wanted]
    )
    return with_rule(trace, outputs, [x.node for x in primals], read, wanted, body, structure)


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
    for node in outside(trace.nodes[start:], [output.node for output in outputs]):
        if node in allowed:
            continue
        location = node.origin.location() if node.origin else None
        where = f", made at {location.describe()}" if location else ""
        raise DifferentiationError(
            f"custom_vjp of {name}: the function reads a traced value that is no argument{where}",
            remedy="pass it as an argument, so that the backward function can give its cotangent",
            location=location_here(),
        )


def inline_checkpoint(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Return ``function``'s value; its derivative keeps what it reads, and runs it again.

    What is computed again waits for a cotangent of the value, so that it does not live before.
    """
    trace = trace_of((args, kwargs))
    start = len(trace.nodes)
    value = function(*args, **kwargs)
    results, structure = flatten(value)
    outputs = [lifted(trace, result) for result in results]
    stretch = trace.nodes[start:]
    read = outside(stretch, [output.node for output in outputs])
    start = len(trace.nodes)
    seeds = [placeholder(trace, tangent_type(output.type)) for output in outputs]
    given: dict[Node, Tracer] = {}
    became: dict[Node, Node] = {}
    first = next((s for s, o in zip(seeds, outputs, strict=True) if o.type.inexact), None)
    if first is not None:
        became = _computed_again(trace, stretch, read, _element(first))
    for output, seed in zip(outputs, seeds, strict=True):
        if output.type.inexact and output.node in became:
            added(given, became[output.node], seed)
    fresh = [became.get(node, node) for node in read]
    slopes = pull_back(trace, given, fresh) if given else [None] * len(fresh)
    wanted = [k for k, slope in enumerate(slopes) if slope is not None]
    body, known = closed(
        trace, start, [seed.node for seed in seeds],
        [slope.node for slope in slopes if slope is not None],
    )  # fmt: skip
    return with_rule(trace, outputs, read, known, wanted, body, structure)


def _element(seed: Tracer) -> Node:
    """Return the first element of a cotangent, or the whole where there may be none."""
    if not all(dims.at_least(size, 1) for size in seed.type.shape):
        return seed.node
    rank = seed.ndim
    element: Tracer = strided(
        seed, starts=(0,) * rank, sizes=(1,) * rank, steps=(1,) * rank, dropped=tuple(range(rank))
    )
    return element.node


def _computed_again(
    trace: Trace, stretch: list[Node], read: list[Node], cotangent: Node
) -> dict[Node, Node]:
    """Record a stretch once more, and return what became of its nodes and of what they read.

    Only so many of the values read are set apart that everything computed depends on one of
    them, the smaller ones first: a large matrix that meets a vector need not be.
    """
    number = len(trace.nodes)
    hints = trace.assumptions.hints
    behind: dict[Node, set[Node]] = {node: {node} for node in read}
    for node in stretch:
        if node not in behind:
            behind[node] = set().union(*(behind.get(x, ()) for x in node.inputs))
    uncovered = [n for n in stretch if behind[n] and not isinstance(n.op.lowering, View)]
    became: dict[Node, Node] = {}
    for node in sorted(read, key=lambda node: dims.evaluate(node.array_type.size, hints)):
        if any(node in behind[x] for x in uncovered):
            became[node] = trace.record(again, (node, cotangent), {"number": number})
            uncovered = [x for x in uncovered if node not in behind[x]]
    for node in stretch:
        if node not in became and any(x in became for x in node.inputs):
            inputs = tuple(became.get(x, x) for x in node.inputs)
            became[node] = trace.record(node.op, inputs, node.params)
    return became


def with_rule(
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
