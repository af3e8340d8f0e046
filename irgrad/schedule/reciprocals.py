"""Divisions by one number again and again, made multiplications by its reciprocal.

A division keeps a vector unit as long as a dozen multiplications. So what is divided by along a
whole axis, as a softmax is by its sum, or by several values of one loop, is inverted once. Such a
quotient is rounded twice; it is as it was where a comparison, a rounding or an index depends on it.
Where the divisor is below 5.6e-309 the reciprocal is infinite.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import all_indices, domain_of
from irgrad.schedule.units import Copies, Kernel, Number, Read, Term, Unit

QUOTIENT = "x / y"


def invert_once(graph: Graph, units: Sequence[Unit]) -> tuple[list[Unit], Copies]:
    """Return the units with such divisions replaced, and which nodes were made to hold inverses."""
    exact = _decisive(graph)
    dividing: dict[Node, list[Kernel]] = {}
    for unit in units:
        if isinstance(unit, Kernel) and unit.node not in exact and unit.inplace is None:
            for divisor in _divisors(unit.term):
                dividing.setdefault(divisor, []).append(unit)
    copies: Copies = {}
    before: dict[int, list[Unit]] = {}
    inverses: dict[Node, Node] = {}
    moved: set[int] = set()
    for divisor, kernels in dividing.items():
        shape = divisor.array_type.shape
        if len(kernels) == 1 and len(kernels[0].domain) <= len(domain_of(shape)):
            continue
        ready = next((unit for unit in kernels if _inverts(unit, divisor)), None)
        if ready is None:
            ready = _inverse(divisor)
            copies[ready.node] = (divisor, "inverse")
        inverses[divisor] = ready.node
        moved.add(id(ready))
        before.setdefault(id(kernels[0]), []).append(ready)
    result: list[Unit] = []
    for unit in units:
        result += before.get(id(unit), ())
        if id(unit) in moved:
            continue
        free = isinstance(unit, Kernel) and unit.node not in exact and unit.inplace is None
        result.append(_multiplied(unit, inverses) if free else unit)  # type: ignore[arg-type]
    return result, copies


def _decisive(graph: Graph) -> set[Node]:
    """Return the nodes that decide something: that a comparison, a rounding or an index reads."""
    found: set[Node] = set()
    for node in reversed(graph.nodes):
        op = node.op
        steps = op.jumps or bool(op.nondifferentiable) or isinstance(node.type, tuple)
        if node in found or steps or not node.array_type.inexact:
            found.update(node.inputs)
    return found


def _divisors(term: Any) -> Iterator[Node]:
    """Yield the nodes by whose elements a term divides, each once."""
    stack, found = [term], set()
    while stack:
        part = stack.pop()
        if isinstance(part, Term):
            stack.extend(part.operands)
            if _divides(part) and part.operands[1].node not in found:
                found.add(part.operands[1].node)
                yield part.operands[1].node


def _divides(term: Term) -> bool:
    divisor = term.operands[1] if term.template == QUOTIENT else None
    return (
        isinstance(divisor, Read)
        and term.dtype.kind == "f"
        and divisor.node.array_type.dtype == term.dtype
    )


def _inverts(unit: Kernel, divisor: Node) -> bool:
    """Tell whether a kernel computes the reciprocals of all elements of a value."""
    indices = all_indices(divisor.array_type.shape)
    return (
        isinstance(unit.term, Term)
        and unit.term.template == QUOTIENT
        and isinstance(unit.term.operands[0], Number)
        and unit.term.operands[0].value == 1
        and unit.term.operands[1] == Read(divisor, indices)
        and unit.write == indices
        and unit.fold is None
    )


def _inverse(divisor: Node) -> Kernel:
    type = divisor.array_type
    indices = all_indices(type.shape)
    one = Number(type.dtype.type(1), type.dtype)
    copy = Node(divisor.op, divisor.inputs, divisor.params, type, divisor.origin)
    term = Term(QUOTIENT, (one, Read(divisor, indices)), type.dtype)
    return Kernel(copy, domain_of(type.shape), indices, term)


def _multiplied(unit: Kernel, inverses: dict[Node, Node]) -> Kernel:
    def changed(term: Any) -> Any:
        if not isinstance(term, Term):
            return term
        operands = tuple(changed(operand) for operand in term.operands)
        if _divides(term) and term.operands[1].node in inverses:
            divisor = term.operands[1]
            inverse = Read(inverses[divisor.node], divisor.indices)
            return replace(term, template="x * y", operands=(operands[0], inverse))
        return replace(term, operands=operands)

    return replace(unit, term=changed(unit.term))
