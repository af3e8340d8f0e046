"""Rules for linear systems whose matrix is known to be triangular."""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.cholesky import cholesky
from irgrad.ops.elementwise import divide, multiply, negative
from irgrad.ops.shape import transpose
from irgrad.ops.solving import solve_factored
from irgrad.ops.triangular import triangular_solve
from irgrad.simplify.factors import factored, scaled
from irgrad.simplify.rewrite import Build, rule


@rule(solve_factored, cholesky, transpose)
def system_of_a_cholesky_factor(build: Build, node: Node) -> Node | None:
    """solve(cholesky(a), b) -> triangular_solve, also of the transpose: no factors are needed."""
    matrix, _, _, right = node.inputs
    flipped = node.params["flipped"]
    if matrix.op is transpose and matrix.inputs[0].op is cholesky:
        rank = matrix.array_type.rank
        if tuple(matrix.params["axes"]) != (*range(rank - 2), rank - 1, rank - 2):
            return None
        matrix, flipped = matrix.inputs[0], not flipped
    if matrix.op is not cholesky:
        return None
    return build(triangular_solve, matrix, right, lower=True, flipped=flipped)


@rule(triangular_solve, negative, multiply, divide)
def solution_of_scaled(build: Build, node: Node) -> Node | None:
    """solve(L, s * b) -> s * solve(L, b), s a scalar or -1: equal systems are solved once."""
    matrix, right = node.inputs
    if right.op is negative:
        return build(negative, build(triangular_solve, matrix, right.inputs[0], **node.params))
    parts = factored(right)
    if parts is None or parts.rest.type != right.type:
        return None
    solution = build(triangular_solve, matrix, parts.rest, **node.params)
    return scaled(build, parts.op, solution, parts.factor)
