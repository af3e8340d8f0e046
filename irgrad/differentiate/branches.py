"""The pullback of ``branch``: the adjoints of the branches, behind the same choice."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.differentiate.context import Context
from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ops.control import branch
from irgrad.trace.trace import substituted
from irgrad.trace.tracer import Tracer


def pull_back_branch(
    context: Context, node: Node, cotangents: Sequence[Tracer | None]
) -> list[Tracer | None]:
    """Record the choice of adjoints, each of which computes its branch again."""
    contributions: list[Tracer | None] = [None] * len(node.inputs)
    wanted = [k for k, operand in enumerate(node.inputs) if k and operand in context.active]
    seeded = [k for k, cotangent in enumerate(cotangents) if cotangent is not None]
    if not wanted or not seeded:
        return contributions
    operands = context.operands(node)
    adjoints = tuple(_adjoint(context, body, wanted, seeded) for body in node.params["branches"])
    totals = [context.take(node.inputs[k]) for k in wanted]
    results = branch(*operands, *(cotangents[k] for k in seeded), *totals, branches=adjoints)
    for k, result in zip(wanted, results, strict=True):
        contributions[k] = result
    return contributions


def _adjoint(context: Context, body: Graph, wanted: list[int], seeded: list[int]) -> Graph:
    """Return a branch's adjoint: its operands, cotangents and totals in, new totals out."""
    trace = context.inside(body)
    seeds: dict[Node, Tracer] = {}
    for k in seeded:
        seed = trace.input(f"cotangent_{k}", body.outputs[k].array_type)
        known = seeds.get(body.outputs[k])
        seeds[body.outputs[k]] = seed if known is None else known + seed
    into = [body.inputs[k - 1] for k in wanted]
    totals = {node: trace.input(f"total_{k}", node.array_type) for k, node in enumerate(into)}
    masked = context.masked or any(node.op.selects for node in body.nodes)
    found = context.pull_back(trace, seeds, into, totals, masked)
    ends = tuple(total.node for total in found if total is not None)
    order, outputs = substituted(trace.nodes, trace.replaced, ends)
    needed = set(reachable(outputs)) | set(trace.inputs)
    nodes = tuple(node for node in order if node in needed)
    return Graph(tuple(trace.inputs), nodes, outputs, body.hints, (), body.name)
