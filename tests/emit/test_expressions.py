"""Expressions as Python text."""

import numpy as np
import pytest

from irgrad.emit.expressions import Printer
from irgrad.ir import loops
from irgrad.ops.elementwise import masked_product


def masked(dtype: str) -> str:
    kind = np.dtype(dtype)
    operands = (loops.Name("c"), loops.Name("p"))
    return Printer().text(loops.Apply(masked_product.lowering.expression, operands, kind))


@pytest.mark.parametrize(
    ("dtype", "zero"),
    [("float64", "0.0"), ("float32", "np.float32(0.0)"), ("complex64", "np.complex64(0j)")],
)
def test_numbers_that_are_chosen_have_the_dtype_of_the_expression(dtype: str, zero: str) -> None:
    assert masked(dtype) == f"c * p if c != 0.0 else {zero}"


def test_a_choice_within_a_choice_has_the_dtype_too() -> None:
    template = "(1.0 if x > y else 0.5) if x >= y else 0.0"
    operands = (loops.Name("a"), loops.Literal(0.5, np.dtype("float32")))
    text = Printer().text(loops.Apply(template, operands, np.dtype("float32")))
    assert eval(text, {"np": np, "a": np.float32(0.5)}).dtype == np.float32
    assert eval(text, {"np": np, "a": np.float32(0.25)}).dtype == np.float32
    assert text.count("np.float32(0.5)") == 3  # twice the operand, once the template's own
