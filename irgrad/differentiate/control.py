"""The derivative rules of control ops, which need the differentiator itself."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.differentiate.branches import pull_back_branch
from irgrad.differentiate.context import Context
from irgrad.differentiate.loops import pull_back_loop, pull_back_while
from irgrad.ir.graph import Node
from irgrad.trace.tracer import Tracer


class ControlRules(Context):
    """The ``RuleContext`` that ``pullback`` of a control op is given."""

    def loop(self, node: Node, cotangents: Sequence[Tracer | None]) -> list[Tracer | None]:
        """Return the cotangents of a ``loop``'s operands."""
        return pull_back_loop(self, node, cotangents)

    def repeat(self, node: Node, cotangents: Sequence[Tracer | None]) -> list[Tracer | None]:
        """Return the cotangents of a ``while``'s operands."""
        return pull_back_while(self, node, cotangents)

    def branch(self, node: Node, cotangents: Sequence[Tracer | None]) -> list[Tracer | None]:
        """Return the cotangents of a ``branch``'s operands."""
        return pull_back_branch(self, node, cotangents)
