"""A value that may only be used where a condition holds: the emitted function raises otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir.op import Op, Sample, View
from irgrad.ir.types import ArrayType
from irgrad.ops.declare import real
from irgrad.ops.registry import declare

FAILED = "a condition of the function fails"
"""What an emitted ``raise`` says first, where nothing better is known."""


def _evaluate(x: Any, holds: Any, shown: Any, *, problem: str, remedy: str, number: int) -> Any:
    if not holds:
        raise ArithmeticError(problem, float(shown), number)
    return x


def _type(
    x: ArrayType, holds: ArrayType, shown: ArrayType, *, problem: str, remedy: str, number: int
) -> ArrayType:
    if holds != ArrayType(np.dtype(bool)) or shown.shape:
        raise InternalError(f"ensure needs a truth value and a number, not {holds} and {shown}")
    return x


def _pullback(
    cotangent: Any, out: Any, x: Any, holds: Any, shown: Any, **params: Any
) -> tuple[Any, ...]:
    """Ensure the same of the cotangent: a gradient may be all that is read of a result."""
    return ensure(cotangent, holds, shown, **params), None, None


ensure = declare(
    Op(
        name="ensure",
        evaluate=_evaluate,
        infer=_type,
        lowering=View(lambda type, indices, **params: indices),
        pullback=_pullback,
        samples=(
            Sample(
                (real(-2, 2), np.bool_(True), np.float64(0.5)),
                {"problem": FAILED, "remedy": "", "number": 0},
            ),
        ),
    )
)
"""The first operand, where the second holds; else the call ends in an error that shows the third.

``problem`` is what the emitted ``raise ArithmeticError(problem, shown, number)`` says; ``number``
leads from there to the user's line. A NaN among what ``holds`` compares makes it fail.
"""
