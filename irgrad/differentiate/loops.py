"""The pullback of ``loop`` and ``while``: the reversed loop over what each iteration has kept.

Reference: Griewank & Walther, Evaluating Derivatives (2008), section 4.1 and chapter 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.differentiate.bodies import (
    Adjoint,
    Backward,
    applied,
    body_adjoint,
    frontier,
    magnitude,
    new_input,
    part,
    primal_nodes,
    renewed,
)
from irgrad.differentiate.context import Context
from irgrad.differentiate.lasting import lasting
from irgrad.differentiate.residuals import Residuals, choose
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.control import loop, repeat
from irgrad.ops.create import item
from irgrad.ops.views import strided_set
from irgrad.trace.tracer import Tracer


def pull_back_loop(
    context: Context, node: Node, cotangents: Sequence[Tracer | None]
) -> list[Tracer | None]:
    """Record the reversed loop; return the cotangents of the operands of ``node``."""
    params = node.params
    body: Graph = params["body"]
    carries = params["carries"]
    loops = context.trace.assumptions.loops
    loops[params["index"]] = params["trips"]
    adjoint = body_adjoint(context, node, body, cotangents, params["index"])
    loops.pop(params["index"])
    if adjoint is None:
        return [None] * len(node.inputs)
    primal = primal_nodes(adjoint)
    residuals = choose(
        primal,
        Graph(body.inputs, (), adjoint.primal_outputs),
        carries,
        frontier(adjoint, set(primal)),
        recompute=params.get("recompute", False),
        size=lambda type: magnitude(context.trace, type),
        index=params["index"],
        lasting=lasting(params),
    )
    forward = Forward(context, node, adjoint, residuals)
    forward.build(primal)
    backward = Backward(node, adjoint, residuals, forward)
    backward.build()
    over = {k: params[k] for k in ("index", "trips")} | {"reverse": not params["reverse"]}
    return run_back(context, node, cotangents, backward, over)


def run_back(
    context: Context,
    node: Node,
    cotangents: Sequence[Tracer | None],
    backward: Backward,
    over: dict[str, Any],
) -> list[Tracer | None]:
    """Record the reversed loop ``over`` the iterations; return the operands' cotangents."""
    adjoint, forward = backward.adjoint, backward.forward
    contributions: list[Tracer | None] = [None] * len(node.inputs)
    operands = context.operands(node)
    starts = [
        context.zeros(node.inputs[k].array_type) if seed is None else seed
        for k, seed in ((k, cotangents[k]) for k in adjoint.live)
    ] + [context.take(node.inputs[j]) for j in adjoint.summed]
    rest: list[Any] = []
    for key in backward.sources:
        if isinstance(key, int):
            rest.append(operands[key])
        elif key[0] == "stack":
            rest.append(cotangents[key[1]])
        else:
            rest.append(forward.result(key))
    results = loop(*starts, *rest, **over, carries=len(starts), tapes=0, body=backward.graph)
    for position, result in zip((*adjoint.live, *adjoint.summed), results, strict=True):
        if node.inputs[position] in context.active:
            contributions[position] = result
    return contributions


def pull_back_while(
    context: Context, node: Node, cotangents: Sequence[Tracer | None]
) -> list[Tracer | None]:
    """Record the reversed loop, over as many iterations as the ``while`` has counted."""
    params = node.params
    index = f"t{context.trace.depth}"
    loops = context.trace.assumptions.loops
    loops[index] = dims.symbol(params["count"])
    adjoint = body_adjoint(context, node, params["body"], cotangents, index)
    del loops[index]
    if adjoint is None:
        return [None] * len(node.inputs)
    primal = primal_nodes(adjoint)
    residuals = choose(
        primal,
        Graph(params["body"].inputs, (), adjoint.primal_outputs[: params["carries"]]),
        params["carries"],
        frontier(adjoint, set(primal)),
        recompute=False,
        size=lambda type: magnitude(context.trace, type),
    )
    forward = Pushing(context, node, adjoint, residuals, index)
    forward.build(primal)
    backward = Backward(node, adjoint, residuals, forward)
    backward.build()
    over = {"index": index, "trips": dims.symbol(params["count"]), "reverse": True}
    return run_back(context, node, cotangents, backward, over)


