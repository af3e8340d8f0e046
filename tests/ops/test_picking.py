"""take, put, compress, insert, delete, copyto, place, add.at: against NumPy."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError, MutationError, UnsupportedCallError
from tests.oracles import check, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return numbers whose magnitudes all differ by more than any step of the differences."""
    count = int(np.prod(shape))
    draws = np.random.default_rng(seed)
    sizes = draws.permutation(np.linspace(0.3, 1.5, count)) * draws.choice([-1, 1], count)
    return sizes.reshape(shape)


TAKES = [
    lambda x, i: np.take(x, i),
    lambda x, i: np.take(x, i, axis=0),
    lambda x, i: x.take(i, axis=1),
    lambda x, i: np.take(x, [2, 0], axis=-1),
    lambda x, i: np.take(x, 1, axis=1),
    lambda x, i: np.take(x, 9 * i - 20, mode="wrap"),
    lambda x, i: np.take(x, 9 * i - 20, axis=0, mode="wrap"),
    lambda x, i: np.take(x, 9 * i - 20, axis=1, mode="clip"),
    lambda x, i: np.take(x, [-9, 50], axis=0, mode="clip"),
    lambda x, i: np.take(x, []),
    lambda x, i: np.take_along_axis(x, i, 0),
    lambda x, i: np.take_along_axis(np.arange(6.0).reshape(2, 3), i % 2, 0) * x[0],
    lambda x, i: np.take_along_axis(x, i[:1, :1], 1),
    lambda x, i: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
    lambda x, i: np.take_along_axis(x, np.argsort(x, axis=0)[:2], axis=0),
    lambda x, i: np.take_along_axis(x, i.ravel(), None),
    lambda x, i: np.compress([True, False, True], x, axis=1),
    lambda x, i: x.compress([False, True], axis=0),
    lambda x, i: np.compress([True, False, True], x),
    lambda x, i: np.extract([True, False, True], x[0]),
    lambda x, i: np.delete(x, 1, axis=1),
    lambda x, i: np.delete(x, -1, axis=0),
    lambda x, i: np.insert(x, 1, 5.0, axis=1),
    lambda x, i: np.insert(x, 2, x[0], axis=0),
    lambda x, i: np.insert(x, -1, x[:, 0], axis=1),
    lambda x, i: np.insert(x, [1], [[3.0]], axis=1),
    lambda x, i: np.insert(x, 1, 2 * x[0, 0]),
    lambda x, i: np.insert([1.0, 2.0, 3.0], 1, x[0, 0]),
    lambda x, i: np.apply_along_axis(lambda row: row * row[0], 0, x),
    lambda x, i: np.apply_over_axes(np.sum, x, [0, 1]),
]


@pytest.mark.parametrize("function", TAKES)
@pytest.mark.parametrize("size", [3, 17])
def test_takes(function: Any, size: int) -> None:
    picked = np.array([[2, 0, 1], [0, 0, 1], [1, 2, 1]])
    check(function, numbers(size, 3) * 1.0, picked, order=1)


FIXED = [
    lambda x: np.delete(x, [0, 2]),
    lambda x: np.delete(x, slice(1, 9, 2)),
    lambda x: np.insert(x, [1, 3, 3], [7.0, 8.0, 9.0]),
    lambda x: np.insert(x, slice(0, 3), x[0]),
    lambda x: np.insert(x, np.array([True] + [False] * 16), 2.0),
    lambda x: np.repeat(x, np.arange(17) % 3),
    lambda x: np.apply_along_axis(np.sum, 1, x.reshape(-1, 1)),
]


@pytest.mark.parametrize("function", FIXED)
def test_those_that_need_the_number_of_a_size(function: Any) -> None:
    check(function, numbers(17), fixed=True)


def test_where_an_axis_is_known() -> None:
    check(lambda x: np.apply_along_axis(np.cumsum, 0, x), numbers(17, 3), order=1)
    check(lambda x: np.apply_along_axis(np.outer, 1, x, x[0]), numbers(3, 17), order=1)


