"""The adjoint of a loop's body, and the graph of the reversed loop's body made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from irgrad.differentiate.active import depending_on, leading_to
from irgrad.differentiate.context import Context
from irgrad.differentiate.residuals import Residuals, tape_versions
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Write
from irgrad.ir.types import ArrayType
from irgrad.ops.control import loop
from irgrad.ops.create import constant, full, input_, item
from irgrad.ops.views import strided, strided_set
from irgrad.trace.trace import substituted
from irgrad.trace.tracer import Trace, Tracer


@dataclass(slots=True)
class Adjoint:
    """A body with its adjoint behind it: what is recorded, and where its ends are.

    ``seeds`` and ``totals`` are the inputs that carry cotangents of the ``live`` states and of
    the ``summed`` invariants; ``outputs`` the new values of both. ``stacks`` are inputs that hold
    the cotangents of what a ``while`` has pushed.
    """

    order: list[Node]
    primal_outputs: tuple[Node, ...]
    live: list[int]
    summed: list[int]
    seeds: list[Node]
    totals: list[Node]
    outputs: tuple[Node, ...]
    stacks: dict[int, Node]


def body_adjoint(
    context: Context,
    node: Node,
    body: Graph,
    cotangents: Sequence[Tracer | None],
    index: str,
) -> Adjoint | None:
    """Record the adjoint of a loop's body behind it; None where no derivative flows."""
    states = node.params["carries"] + node.params.get("tapes", 0)
    wanted = [operand in context.active for operand in node.inputs]
    live, leading = _live(body, states, wanted, cotangents)
    summed = [j for j in range(states, len(wanted)) if wanted[j] and body.inputs[j] in leading]
    if not live and not summed:
        return None
    trace = context.inside(body)
    seeds: dict[Node, Tracer] = {}
    seed_inputs: list[Node] = []
    for k in live:
        seed = trace.input(f"cotangent_{k}", body.inputs[k].array_type)
        seed_inputs.append(seed.node)
        known = seeds.get(body.outputs[k])
        seeds[body.outputs[k]] = seed if known is None else known + seed
    stacks: dict[int, Node] = {}
    for p in range(states, len(body.outputs)):
        pushed = body.outputs[p].array_type
        cotangent = cotangents[p]
        if cotangent is not None and pushed.inexact:
            stack = trace.input(f"stack_{p}", cotangent.type)
            stacks[p] = stack.node
            seed = strided(stack, **part(dims.symbol(index), pushed.shape))
            known = seeds.get(body.outputs[p])
            seeds[body.outputs[p]] = seed if known is None else known + seed
    totals = {body.inputs[j]: trace.input(f"total_{j}", body.inputs[j].array_type) for j in summed}
    into = [*(body.inputs[k] for k in live), *(body.inputs[j] for j in summed)]
    carries = node.params["carries"]
    tapes = {body.inputs[k]: k - carries for k in range(carries, states)}
    versions = tape_versions(body.nodes, tapes)
    masked = context.masked or any(n.op.selects and n not in versions for n in body.nodes)
    found = context.pull_back(trace, seeds, into, totals, masked)
    inner = Context(trace, set(), {}, False, context.pull_back)
    ends = [
        (inner.zeros(target.array_type) if total is None else total).node
        for target, total in zip(into, found, strict=True)
    ]
    order, outputs = substituted(trace.nodes, trace.replaced, (*body.outputs, *ends))
    count = len(body.outputs)
    return Adjoint(
        order,
        outputs[:count],
        live,
        summed,
        seed_inputs,
        [totals[body.inputs[j]].node for j in summed],
        outputs[count:],
        stacks,
    )


