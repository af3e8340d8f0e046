"""Dtypes of values and gradients: NumPy's own, weak Python numbers included (NEP 50)."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import grad, hessian, jvp
from irgrad.errors import DifferentiationError, PrecisionWarning

FUNCTIONS = {
    "weak": lambda x, y: 2 * x + y * 0.5,
    "mean": lambda x, y: np.mean(x) * np.mean(y),
    "product": lambda x, y: x @ y,
    "power": lambda x, y: x**2 + y**2.0,
    "divide": lambda x, y: x / (y + 1),
    "floor": lambda x, y: x // (y + 1),
    "where": lambda x, y: np.where(x > y, x, 0.0),
    "exp": lambda x, y: np.exp(x) + np.sqrt(y),
    "sum": lambda x, y: np.sum(x) + np.prod(y),
    "std": lambda x, y: np.std(x) - np.var(y),
    "compare": lambda x, y: (x < y) & (y > 0),
    "join": lambda x, y: np.concatenate([x, y]),
    "cumulate": lambda x, y: np.cumsum(x) + np.sort(y),
}
DTYPES = (np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_)


def plain(function: Any, **options: Any) -> Any:
    return irgrad.compile(function, jit=False, **options)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("left", "right"), list(itertools.product(DTYPES, repeat=2)))
def test_the_dtype_of_a_value_is_numpys(name: str, left: Any, right: Any) -> None:
    function = FUNCTIONS[name]
    x, y = np.array([1, 2, 0]).astype(left), np.array([1, 0, 1]).astype(right)
    with np.errstate(all="ignore"):
        wanted = function(x, y)
    found = plain(function)(x, y)
    assert found.dtype == wanted.dtype
    single = np.float32 in (left, right)
    np.testing.assert_allclose(found, wanted, rtol=1e-6 if single else 1e-12)


@pytest.mark.parametrize("scalar", [2, 2.0, True, np.float32(2), np.float64(2), np.int64(2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_scalar_arguments_are_as_weak_as_numpys(scalar: Any, dtype: Any) -> None:
    x = np.array([1, 2], dtype)
    wanted = x * scalar + scalar
    found = plain(lambda x, s: x * s + s)(x, scalar)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_keep_the_dtype_of_their_argument(dtype: Any, jit: bool) -> None:
    def function(x: Any, w: Any) -> Any:
        return np.sum(np.tanh(x * 2.0) ** 2 * w) / x.shape[0] + 0.5 * np.max(x)

    x, w = np.linspace(0.1, 1, 20).astype(dtype), np.ones(20, np.float64)
    compiled = irgrad.compile(function, argnums=(0, 1), jit=jit)
    value, (by_x, by_w) = compiled.value_and_grad(x, w)
    assert value.dtype == np.float64
    assert (by_x.dtype, by_w.dtype) == (dtype, np.float64)
    value, slope = irgrad.compile(function, jit=jit).value_and_grad(x, w.astype(dtype))
    assert (value.dtype, slope.dtype) == (dtype, dtype)


def test_derivatives_of_every_kind_keep_the_dtype() -> None:
    x = np.linspace(0.1, 1, 3).astype(np.float32)

    def function(x: Any) -> Any:
        return np.sum(np.exp(x) * 2.0)

    assert plain(grad(grad(lambda x: x**3 * 0.5)))(np.float32(2)).dtype == np.float32
    assert plain(hessian(function))(x).dtype == np.float32
    value, tangent = plain(lambda x: jvp(function, (x,), (x,)))(x)
    assert (value.dtype, tangent.dtype) == (np.float32, np.float32)


def test_integers_and_booleans_beside_the_argument() -> None:
    def function(x: Any, places: Any, mask: Any, n: Any) -> Any:
        return np.sum(np.where(mask, x[places], 0.0) * n)

    x = np.linspace(0, 1, 4).astype(np.float32)
    places, mask = np.array([0, 3, 3]), np.array([True, True, False])
    value, slope = plain(function).value_and_grad(x, places, mask, 2)
    assert (value.dtype, slope.dtype) == (np.float32, np.float32)
    assert value == 2.0
    np.testing.assert_array_equal(slope, [2, 0, 0, 2])


@pytest.mark.parametrize("x", [np.arange(3), np.array([True, False]), 3, np.uint8(3)])
def test_an_integer_argument_has_no_gradient(x: Any) -> None:
    function = plain(lambda x: np.sum(x * 2.0))
    assert function(x) == np.sum(x * 2.0)
    with pytest.raises(DifferentiationError, match=r"2\.0 for 2"):
        function.grad(x)


@pytest.mark.parametrize("jit", [False, True])
def test_float16_is_computed_in_float32_and_says_so(jit: bool) -> None:
    function = irgrad.compile(lambda x, s: np.sum(x * x) * s, jit=jit)
    x = np.array([1, 2, 3], np.float16)
    with pytest.warns(PrecisionWarning, match="'x' is float16.*in float32"):
        value, slope = function.value_and_grad(x, 2.0)
    assert (value, value.dtype, slope.dtype) == (28.0, np.float32, np.float32)
    np.testing.assert_array_equal(slope, [4, 8, 12])
    with pytest.warns(PrecisionWarning, match="'s' is float16"):
        assert function(x.astype(np.float32), np.float16(2)) == 28.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert function(x.astype(np.float32), 2.0) == 28.0


def test_the_other_byte_order_and_strides_are_understood() -> None:
    function = plain(lambda x: np.sum(x**2))
    x = np.arange(6.0)
    for same in (x.astype(">f8"), x[::-1], np.asfortranarray(x.reshape(2, 3)), x[::2]):
        value, slope = function.value_and_grad(same)
        assert value == np.sum(same**2)
        assert slope.dtype == np.float64
        assert slope.flags.c_contiguous
        np.testing.assert_array_equal(slope, 2 * same)


def test_python_ints_and_sizes_compare_and_divide_as_in_numpy() -> None:
    """Operands that are all weak integers have a dtype only by NumPy's default."""
    choose = plain(lambda n, x: np.where(n > 3, x, -x))
    assert [choose(n, 2.0) for n in (3, 4)] == [-2.0, 2.0]
    same = plain(lambda n, m: (n == m, n < 2 * m))
    assert [bool(value) for value in same(4, 3)] == [False, True]
    divide = plain(lambda i: (i.shape[0] // (i + 1), i // i.shape[0], i.shape[0] % (i + 1)))
    i = np.arange(20)
    for got, wanted in zip(divide(i), (20 // (i + 1), i // 20, 20 % (i + 1)), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
