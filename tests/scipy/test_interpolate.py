"""CubicSpline: SciPy's values in every boundary condition, differentiated by x, y and places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.interpolate

import irgrad
from irgrad.errors import ShapeError
from irgrad.scipy import interpolate
from irgrad.scipy.interpolate import CubicSpline
from tests.oracles import check, values

DRAWS = np.random.default_rng(6)
PLACES = np.array([0.0, 0.7, 1.1, 2.4, 3.0, 4.2, 5.1])
POINTS, SURFACE = DRAWS.normal(size=7), DRAWS.normal(size=(7, 2, 3))
AT = np.array([-0.5, 0.35, 1.7, 2.0, 4.9, 5.6])
ENDS: dict[str, Any] = {
    "not-a-knot": "not-a-knot", "natural": "natural", "clamped": "clamped", "mixed":
    ("natural", (1, 0.7)), "values": ((2, -0.4), "not-a-knot"), "periodic": "periodic",
}  # fmt: skip


def _closed(y: Any, ends: Any) -> Any:
    """Return values whose last is the first, as periodic splines want them."""
    return np.concatenate([y[:-1], y[:1]]) if ends == "periodic" else y


@pytest.mark.parametrize("count", [2, 3, 4, 7])
@pytest.mark.parametrize("ends", ENDS)
def test_values_and_derivatives(ends: str, count: int) -> None:
    if ends == "periodic" and count == 2:
        with pytest.raises(ShapeError):
            values(lambda y: CubicSpline(PLACES[:2], y, bc_type="periodic")(AT), np.ones(2))
        return

    def function(module: Any) -> Any:
        def evaluated(x: Any, y: Any, at: Any) -> Any:
            return module.CubicSpline(x, _closed(y, ends), bc_type=ENDS[ends])(at)

        return evaluated

    check(
        function(interpolate), PLACES[:count], POINTS[:count],
        AT * PLACES[count - 1] / PLACES[-1],
        numpy=function(scipy.interpolate), narrow=False,
    )  # fmt: skip


@pytest.mark.parametrize("nu", [0, 1, 2, 3, 4])
def test_derivatives_of_some_order_along_an_axis(nu: int) -> None:
    y = np.moveaxis(SURFACE, 0, 1)
    for at in (AT.reshape(2, 3), 1.3):
        got = values(lambda y, at=at: CubicSpline(PLACES, y, axis=1)(at, nu), y)[0]
        expected = scipy.interpolate.CubicSpline(PLACES, y, axis=1)(at, nu)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_slope_is_the_splines_own() -> None:
    spline = CubicSpline(PLACES, POINTS)
    slopes = irgrad.compile(lambda t: np.sum(spline(t)), jit=False).grad(AT)
    np.testing.assert_allclose(slopes, spline(AT, 1), rtol=1e-12)


@pytest.mark.parametrize("extrapolate", [True, False, "periodic"])
def test_outside(extrapolate: Any) -> None:
    spline = scipy.interpolate.CubicSpline(PLACES, POINTS, extrapolate=extrapolate)
    run = irgrad.compile(
        lambda y: CubicSpline(PLACES, y, extrapolate=extrapolate)(AT), jit=False
    )
    np.testing.assert_allclose(run(POINTS), spline(AT), rtol=1e-12)
    total = irgrad.compile(
        lambda y: np.nansum(CubicSpline(PLACES, y, extrapolate=extrapolate)(AT)), jit=False
    )
    assert np.all(np.isfinite(total.grad(POINTS)))


def test_machine_code_serves_every_number_of_points() -> None:
    f = irgrad.compile(lambda y, at: np.sum(CubicSpline(np.arange(20.0), y)(at) ** 2))
    y = DRAWS.normal(size=20)
    value, slope = f.value_and_grad(y, AT)
    spline = scipy.interpolate.CubicSpline(np.arange(20.0), y)
    assert value == pytest.approx(np.sum(spline(AT) ** 2), rel=1e-12)
    basis = scipy.interpolate.CubicSpline(np.arange(20.0), np.eye(20))(AT)
    np.testing.assert_allclose(slope, 2 * spline(AT) @ basis, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("nu", [0, 3, 4])
def test_a_place_that_is_none_gives_none(nu: int) -> None:
    at = np.array([0.5, np.nan])
    (got,) = values(lambda y: CubicSpline(PLACES, y)(at, nu), POINTS)
    expected = scipy.interpolate.CubicSpline(PLACES, POINTS)(at, nu)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))


ERRORS = [
    lambda y: CubicSpline(PLACES[::-1], y)(0.0),
    lambda y: CubicSpline(PLACES[:3], y)(0.0),
    lambda y: CubicSpline(PLACES, y, bc_type="odd")(0.0),
    lambda y: CubicSpline(PLACES, y, bc_type=((3, 0.0), (1, 0.0)))(0.0),
]


@pytest.mark.parametrize("function", ERRORS)
def test_what_is_no_spline_is_refused(function: Any) -> None:
    with pytest.raises(ShapeError):
        values(function, POINTS)
