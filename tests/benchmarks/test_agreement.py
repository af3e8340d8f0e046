"""What counts as agreeing, and the finite differences that everything is judged by."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.agreement import Disagreement, central_difference, check, finite_difference_gradient

REFERENCE = (2.0, (np.array([1.0, -4.0]), 3.0))


def test_the_error_is_relative_to_the_largest_element() -> None:
    ours = (2.0, (np.array([1.0 + 4e-9, -4.0]), 3.0))
    assert check("ours", ours, REFERENCE, 1e-8) == pytest.approx(1e-9)


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        ((2.1, (np.array([1.0, -4.0]), 3.0)), "value: relative error"),
        ((2.0, (np.array([1.0, -4.1]), 3.0)), "gradient 0: relative error"),
        ((2.0, (np.array([1.0, -4.0]), -3.0)), "gradient 1: relative error"),
        ((2.0, (np.array([1.0, math.nan]), 3.0)), "gradient 0: relative error nan"),
        ((math.nan, (np.array([1.0, -4.0]), 3.0)), "value: relative error nan"),
        ((2.0, (np.array([[1.0, -4.0]]), 3.0)), "gradient 0: shape"),
        ((2.0, (np.array([1.0, -4.0]),)), "1 gradients, want 2"),
    ],
)
def test_what_disagrees_is_refused(ours, message) -> None:
    with pytest.raises(Disagreement, match=message):
        check("ours", ours, REFERENCE, 1e-8)


def test_a_zero_reference_is_compared_absolutely() -> None:
    reference = (0.0, np.zeros(2))
    assert check("ours", (0.0, np.array([0.0, 1e-12])), reference, 1e-9) == 1e-12
    with pytest.raises(Disagreement):
        check("ours", (0.0, np.array([0.0, 1e-3])), reference, 1e-9)


def test_five_points_are_exact_on_a_quartic() -> None:
    assert central_difference(lambda x: x**4 - 2 * x, 1.5, 0.1) == pytest.approx(11.5, rel=1e-12)


def test_differences_cover_arrays_scalars_and_samples() -> None:
    def function(a, b, c):
        return float(np.sum(np.sin(a)) * b + c)

    a = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    (places, slopes), (_, by_b) = finite_difference_gradient(function, (a, 2.0, 1.0), (0, 1))
    np.testing.assert_array_equal(places, np.arange(6))
    np.testing.assert_allclose(slopes, 2.0 * np.cos(a).reshape(-1), rtol=1e-9)
    np.testing.assert_allclose(by_b, [np.sum(np.sin(a))], atol=1e-9)
    ((sampled, some),) = finite_difference_gradient(function, (a, 2.0, 1.0), (0,), at_most=2)
    assert len(sampled) == 2
    np.testing.assert_allclose(some, slopes[sampled], rtol=1e-12)
