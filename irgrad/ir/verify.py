"""``verify``: the invariants every graph keeps, checked between the stages of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from irgrad.errors import InternalError, IrgradError
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node, frozen
from irgrad.ir.op import Control
from irgrad.ir.types import ArrayType


def verify(graph: Graph) -> None:
    """Check that ``graph`` is well formed: order, inputs, types, dtypes, params, guards.

    Linear in the nodes.

    Raises: InternalError naming the node, its op and the user's line.
    """
    assumptions = dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))
    with dims.assuming(assumptions):
        _verify(graph, assumptions)


def _verify(graph: Graph, assumptions: dims.Assumptions) -> None:
    numbers: dict[Node, int] = {}
    inputs = set(graph.inputs)
    if len(inputs) != len(graph.inputs):
        raise InternalError("a node is twice among the inputs of the graph")
    for number, node in enumerate(graph.nodes):
        problem = _fault(node, numbers, inputs, assumptions)
        if problem is not None:
            location = node.origin.location() if node.origin else None
            raise InternalError(f"%{number} ({node.op.name}): {problem}", location=location)
        numbers[node] = number
    for position, node in enumerate(graph.inputs):
        if node not in numbers:
            raise InternalError(f"input {position} ({node}) is not among the nodes")
    for position, node in enumerate(graph.outputs):
        if node not in numbers:
            raise InternalError(f"output {position} ({node}) is not among the nodes")


def _bodies(node: Node) -> Iterator[Graph]:
    """Yield the graphs among the params of ``node``."""
    for value in node.params.values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Graph):
                yield item


def _fault(
    node: Node, numbers: dict[Node, int], inputs: set[Node], assumptions: dims.Assumptions
) -> str | None:
    """Return what is wrong with ``node``, or None; ``numbers`` holds the nodes before it."""
    for position, operand in enumerate(node.inputs):
        if operand not in numbers:
            return f"operand {position} ({operand}) does not come before it"
    if (node.op.name == "input") != (node in inputs):
        return "it is an input of one kind only: by its op, or by the list of inputs"
    if node in numbers:
        return f"it already stands at %{numbers[node]}"
    if node.params:
        if isinstance(node.op.lowering, Control):
            index = node.params.get("index")
            if index is not None:
                assumptions.loops[index] = node.params["trips"]
            for body in _bodies(node):
                _verify(body, assumptions)
            if index is not None:
                del assumptions.loops[index]
        try:
            hash(frozen(node.params))
        except TypeError as error:
            return f"a param can't be compared: {error}"
    types = [operand.type for operand in node.inputs]
    known = len(assumptions.guards)
    try:
        inferred = node.op.infer(*types, **node.params)
    except (IrgradError, TypeError, ValueError) as error:
        return f"its type can't be inferred: {error}"
    if inferred != node.type:
        return f"its type is {_name(node.type)}, its operands make it {_name(inferred)}"
    if len(assumptions.guards) > known:
        return f"it rests on {list(assumptions.guards)[known]}, which is no guard of the graph"
    promote = node.op.promote
    if promote is None or not isinstance(inferred, ArrayType):
        return None
    dtypes = [type.dtype for type in types if isinstance(type, ArrayType)]
    wanted = promote(dtypes)
    for position, (dtype, right) in enumerate(zip((*dtypes, inferred.dtype), wanted, strict=True)):
        if dtype != right:
            which = f"operand {position}" if position < len(dtypes) else "the result"
            return f"{which} is {dtype}, promotion makes it {right}"
    return None


def _name(type: object) -> str:
    return f"({', '.join(map(str, type))})" if isinstance(type, tuple) else str(type)
