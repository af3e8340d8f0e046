"""Structured control: ``loop``, ``while`` and ``branch``, whose params hold graphs.

A body is a closed graph: whatever it reads comes in through its inputs. Within a loop's body the
loop variable is a size symbol, so that an affine read ``x[i - 1]`` is the op ``strided`` with a
start over it, an affine write ``strided_set``, and a triangular nest an inner loop whose trips
depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Protocol

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.evaluate import evaluate_body
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Control, Op, Sample
from irgrad.ir.types import ArrayType, TupleType
from irgrad.ops.create import constant, input_, item
from irgrad.ops.declare import real
from irgrad.ops.elementwise import add, cos, greater, multiply, sin
from irgrad.ops.registry import declare
from irgrad.ops.views import strided, strided_set


class RuleContext(Protocol):
    """What the derivative of a control op is given: the differentiator, which stands above ops."""

    def loop(self, node: Any, cotangents: Sequence[Any]) -> Sequence[Any]:
        """Return the cotangents of a ``loop``'s operands."""

    def repeat(self, node: Any, cotangents: Sequence[Any]) -> Sequence[Any]:
        """Return the cotangents of a ``while``'s operands."""

    def branch(self, node: Any, cotangents: Sequence[Any]) -> Sequence[Any]:
        """Return the cotangents of a ``branch``'s operands."""


def _check(types: Sequence[ArrayType], nodes: Sequence[Node], what: str) -> None:
    if len(types) != len(nodes):
        raise InternalError(f"{what}: {len(nodes)} values for {len(types)}")
    for position, (type, node) in enumerate(zip(types, nodes, strict=True)):
        known = node.array_type
        if known.dtype != type.dtype or not dims.same_shape(known.shape, type.shape):
            raise InternalError(f"{what}: value {position} is {known}, expected {type}")


