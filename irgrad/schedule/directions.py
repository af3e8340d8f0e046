"""Loops that run backwards, as adjoint loops do, made to run forwards where no trip needs another.

Sums may be taken in either order; whatever else a trip writes, no other trip may touch. Forward
indices such as ``33 * i + k`` are seen to be non-negative, which LLVM needs to vectorise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from irgrad.ir import dims, loops
from irgrad.schedule.dependence import accesses_of, affine, is_free, moved


def forwards(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with such loops mirrored."""
    roots: dict[str, str] = {}
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Slice | loops.Rearrange):
            roots[part.name] = roots.get(part.array, part.array)
    return _mirrored(statements, roots)


def _mirrored(
    statements: Sequence[loops.Statement], roots: Mapping[str, str]
) -> list[loops.Statement]:
    """Return a body with such loops mirrored; recursion as deep as the nests."""
    result: list[loops.Statement] = []
    for part in statements:
        if isinstance(part, loops.Loop):
            part = replace(part, body=tuple(_mirrored(part.body, roots)))
        if type(part) is loops.Loop and _runs_backwards(part) and is_free(part, roots):
            last = part.extent - 1 - dims.symbol(part.variable)
            part = replace(
                part, body=tuple(moved(inner, part.variable, last) for inner in part.body)
            )
        result.append(part)
    return result


def _runs_backwards(loop: loops.Loop) -> bool:
    """Tell whether more elements move backwards than forwards."""
    balance = 0
    for access in accesses_of(loop):
        for index in access.indices:
            split = affine(index, loop.variable) if isinstance(index, dims.Size) else None
            if split is not None and split[1]:
                balance += 1 if split[1] > 0 else -1
    return balance < 0
