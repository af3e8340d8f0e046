"""np.fft: values of NumPy, derivatives by differences, every length, axis and norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.testing import check_adjoint, check_grads
from tests.ops.contracts import assert_like_numpy, layouts

DRAWS = np.random.default_rng(2)
X = DRAWS.normal(size=(3, 5))
Y = DRAWS.normal(size=(3, 5))
NORMS = [None, "backward", "ortho", "forward"]


def both(result: Any) -> Any:
    """Return real results, complex ones as two."""
    return (result.real, result.imag) if result.dtype.kind == "c" else (result,)


def of_complex(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: both(call(x + 1j * y))


def of_real(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: both(call(x))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "hfft"])
@pytest.mark.parametrize(("n", "axis"), [(None, -1), (None, 0), (7, 1), (3, -1), (1, -1)])
def test_transforms_of_complex_numbers(name: str, n: Any, axis: int, norm: Any) -> None:
    call = getattr(np.fft, name)
    assert_like_numpy(of_complex(lambda z: call(z, n, axis, norm)), X, Y)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "ihfft", "irfft"])
@pytest.mark.parametrize(("n", "axis"), [(None, -1), (None, 0), (8, 1), (2, 0), (1, -1)])
def test_transforms_of_real_numbers(name: str, n: Any, axis: int, norm: Any) -> None:
    call = getattr(np.fft, name)
    assert_like_numpy(of_real(lambda x: call(x, n, axis, norm)), X)


SEVERAL: list[dict[str, Any]] = [
    {},
    {"axes": (0, 2)},
    {"axes": (2, 0)},
    {"s": (3, 5), "axes": (1, -1)},
    {"s": (2, -1), "axes": (0, 1), "norm": "ortho"},
    {"axes": (1,), "norm": "forward"},
]


@pytest.mark.parametrize("options", SEVERAL)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "irfftn"])
def test_several_axes_of_complex_numbers(name: str, options: dict[str, Any]) -> None:
    call = getattr(np.fft, name)
    a, b = DRAWS.normal(size=(2, 2, 3, 4))
    assert_like_numpy(of_complex(lambda z: call(z, **options)), a, b)


@pytest.mark.parametrize("options", SEVERAL)
def test_several_axes_of_real_numbers(options: dict[str, Any]) -> None:
    a = DRAWS.normal(size=(2, 3, 4))
    assert_like_numpy(of_real(lambda x: np.fft.rfftn(x, **options)), a)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2"])
def test_two_axes(name: str) -> None:
    call = getattr(np.fft, name)
    a = DRAWS.normal(size=(2, 3, 4))
    assert_like_numpy(of_real(lambda x: call(x)), a)
    assert_like_numpy(of_real(lambda x: call(x, (2, 5), (0, 1), "ortho")), a)


def test_shifts() -> None:
    for axes in (None, 0, (1,), (0, 1)):
        assert_like_numpy(lambda x, axes=axes: np.fft.fftshift(x, axes), X)
        assert_like_numpy(lambda x, axes=axes: np.fft.ifftshift(x, axes), X)
    assert_like_numpy(lambda x: np.fft.ifftshift(np.fft.fftshift(x)), DRAWS.normal(size=6))


def test_frequencies_are_numbers_of_the_trace() -> None:
    assert_like_numpy(
        lambda x: both(np.fft.ifft(2j * np.pi * np.fft.fftfreq(5) * np.fft.fft(x))), X
    )
    assert_like_numpy(lambda x, d: np.fft.rfftfreq(5, d) * np.abs(np.fft.rfft(x)), X, 0.7)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_memory_of_any_layout(name: str) -> None:
    call = getattr(np.fft, name)
    compiled = irgrad.compile(lambda x: call(x), argnums=(), jit=False)
    for x in layouts(X):
        np.testing.assert_allclose(compiled(x), call(x), rtol=1e-13, atol=1e-13)


def test_sizes_that_vary() -> None:
    """One trace serves even and odd lengths, empty batches, and one element."""
    def function(x: Any) -> Any:
        return np.sum(np.abs(np.fft.rfft(x)) ** 4)

    compiled = irgrad.compile(function, jit=False)
    for shape in ((20, 30), (21, 33), (18, 24), (25, 31)):
        x = DRAWS.normal(size=shape)
        value, gradient = compiled.value_and_grad(x)
        np.testing.assert_allclose(value, function(x), rtol=1e-12)
        move = DRAWS.normal(size=shape)
        ends = [function(x + sign * 1e-6 * move) for sign in (1, -1)]
        np.testing.assert_allclose(np.sum(gradient * move), (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
    assert compiled.stats.traces <= 2
    for shape in ((0, 4), (2, 1), (1, 2)):
        x = np.ones(shape)
        compiled = irgrad.compile(function, jit=False)
        assert compiled.value_and_grad(x)[0] == function(x)


def test_every_order_and_mode() -> None:
    x = DRAWS.normal(size=6)
    check_grads(lambda x: np.fft.irfft(np.fft.rfft(x) ** 2, 6), (x,), order=2)
    check_grads(lambda z: np.fft.fft2(np.conj(z)) * z, (X[:2, :3] + 1j * Y[:2, :3],), order=2)
    check_adjoint(lambda z: np.fft.hfft(z, norm="ortho"), (X + 1j * Y,))
    matrix = irgrad.jacobian(np.fft.fft, holomorphic=True)(x + 0j)
    np.testing.assert_allclose(matrix, np.fft.fft(np.eye(6)), rtol=1e-13, atol=1e-13)
    batch = irgrad.vmap(lambda x: np.fft.ihfft(x, 4))(X)
    np.testing.assert_allclose(batch, np.fft.ihfft(X, 4), rtol=1e-13, atol=1e-15)


def test_single_precision() -> None:
    x = X.astype(np.float32)
    compiled = irgrad.compile(
        lambda x: np.sum(np.abs(np.fft.irfft(np.fft.fft(np.fft.rfft(x, norm="ortho")), 9))),
        jit=False,
    )
    value, gradient = compiled.value_and_grad(x)
    assert (value.dtype, gradient.dtype) == (np.float32, np.float32)
    double = irgrad.compile(
        lambda x: np.sum(np.abs(np.fft.irfft(np.fft.fft(np.fft.rfft(x, norm="ortho")), 9))),
        jit=False,
    )
    np.testing.assert_allclose(gradient, double.grad(X), rtol=2e-4, atol=2e-5)


def test_whole_numbers_are_transformed_as_floats() -> None:
    assert_like_numpy(lambda k, x: both(np.fft.fft(k) * x), np.array([1, 2, 4]), X[0, :3])


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: np.fft.rfft(x + 1j), UnsupportedCallError, "real numbers"),
        (lambda x: np.fft.fft(x[:0]), ShapeError, "nothing to transform"),
        (lambda x: np.fft.fft(x, norm="unitary"), UnsupportedCallError, "ortho"),
        (lambda x: np.fft.irfft(x[:1]), ShapeError, "1 or more"),
        (lambda x: np.fft.fftn(x, (3, 3), (0,)), ShapeError, "one length"),
    ],
)
def test_what_is_refused(function: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        irgrad.compile(function, argnums=(), jit=False)(X[0])
