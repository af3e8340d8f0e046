"""The ops behind ``custom_vjp`` and ``checkpoint``: values as they are, and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph
from irgrad.ir.op import Elementwise, Op, Sample, Source
from irgrad.ir.types import ArrayType, TupleType
from irgrad.ops.declare import elementwise, real
from irgrad.ops.replay import replayed


def _type(*types: ArrayType, results: int, wanted: tuple[int, ...], body: Graph) -> TupleType:
    return types[:results]


def _pullback(
    cotangents: Sequence[Any],
    outs: Sequence[Any],
    *operands: Any,
    results: int,
    wanted: tuple[int, ...],
    body: Graph,
) -> tuple[Any, ...]:
    """Run the user's rule on cotangents and on what it reads besides.

    Where it reads a value of the function, it reads this op's result, so that derivatives of the
    rule obey the rule too.
    """
    seeds = [
        np.zeros_like(out, dtype=node.array_type.dtype) if cotangent is None else cotangent
        for out, node, cotangent in zip(outs, body.inputs[:results], cotangents, strict=True)
    ]
    values = operands[:results]
    read = operands[len(operands) - (len(body.inputs) - results) :]
    renewed = [_same(x, values, outs) for x in read]
    found = replayed(body, [*seeds, *renewed])
    contributions: list[Any] = [None] * len(operands)
    for position, cotangent in zip(wanted, found, strict=True):
        contributions[position] = cotangent
    return tuple(contributions)


def _same(x: Any, values: Sequence[Any], outs: Sequence[Any]) -> Any:
    """Return the result that is the value ``x``, or else ``x``."""
    for value, out in zip(values, outs, strict=True):
        if x is value or getattr(x, "node", x) is getattr(value, "node", value):
            return out
    return x


custom = Op(
    name="custom_vjp",
    evaluate=lambda *operands, results, wanted, body: operands[:results],
    infer=_type,
    lowering=Source(),
    pullback=_pullback,
)
"""The first ``results`` operands, as they are. Operands: values, arguments, what the rule reads.

``body`` is the rule: cotangents of the values and what it reads in, the cotangents of the operands
at ``wanted`` out. It is of no use once derivatives are taken, and the simplifier drops it, so it
has no place in the registry of ops that are emitted.
"""


def _again(x: Any, cotangent: Any, *, number: int) -> Any:
    return np.positive(np.broadcast_to(x, np.broadcast_shapes(np.shape(x), np.shape(cotangent))))


again = elementwise(
    _again,
    name="again",
    emit="x",
    promote=lambda dtypes: (dtypes[0], dtypes[1], dtypes[0]),
    partials=lambda out, x, cotangent, *, number: (1, 0),
    samples=(
        Sample((real(-2, 2), real(-1, 1)[0, 0]), {"number": 0}),
        Sample((real(-2, 2, (0,)), np.float64(1.0)), {"number": 1}),
        Sample((real(-2, 2, (1,)), np.float64(1.0)), {"number": 2}),
    ),
)
"""The same number, which the simplifier takes for another: what is computed from it is computed
again rather than kept, and not before an element of a cotangent is known, which is never read.
``number`` tells one such place from the next."""


stop_gradient = Op(
    name="stop_gradient",
    evaluate=lambda x: x,
    infer=lambda x: x,
    lowering=Elementwise("x"),
    partials=lambda out, x: (0,),
)
"""The same value, through which no derivative flows. The simplifier drops it afterwards."""


slope_by_snapshots = Op(
    name="slope_by_snapshots",
    evaluate=lambda x: x,
    infer=lambda x: x,
    lowering=Elementwise("x"),
    nondifferentiable="it is that of scan(..., snapshots=...); leave snapshots out, or give "
    "checkpoint=, for second derivatives, jvp, jacfwd and hessian",
)
"""The same value, which is refused a derivative of its own. The simplifier drops it afterwards."""
