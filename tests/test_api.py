"""The public surface: calls, captured arrays, statistics, binding, threads, pickling."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError

ROOT = str(Path(__file__).parents[1])
SCALE = np.array([1.0, 2.0, 3.0])
FACTOR = 2.0


def scaled(x):
    return np.sum(SCALE * x) * FACTOR


def logistic(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z)


def test_value_gradient_and_both_agree() -> None:
    random = np.random.default_rng(0)
    w, X, y = random.normal(size=20), random.normal(size=(50, 20)), random.normal(size=50)
    f = irgrad.compile(logistic, jit=False)
    value, slope = f.value_and_grad(w, X, y)
    assert f(w, X, y) == value == pytest.approx(logistic(w, X, y), rel=1e-14)
    np.testing.assert_array_equal(f.grad(w, X=X, y=y), slope)
    p = 1.0 / (1.0 + np.exp(-(X @ w)))
    np.testing.assert_allclose(slope, X.T @ (p - y) / 50, rtol=1e-12, atol=1e-14)


def test_a_decorator_with_options() -> None:
    @irgrad.compile(argnums=(0, 1), static_argnames=("power",), jit=False)
    def f(x, y, power=2):
        """Return a product."""
        return np.sum(x**power * y)

    assert f.__doc__ == "Return a product."
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    by_x, by_y = f.grad(x, y, power=3)
    np.testing.assert_allclose(by_x, 3 * x**2 * y)
    np.testing.assert_allclose(by_y, x**3)
    np.testing.assert_allclose(f.grad(x, y)[1], x**2)
    assert f.stats.traces == 2


def test_captured_arrays_are_read_anew() -> None:
    global SCALE, FACTOR
    f = irgrad.compile(scaled, jit=False)
    x = np.ones(3)
    before = SCALE.copy()
    try:
        assert f(x) == 12.0
        SCALE[0] = 5.0
        assert f(x) == 20.0
        SCALE = np.array([1.0, 1.0, 1.0])
        assert f(x) == 6.0
        FACTOR = 3.0
        assert f(x) == 9.0
    finally:
        SCALE, FACTOR = before, 2.0


def test_arrays_that_entered_through_a_computation_are_watched() -> None:
    table = np.arange(3.0)

    def f(x):
        return np.sum((table * 2.0) * x)  # the product is made while tracing

    compiled = irgrad.compile(f, jit=False)
    assert compiled(np.ones(3)) == 6.0
    table[0] = 10.0
    assert compiled(np.ones(3)) == 26.0


def test_large_and_strided_captured_arrays() -> None:
    table = np.arange(400_000.0)[::2]
    f = irgrad.compile(lambda x: np.sum(table * x), jit=False)
    np.testing.assert_allclose(f.grad(np.ones(200_000)), table)


def test_inputs_of_every_layout() -> None:
    f = irgrad.compile(lambda x: np.sum(np.tanh(x)[0] * x), jit=False)
    x = np.arange(12.0).reshape(3, 4) / 10
    frozen = x.copy()
    frozen.flags.writeable = False
    swapped = x.astype(">f8")
    for version in (x, np.asfortranarray(x), x[::-1][::-1], frozen, swapped):
        assert f(version) == pytest.approx(f(x), rel=1e-15)
        np.testing.assert_array_equal(f.grad(version), f.grad(x))
    np.testing.assert_array_equal(x, np.arange(12.0).reshape(3, 4) / 10)


def test_results_share_no_memory_with_arguments_or_each_other() -> None:
    f = irgrad.compile(lambda x: (x, x[::-1], x.reshape(2, 2), x), jit=False)
    x = np.arange(4.0)
    results = f(x)
    for i, a in enumerate(results):
        assert not np.shares_memory(a, x)
        for b in results[i + 1 :]:
            assert not np.shares_memory(a, b)
    np.testing.assert_array_equal(results[1], x[::-1])


def test_bind_gives_the_raw_functions() -> None:
    f = irgrad.compile(lambda x, y: np.tanh(x * y), argnums=(0, 1))
    bound = f.bind(0.5, 2.0)
    value, by_x, by_y = bound.value_and_grad(0.5, 2.0)
    assert bound(0.5, 2.0) == value == pytest.approx(np.tanh(1.0))
    assert (by_x, by_y) == pytest.approx((2 * (1 - value**2), 0.5 * (1 - value**2)))
    with pytest.raises(TypeError):
        bound(np.ones(3), 2.0)
    with pytest.raises(ArgumentError, match="from outside"):
        irgrad.compile(scaled).bind(np.ones(3))


def test_eight_threads_compile_once() -> None:
    f = irgrad.compile(lambda x: np.sum(np.sin(x) ** 2))
    x = np.linspace(0.0, 1.0, 50)
    results: list[Any] = []

    def run() -> None:
        results.append(f.value_and_grad(x))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert f.stats.traces == 1
    assert f.stats.compiles + f.stats.cache_hits == 1
    for value, slope in results:
        assert value == results[0][0]
        np.testing.assert_allclose(slope, np.sin(2 * x), atol=1e-14)


def test_a_pickle_carries_the_function_by_reference() -> None:
    f = irgrad.compile(logistic, argnums=(0, 1), jit=False)
    data = pickle.dumps(f)
    assert len(data) < 500
    twin = pickle.loads(data)
    w, X, y = np.ones(3), np.ones((4, 3)), np.ones(4)
    np.testing.assert_array_equal(twin.grad(w, X, y)[1], f.grad(w, X, y)[1])


_SECOND = """
import numpy as np, irgrad
f = irgrad.compile(lambda x, a: np.sum(np.exp(x) * a))
value, slope = f.value_and_grad(np.arange(5.0), 2.0)
assert abs(slope - 2.0 * np.exp(np.arange(5.0))).max() < 1e-12
print(f.stats.compiles, f.stats.cache_hits)
"""


def test_a_second_process_compiles_nothing(tmp_path: Any) -> None:
    script = tmp_path / "program.py"
    script.write_text(_SECOND)
    first, second = (
        subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    )
    assert first == ["1", "0"]
    assert second == ["0", "1"]


def test_the_source_needs_a_call_first() -> None:
    with pytest.raises(ArgumentError, match="lower"):
        irgrad.compile(logistic).source  # noqa: B018


def test_arrays_unlike_those_of_the_last_calls_are_never_taken_for_them() -> None:
    compiled = irgrad.compile(lambda x: np.sum(np.sin(x) * x))
    plain = irgrad.compile(lambda x: np.sum(np.sin(x) * x), jit=False)
    x = np.linspace(0.5, 2.0, 12)
    readonly = x.copy()
    readonly.flags.writeable = False
    others = [
        x[::2], x[::-1], x.reshape(3, 4), x.reshape(3, 4).T, x.astype(np.float32), x[:0], readonly,
        x.astype(">f8"), 0.5, np.float64(0.5), np.array(0.5),
    ]  # fmt: skip
    for other in others:
        for _ in range(3):  # the second call moves machine code in front
            compiled.grad(x)
        np.testing.assert_allclose(compiled.grad(other), plain.grad(other), rtol=1e-6)
        assert np.shape(compiled.grad(other)) == np.shape(other)


def test_arrays_from_outside_are_looked_at_at_every_call() -> None:
    captured = np.linspace(0.5, 2.0, 6)

    def function(x: Any) -> Any:
        return np.sum(np.sin(x) * captured)

    compiled = irgrad.compile(function)
    x = np.linspace(0.0, 1.0, 6)
    for _ in range(4):
        compiled.grad(x)
    captured = np.linspace(0.0, 1.0, 12)[::2]
    for _ in range(3):
        np.testing.assert_allclose(compiled.grad(x), np.cos(x) * captured, rtol=1e-14)
    captured[0] = 7.0
    np.testing.assert_allclose(compiled.grad(x), np.cos(x) * captured, rtol=1e-14)
