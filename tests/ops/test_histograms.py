"""Counting into bins of one axis or several: NumPy's counts and edges, derivatives of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError
from tests.ops.contracts import assert_like_numpy, evaluated, gradient

X = np.array([[1.5, -2.0, 0.25, 3.0, 0.6], [0.5, 2.0, -1.25, 0.75, 9.0],
              [4.0, -0.5, 1.0, 2.25, -3.0]])  # fmt: skip
POINTS = np.random.default_rng(0).uniform(-2, 2, (20, 2))
WEIGHTS = np.random.default_rng(1).uniform(0.5, 1.5, 20)

HISTOGRAMS: dict[str, Callable[..., Any]] = {
    "ten": lambda x: np.histogram(x)[0],
    "edges": lambda x: np.histogram(x, bins=np.array([-1.0, 0.25, 2.0, 4.0])),
    "range": lambda x: np.histogram(x, bins=4, range=(-2.0, 4.0)),
    "reach": lambda x: np.histogram_bin_edges(x, bins=4),
    "density": lambda x: np.histogram(x, bins=3, density=True),
}


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_histograms(name: str) -> None:
    assert_like_numpy(HISTOGRAMS[name], X, derivatives=False)


def test_weights_of_a_histogram_have_a_derivative() -> None:
    edges = np.array([-1.1, 0.3, 2.1, 4.1])
    assert_like_numpy(lambda x, w: np.histogram(x, edges, weights=w)[0], X, np.abs(X))
    got = gradient(lambda x: np.sum(np.histogram(x, edges, weights=x)[0]), [X], [0])[1][0]
    np.testing.assert_array_equal(got, ((X >= -1.1) & (X <= 4.1)).astype(float))


def flat(result: Any) -> tuple[Any, ...]:
    """Return counts and edges side by side."""
    counts, *edges = result
    return counts, *(edges[0] if isinstance(edges[0], tuple | list) else edges)


GRIDS: dict[str, Callable[..., Any]] = {
    "ten": lambda p, w: np.histogram2d(p[:, 0], p[:, 1]),
    "one for both": lambda p, w: np.histogram2d(p[:, 0], p[:, 1], bins=np.array([-2.0, 0, 1, 2])),
    "one for each": lambda p, w: np.histogram2d(p[:, 0], p[:, 1], [3, np.array([-1.0, 0, 2])]),
    "weights": lambda p, w: np.histogram2d(p[:, 0], p[:, 1], 3, weights=w),
    "points": lambda p, w: np.histogramdd(p, bins=(3, 4), range=[(-2, 2), (-1, 1.5)]),
    "coordinates": lambda p, w: np.histogramdd((p[:, 0], p[:, 1]), bins=3),
    "density": lambda p, w: np.histogramdd(p, 3, [None, (-1, 1)], density=True, weights=w),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", GRIDS)
def test_grids(name: str, dtype: Any) -> None:
    points, weights = POINTS.astype(dtype), WEIGHTS.astype(dtype)
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    assert_like_numpy(
        lambda p, w: flat(GRIDS[name](p, w)), points, weights, derivatives=False, rtol=rtol
    )


def test_weights_of_a_grid_have_a_derivative() -> None:
    edges = [np.array([-1.5, 0.0, 1.0]), np.array([-1.0, 1.0])]
    assert_like_numpy(lambda w: np.histogramdd(POINTS, edges, weights=w)[0], WEIGHTS)


def test_what_is_refused_names_a_remedy() -> None:
    for function in (
        lambda x: np.histogram(x, bins="auto"),
        lambda x: np.histogramdd(x, bins=(1, 2, 3, 4)),
    ):
        with pytest.raises(IrgradError, match="What to do"):
            evaluated(function, [POINTS], symbolic=False)
