"""The float ufuncs beside the elementary ones: conventions, special values, composites."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from irgrad.errors import UnsupportedCallError
from tests.ops.contracts import (
    assert_like_numpy,
    differentiated,
    directional_gradient,
    evaluated,
    gradient,
)
from tests.oracles import check

X = np.array([[-1.5, 0.27, 2.75], [0.6, -0.13, 1.1]])
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.5, 1e300, 5e-324])

COMPOSITES: dict[str, Callable[..., Any]] = {
    "radians": np.radians,
    "degrees": np.degrees,
    "float_power": lambda x: np.float_power(np.abs(x), 1.5),
    "i0": np.i0,
    "frexp": lambda x: np.frexp(x)[0],
    "modf": np.modf,
    "nan_to_num": np.nan_to_num,
    "real": np.real,
    "imag": np.imag,
    "conj": np.conj,
    "conjugate method": lambda x: x.conj(),
    "angle": np.angle,
    "angle in degrees": lambda x: np.angle(x, deg=True),
    "sinc": np.sinc,
    "positive": np.positive,
    "divmod": np.divmod,
}


@pytest.mark.parametrize("name", sorted(set(COMPOSITES) - {"divmod"}))
def test_like_numpy(name: str) -> None:
    assert_like_numpy(COMPOSITES[name], X)


@pytest.mark.parametrize(
    "function",
    [np.isposinf, np.isneginf, np.isreal, np.iscomplex, np.signbit, np.spacing, np.isfinite],
)
def test_tests_of_special_values(function: Any) -> None:
    assert_like_numpy(lambda x: function(x) * 1, SPECIAL, derivatives=False)


def test_frexp_of_every_kind_of_number() -> None:
    assert_like_numpy(np.frexp, SPECIAL, derivatives=False)
    assert_like_numpy(np.frexp, np.float64(12.0), derivatives=False)


@pytest.mark.parametrize(
    "options", [{}, {"nan": 1.5}, {"posinf": 7.0, "neginf": -7.0}, {"nan": 2.0, "posinf": 3.0}]
)
def test_nan_to_num_replaces_and_stops_the_cotangent(options: dict[str, float]) -> None:
    assert_like_numpy(lambda x: np.nan_to_num(x, **options), SPECIAL, derivatives=False)
    slopes = gradient(lambda x: np.sum(np.nan_to_num(x, **options)), [SPECIAL], [0])[1][0]
    np.testing.assert_array_equal(slopes, np.isfinite(SPECIAL).astype(float))


def test_bessel_functions_of_several_orders_against_mpmath() -> None:
    """The slope of i0 is I1; its slope brings in I2; NumPy has neither."""
    x = np.array([-700.0, -8.0, -0.3, 0.0, 1e-5, 2.0, 30.0])
    first = gradient(lambda v: np.sum(np.i0(v)), [x], [0])[1][0]
    expected = [float(mpmath.besseli(1, v)) for v in x]
    np.testing.assert_allclose(first, expected, rtol=1e-14)
    ones = np.ones_like(x)
    along = directional_gradient(lambda v: np.sum(np.i0(v)), [0], [ones])
    second = gradient(along, [x], [0])[1][0]
    expected = [float(mpmath.besseli(0, v) + mpmath.besseli(2, v)) / 2 for v in x]
    np.testing.assert_allclose(second, expected, rtol=1e-13)


def test_sinc_is_smooth_at_zero_at_every_order() -> None:
    """The derivatives at 0 are those of the power series: odd ones 0, even ones ±πⁿ/(n+1)."""
    x = np.array([0.0])
    function: Callable[..., Any] = lambda v: np.sum(np.sinc(v))  # noqa: E731
    for order in range(1, 5):
        slope = gradient(function, [x], [0])[1][0]
        sign = 0.0 if order % 2 else (-1) ** (order // 2)
        np.testing.assert_allclose(slope, [sign * math.pi**order / (order + 1)], rtol=1e-13)
        function = directional_gradient(function, [0], [np.ones(1)])


def test_sinc_slope_is_accurate_near_and_far() -> None:
    x = np.array([1e-300, 1e-9, 1e-3, 0.29999, 0.30001, 1.0, 17.3])
    slopes = gradient(lambda v: np.sum(np.sinc(v)), [x], [0])[1][0]

    def exact(v: float) -> float:
        u = mpmath.mpf(v)
        phase = mpmath.pi * u
        return float((mpmath.cos(phase) - mpmath.sin(phase) / phase) / u)

    with mpmath.workdps(650):  # enough for 1 - 1e-600
        expected = [exact(v) for v in x]
    np.testing.assert_allclose(slopes, expected, rtol=2e-14)


def test_hypot_has_gradient_zero_at_the_origin_and_no_nan_beyond() -> None:
    x, y = np.array([0.0, 3.0, 0.0]), np.array([0.0, 4.0, -2.0])
    function = lambda a, b: np.sum(np.hypot(a, b))  # noqa: E731
    run, _ = differentiated(function, [x, y], [0, 1])
    _, by_x, by_y = run(x, y)
    np.testing.assert_allclose(by_x, [0.0, 0.6, 0.0])
    np.testing.assert_allclose(by_y, [0.0, 0.8, -1.0])
    along = directional_gradient(function, [0, 1], [np.ones(3), np.ones(3)])
    assert all(np.isfinite(g).all() for g in gradient(along, [x, y], [0, 1])[1])


def test_arctan2_has_gradient_zero_at_the_origin() -> None:
    zeros = np.zeros(2)
    _, gradients, _ = gradient(lambda y, x: np.sum(np.arctan2(y, x)), [zeros, zeros], [0, 1])
    assert all((g == 0).all() for g in gradients)


def test_extremes_ignore_nan() -> None:
    x = np.array([1.0, np.nan, 3.0, np.nan, 2.0])
    y = np.array([np.nan, 2.0, 1.0, np.nan, 2.0])
    for function, by_x in ((np.fmax, [1, 0, 1, 1, 0.5]), (np.fmin, [1, 0, 0, 1, 0.5])):
        assert_like_numpy(function, x, y, derivatives=False)
        got = gradient(lambda a, b, f=function: np.sum(f(a, b)), [x, y], [0, 1])[1]
        np.testing.assert_array_equal(got[0][[0, 1, 2, 4]], np.array(by_x)[[0, 1, 2, 4]])
        np.testing.assert_array_equal((got[0] + got[1])[[0, 1, 2, 4]], 1.0)


def test_heaviside_takes_its_second_operand_at_the_step() -> None:
    x, y = np.array([-1.0, 0.0, 2.0]), np.array([0.5, 0.25, 0.75])
    assert_like_numpy(np.heaviside, x, y, derivatives=False)
    got = gradient(lambda a, b: np.sum(np.heaviside(a, b)), [x, y], [0, 1])[1]
    np.testing.assert_array_equal(got[0], 0.0)
    np.testing.assert_array_equal(got[1], [0.0, 1.0, 0.0])


@pytest.mark.parametrize("slope", [np.fabs, np.abs, lambda x: np.copysign(x, 1.0), np.sign])
def test_derivative_of_magnitudes_is_zero_at_zero(slope: Any) -> None:
    assert gradient(lambda x: slope(x), [np.float64(0.0)], [0])[1][0] == 0.0


def test_float_power_computes_in_double_precision() -> None:
    x = np.array([1.5, 2.5], np.float32)
    (result,) = evaluated(lambda v: np.float_power(v, 2), [x], symbolic=False)
    assert result.dtype == np.float64
    (got,) = gradient(lambda v: np.sum(np.float_power(v, 2)), [x], [0])[1]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, [3.0, 5.0])


def test_ldexp_scales_the_cotangent() -> None:
    exponents = np.array([3, -2])
    got = gradient(lambda x: np.sum(np.ldexp(x, exponents)), [np.array([1.5, 4.0])], [0])[1][0]
    np.testing.assert_array_equal(got, [8.0, 0.25])


def test_functions_of_reals_refuse_objects_they_have_no_meaning_for() -> None:
    with pytest.raises(UnsupportedCallError, match="gcd"):
        evaluated(lambda x: np.gcd(x, x), [X], symbolic=False)


def test_nan_to_num_in_place() -> None:
    def replaced(x: Any) -> Any:
        y = np.where(x > 1, np.nan, x)
        np.nan_to_num(y, copy=False, nan=2.0)
        return y * x

    check(replaced, np.array([0.5, -1.0, 2.0]))
