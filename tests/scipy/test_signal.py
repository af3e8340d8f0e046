"""irgrad.scipy.signal: values as SciPy's, derivatives as differences of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal

from irgrad.errors import ShapeError
from irgrad.scipy import signal
from tests.oracles import check, values

DRAWS = np.random.default_rng(2)
LONG, SHORT, EVEN = DRAWS.normal(size=23), DRAWS.normal(size=5), DRAWS.normal(size=4)
MANY = DRAWS.normal(size=40)
IMAGE, PATCH, BLOCK = (DRAWS.normal(size=shape) for shape in ((6, 7), (3, 2), (6, 6)))
MODES = ["full", "same", "valid"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
@pytest.mark.parametrize(
    "pair",
    [(LONG, SHORT), (LONG, EVEN), (LONG, MANY[:23]), (IMAGE, PATCH), (IMAGE, BLOCK)],
    ids=["odd", "even", "whole", "patch", "block"],
)
def test_values_and_derivatives(name: str, mode: str, pair: tuple[Any, Any]) -> None:
    if name == "correlate":
        numpy = lambda a, b: scipy.signal.correlate(a, b, mode, method="direct")  # noqa: E731
    else:
        numpy = lambda a, b: getattr(scipy.signal, name)(a, b, mode)  # noqa: E731
    check(
        lambda a, b: getattr(signal, name)(a, b, mode),
        *pair,
        numpy=numpy,
        order=2 if name == "convolve" else 1,
        narrow=name != "fftconvolve",
    )


@pytest.mark.parametrize("name", ["convolve", "fftconvolve"])
def test_the_shorter_one_is_the_kernel(name: str) -> None:
    check(
        lambda a, b: getattr(signal, name)(a, b, "valid"), SHORT, LONG,
        numpy=lambda a, b: getattr(scipy.signal, name)(a, b, "valid"), narrow=False,
    )  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_over_some_axes(mode: str) -> None:
    for kernel in (PATCH[:1], np.ones((6, 2)) * PATCH[0], DRAWS.normal(size=(6, 40))):
        image = np.concatenate([IMAGE] * 7, axis=1)
        check(
            lambda a, b: signal.fftconvolve(a, b, mode, axes=1), image, kernel, fixed=False,
            numpy=lambda a, b: scipy.signal.fftconvolve(a, b, mode, axes=1), order=1, narrow=False,
        )  # fmt: skip


def test_plain_kernels_and_plain_arrays() -> None:
    np.testing.assert_array_equal(
        signal.convolve(LONG, SHORT, "same"), scipy.signal.convolve(LONG, SHORT, "same")
    )
    check(
        lambda a: signal.convolve(a, [0.0, 1.0, 0.0, -2.0], "same"), LONG,
        numpy=lambda a: scipy.signal.convolve(a, [0.0, 1.0, 0.0, -2.0], "same"), narrow=False,
    )  # fmt: skip
    assert values(lambda x: signal.convolve(x, x), np.float64(3.0)) == [9.0]


def test_what_does_not_fit_is_refused() -> None:
    for function in (
        lambda a: signal.convolve(a, IMAGE),
        lambda a: signal.convolve(a, a, mode="wide"),
    ):
        with pytest.raises(ShapeError):
            values(function, LONG)
    with pytest.raises(ShapeError, match="axis 0"):
        values(lambda a: signal.fftconvolve(a, PATCH, axes=1), IMAGE)
