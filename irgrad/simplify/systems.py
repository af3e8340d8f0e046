"""Rules for linear systems whose matrix is known to be triangular."""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.cholesky import cholesky
from irgrad.ops.shape import transpose
from irgrad.ops.solving import solve_factored
from irgrad.ops.triangular import triangular_solve
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