def _owned(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(np.array(value)[()] for value in values)


def _loop_type(
    *types: ArrayType,
    index: str,
    trips: Dim,
    reverse: bool,
    carries: int,
    tapes: int,
    body: Graph,
    recompute: bool = False,
) -> TupleType:
    _check(types, body.inputs, "the inputs of a loop's body")
    _check(types[: carries + tapes], body.outputs, "the outputs of a loop's body")
    return tuple(types[: carries + tapes])


def _run_loop(
    *operands: Any,
    index: str,
    trips: Dim,
    reverse: bool,
    carries: int,
    tapes: int,
    body: Graph,
    recompute: bool = False,
    sizes: MutableMapping[str, int] | None = None,
) -> tuple[Any, ...]:
    bound = {} if sizes is None else sizes
    count = dims.evaluate(trips, bound)
    states = carries + tapes
    state, rest = _owned(operands[:states]), operands[states:]
    for number in reversed(range(count)) if reverse else range(count):
        bound[index] = number
        state = evaluate_body(body, (*state, *rest), bound, owned=states)
    bound.pop(index, None)
    return state


def _body(types: Sequence[ArrayType], make: Callable[..., tuple[Node, ...]]) -> Graph:
    """Return a small graph for the samples below; ``make`` gets an ``apply`` and the inputs."""
    nodes: list[Node] = []

    def apply(op: Op, *inputs: Node, **params: Any) -> Node:
        kind = op.infer(*[node.type for node in inputs], **params)
        nodes.append(Node(op, inputs, params, kind))
        return nodes[-1]

    inputs = tuple(
        apply(input_, name=f"x{position}", type=type, position=position)
        for position, type in enumerate(types)
    )
    outputs = make(apply, *inputs)
    return Graph(inputs, tuple(nodes), outputs)


_SCALAR = ArrayType(np.dtype(np.float64))
_ROW = _SCALAR.with_shape((3,))
_INDEX = dims.symbol("t0")


def _at(start: Dim) -> dict[str, Any]:
    return {"starts": (start,), "sizes": (1,), "steps": (1,), "dropped": (0,)}


def _recurrence(apply: Any, carry: Node, tape: Node, xs: Node, w: Node) -> tuple[Node, ...]:
    """``carry = sin(w * carry) + xs[i] * w``, each written to an array."""
    turned = apply(sin, apply(multiply, w, carry))
    pushed = apply(add, turned, apply(multiply, apply(strided, xs, **_at(_INDEX)), w))
    return pushed, apply(strided_set, tape, pushed, **_at(_INDEX))


_LOOP: dict[str, Any] = {"index": "t0", "trips": 3, "carries": 2, "tapes": 0}
_LOOP["body"] = _body((_SCALAR, _ROW, _ROW, _SCALAR), _recurrence)

loop = declare(
    Op(
        name="loop",
        evaluate=_run_loop,
        infer=_loop_type,
        lowering=Control(),
        pullback=lambda context, node, cotangents: context.loop(node, cotangents),
        samples=tuple(
            Sample(
                (np.float64(0.4), np.zeros(3), real(-1, 1, (3,)), np.float64(0.9)),
                {**_LOOP, "reverse": reverse},
            )
            for reverse in (False, True)
        ),
        spellings=("irgrad.scan", "irgrad.fori_loop", "Python loops"),
        reference="Griewank & Walther, Evaluating Derivatives (2008), section 4.1",
    )
)
"""Repeats ``body`` ``trips`` times; the loop variable ``index`` counts up, or down if ``reverse``.

Operands and the body's inputs: ``carries``, ``tapes``, then invariants. Results and the body's
outputs: carries, tapes. A tape is an array in which the body writes each element at most once, and
reads none before it is written: what it held before at those places counts for nothing.
``recompute`` asks the derivative to keep no more than the carries, and to run the body again.
"""


def _while_type(
    *types: ArrayType, condition: Graph, body: Graph, carries: int, count: str
) -> TupleType:
    _check(types, condition.inputs, "the inputs of a while's condition")
    _check(types, body.inputs, "the inputs of a while's body")
    _check(types[:carries], body.outputs[:carries], "the outputs of a while's body")
    pushed = [node.array_type for node in body.outputs[carries:]]
    trips = dims.symbol(count)
    return (*types[:carries], *(type.with_shape((trips, *type.shape)) for type in pushed))


def _run_while(
    *operands: Any,
    condition: Graph,
    body: Graph,
    carries: int,
    count: str,
    sizes: MutableMapping[str, int] | None = None,
) -> tuple[Any, ...]:
    bound = {} if sizes is None else sizes
    state, rest = _owned(operands[:carries]), operands[carries:]
    stacks: list[list[Any]] = [[] for _ in body.outputs[carries:]]
    trips = 0
    while evaluate_body(condition, (*state, *rest), bound)[0]:
        outputs = evaluate_body(body, (*state, *rest), bound, owned=carries)
        state = outputs[:carries]
        for stack, value in zip(stacks, outputs[carries:], strict=True):
            stack.append(np.array(value))
        trips += 1
    bound[count] = trips
    pushed = [node.array_type for node in body.outputs[carries:]]
    return (
        *state,
        *(
            np.array(stack, type.dtype).reshape(
                (trips, *(dims.evaluate(dim, bound) for dim in type.shape))
            )
            for stack, type in zip(stacks, pushed, strict=True)
        ),
    )


def _halving(apply: Any, carry: Node, w: Node) -> tuple[Node, ...]:
    return (apply(add, apply(multiply, w, carry), apply(cos, carry)),)


def _is_large(apply: Any, carry: Node, w: Node) -> tuple[Node, ...]:
    limit = apply(constant, value=np.float64(1.5))
    return (apply(greater, carry, limit),)


repeat = declare(
    Op(
        name="while",
        evaluate=_run_while,
        infer=_while_type,
        lowering=Control(),
        pullback=lambda context, node, cotangents: context.repeat(node, cotangents),
        samples=(
            Sample(
                (np.float64(5.0), np.float64(0.5)),
                {
                    "condition": _body((_SCALAR, _SCALAR), _is_large),
                    "body": _body((_SCALAR, _SCALAR), _halving),
                    "carries": 1,
                    "count": "count0",
                },
            ),
        ),
        spellings=("irgrad.while_loop",),
    )
)
"""Repeats ``body`` while ``condition`` holds of the carries and invariants.

Whatever the body returns besides the carries is pushed on a stack. The size symbol ``count`` is
bound to the number of trips, and is the stacks' first axis.
"""


def _branch_type(index: ArrayType, *types: ArrayType, branches: tuple[Graph, ...]) -> TupleType:
    results = [node.array_type for node in branches[0].outputs]
    for branch in branches:
        _check(types, branch.inputs, "the inputs of a branch")
        _check(results, branch.outputs, "the outputs of a branch")
    return tuple(results)


def _run_branch(
    index: Any,
    *operands: Any,
    branches: tuple[Graph, ...],
    sizes: MutableMapping[str, int] | None = None,
) -> tuple[Any, ...]:
    chosen = branches[min(max(int(index), 0), len(branches) - 1)]
    return evaluate_body(chosen, operands, {} if sizes is None else sizes)


_BRANCHES = (
    _body((_ROW, _SCALAR), lambda apply, x, w: (apply(multiply, x, w),)),
    _body((_ROW, _SCALAR), lambda apply, x, w: (apply(sin, x),)),
)

branch = declare(
    Op(
        name="branch",
        evaluate=_run_branch,
        infer=_branch_type,
        lowering=Control(),
        pullback=lambda context, node, cotangents: context.branch(node, cotangents),
        samples=tuple(
            Sample((np.int64(index), real(-1, 1, (3,)), np.float64(0.7)), {"branches": _BRANCHES})
            for index in (0, 1, 7)
        ),
        spellings=("irgrad.cond", "irgrad.switch"),
        convention="an index outside the branches picks the nearest",
    )
)
"""Evaluates the one of ``branches`` that the first operand picks, on the other operands."""

__all__ = ["RuleContext", "branch", "item", "loop", "repeat"]
