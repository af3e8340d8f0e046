"""One compiled function at many sizes: what is traced again, and what is not."""

import itertools
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import grad, vmap

SIZES = (0, 1, 2, 16, 17, 1000)
RNG = np.random.default_rng(3)


def plain(function: Any, **options: Any) -> Any:
    return irgrad.compile(function, jit=False, **options)


def softmax_loss(w: Any, x: Any) -> Any:
    scores = x @ w
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(shifted), axis=1))) / x.shape[0]


def test_a_second_size_compiles_nothing() -> None:
    function = irgrad.compile(softmax_loss)
    w = RNG.normal(size=(5, 3))
    function.value_and_grad(w, RNG.normal(size=(40, 5)))
    cost = function.stats.traces, function.stats.compiles + function.stats.cache_hits
    assert cost == (1, 1)
    x = RNG.normal(size=(70, 5))
    value, slope = function.value_and_grad(w, x)
    assert value == pytest.approx(softmax_loss(w, x), rel=1e-13)
    assert slope.shape == (5, 3)
    assert (function.stats.traces, function.stats.compiles + function.stats.cache_hits) == cost


def test_fifty_batch_sizes_cost_two_compiles_at_most() -> None:
    function = irgrad.compile(softmax_loss)
    w = RNG.normal(size=(5, 3))
    for size in RNG.permutation(np.arange(1, 51)):
        x = RNG.normal(size=(size, 5))
        value, _ = function.value_and_grad(w, x)
        assert value == pytest.approx(softmax_loss(w, x), rel=1e-12)
    assert function.stats.compiles + function.stats.cache_hits <= 2
    assert function.stats.traces <= 2


@pytest.mark.parametrize("first", SIZES)
def test_fifty_batch_sizes_whatever_the_first_one_is(first: int) -> None:
    function = plain(lambda x: np.sum(np.tanh(x) * x))
    for size in (first, *range(1, 51)):
        x = RNG.normal(size=size)
        assert function(x) == pytest.approx(np.sum(np.tanh(x) * x), rel=1e-12, abs=1e-15)
    assert function.stats.traces <= 3  # sizes 0 and 1 may be traces of their own


@pytest.mark.parametrize("size", SIZES)
def test_every_size_agrees_with_numpy(size: int) -> None:
    function = plain(lambda x, w: np.sum(np.exp(-(x**2)) @ w), argnums=(0, 1))
    x, w = RNG.normal(size=(size, 3)), RNG.normal(size=3)
    value, (by_x, by_w) = function.value_and_grad(x, w)
    bell = np.exp(-(x**2))
    assert value == pytest.approx(np.sum(bell @ w), rel=1e-12, abs=1e-15)
    np.testing.assert_allclose(by_x, -2 * x * bell * w, rtol=1e-12)
    np.testing.assert_allclose(by_w, bell.sum(axis=0), rtol=1e-11, atol=1e-14)


def test_one_function_at_all_sizes_in_turn() -> None:
    function = plain(lambda x: np.cumsum(x) * x[::-1])
    for size in (*SIZES, *reversed(SIZES)):
        x = RNG.normal(size=size)
        np.testing.assert_allclose(function(x), np.cumsum(x) * x[::-1], rtol=1e-12)
    assert function.stats.traces <= 4


