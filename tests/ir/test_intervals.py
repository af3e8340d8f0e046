"""Interval arithmetic, against the numbers that ops make of numbers in the intervals."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irgrad.ir import intervals
from irgrad.ir.intervals import EVERYWHERE, Interval
from irgrad.ir.op import Elementwise, Op
from irgrad.ops import elementwise
from irgrad.ops.registry import OPS

RULED = sorted(
    name
    for name, op in OPS.items()
    if op.range is not None and isinstance(op.lowering, Elementwise) and name != "convert"
)

numbers = st.one_of(
    st.floats(-4.0, 4.0),
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 1e-310, 1e308]),
)


@st.composite
def pieces(draw: Any) -> tuple[Interval, list[float]]:
    """Return an interval, and numbers in it."""
    low, high = sorted((draw(numbers), draw(numbers)))
    inside = [min(max(draw(numbers), low), high) for _ in range(3)]
    return (low, high), [low, high, *inside]


def arity(op: Op) -> int:
    return len(op.samples[0].operands)


def test_the_ops_with_rules_are_those_that_kernels_are_chosen_behind() -> None:
    assert {"add", "multiply", "exp", "sin", "tanh", "maximum", "select", "power"} <= set(RULED)


@pytest.mark.parametrize("name", RULED)
@given(data=st.data())
def test_results_lie_where_the_rule_says(name: str, data: Any) -> None:
    op = OPS[name]
    assert op.range is not None
    operands = [data.draw(pieces()) for _ in range(arity(op))]
    low, high = op.range(*(interval for interval, _ in operands))
    assert low <= high
    for row in zip(*(inside for _, inside in operands), strict=True):
        values = [np.bool_(row[0] > 0), *row[1:]] if name == "select" else list(row)
        with np.errstate(all="ignore"):
            result = float(op.evaluate(*(np.asarray(value) for value in values)))
        assert result != result or low <= result <= high, (row, result)


def test_a_power_with_an_even_exponent_lies_above_zero() -> None:
    low, high = elementwise.power.range((-2.0, 3.0), (2.0, 2.0))  # type: ignore[misc]
    assert low == 0.0
    assert high == pytest.approx(9.0)
    assert elementwise.power.range((-2.0, 3.0), (3.0, 3.0)) == EVERYWHERE  # type: ignore[misc]


def test_sums_leave_room_for_what_rounds_in_their_operands() -> None:
    """fma(x, x, -1) of a rounded square may lie below what the square and the sum say apart."""
    low, high = intervals.total((1.0, 1.0), (-1.0, -1.0))
    assert low < 0.0 < high
    assert high < 1e-12


def test_divisors_that_may_be_zero_say_nothing() -> None:
    assert intervals.quotient((1.0, 2.0), (0.0, 3.0)) == EVERYWHERE
    low, high = intervals.quotient((1.0, 2.0), (0.5, 4.0))
    assert (low, high) == pytest.approx((0.25, 4.0))


def test_bounds_that_make_no_number_are_infinite() -> None:
    assert intervals.times((0.0, 1.0), (0.0, math.inf)) == (0.0, math.inf)
    assert intervals.total((-math.inf, 1.0), (2.0, math.inf)) == EVERYWHERE
    assert intervals.exactly(math.nan) == EVERYWHERE
