"""Forward mode: the pullback, which is linear in its cotangent, pulled back itself.

Reference: J. Townsend, "A new trick for calculating Jacobian vector products" (2017): with
``g(u) = J^T u``, the pullback of ``g`` at any ``u`` takes ``v`` to ``J v``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree

from irgrad.arguments import flatten
from irgrad.differentiate.reverse import pull_back
from irgrad.errors import ArgumentError
from irgrad.inline.leaves import added, matched, placeholder, tangent_type, zeros
from irgrad.inline.reverse import Run, run
from irgrad.ir.graph import Node
from irgrad.trace.origins import location_here
from irgrad.trace.tracer import Tracer


class Pushforward:
    """The derivative of a run as a linear map of tangents.

    The pullback is recorded once, at a placeholder for each output's cotangent. What it computes
    at them is dead: only how it depends on them is read.
    """

    def __init__(self, done: Run) -> None:
        self.done = done
        trace = done.trace
        self._dummies: dict[Node, Tracer] = {
            output.node: placeholder(trace, output.type)
            for output in done.outputs
            if output.type.inexact
        }
        nodes = [leaf.node for leaf in done.wanted]
        self._pulled: list[Tracer | None] = (
            pull_back(trace, self._dummies, nodes) if self._dummies else [None] * len(nodes)
        )

    def __call__(self, tangents: Sequence[Tracer | None]) -> list[Tracer]:
        """Return the tangents of the outputs, given those of the wanted leaves (None: zero)."""
        trace = self.done.trace
        seeds: dict[Node, Tracer] = {}
        for pulled, tangent in zip(self._pulled, tangents, strict=True):
            if pulled is not None and tangent is not None:
                added(seeds, pulled.node, tangent)
        into = [dummy.node for dummy in self._dummies.values()]
        found = pull_back(trace, seeds, into, transposing=True) if seeds else [None] * len(into)
        pushed = dict(zip(self._dummies, found, strict=True))
        results = []
        for output in self.done.outputs:
            tangent = pushed.get(output.node)
            results.append(zeros(trace, tangent_type(output.type)) if tangent is None else tangent)
        return results


def inline_jvp(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """Return value and tangent of ``function`` at traced primals; with ``has_aux`` a third.

    Raises: ArgumentError where primals and tangents do not match.
    """
    for given, word in ((primals, "primals"), (tangents, "tangents")):
        if not isinstance(given, tuple | list):
            raise ArgumentError(
                f"jvp's {word} are a {type(given).__name__}",
                remedy="pass a tuple, one for each argument of the function: jvp(f, (x,), (v,))",
                location=location_here(),
            )
    done = run(function, tuple(range(len(primals))), tuple(primals), {}, "jvp", has_aux)
    _, structure = flatten(tuple(primals))
    seeds = matched(
        done.trace, tuple(tangents), structure, [leaf.type for leaf in done.wanted], "tangent"
    )
    pushed = optree.tree_unflatten(done.structure, Pushforward(done)(seeds))
    return (done.value, pushed, done.aux) if has_aux else (done.value, pushed)
