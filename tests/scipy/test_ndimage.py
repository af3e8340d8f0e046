"""irgrad.scipy.ndimage: values as SciPy's in every mode, derivatives as differences of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.scipy import ndimage
from tests.oracles import check, values

DRAWS = np.random.default_rng(4)
ROW, IMAGE = DRAWS.normal(size=19), DRAWS.normal(size=(5, 6))
ODD, EVEN, PATCH = DRAWS.normal(size=5), DRAWS.normal(size=4), DRAWS.normal(size=(3, 2))
LARGE = DRAWS.normal(size=(6, 7))
MODES = ["reflect", "constant", "nearest", "mirror", "wrap"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_filters_of_every_mode(name: str, mode: str) -> None:
    for weights in (PATCH, LARGE):
        check(
            lambda x, w: getattr(ndimage, name)(x, w, mode=mode, cval=1.5), IMAGE, weights,
            numpy=lambda x, w: getattr(scipy.ndimage, name)(x, w, mode=mode, cval=1.5),
            order=1, narrow=False,
        )  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve1d", "correlate1d"])
def test_filters_along_one_axis(name: str, mode: str) -> None:
    for weights in (ODD, EVEN):
        for origin in (0, 1, -1):
            ours, theirs = getattr(ndimage, name), getattr(scipy.ndimage, name)
            check(
                lambda x, f=ours, w=weights, o=origin: f(x, w, 0, mode=mode, origin=o), IMAGE,
                numpy=lambda x, f=theirs, w=weights, o=origin: f(x, w, 0, mode=mode, origin=o),
                order=1,
            )  # fmt: skip


def test_one_trace_serves_every_size() -> None:
    check(
        lambda x: ndimage.correlate(x, ODD, mode="mirror") ** 2, ROW,
        numpy=lambda x: scipy.ndimage.correlate(x, ODD, mode="mirror") ** 2,
    )  # fmt: skip


@pytest.mark.parametrize("origin", [(0, 0), (1, -1), (-1, 0)])
def test_origins_of_several_axes(origin: tuple[int, int]) -> None:
    for name in ("convolve", "correlate"):
        ours, theirs = getattr(ndimage, name), getattr(scipy.ndimage, name)
        check(
            lambda x, f=ours: f(x, PATCH, origin=origin), IMAGE,
            numpy=lambda x, f=theirs: f(x, PATCH, origin=origin), order=1,
        )  # fmt: skip


@pytest.mark.parametrize("mode", ["reflect", "wrap", "constant"])
def test_arrays_without_elements(mode: str) -> None:
    (got,) = values(lambda x: ndimage.correlate1d(x, ODD, axis=0, mode=mode), IMAGE[:0])
    assert got.shape == IMAGE[:0].shape


def test_whole_numbers_beside_a_value_that_is_none() -> None:
    x = np.array([[3, 7], [-2, 9]])
    blurred = lambda s, x: s.convolve(x, np.ones((3, 1)), mode="constant", cval=0.75)  # noqa: E731
    (got,) = values(lambda x: blurred(ndimage, x), x)
    np.testing.assert_array_equal(got, blurred(scipy.ndimage, x))
    assert got.dtype == x.dtype


def test_plain_arrays_are_scipys() -> None:
    np.testing.assert_array_equal(
        ndimage.convolve(IMAGE, PATCH), scipy.ndimage.convolve(IMAGE, PATCH)
    )


ERRORS: list[tuple[Any, type[Exception]]] = [
    (lambda x: ndimage.convolve(x, PATCH, mode="odd"), ShapeError),
    (lambda x: ndimage.convolve(x, ODD), ShapeError),
    (lambda x: ndimage.correlate1d(x, ODD, origin=4), ShapeError),
    (lambda x: ndimage.correlate1d(x, ODD, output=np.float32), UnsupportedCallError),
]


@pytest.mark.parametrize(("function", "error"), ERRORS)
def test_what_is_refused_says_why(function: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        values(function, IMAGE)
