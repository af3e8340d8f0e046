"""Marks that only differentiation reads, dropped afterwards."""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.create import item
from irgrad.ops.custom import custom, slope_by_snapshots, stop_gradient
from irgrad.ops.solution import solution
from irgrad.simplify.rewrite import Build, rule


@rule(item, custom, solution)
def unmark(build: Build, node: Node) -> Node:
    """item(custom_vjp(y, ...), k) -> y_k, and of a solution. Exact."""
    index: int = node.params["index"]
    return node.inputs[0].inputs[index]


@rule(stop_gradient, slope_by_snapshots)
def unstop(build: Build, node: Node) -> Node:
    """stop_gradient(x) -> x, and of a slope. Exact."""
    return node.inputs[0]