def write_along(x: Any, v: Any) -> Any:
    y = x.copy()
    np.put_along_axis(y, np.argsort(y, axis=1)[:, :1], v, axis=1)
    return y


def write_put(x: Any, v: Any) -> Any:
    y = x.copy()
    y.put([0, 4, -1], v)
    np.put(y, [3, 1, 2, 5], [x[0, 0], v])
    np.put(y, [20, -30], 2 * v, mode="clip")
    np.put(y, [50], 3 * v, mode="wrap")
    return y


def write_copyto(x: Any, v: Any) -> Any:
    y, z = x.copy(), np.zeros_like(x)
    np.copyto(y, v)
    np.copyto(z, x * v, where=x > 0)
    w = x.copy()
    w[0].fill(2 * v)
    return y, z, w


def write_masked(x: Any, v: Any) -> Any:
    y, z, w = x.copy(), x.copy(), x.copy()
    np.putmask(y, x > 0, v)
    np.putmask(z, x < 0, x * x)
    np.putmask(w, x > 0, np.stack([v, 2 * v]))
    np.place(w, x < -0.9137, v)
    return y, z, w


def write_add_at(x: Any, v: Any) -> Any:
    y = x.copy()
    np.add.at(y, [1, 1, 0], v)
    np.add.at(y, (slice(None), [2, 2]), 3.0)
    np.subtract.at(y, (np.array([0, 0]), 1), v * np.ones(2))
    np.add.at(y, slice(0, 2), x[1])
    np.add.at(y, x > 0, v)
    return y


@pytest.mark.parametrize(
    "function", [write_along, write_put, write_copyto, write_masked, write_add_at]
)
@pytest.mark.parametrize("size", [3, 17])
def test_writes(function: Any, size: int) -> None:
    check(function, numbers(size, 3), np.float64(0.7))


def test_place_with_a_known_mask() -> None:
    def place(x: Any, v: Any) -> Any:
        y = x.copy()
        np.place(y, [True, False, True, True, False], v)
        return y

    check(place, numbers(5), numbers(2))


PLAIN = [
    lambda x: np.copyto(np.zeros(3), x),
    lambda x: np.putmask(np.zeros(3), x > 0, x),
    lambda x: np.place(np.zeros(3), x > 0, 1.0),
    lambda x: np.put(np.zeros(3), [0], x[0]),
    lambda x: np.put_along_axis(np.zeros(3), np.array([0]), x[:1], 0),
    lambda x: np.add.at(np.zeros(3), [0, 1, 2], x),
]


@pytest.mark.parametrize("function", PLAIN)
def test_plain_arrays_hold_no_traced_values(function: Any) -> None:
    with pytest.raises(MutationError, match="plain array") as caught:
        values(function, numbers(3))
    assert "test_picking.py" in str(caught.value)


ERRORS = [
    lambda x: np.nonzero(x),
    lambda x: x.nonzero(),
    lambda x: np.argwhere(x > 0),
    lambda x: np.flatnonzero(x),
    lambda x: np.extract(x > 0, x),
    lambda x: np.compress(x > 0, x),
    lambda x: np.take(x, [0], mode="sideways"),
    lambda x: np.take(x, [7]),
    lambda x: np.delete(x, 7),
    lambda x: np.insert(x, 7, 0.0),
    lambda x: np.take_along_axis(x, np.array([[0]]), 0),
    lambda x: np.multiply.at(x.copy(), [0], 2.0),
    lambda x: np.apply_along_axis(np.sum, 0, x.reshape(3, 1)[:, :0]),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3))


def test_traced_masks_have_their_remedy() -> None:
    with pytest.raises(UnsupportedCallError, match=r"np\.where"):
        values(lambda x: np.compress(x > 0, x), numbers(3))


def test_place_takes_values_in_turn_under_a_traced_mask() -> None:
    def placed(x: Any, v: Any) -> Any:
        result = x.copy()
        np.place(result, x > 0, v**2)
        return result

    check(placed, np.array([[0.5, -1.0, 2.0], [1.5, 0.7, -0.2]]), np.array([1.0, 2.0, 3.0]))