def _live(
    body: Graph,
    states: int,
    wanted: Sequence[bool],
    cotangents: Sequence[Tracer | None],
) -> tuple[list[int], set[Node]]:
    """Return the states whose cotangents matter, and the nodes that lead to them."""
    varied = {n for n, is_wanted in zip(body.inputs, wanted, strict=True) if is_wanted}
    while True:
        reached = depending_on(body.nodes, list(varied))
        grown = varied | {body.inputs[k] for k in range(states) if body.outputs[k] in reached}
        if grown == varied:
            break
        varied = grown
    useful = {k for k, seed in enumerate(cotangents) if seed is not None}
    while True:
        leading = leading_to(body.nodes, [body.outputs[k] for k in useful])
        more = useful | {k for k in range(states) if body.inputs[k] in leading}
        if more == useful:
            break
        useful = more
    live = [
        k
        for k in sorted(useful)
        if k < states and body.inputs[k] in varied and body.inputs[k].array_type.inexact
    ]
    return live, leading


def primal_nodes(adjoint: Adjoint) -> list[Node]:
    """Return the nodes that no cotangent enters, in order."""
    entered = {*adjoint.seeds, *adjoint.totals, *adjoint.stacks.values()}
    primal: list[Node] = []
    for node in adjoint.order:
        if node in entered:
            continue
        if any(operand in entered for operand in node.inputs):
            entered.add(node)
        else:
            primal.append(node)
    return primal


def frontier(adjoint: Adjoint, primal: set[Node]) -> list[Node]:
    """Return the primal values that the adjoint part reads, in order."""
    read: set[Node] = {node for node in adjoint.outputs if node in primal}
    needed = set(adjoint.outputs)
    for node in reversed(adjoint.order):
        if node in needed and node not in primal:
            needed.update(node.inputs)
            read.update(operand for operand in node.inputs if operand in primal)
    return [node for node in adjoint.order if node in read]


def magnitude(trace: Trace, type: ArrayType) -> int:
    """Return about how many bytes a value takes."""
    total = type.size
    assumptions = trace.assumptions
    for name, trips in reversed(assumptions.loops.items()):
        total = dims.extreme(total, name, trips, highest=True)
    hints = {name: assumptions.hints.get(name, 1000) for name in dims.symbols(total)}
    return dims.evaluate(total, hints) * type.dtype.itemsize


def part(row: Dim, shape: Sequence[Dim]) -> dict[str, Any]:
    """Return the params of ``strided`` for what was kept of one iteration."""
    return {
        "starts": (row, *(0 for _ in shape)),
        "sizes": (1, *shape),
        "steps": (1,) * (len(shape) + 1),
        "dropped": (0,),
    }


def renewed(node: Node, inputs: Sequence[Node]) -> Node:
    """Return ``node`` with other inputs; itself where they are the same."""
    fresh = tuple(inputs)
    if fresh == node.inputs:
        return node
    return Node(node.op, fresh, node.params, node.type, node.origin)


def new_input(name: str, type: ArrayType, position: int) -> Node:
    """Return an input of a body."""
    return Node(input_, (), {"name": name, "type": type, "position": position}, type)


def applied(op: Any, inputs: tuple[Node, ...], params: dict[str, Any]) -> Node:
    """Return a node with its type inferred."""
    return Node(op, inputs, params, op.infer(*[n.type for n in inputs], **params))


class Kept(Protocol):
    """Where the forward loop has kept values: a key for each array, and its row for a value."""

    kept: dict[Any, ArrayType]
    place: dict[Node, tuple[Any, Dim]]
    anchor: ArrayType | None
    """The type of ``("carry", 0)``, read where nothing else makes the reversed loop wait."""

    def result(self, key: Any) -> Tracer:
        """Return the array that ``("kept", key)`` or ``("tape", number)`` names."""


