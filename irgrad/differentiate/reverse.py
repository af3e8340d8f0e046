"""The pullback of a stretch of a trace: cotangents of outputs in, cotangents of inputs out.

Reference: Griewank & Walther, Evaluating Derivatives (2008), chapter 3 (reverse mode).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from irgrad.differentiate.active import depending_on
from irgrad.differentiate.control import ControlRules
from irgrad.differentiate.cotangents import Cotangent
from irgrad.differentiate.shifts import cancelling
from irgrad.errors import DifferentiationError
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ir.op import Control, Elementwise
from irgrad.ir.types import ArrayType
from irgrad.ops.create import constant, item, size
from irgrad.ops.elementwise import divide, masked_product
from irgrad.trace.trace import finished
from irgrad.trace.tracer import Trace, Tracer

REAL_REMEDY = (
    "return its real part or np.abs of it; or, if the function is holomorphic, take "
    "irgrad.grad(f, holomorphic=True)"
)


def pull_back(
    trace: Trace,
    seeds: Mapping[Node, Tracer],
    inputs: Sequence[Node],
    totals: Mapping[Node, Tracer] | None = None,
    masked: bool = False,
    transposing: bool = False,
) -> list[Tracer | None]:
    """Record the cotangents of ``inputs`` given those of some outputs, ``seeds``.

    None stands for a cotangent that is zero because no path leads from the input to an output.
    ``totals`` are what inputs' cotangents start from; ``masked`` says that zeros among the seeds
    may come from a choice. ``transposing`` promises that what is pulled back is itself a pullback,
    so linear in the inputs.
    Linear in the nodes between the inputs and the outputs.

    Raises: DifferentiationError where the path runs through an op without a derivative.
    """
    order = reachable(seeds)
    active = depending_on(order, inputs) - cancelling(order, seeds).difference(inputs)
    pending = {node: Cotangent(seed, masked=masked) for node, seed in seeds.items()}
    for node, start in (totals or {}).items():
        known = pending.setdefault(node, Cotangent(masked=masked)).whole
        pending[node].whole = start if known is None else start + known
    poles = _with_poles(order)
    selected: set[Node] = set()
    several: dict[Node, list[Tracer | None]] = {}
    wanted = set(inputs)
    found: dict[Node, Tracer | None] = dict(totals or {})
    origin = trace.origin
    for node in reversed(order):
        if node not in active:
            continue
        trace.origin = node.origin or origin
        if isinstance(node.type, tuple):
            results = several.pop(node, None)
            if results is not None and any(result is not None for result in results):
                _contribute(
                    trace, node, results, masked or node in selected, active, pending, poles,
                    transposing,
                )  # fmt: skip
            continue
        gathered = pending.pop(node, None)
        if gathered is None:
            continue
        total = gathered.total(Tracer(trace, node))
        if node in wanted:
            found[node] = total
            continue
        if total is None:
            continue
        if node.op is item:
            source = node.inputs[0]
            assert isinstance(source.type, tuple)
            slots = several.setdefault(source, [None] * len(source.type))
            index = node.params["index"]
            known = slots[index]
            slots[index] = total if known is None else known + total
            if gathered.masked:
                selected.add(source)
            continue
        _contribute(trace, node, total, gathered.masked, active, pending, poles, transposing)
    trace.origin = origin
    return [found.get(node) for node in inputs]


def _contribute(
    trace: Trace,
    node: Node,
    cotangent: Any,
    masked: bool,
    active: set[Node],
    pending: dict[Node, Cotangent],
    poles: set[Node],
    transposing: bool,
) -> None:
    """Send the cotangent of ``node`` on to its operands."""
    contributions: Sequence[Any]
    for position, reason in node.op.refused.items():
        if node.inputs[position] in active:
            raise _missing(node, reason)
    if isinstance(node.op.lowering, Control):
        assert node.op.pullback is not None
        within = partial(pull_back, transposing=transposing)
        rules = ControlRules(trace, active, pending, masked, within)
        contributions = node.op.pullback(rules, node, cotangent)
    elif transposing and node.op is masked_product:
        # One factor is fixed. The op's own rule also minds the first being 0, which it is not here.
        first, second = (Tracer(trace, operand) for operand in node.inputs)
        contributions = (_guarded(cotangent, second, True), masked_product(first, cotangent))
    else:
        at_pole = masked and node in poles
        sure = () if transposing else [o for o in node.inputs if o not in poles]
        contributions = _contributions(trace, node, cotangent, at_pole, transposing, sure)
    for operand, contribution in zip(node.inputs, contributions, strict=True):
        if contribution is None or operand not in active:
            continue
        if isinstance(contribution, int | float) and contribution == 0:
            continue
        slot = pending.get(operand)
        if slot is None:
            slot = pending[operand] = Cotangent()
        slot.add(contribution, Tracer(trace, operand), masked or node.op.selects)


def _missing(node: Node, reason: str) -> DifferentiationError:
    return DifferentiationError(
        f"{node.op.name} has no derivative: {reason}",
        remedy="keep it off the path from the argument to the result, or give it a rule with "
        "irgrad.custom_vjp",
        location=node.origin.location() if node.origin else None,
    )


def _with_poles(order: Sequence[Node]) -> set[Node]:
    """Return the nodes whose partial derivatives may be infinite or NaN at finite inputs.

    Those are the ops that say so, and whatever they flow into: ``x * log(x)`` at 0 is one.
    """
    poles: set[Node] = set()
    for node in order:
        fixed = node.op is divide and node.inputs[1].op in (constant, size)
        if (node.op.unbounded and not fixed) or any(o in poles for o in node.inputs):
            poles.add(node)
    return poles


def _guarded(cotangent: Any, slope: Any, transposing: bool) -> Any:
    """Return the product of a masked cotangent and a slope, 0 where the cotangent is 0.

    A linear map that is transposed multiplies its poles first, so there the cotangent may be
    infinite and meet the 0 of the mask in the slope.
    """
    product = masked_product(cotangent, slope)
    return np.where(slope == 0, 0, product) if transposing else product


def _contributions(
    trace: Trace,
    node: Node,
    cotangent: Any,
    at_pole: bool,
    transposing: bool,
    sure: Collection[Node] = (),
) -> Sequence[Any]:
    """Return what ``node`` sends to its operands; ``at_pole`` keeps masked zeros zero.

    So does a plain product with an operand that is ``sure`` to be finite, as far as poles go.
    """
    op = node.op
    if op.nondifferentiable:
        raise _missing(node, op.nondifferentiable)
    operands = [
        Tracer(trace, operand) if isinstance(operand.type, ArrayType) else operand
        for operand in node.inputs
    ]
    results: Any = (
        tuple(None for _ in node.type) if isinstance(node.type, tuple) else Tracer(trace, node)
    )
    guarded = at_pole and isinstance(op.lowering, Elementwise) and not op.linear
    if op.pullback is not None:
        if isinstance(node.type, tuple):
            results = tuple(
                Tracer(trace, trace.record(item, (node,), {"index": index}))
                for index in range(len(node.type))
            )
        seed = 1 if guarded else cotangent
        contributions = op.pullback(seed, results, *operands, **node.params)
        if not guarded:
            return contributions
        return [c if c is None else _guarded(cotangent, c, transposing) for c in contributions]
    assert op.partials is not None
    products: list[Any] = []
    for slope in op.partials(results, *operands, **node.params):
        if isinstance(slope, int | float):
            products.append(
                cotangent if slope == 1 else -cotangent if slope == -1 else
                0 if slope == 0 else cotangent * slope
            )  # fmt: skip
        elif guarded and slope.node not in sure:
            products.append(_guarded(cotangent, slope, transposing))
        else:
            products.append(cotangent * slope)
    return products


def extended(graph: Graph) -> Trace:
    """Return a trace that goes on where ``graph`` ends, sharing its nodes."""
    trace = Trace(dims.Assumptions(graph.hints, dict.fromkeys(graph.guards)))
    trace.nodes = list(graph.nodes)
    trace.inputs = list(graph.inputs)
    return trace


def value_and_gradient(graph: Graph, inputs: Sequence[int], output: int = 0) -> Graph:
    """Return the graph of all outputs, then the gradient of one by the inputs at ``inputs``.

    Raises: DifferentiationError where the output is no real scalar or a derivative is missing.
    """
    if len(graph.outputs) <= output:
        raise DifferentiationError(
            "grad needs a function that returns one real number; this one returns none",
            remedy="return the number to differentiate",
        )
    result = graph.outputs[output]
    kind = result.array_type
    if kind.shape != () or kind.dtype.kind != "f":
        raise DifferentiationError(
            f"grad needs a function that returns one real number; this one returns {kind}",
            remedy=REAL_REMEDY if kind.dtype.kind == "c" else "sum or average it, or ask for a "
            "jacobian",
            location=result.origin.location() if result.origin else None,
        )
    trace = extended(graph)
    with dims.assuming(trace.assumptions):
        wanted = [graph.inputs[i] for i in inputs]
        trace.origin = result.origin
        seed = Tracer(trace, trace.scalar(1.0, kind.dtype))
        cotangents = pull_back(trace, {result: seed}, wanted)
        gradients: list[Any] = [
            cotangent if cotangent is not None else np.zeros_like(Tracer(trace, node))
            for cotangent, node in zip(cotangents, wanted, strict=True)
        ]
        outputs = (*graph.outputs, *(gradient.node for gradient in gradients))
    return finished(trace, outputs, graph.name)
