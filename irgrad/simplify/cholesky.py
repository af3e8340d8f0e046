"""A matrix's cotangent in closed form, where its Cholesky factor's is of a kind that has one.

With K = L L', the sum of the logarithms of L's diagonal has the cotangent K^-1 / 2, and what was
solved with L, w = L^-1 y, gives L the cotangent c u w' with u = L^-T w, and K the cotangent
c u u' / 2. The log-density of a Gaussian is made of these two. Either costs less than the general
formula, and the inverse takes the factor's place in memory. References: Murray, Differentiation of
the Cholesky decomposition (2016), equation 10, with the factor's cotangent inserted; Rasmussen &
Williams, Gaussian Processes for Machine Learning (2006), equation 5.9, is their sum.

Of the symmetric cotangents, `cholesky` reads a lower half: entries below the diagonal count twice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ops.affine import affine, affine_add
from irgrad.ops.cholesky import cholesky_cotangent, half_inverse
from irgrad.ops.contract import contract
from irgrad.ops.create import constant, convert, full, iota
from irgrad.ops.elementwise import add, divide, equal, less, multiply, negative, subtract
from irgrad.ops.shape import reshape, transpose
from irgrad.ops.triangular import triangular_solve
from irgrad.simplify.factors import Factored, factored, is_number, scaled
from irgrad.simplify.rewrite import Build, rule


class _Term(NamedTuple):
    """Part of the cotangent of a factor L, and the factors and signs ``around`` it.

    It is ``scalar / diag(L)`` on the diagonal, or u w' with a ``solution`` u = L^-T w.
    """

    scalar: Node | None = None
    solution: Node | None = None
    around: tuple[Factored | None, ...] = ()
    """The outermost first; None is a change of sign."""


@rule(
    cholesky_cotangent, affine_add, negative, multiply, divide, contract, add, subtract, transpose
)
def cotangent_in_closed_form(build: Build, node: Node) -> Node | None:
    """cholesky_cotangent(L, s / diag(L) + L^-T w w') -> s K^-1 + u u', lower halves. Rounding."""
    factor, given = node.inputs
    if factor.array_type.rank != 2 or factor.array_type.dtype.kind != "f":
        return None
    terms = _terms(given, factor, ())
    if not terms:
        return None
    total: Node | None = None
    for term in terms:
        part = _cotangent(build, term, factor)
        total = part if total is None else build(add, total, part)
    return total


def _terms(
    given: Node, factor: Node, around: tuple[Factored | None, ...]
) -> list[_Term] | None:
    """Return the terms of a factor's cotangent, None where one of them has no closed form."""
    # Recursion as deep as the sum, which adjoints keep flat: a term for every use of the factor.
    given, own = _bare(given)
    around = (*around, *own)
    if given.op is add or given.op is subtract:
        second_around = around if given.op is add else (*around, None)
        first = _terms(given.inputs[0], factor, around)
        second = None if first is None else _terms(given.inputs[1], factor, second_around)
        return None if first is None or second is None else first + second
    if given.op is affine_add and _is_diagonal(given, factor):
        rest, diagonal = given.inputs
        found = _reciprocals(diagonal, factor, around)
        others = None if found is None else _terms(rest, factor, around)
        return None if found is None or others is None else [*others, found]
    if given.op is full and is_number(given.inputs[0], 0.0):
        return []
    found = _solution(given, factor, around)
    return None if found is None else [found]


def _is_diagonal(node: Node, factor: Node) -> bool:
    """Tell whether an affine view or write is of the whole diagonal of a factor."""
    params = node.params
    return (
        tuple(params["offsets"]) == (0, 0)
        and tuple(map(tuple, params["steps"])) == ((1,), (1,))
        and tuple(params["shape"]) == factor.array_type.shape[:1]
    )


def _reciprocals(
    node: Node, factor: Node, around: tuple[Factored | None, ...]
) -> _Term | None:
    """Match a scalar over the diagonal of the factor."""
    node, own = _bare(node)
    if node.op is not divide:
        return None
    scalar, diagonal = node.inputs
    if scalar.array_type.shape or diagonal.op is not affine or diagonal.inputs[0] is not factor:
        return None
    return _Term(scalar=scalar, around=(*around, *own)) if _is_diagonal(diagonal, factor) else None


def _solution(node: Node, factor: Node, around: tuple[Factored | None, ...]) -> _Term | None:
    """Match u w' with u = L^-T w, of one column each or summed over several."""
    size = factor.array_type.shape[0]
    turned = node.op is transpose
    if turned:
        node = node.inputs[0]
    if node.op is multiply:
        left, right = node.inputs
        if left.array_type.shape != (size, 1):
            left, right = right, left
        if left.array_type.shape != (size, 1) or right.array_type.shape != (1, size):
            return None
    elif node.op is contract:
        left, right = node.inputs
        of_left, of_right = node.params["left"], node.params["right"]
        if node.params["result"] != of_left[:1] + of_right[:1]:
            left, right, of_left, of_right = right, left, of_right, of_left
        if node.params["result"] != of_left[:1] + of_right[:1] or of_left[1:] != of_right[1:]:
            return None
    else:
        return None
    if turned:
        left, right = right, left
    (solution, of_solution), (solved, of_solved) = _bare(left), _bare(right)
    if solution.op is not triangular_solve or solution.inputs[0] is not factor:
        return None
    if not (solution.params["lower"] and solution.params["flipped"]):
        return None
    if _bare(solution.inputs[1]) != (solved, ()):
        return None
    return _Term(solution=solution, around=(*around, *of_solution, *of_solved))


def _bare(node: Node) -> tuple[Node, tuple[Factored | None, ...]]:
    """Return a node without scalars and signs, which are returned beside it, or another shape."""
    around: list[Factored | None] = []
    while True:
        parts = factored(node)
        if node.op is reshape:
            node = node.inputs[0]
        elif node.op is negative:
            around.append(None)
            node = node.inputs[0]
        elif parts is not None and parts.rest.type == node.type:
            around.append(parts)
            node = parts.rest
        else:
            return node, tuple(around)


def _cotangent(build: Build, term: _Term, factor: Node) -> Node:
    """Return the part of the matrix's cotangent that a term gives."""
    if term.scalar is not None:
        part = build(multiply, term.scalar, build(half_inverse, factor))
    else:
        assert term.solution is not None
        part = _half_square(build, term.solution)
    for parts in reversed(term.around):
        if parts is None:
            part = build(negative, part)
        else:
            part = scaled(build, parts.op, part, parts.factor)
    return part


def _half_square(build: Build, u: Node) -> Node:
    """Return the lower half of u u', its diagonal halved."""
    size, dtype = u.array_type.shape[0], u.array_type.dtype
    columns = build(iota, length=size, dtype=np.dtype(np.int64))
    rows = build(reshape, columns, shape=(size, 1))
    below = build(convert, build(less, columns, rows), dtype=dtype)
    on = build(convert, build(equal, columns, rows), dtype=dtype)
    half = build(constant, value=dtype.type(0.5))
    counted = build(add, below, build(multiply, half, on))
    if u.array_type.shape[1] == 1:
        products = build(multiply, u, build(reshape, u, shape=(1, size)))
    else:
        products = build(contract, u, u, left="ik", right="jk", result="ij")
    return build(multiply, products, counted)
