"""Polynomials by coefficients, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError
from tests.ops.contracts import assert_like_numpy, evaluated
from tests.oracles import check, values

P = np.array([1.5, -2.0, 0.25, 3.0])
Q = np.array([0.5, 2.0])
X = np.array([[0.1, -1.5], [2.0, 0.75]])


def test_values() -> None:
    assert_like_numpy(np.polyval, P, X)
    assert_like_numpy(lambda x: np.polyval([2.0, -1.0, 0.5], x), X)
    assert_like_numpy(lambda p: np.polyval(p, 1.25), P)
    assert_like_numpy(np.polyval, P.astype(np.float32), X.astype(np.float32), derivatives=False,
                      rtol=1e-6)  # fmt: skip


def test_arithmetic() -> None:
    for function in (np.polyadd, np.polysub, np.polymul):
        assert_like_numpy(function, P, Q)
        assert_like_numpy(function, Q, P)
        assert_like_numpy(lambda p, f=function: f(p, [1.0, 2.0, 3.0, 4.0, 5.0]), P)


def test_calculus() -> None:
    for order in (0, 1, 2):
        assert_like_numpy(lambda p, m=order: np.polyder(p, m), P)
        assert_like_numpy(lambda p, m=order: np.polyint(p, m), P)
    assert_like_numpy(lambda p: np.polyint(p, 2, [7.0, -1.0]), P)
    assert_like_numpy(lambda p: np.polyint(p, 2, 3.0), P)
    with pytest.raises(ShapeError, match="order"):
        evaluated(lambda p: np.polyder(p, -1), [P], symbolic=False)


@pytest.mark.parametrize(
    ("dividend", "divisor"), [((1.0, -2.5, 0.7, 3.0), (2.0, 0.5)), ((1.0, 3.0), (1.0, 0.5, 2.0)),
                              ((1.0, -2.5, 0.7), (2.0, 0.5, 1.5))]
)  # fmt: skip
def test_division_with_remainder(dividend: Any, divisor: Any) -> None:
    check(np.polydiv, np.array(dividend), np.array(divisor), narrow=False)


def test_a_remainder_keeps_its_length() -> None:
    """NumPy drops coefficients that turn out to be 0: how many is not known while tracing."""
    quotient, remainder = values(np.polydiv, np.array([1.0, 2.0, 1.0]), np.array([1.0, 1.0]))
    np.testing.assert_array_equal(quotient, [1.0, 1.0])
    np.testing.assert_array_equal(remainder, [0.0])
