"""Positions as whole numbers: NumPy's own, and its IndexError where they lie outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.ops.contracts import assert_like_numpy

DRAWS = np.random.default_rng(0)
WHOLE = DRAWS.integers(0, 4, (3, 5))
REAL = DRAWS.normal(size=(4, 5))

OF_WHOLE: dict[str, Callable[..., Any]] = {
    "lexsort": lambda i: np.lexsort((i[0], i[1], i[2])),
    "lexsort rows": lambda i: np.lexsort(i),
    "lexsort columns": lambda i: np.lexsort((i, i[::-1]), axis=0),
    "lexsort with a plain key": lambda i: np.lexsort((i[0], np.array([1, 0, 1, 0, 0]))),
    "ravel": lambda i: np.ravel_multi_index((i, i[::-1]), (4, 5)),
    "ravel F": lambda i: np.ravel_multi_index((i, i, i), (4, 5, 6), order="F"),
    "ravel wrap": lambda i: np.ravel_multi_index((i + 3, i - 2), (4, 5), mode="wrap"),
    "ravel mixed": lambda i: np.ravel_multi_index((i + 3, i), (4, 5), mode=("clip", "raise")),
    "unravel": lambda i: np.unravel_index(3 * i, (3, 5)),
    "unravel F": lambda i: np.unravel_index(3 * i, (3, 5), order="F"),
    "unravel sizes": lambda i: np.unravel_index(i, i.shape),
}


@pytest.mark.parametrize("name", OF_WHOLE)
def test_positions_are_those_of_numpy(name: str) -> None:
    assert_like_numpy(OF_WHOLE[name], WHOLE, derivatives=False)


OF_REAL: dict[str, Callable[..., Any]] = {
    "lower": lambda x: x[np.tril_indices_from(x)],
    "upper": lambda x: x[np.triu_indices_from(x, k=1)],
    "diagonal": lambda x: x[:, :4][np.diag_indices_from(x[:, :4])],
    "path": lambda x: len(np.einsum_path("ij,kj->ik", x, x)[0]) * x,
}


@pytest.mark.parametrize("name", OF_REAL)
def test_positions_made_of_sizes(name: str) -> None:
    assert_like_numpy(OF_REAL[name], REAL)


@pytest.mark.parametrize(
    "function",
    [
        lambda i: np.ravel_multi_index((i, i), (4, 5)),
        lambda i: np.unravel_index(i, (2, 2)),
    ],
)
@pytest.mark.parametrize("outside", [4, -1])
def test_a_position_outside_raises(function: Any, outside: int) -> None:
    compiled = irgrad.compile(function, argnums=(), jit=False)
    np.testing.assert_array_equal(compiled(np.array([1, 3])), function(np.array([1, 3])))
    with pytest.raises(IndexError):
        compiled(np.array([1, outside]))
