"""np.pad in every mode, against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError
from tests.oracles import check, values

WIDTHS: list[Any] = [0, 1, 2, (1, 3), ((2, 0), (0, 1)), ((1,), (2,)), {-1: (1, 2)}]
MODES: list[dict[str, Any]] = [
    {"mode": "constant"},
    {"mode": "constant", "constant_values": 1.5},
    {"mode": "constant", "constant_values": ((1, 2), (3, 4))},
    {"mode": "edge"},
    {"mode": "reflect"},
    {"mode": "reflect", "reflect_type": "odd"},
    {"mode": "symmetric"},
    {"mode": "symmetric", "reflect_type": "odd"},
    {"mode": "wrap"},
    {"mode": "linear_ramp"},
    {"mode": "linear_ramp", "end_values": (1.0, -2.0)},
    {"mode": "mean"},
    {"mode": "maximum", "stat_length": 2},
    {"mode": "minimum", "stat_length": ((2, 3), (1, 40))},
    {"mode": "median", "stat_length": 3},
]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


@pytest.mark.parametrize("options", MODES, ids=lambda o: "-".join(map(str, o.values())))
@pytest.mark.parametrize("shape", [(4, 17), (17, 5)])
def test_modes(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    for width in WIDTHS:
        check(lambda x, width=width: np.pad(x, width, **options), numbers(*shape), order=1)


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_more_than_the_axis_has(mode: Any, size: int) -> None:
    check(lambda x: np.pad(x, (7, 12), mode=mode), numbers(size), order=1)


@pytest.mark.parametrize("mode", ["edge", "mean", "reflect"])
def test_second_order(mode: Any) -> None:
    check(lambda x: np.pad(x * x, 2, mode=mode), numbers(17))


@pytest.mark.parametrize("options", MODES[:3])
@pytest.mark.parametrize("size", [0, 1, 2])
def test_small(options: dict[str, Any], size: int) -> None:
    check(lambda x: np.pad(x, 2, **options), numbers(size, 2), order=1)


def test_traced_constants() -> None:
    def pad(x: Any, c: Any) -> Any:
        return np.pad(x, (1, 2), constant_values=c), np.pad(x, 1, constant_values=(c, 2 * c))

    check(pad, numbers(17), np.float64(0.4))


def test_symbolic_width() -> None:
    check(lambda x: np.pad(x, (0, x.shape[0] - 1)), numbers(17))


def test_empty_leaves_the_inside() -> None:
    (found,) = values(lambda x: np.pad(x, 1, mode="empty")[1:-1], numbers(5))
    np.testing.assert_array_equal(found, numbers(5))


@pytest.mark.parametrize("mode", ["constant", "edge", "mean", "linear_ramp", "wrap"])
def test_integers(mode: Any) -> None:
    check(lambda x: np.pad(x, 2, mode=mode), np.arange(6))


ERRORS = [
    lambda x: np.pad(x, 1, mode=lambda v, w, a, k: None),
    lambda x: np.pad(x, 1, mode="sideways"),
    lambda x: np.pad(x, -1),
    lambda x: np.pad(x, ((1, 2), (3, 4), (5, 6))),
    lambda x: np.pad(x[:0], 1, mode="edge"),
    lambda x: np.pad(x, 1, mode="mean", stat_length=0),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3, 4))