class Backward:
    """The body of the reversed loop: the adjoint part, on values read back or computed again."""

    def __init__(self, node: Node, adjoint: Adjoint, residuals: Residuals, forward: Kept) -> None:
        self.body: Graph = node.params["body"]
        self.carries: int = node.params["carries"]
        self.adjoint = adjoint
        self.residuals = residuals
        self.forward = forward
        self.sources: dict[Any, Node] = {}
        self.inputs: list[Node] = []
        self.nodes: list[Node] = []
        self.graph: Graph = self.body

    def build(self) -> None:
        """Set ``graph``, and in ``sources`` what its inputs after the cotangents are."""
        adjoint = self.adjoint
        known: dict[Node, Node] = {}
        for old in (*adjoint.seeds, *adjoint.totals):
            known[old] = self._input(old.array_type)
        for position, old in adjoint.stacks.items():
            known[old] = self._source(("stack", position), old.array_type)
        needed = self._needed()
        forwarded = self._clearings()
        for old in adjoint.order:
            if old not in needed or old in known:
                continue
            if old in forwarded:
                known[old] = known[old.inputs[0]]
                continue
            fresh = self._read(old)
            if fresh is None:
                fresh = renewed(old, [known[operand] for operand in old.inputs])
                self.nodes.append(fresh)
            known[old] = fresh
        if self.forward.anchor is not None and not any(
            isinstance(key, tuple) and key[0] == "kept" for key in self.sources
        ):
            self._source(("carry", 0), self.forward.anchor)
        self.graph = Graph(
            tuple(self.inputs),
            (*self.inputs, *self.nodes),
            tuple(known[old] for old in adjoint.outputs),
            self.body.hints,
            (),
            self.body.name,
        )

    def _input(self, type: ArrayType) -> Node:
        node = new_input(f"x{len(self.inputs)}", type, len(self.inputs))
        self.inputs.append(node)
        return node

    def _needed(self) -> set[Node]:
        needed: set[Node] = set()
        stack = list(self.adjoint.outputs)
        while stack:
            node = stack.pop()
            if node not in needed:
                needed.add(node)
                if not self.residuals.settled(node):
                    stack.extend(node.inputs)
        return needed

    def _source(self, key: Any, type: ArrayType) -> Node:
        node = self.sources.get(key)
        if node is None:
            node = self.sources[key] = self._input(type)
        return node

    def _tape(self, number: int) -> Node:
        type = self.body.inputs[self.carries + number].array_type
        return self._source(("tape", number), type)

    def _read(self, old: Node) -> Node | None:
        """Return a primal value as read from an operand, or None where it is computed."""
        residuals, forward = self.residuals, self.forward
        if old in residuals.versions:
            return self._tape(residuals.versions[old])
        if old in residuals.kept:
            key, row = forward.place[old]
            source = self._source(("kept", key), forward.kept[key])
            params = part(row, old.array_type.shape)
        elif old in residuals.taped:
            number, write = residuals.taped[old]
            source, params = self._tape(number), dict(write.params)
        elif old in self.body.inputs:
            return self._source(self.body.inputs.index(old), old.array_type)
        else:
            return None
        node = applied(strided, (source,), params)
        self.nodes.append(node)
        return node

    def _clearings(self) -> set[Node]:
        """Return the writes that clear a tape's cotangent where the tape was written.

        Nothing reads it there again: each element is written once, and read only after that.
        """
        adjoint = self.adjoint
        tapes = {
            seed: None
            for k, seed in zip(adjoint.live, adjoint.seeds, strict=True)
            if k >= self.carries
        }
        chain: set[Node] = set(tapes)
        cleared: set[Node] = set()
        for node in adjoint.order:
            if node.op is item and node.inputs[0].op is loop:
                if node.inputs[0].inputs[node.params["index"]] in chain:
                    chain.add(node)
            elif isinstance(node.op.lowering, Write) and node.inputs[0] in chain:
                chain.add(node)
                if node.op is strided_set and _is_zero(node.inputs[1]):
                    cleared.add(node)
        return cleared


def _is_zero(node: Node) -> bool:
    if node.op is full:
        node = node.inputs[0]
    return node.op is constant and node.params["value"] == 0
