"""Scalar factors of products of matrices, moved to an operand that is computed anyway.

Rules move scalars outwards, past a product to its result. Where that result is one of the graph's,
BLAS could write it where it belongs, were it not for the factor; and where the operand is made
element by element, a factor more costs nothing there. Moving it is the last thing done to a graph.
Vectors are left alone: they are soon scaled, and often shorter than what they are summed from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Elementwise
from irgrad.ops.contract import contract
from irgrad.simplify.factors import Factored, factored

FURTHEST = 32
"""How many nodes are looked at before a factor is left where it is."""


def scaled_before(graph: Graph) -> Graph:
    """Return the graph with scalar factors of products that are results moved to an operand.

    Reassociates. Linear.
    """
    readers: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        for operand in node.inputs:
            readers.setdefault(operand, []).append(node)
    uses = Counter(graph.outputs)
    results: dict[Node, tuple[Node, Factored]] = {}  # what products are, but for a factor
    for node in dict.fromkeys(graph.outputs):
        parts = factored(node)
        if parts is None or parts.rest.op is not contract or parts.rest.type != node.type:
            continue
        single = len(readers[parts.rest]) == 1 and not uses[parts.rest]
        if single and node.array_type.rank > 1:
            results[parts.rest] = node, parts
    places = {node: place for place, node in enumerate(graph.nodes)} if results else {}
    moved: dict[Node, Factored] = {}  # operands, and by what to scale them
    for product in results:
        for operand in product.inputs:
            found = _factor_of_all(operand, readers[operand], results, moved)
            if (
                found is not None
                and not uses[operand]
                and isinstance(operand.op.lowering, Elementwise)
                and operand.array_type.rank <= product.array_type.rank
                and not _needs(found.factor, operand, places)
            ):
                moved[operand] = found
    return _rebuilt(graph, moved, results) if moved else graph


def _needs(factor: Node, operand: Node, places: Mapping[Node, int]) -> bool:
    """Tell whether a factor is, or may be, computed from an operand."""
    stack, seen = [factor], 0
    while stack:
        node = stack.pop()
        if node is operand or seen > FURTHEST:
            return True
        if places[node] > places[operand]:
            stack.extend(node.inputs)
            seen += 1
    return False


def _factor_of_all(
    operand: Node,
    products: list[Node],
    results: Mapping[Node, tuple[Node, Factored]],
    moved: Mapping[Node, Factored],
) -> Factored | None:
    """Return the factor of everything that reads an operand, where it is one and the same."""
    found: Factored | None = None
    for product in products:
        if product not in results or product.array_type.dtype != operand.array_type.dtype:
            return None
        if any(other in moved for other in product.inputs) or product.inputs.count(operand) > 1:
            return None
        parts = results[product][1]
        if found is not None and (parts.op, parts.factor) != (found.op, found.factor):
            return None
        found = parts
    return found


def _rebuilt(
    graph: Graph, moved: Mapping[Node, Factored], results: Mapping[Node, tuple[Node, Factored]]
) -> Graph:
    """Return the graph with products where their results stood: the factors are there by then."""
    later = {
        result: product
        for product, (result, _) in results.items()
        if any(operand in moved for operand in product.inputs)
    }
    products = set(later.values())
    scaled: dict[Node, Node] = {}
    became: dict[Node, Node] = {}
    nodes: list[Node] = []

    def operand_of(node: Node) -> Node:
        if node not in moved:
            return became[node]
        if node not in scaled:
            op, factor, _ = moved[node]
            inputs = became[node], became[factor]
            scaled[node] = Node(op, inputs, {}, node.type, node.origin)
            nodes.append(scaled[node])
        return scaled[node]

    for node in graph.nodes:
        if node in products:
            continue
        source = later.get(node, node)
        inputs = tuple(operand_of(x) if node in later else became[x] for x in source.inputs)
        fresh = source
        if inputs != source.inputs:
            fresh = Node(source.op, inputs, source.params, source.type, source.origin)
        nodes.append(fresh)
        became[node] = fresh
    return replace(graph, nodes=tuple(nodes), outputs=tuple(became[x] for x in graph.outputs))


__all__ = ["scaled_before"]
