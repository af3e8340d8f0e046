"""The cotangent of one node while its contributions come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.ops.axes import shape_of
from irgrad.ops.complex_numbers import in_dtype
from irgrad.ops.shape import broadcast, sum_to_shape
from irgrad.ops.views import Into
from irgrad.trace.tracer import Tracer


@dataclass(slots=True)
class Cotangent:
    """What has been added so far: whole contributions, and those into a part of the operand.

    ``masked`` says that some element may be zero only because a choice dropped it, so that an
    infinite partial derivative must not turn it into NaN.
    """

    whole: Tracer | None = None
    parts: list[Into] = field(default_factory=list)
    masked: bool = False

    def add(self, contribution: Any, primal: Tracer, masked: bool) -> None:
        """Add what one reader of ``primal`` contributes."""
        self.masked |= masked
        if isinstance(contribution, Into):
            update = in_dtype(contribution.update, primal.dtype)
            self.parts.append(
                Into(contribution.op, update, contribution.indices, contribution.params)
            )
            return
        if not isinstance(contribution, Tracer):
            contribution = primal.lift(in_dtype(np.asarray(contribution), primal.dtype))
        if primal.dtype.kind == "f":
            # Re(cotangent * dx) is all that a real dx can change.
            contribution = np.real(contribution)
        if shape_of(contribution) != shape_of(primal):
            contribution = sum_to_shape(contribution, shape_of(primal))
            if shape_of(contribution) != shape_of(primal):
                contribution = broadcast(contribution, shape=shape_of(primal))
        contribution = in_dtype(contribution, primal.dtype)
        self.whole = contribution if self.whole is None else self.whole + contribution

    def total(self, primal: Tracer) -> Tracer | None:
        """Return the sum of the contributions, None where there is none."""
        total: Any = self.whole
        for part in self.parts:
            if total is None:
                total = np.zeros_like(primal)
            total = part.op(total, part.update, *part.indices, **part.params)
        return total  # type: ignore[no-any-return]
