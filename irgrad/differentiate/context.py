"""What the derivative rule of a control op may ask of the pass it runs in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from irgrad.differentiate.cotangents import Cotangent
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ops.create import full
from irgrad.trace.tracer import Trace, Tracer


@dataclass(slots=True)
class Context:
    """The trace the adjoint is recorded in, and what the pass knows so far.

    ``active`` are the nodes derivatives flow through, ``pending`` their cotangents as they come
    in; ``masked`` says that zeros among those of the control op may come from a choice.
    """

    trace: Trace
    active: set[Node]
    pending: dict[Node, Cotangent]
    masked: bool
    pull_back: Callable[..., list[Tracer | None]]

    def take(self, operand: Node) -> Tracer:
        """Return what has come in for ``operand``, for a loop to add to in place; else zeros."""
        slot = self.pending.pop(operand, None)
        total = None if slot is None else slot.total(Tracer(self.trace, operand))
        return self.zeros(operand.array_type) if total is None else total

    def zeros(self, type: ArrayType) -> Tracer:
        """Return an array of zeros."""
        scalar = Tracer(self.trace, self.trace.scalar(0, type.dtype))
        return full(scalar, shape=type.shape) if type.shape else scalar

    def operands(self, node: Node) -> list[Tracer]:
        """Return the operands of ``node``, traced."""
        return [Tracer(self.trace, operand) for operand in node.inputs]

    def inside(self, body: Graph) -> Trace:
        """Return a trace that goes on where ``body`` ends."""
        trace = Trace(self.trace.assumptions)
        trace.nodes = list(body.nodes)
        trace.inputs = list(body.inputs)
        trace.origin = self.trace.origin
        trace.depth = self.trace.depth + 1
        return trace
