"""From the ``raise`` of an emitted function to an error that shows the user's line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from irgrad.errors import ConvergenceError
from irgrad.ir.graph import Graph, Node
from irgrad.ops.ensure import ensure


def explaining(run: Callable[..., Any], graph: Graph) -> Callable[..., Any]:
    """Return ``run``, a function made from ``graph``, with failed conditions explained.

    Where nothing is ensured it is ``run`` itself.
    """
    ensured = conditions(graph)
    if not ensured:
        return run

    def call(*arguments: Any) -> Any:
        try:
            return run(*arguments)
        except ArithmeticError as error:
            node = ensured.get(error.args[-1]) if len(error.args) == 3 else None
            if node is None:
                raise
            raise _explained(node, float(error.args[1])) from None

    return call


def conditions(graph: Graph) -> dict[int, Node]:
    """Return the nodes that ensure something by the numbers that their failures carry."""
    return {node.params["number"]: node for node in _ensuring(graph)}


def _explained(node: Node, shown: float) -> ConvergenceError:
    return ConvergenceError(
        f"{node.params['problem']} {shown:.6g}",
        remedy=node.params["remedy"],
        location=node.origin.location() if node.origin else None,
    )


def _ensuring(graph: Graph) -> Iterator[Node]:
    """Yield the nodes that ensure something, in all graphs that nodes hold."""
    stack = [graph]
    while stack:
        for node in stack.pop().nodes:
            if node.op is ensure:
                yield node
            for value in node.params.values():
                held = value if isinstance(value, tuple) else (value,)
                stack.extend(part for part in held if isinstance(part, Graph))
