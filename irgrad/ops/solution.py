"""The op behind linear solvers: a solution as it is, and its derivative by solving once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph
from irgrad.ir.op import Op, Source
from irgrad.ir.types import ArrayType, TupleType
from irgrad.ops.replay import replayed


def _type(*types: ArrayType, results: int, **params: Any) -> TupleType:
    return types[:results]


def _pullback(
    cotangents: Sequence[Any],
    outs: Sequence[Any],
    *operands: Any,
    results: int,
    solve: Graph,
    adjoint: Graph,
    slopes: Graph,
    wanted: tuple[int, ...],
    flipped: bool,
) -> tuple[Any, ...]:
    """Return λ = A^-T cotangent for the right side, and -λ' (dA) x for what A reads.

    λ is a solution too, of the transposed system, so derivatives of any order follow.
    """
    read = operands[2 * results :]
    right = [
        np.zeros_like(out) if cotangent is None else cotangent
        for out, cotangent in zip(operands[:results], cotangents, strict=True)
    ]
    found = replayed(adjoint, [*right, *read])
    turned = solution(
        *found, *right, *read, results=results, solve=adjoint, adjoint=solve, slopes=slopes,
        wanted=wanted, flipped=not flipped,
    )  # fmt: skip
    pair = (*outs, *turned) if flipped else (*turned, *outs)
    contributions: list[Any] = [None] * len(operands)
    contributions[results : 2 * results] = turned
    for position, slope in zip(wanted, replayed(slopes, [*pair, *read]), strict=True):
        contributions[2 * results + position] = slope
    return tuple(contributions)


solution = Op(
    name="solution",
    evaluate=lambda *operands, results, **params: operands[:results],
    infer=_type,
    lowering=Source(),
    pullback=_pullback,
)
"""The first ``results`` operands, as they are: the solution of A x = b.

Operands: the solution, the right side b, what A reads. ``solve`` and ``adjoint`` are graphs from
a right side and what A reads to the solution of A x = b and of A' x = b. ``slopes`` maps λ, x and
what A reads to -λ' (dA/dp) x for each p that A reads among the ``wanted``. ``flipped`` says that
the system is the transposed one of that bilinear form. The simplifier drops it, as ``custom_vjp``.

Reference: M. Blondel et al., Efficient and modular implicit differentiation (2022), section 2.
"""