@pytest.mark.parametrize(("rows", "columns"), list(itertools.product((0, 1, 2, 17, 40), repeat=2)))
def test_broadcasting_between_sizes(rows: int, columns: int) -> None:
    function = plain(lambda a, b: np.sum(np.sin(a) * b + b), argnums=(0, 1))
    for a, b in (
        (RNG.normal(size=(rows, columns)), RNG.normal(size=columns)),
        (RNG.normal(size=(rows, 1)), RNG.normal(size=(1, columns))),
        (RNG.normal(size=(1, columns)), RNG.normal(size=(rows, 1))),
    ):
        value, (by_a, by_b) = function.value_and_grad(a, b)
        assert value == pytest.approx(np.sum(np.sin(a) * b + b), rel=1e-11, abs=1e-12)
        whole = np.broadcast_shapes(a.shape, b.shape)
        wanted = np.broadcast_to(np.cos(a) * b, whole), np.broadcast_to(np.sin(a) + 1, whole)
        np.testing.assert_allclose(by_a, reduced(wanted[0], a.shape), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(by_b, reduced(wanted[1], b.shape), rtol=1e-11, atol=1e-12)


def reduced(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which an operand of ``shape`` was broadcast."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    stretched = tuple(i for i, (a, b) in enumerate(zip(x.shape, shape, strict=True)) if a != b)
    return x.sum(axis=stretched, keepdims=True)


def test_sizes_that_broadcast_in_one_call_and_not_in_the_next() -> None:
    function = plain(lambda a, b: a + b)
    for m, n in ((20, 20), (20, 1), (1, 30), (1, 1), (30, 30)):
        a, b = RNG.normal(size=m), RNG.normal(size=n)
        np.testing.assert_array_equal(function(a, b), a + b)
    assert function.stats.traces <= 4
    with pytest.raises(irgrad.IrgradError):
        function(np.ones(20), np.ones(30))
    np.testing.assert_array_equal(function(np.ones(20), np.ones(20)), np.full(20, 2.0))


def test_sizes_that_happen_to_be_equal_are_corrected_by_one_more_trace() -> None:
    function = plain(lambda x, y: np.sum(np.outer(np.sin(x), y)), argnums=(0, 1))
    for m, n in ((20, 20), (20, 30), (40, 40), (17, 50), (60, 18)):
        x, y = RNG.normal(size=m), RNG.normal(size=n)
        value, (by_x, by_y) = function.value_and_grad(x, y)
        assert value == pytest.approx(np.sum(np.sin(x)) * np.sum(y), rel=1e-10)
        np.testing.assert_allclose(by_x, np.cos(x) * np.sum(y), rtol=1e-10)
        np.testing.assert_allclose(by_y, np.full(n, np.sum(np.sin(x))), rtol=1e-10)
    assert function.stats.traces == 2


def test_a_loop_over_a_size_is_guarded() -> None:
    def function(x: Any) -> Any:
        result = 0.0
        for i in range(x.shape[0]):
            result = result * 0.5 + x[i] ** 2
        return result

    def wanted(x: np.ndarray) -> float:
        result = 0.0
        for entry in x:
            result = result * 0.5 + entry**2
        return result

    compiled = plain(function)
    for size in (20, 30, 20, 0, 1, 30):
        x = RNG.normal(size=size)
        assert compiled(x) == pytest.approx(wanted(x), rel=1e-12)
    assert compiled.stats.traces == 4


def test_a_branch_on_a_size_is_guarded() -> None:
    def function(x: Any) -> Any:
        return np.sum(x) if x.shape[0] > 25 else np.prod(x)

    compiled = plain(function)
    for size in (20, 24, 30, 40, 25, 26):
        x = RNG.uniform(0.5, 1.5, size)
        assert compiled(x) == pytest.approx(function(x), rel=1e-12)
    assert compiled.stats.traces == 2


def test_arithmetic_on_sizes_stays_symbolic() -> None:
    def function(x: Any) -> Any:
        n = x.shape[0]
        return np.sum(x[: n // 2] * x[n - n // 2 :]) / n + np.mean(x) * (2 * n + 1)

    compiled = plain(function)
    for size in (20, 21, 33, 1000):
        x = RNG.normal(size=size)
        assert compiled(x) == pytest.approx(function(x), rel=1e-11)
    assert compiled.stats.traces == 1


@pytest.mark.parametrize("jit", [False, True])
def test_another_dtype_or_rank_is_exactly_one_more_trace(jit: bool) -> None:
    function = irgrad.compile(lambda x: np.sum(x * x), jit=jit)
    calls: list[tuple[Any, int]] = [
        (np.ones(20), 1),
        (np.ones(30), 1),
        (np.ones(20, np.float32), 2),
        (np.ones(40, np.float32), 2),
        (np.ones((20, 20)), 3),
        (np.ones(50), 3),
        (np.ones(20, np.int64), 4),
        (2.0, 5),
        (np.float64(3.0), 6),
        (np.float32(3.0), 7),
        (np.ones(20, np.float32), 7),
    ]
    for x, traces in calls:
        value = function(x)
        assert value == np.sum(x * x)
        assert np.asarray(value).dtype == np.sum(x * x).dtype
        assert function.stats.traces == traces


def test_static_shapes_trace_for_each_size() -> None:
    function = plain(lambda x: np.sum(x), shapes="static")
    for size in (20, 30, 20, 30):
        assert function(np.ones(size)) == size
    assert function.stats.traces == 2


def test_transforms_at_other_sizes() -> None:
    function = plain(vmap(grad(lambda x: np.sum(np.sin(x) ** 2))), argnums=())
    for rows, columns in ((20, 30), (30, 40), (18, 18)):
        x = RNG.normal(size=(rows, columns))
        np.testing.assert_allclose(function(x), np.sin(2 * x), atol=1e-14)
    assert function.stats.traces == 1


def test_captured_arrays_of_another_size() -> None:
    holder = {"w": RNG.normal(size=20)}
    function = plain(lambda x: x @ holder["w"])
    x = RNG.normal(size=20)
    assert function(x) == pytest.approx(x @ holder["w"])
    holder["w"][:] = 1.0
    assert function(x) == pytest.approx(x.sum())
    with pytest.raises(irgrad.IrgradError):
        function(RNG.normal(size=30))
