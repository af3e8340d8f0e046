"""Convolution and correlation, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError
from tests.oracles import check, trace, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("left", [1, 2, 5, 16, 17, 23])
def test_modes(function: Any, mode: Any, left: int) -> None:
    for right in (1, 2, 4, 17, 30):
        check(
            lambda x, y: function(x, y, mode),
            numbers(left), numbers(right, seed=1), order=1, fixed=False,
        )  # fmt: skip


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_second_order(function: Any) -> None:
    check(lambda x, y: function(x, y, "same"), numbers(17), numbers(5, seed=1))
    check(lambda x, y: function(x, y, "full"), numbers(17), numbers(18, seed=1))


def test_defaults_and_plain_operands() -> None:
    check(lambda x: [np.convolve(x, [1.0, 2.0, 1.0]), np.correlate(x, [1.0, 2.0])], numbers(17))
    check(lambda x: np.convolve(np.arange(4.0), x), numbers(2))
    check(lambda x: np.convolve(x, x), np.arange(17))


def test_few_taps_fuse_and_many_contract() -> None:
    few = trace(lambda x: np.convolve(x, np.ones(3), "valid"), numbers(40))
    assert {node.op.name for node in few.graph.nodes} <= {
        "input", "constant", "strided", "multiply", "add", "affine"
    }  # fmt: skip
    many = trace(lambda x, y: np.convolve(x, y), numbers(400), numbers(300))
    assert sum(node.op.name == "contract" for node in many.graph.nodes) == 1


ERRORS = [
    lambda x: np.convolve(x, x[:0]),
    lambda x: np.convolve(x[None], x),
    lambda x: np.correlate(x, x, "sideways"),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(ShapeError, match="What to do"):
        values(function, numbers(3))
