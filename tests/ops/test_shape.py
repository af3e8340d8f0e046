"""Rearranging axes: every spelling against NumPy, symbolic sizes proven at two numbers."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ShapeError, UnsupportedCallError
from tests.oracles import check, trace, values

SIZES = [0, 1, 2, 16, 17]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


RESHAPES = [
    lambda x: x.reshape(-1),
    lambda x: x.reshape(x.shape[1], -1),
    lambda x: x.reshape((2, -1, 1), order="F"),
    lambda x: np.reshape(x, (-1, 2)),
    lambda x: np.reshape(x, (-1, 2), "F"),
    lambda x: x.T.reshape(-1, order="A"),
    lambda x: np.ravel(x),
    lambda x: x.ravel("F"),
    lambda x: x.T.ravel("A"),
    lambda x: x.flatten(),
    lambda x: x.flatten("F"),
    lambda x: x.flat,
    lambda x: x[:, None].squeeze(),
    lambda x: x[:, None].squeeze(axis=1),
    lambda x: np.squeeze(x[None, :, :, None], (0, -1)),
    lambda x: np.expand_dims(x, 1),
    lambda x: np.expand_dims(x, (0, -1)),
    lambda x: [np.atleast_1d(x), np.atleast_2d(x), np.atleast_3d(x)],
    lambda x: np.atleast_3d(x[0]),
    lambda x: np.atleast_2d(x[0], x, x[0, 0]) if x.size else x,
]


def as_numpy(function: Any) -> Any:
    """Return the function with NumPy's flat iterator made an array."""
    return lambda x: np.array(function(x)) if isinstance(function(x), np.flatiter) else function(x)


@pytest.mark.parametrize("function", RESHAPES)
@pytest.mark.parametrize("shape", [(2, 3), (17, 2), (4, 17), (18, 17)])
def test_reshapes(function: Any, shape: tuple[int, ...]) -> None:
    check(function, numbers(*shape), numpy=as_numpy(function), order=1)


TRANSPOSES = [
    lambda x: x.T,
    lambda x: x.mT,
    lambda x: x.transpose(),
    lambda x: x.transpose(1, 2, 0),
    lambda x: x.transpose((1, -1, 0)),
    lambda x: np.transpose(x, (2, 0, 1)),
    lambda x: np.permute_dims(x, (2, 0, 1)),
    lambda x: np.matrix_transpose(x),
    lambda x: np.linalg.matrix_transpose(x),
    lambda x: x.swapaxes(0, 2),
    lambda x: np.swapaxes(x, -1, 0),
    lambda x: np.moveaxis(x, 0, -1),
    lambda x: np.moveaxis(x, [0, 1], [-1, 0]),
    lambda x: np.rollaxis(x, 2),
    lambda x: np.rollaxis(x, 0, 3),
    lambda x: np.rollaxis(x, -1, 1),
]


@pytest.mark.parametrize("function", TRANSPOSES)
def test_transposes(function: Any) -> None:
    check(function, numbers(2, 17, 3), order=1)
    check(function, numbers(1, 0, 2))


@pytest.mark.parametrize("size", SIZES)
def test_broadcasts(size: int) -> None:
    check(lambda x: np.broadcast_to(x, (3, *x.shape)), numbers(size))
    check(lambda x, y: np.broadcast_arrays(x[:, None], y), numbers(size), numbers(3))
    check(lambda x: np.broadcast_to(x, (size, 2)), np.float64(0.3))


@pytest.mark.parametrize("dtype", [np.int32, bool, np.float32])
def test_dtypes_stay(dtype: Any) -> None:
    check(lambda x: [x.T, x.reshape(-1), np.expand_dims(x, 0)], numbers(2, 17).astype(dtype))


def test_a_size_left_open_is_no_guard() -> None:
    traced = trace(lambda x: x.reshape(-1, 2).T.reshape(2, -1), numbers(17, 4))
    assert not [guard for guard in traced.graph.guards if guard.relation == "=="]


ERRORS = [
    (lambda x: x.reshape(-1, -1), ShapeError),
    (lambda x: x.reshape(5, 7), ShapeError),
    (lambda x: x.reshape(-2, 3), ShapeError),
    (lambda x: x.reshape(3, 4, order="X"), UnsupportedCallError),
    (lambda x: x.transpose(0, 0), ShapeError),
    (lambda x: np.squeeze(x, 0), ShapeError),
    (lambda x: np.expand_dims(x, 7), ShapeError),
    (lambda x: np.moveaxis(x, [0, 1], [0]), ShapeError),
    (lambda x: np.rollaxis(x, 0, 5), ShapeError),
    (lambda x: x[0].mT, ShapeError),
    (lambda x: np.broadcast_to(x, (3, 5)), ShapeError),
    (lambda x: np.broadcast_arrays(x, x.T), ShapeError),
]


@pytest.mark.parametrize("function, error", ERRORS)
def test_errors_name_a_remedy(function: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="What to do") as caught:
        values(function, numbers(3, 4))
    assert "test_shape.py" in str(caught.value)


def test_spellings_by_keyword() -> None:
    x = np.arange(6.0).reshape(2, 3) / 7
    check(lambda x: np.reshape(x, shape=(3, -1)), x)
    check(lambda x: np.transpose(x, axes=(1, 0)), x)
    check(lambda x: x.view() * x.itemsize + x.nbytes, x, narrow=False)


def test_flat_is_written_as_a_whole() -> None:
    def filled(x: Any) -> Any:
        y = x.copy()
        y.flat = 2.0 * x[0, 0]
        y.flat[1] = x[1, 1]
        return y

    check(filled, np.arange(6.0).reshape(2, 3) / 7)
