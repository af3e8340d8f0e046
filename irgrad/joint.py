"""The graph of value and gradient, from that of the value: all that an evaluated answer needs.

The later stages, and the templates of the emitted text, are not imported for it: they take longer
to import than a small function takes to be answered for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir.graph import Graph
from irgrad.ir.rename import with_numbers
from irgrad.ir.verify import verify
from irgrad.simplify.lean import hoisted
from irgrad.vectorise import vectorised


def differentiated(traced: Graph, wanted: Sequence[int], *, verified: bool = True) -> Graph:
    """Return the graph of value and gradient, not simplified.

    Raises: DifferentiationError, InternalError.
    """
    joint = value_and_gradient(hoisted(vectorised(with_numbers(traced))), wanted)
    if verified:
        verify(joint)
    return joint


__all__ = ["differentiated"]