class Forward:
    """The loop once more, with a tape for each value kept."""

    def __init__(
        self, context: Context, node: Node, adjoint: Adjoint, residuals: Residuals
    ) -> None:
        self.context = context
        self.node = node
        self.body: Graph = node.params["body"]
        self.adjoint = adjoint
        self.carries: int = node.params["carries"]
        self.states = self.carries + node.params["tapes"]
        self.index = dims.symbol(node.params["index"])
        self.row_in: Dim = self.index + 1 if node.params["reverse"] else self.index
        self.row_out: Dim = self.index if node.params["reverse"] else self.index + 1
        self.kept: dict[Any, ArrayType] = {}
        self.place: dict[Node, tuple[Any, Dim]] = {}
        self.results: tuple[Tracer, ...] = ()
        self.anchor: ArrayType | None = None
        ends = adjoint.primal_outputs
        for root in residuals.kept:
            inputs = self.body.inputs[: self.carries]
            if root in inputs:
                self._keep_carry(root, inputs.index(root), self.row_in)
            elif root in ends[: self.carries]:
                self._keep_carry(root, ends.index(root), self.row_out)
            else:
                trips, name = node.params["trips"], node.params["index"]
                shape = [dims.extreme(d, name, trips, highest=True) for d in root.array_type.shape]
                self.kept[root] = root.array_type.with_shape((trips, *shape))
                self.place[root] = (root, self.index)

    def _keep_carry(self, root: Node, number: int, row: Dim) -> None:
        """Keep a carry before the first and after each iteration: both ends are then at hand."""
        type = self.body.inputs[number].array_type
        self.kept[number] = type.with_shape((self.node.params["trips"] + 1, *type.shape))
        self.place[root] = (number, row)

    def build(self, primal: Sequence[Node]) -> None:
        """Record the loop and let it replace the first one, unless nothing is new."""
        context, node, body = self.context, self.node, self.body
        if not self.kept and self.adjoint.primal_outputs == body.outputs:
            self.results = self._items(node)
            return
        types = [input.array_type for input in body.inputs[: self.states]]
        types += self.kept.values()
        types += [input.array_type for input in body.inputs[self.states :]]
        inputs = [new_input(f"x{p}", type, p) for p, type in enumerate(types)]
        extra = len(self.kept)
        known = dict(zip(body.inputs[: self.states], inputs, strict=False))
        known |= zip(body.inputs[self.states :], inputs[self.states + extra :], strict=True)
        tapes = dict(zip(self.kept, inputs[self.states : self.states + extra], strict=True))
        nodes = list(inputs)
        ends = self.adjoint.primal_outputs
        needed = _needed((*ends, *(k for k in self.kept if isinstance(k, Node))))
        written = {key: ends[key] if isinstance(key, int) else key for key in self.kept}
        for old in primal:
            if old not in needed:
                continue
            if old not in known:
                known[old] = renewed(old, [known[operand] for operand in old.inputs])
                nodes.append(known[old])
            for key, value in written.items():
                if value is old:
                    row = self.row_out if isinstance(key, int) else self.index
                    update = known[old]
                    params = part(row, update.array_type.shape)
                    tapes[key] = applied(strided_set, (tapes[key], update), params)
                    nodes.append(tapes[key])
        outputs = (*(known[end] for end in ends), *tapes.values())
        graph = Graph(tuple(inputs), tuple(nodes), outputs, body.hints, (), body.name)
        operands = context.operands(node)
        results = loop(
            *operands[: self.states],
            *(self._start(key, type, operands) for key, type in self.kept.items()),
            *operands[self.states :],
            **{**node.params, "body": graph, "tapes": node.params["tapes"] + extra},
        )
        context.trace.replaced[node] = results[0].node.inputs[0]
        self.results = results

    def _items(self, node: Node) -> tuple[Tracer, ...]:
        trace = self.context.trace
        return tuple(
            Tracer(trace, trace.record(item, (node,), {"index": k})) for k in range(self.states)
        )

    def _start(self, key: Any, type: ArrayType, operands: Sequence[Tracer]) -> Any:
        zeros = self.context.zeros(type)
        if not isinstance(key, int):
            return zeros
        row = self.node.params["trips"] if self.node.params["reverse"] else 0
        return strided_set(zeros, operands[key], **part(row, type.shape[1:]))

    def result(self, key: Any) -> Tracer:
        """Return a final tape: ``("tape", number)`` of the loop itself, else of a value kept."""
        if isinstance(key, tuple) and key[0] == "tape":
            chosen: Tracer = self.results[self.carries + key[1]]
        else:
            chosen = self.results[self.states + list(self.kept).index(key[1])]
        return chosen


def _needed(outputs: Sequence[Node]) -> set[Node]:
    needed: set[Node] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack.extend(node.inputs)
    return needed


class Pushing:
    """The ``while`` once more, which pushes each value kept on a stack."""

    def __init__(
        self, context: Context, node: Node, adjoint: Adjoint, residuals: Residuals, index: str
    ) -> None:
        self.context = context
        self.node = node
        self.adjoint = adjoint
        self.kept: dict[Any, ArrayType] = {}
        self.place: dict[Node, tuple[Any, Dim]] = {}
        self.results: tuple[Tracer, ...] = ()
        self.anchor: ArrayType | None = node.inputs[0].array_type
        trips = dims.symbol(node.params["count"])
        for root in residuals.kept:
            type = root.array_type
            self.kept[root] = type.with_shape((trips, *type.shape))
            self.place[root] = (root, dims.symbol(index))

    def build(self, primal: Sequence[Node]) -> None:
        """Record the ``while`` and let it replace the first one."""
        body: Graph = self.node.params["body"]
        outputs = (*self.adjoint.primal_outputs, *self.kept)
        needed = _needed(outputs)
        nodes = [*body.inputs, *(n for n in primal if n in needed and n not in body.inputs)]
        graph = Graph(body.inputs, tuple(nodes), outputs, body.hints, (), body.name)
        self.results = repeat(
            *self.context.operands(self.node), **{**self.node.params, "body": graph}
        )
        self.context.trace.replaced[self.node] = self.results[0].node.inputs[0]

    def result(self, key: Any) -> Tracer:
        """Return the stack of a value kept, or a final carry."""
        if key[0] == "carry":
            carry: Tracer = self.results[key[1]]
            return carry
        return self.results[len(self.adjoint.primal_outputs) + list(self.kept).index(key[1])]
