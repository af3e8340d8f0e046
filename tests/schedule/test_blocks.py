"""Chains of elementary functions run as passes over blocks; everything else stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import loops
from irgrad.schedule.blocks import LENGTH

SIZES = [0, 1, 7, LENGTH, LENGTH + 1, 2 * LENGTH + 3]


def loops_of(function: Callable[..., Any], *arguments: Any) -> list[loops.Loop]:
    """Return the loops of the emitted value and gradient, outer ones before inner ones."""
    program = irgrad.compile(function, jit=False).lower(*arguments).program
    parts = loops.every_statement(program.functions[-1].body)
    return [part for part in parts if isinstance(part, loops.Loop)]


def is_cut(function: Callable[..., Any], *arguments: Any) -> bool:
    return any(isinstance(part, loops.Blocks) for part in loops_of(function, *arguments))


def long_chain(x):
    return np.sum(np.tanh(np.log1p(np.exp(np.sin(x)))) * np.cos(x))


def long_chain_slope(x):
    e = np.exp(np.sin(x))
    t = np.tanh(np.log1p(e))
    return (1 - t * t) / (1 + e) * e * np.cos(x) * np.cos(x) - t * np.sin(x)


@pytest.mark.parametrize("size", SIZES)
def test_blocks_cover_every_size(size: int) -> None:
    x = np.random.default_rng(size).normal(size=size)
    compiled = irgrad.compile(long_chain, jit=False)
    value, x_bar = compiled.value_and_grad(x)
    assert "range(0, n, 512)" in compiled.source or size <= 16
    np.testing.assert_allclose(value, long_chain(x), rtol=1e-13)
    np.testing.assert_allclose(x_bar, long_chain_slope(x), rtol=1e-12, atol=1e-15)


def test_machine_code_agrees() -> None:
    x = np.random.default_rng(1).normal(size=2 * LENGTH + 5)
    value, x_bar = irgrad.compile(long_chain).value_and_grad(x)
    np.testing.assert_allclose(value, long_chain(x), rtol=1e-13)
    np.testing.assert_allclose(x_bar, long_chain_slope(x), rtol=1e-12, atol=1e-15)


def test_passes_hold_one_link_each_and_share_a_kernels_argument() -> None:
    x = np.linspace(0.1, 2.0, 30)
    compiled = irgrad.compile(long_chain, jit=False)
    compiled.grad(x)
    text = compiled.source[compiled.source.index("def value_and_grad") :]
    assert text.count("fill_sincos(") == 1
    assert "np.sin" not in text
    kernels = ("exp_moderate(", "log1p_moderate(", "tanh_small(")  # of numbers behind a sine
    for kernel in kernels:
        (line,) = (line for line in text.splitlines() if f" {kernel}" in line)
        others = [k for k in kernels if k != kernel]
        assert not any(other in line for other in others)


def test_sines_of_any_argument_are_right() -> None:
    x = np.array([0.0, 1.0, -3e5, 1e6, 2.0**20, -1e22, 6381956970095103.0 * 2.0**797, 30.0] * 3)

    def waves(x):
        return np.sum(np.sin(2.0 * x) + np.tan(0.5 * x))

    compiled = irgrad.compile(waves, jit=False)
    value, x_bar = compiled.value_and_grad(x)
    np.testing.assert_allclose(value, waves(x), rtol=1e-12)
    slope = 2 * np.cos(2 * x) + 0.5 + 0.5 * np.tan(0.5 * x) ** 2
    np.testing.assert_allclose(x_bar, slope, rtol=1e-12)
    assert "fill_sin" in compiled.source


def several_sums(x, y):
    e = np.exp(x)
    return np.sum(e) * np.sum(e * y)


@pytest.mark.parametrize("parallel", [False, True])
def test_exponentials_beside_several_sums_are_computed_for_a_block(parallel: bool) -> None:
    x = np.linspace(-800.0, 720.0, 2_000)
    x[::7] = [-np.inf, np.nan, -708.5, -745.0, 0.0, 1.0] * 47 + [2.0] * 4
    compiled = irgrad.compile(several_sums, argnums=(), jit=False, parallel=parallel)
    y = np.linspace(0.0, 1.0, 2_000)
    with np.errstate(all="ignore"):
        assert np.isnan(compiled(x, y))
        x = np.minimum(np.nan_to_num(x, nan=0.5), 700.5)
        np.testing.assert_allclose(compiled(x, y), several_sums(x, y), rtol=1e-13)
    assert " fill_exp(size, x_block, " in compiled.source


def test_exponentials_stay_in_loops_that_are_short_or_store_results_or_stand_in_nests() -> None:
    x = np.linspace(-1.0, 1.0, 2_000)
    short, rows = x[:50], x.reshape(-1, 40)
    for function, arguments in [
        (several_sums, (short, short)),
        (np.exp, (x,)),
        (lambda x: np.sum(np.exp(x)), (x,)),
        (lambda x: np.exp(x) * np.sum(np.exp(x)), (x,)),
        (lambda x: np.sum(np.exp(x), axis=1) * np.sum(np.exp(x) * x, axis=1), (rows,)),
    ]:
        compiled = irgrad.compile(function, jit=False)
        np.testing.assert_allclose(compiled(*arguments), function(*arguments), rtol=1e-13)
        assert "fill_exp" not in compiled.source


def test_not_a_number_and_infinity_pass_through() -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.5] * 5)
    with np.errstate(invalid="ignore"):
        value = irgrad.compile(lambda x: np.sin(x) * 1.0, jit=False)(x)
    np.testing.assert_allclose(value, [np.nan, np.nan, np.nan, np.sin(0.5)] * 5)


def test_single_links_short_loops_and_scalars_stay_whole() -> None:
    x = np.linspace(0.1, 2.0, 40)
    assert not is_cut(lambda x: np.sum(np.exp(x) + np.tanh(x)), x)
    assert not is_cut(long_chain, x[:5])
    assert not is_cut(lambda x: np.tanh(np.log1p(np.exp(x))), 0.5)
    assert is_cut(lambda x: np.sum(np.log1p(np.exp(x))), x)


def test_rows_of_matrices_strides_and_shifts() -> None:
    X = np.random.default_rng(2).normal(size=(3, 40))

    def windows(X):
        z = np.exp(np.tanh(X[:, 1:] - X[:, :-1]))
        return np.sum(np.log1p(z) * X[::-1, :0:-1]) + np.sum(np.tanh(np.exp(X[:, ::3])))

    assert is_cut(windows, X)
    compiled = irgrad.compile(windows, jit=False)
    value, X_bar = compiled.value_and_grad(X)
    np.testing.assert_allclose(value, windows(X), rtol=1e-13)
    irgrad.testing.check_grads(windows, (X,), order=1)
    step = np.zeros_like(X)
    for place in [(0, 0), (1, 20), (2, 39)]:
        step[place] = 1e-6
        slope = (windows(X + step) - windows(X - step)) / 2e-6
        np.testing.assert_allclose(X_bar[place], slope, rtol=1e-6)
        step[place] = 0.0


def test_masks_and_other_dtypes_are_handed_on() -> None:
    x = np.linspace(-2.0, 2.0, 50).astype(np.float32)

    def gated(x):
        z = np.exp(np.tanh(x))
        return np.sum(np.where(z > 1.0, np.log(z), np.sqrt(z)) * np.exp(np.where(z > 1.0, x, 1.0)))

    compiled = irgrad.compile(gated, jit=False)
    assert is_cut(gated, x)
    value, x_bar = compiled.value_and_grad(x)
    assert x_bar.dtype == np.float32
    wide = x.astype(np.float64)
    np.testing.assert_allclose(value, gated(wide), rtol=1e-5)
    by_differences = [
        (gated(wide + e) - gated(wide - e)) / 2e-6 for e in 1e-6 * np.eye(x.size)
    ]
    np.testing.assert_allclose(x_bar, by_differences, rtol=1e-4)


def test_a_loop_that_reads_what_it_writes_stays_whole() -> None:
    def in_place(x):
        y = x.copy()
        y[:] = np.log1p(np.exp(np.tanh(y)))
        return np.sum(y * y)

    x = np.linspace(-1.0, 1.0, 40)
    value, x_bar = irgrad.compile(in_place, jit=False).value_and_grad(x)
    y = np.log1p(np.exp(np.tanh(x)))
    np.testing.assert_allclose(value, np.sum(y * y))
    t = np.tanh(x)
    np.testing.assert_allclose(x_bar, 2 * y / (1 + np.exp(-t)) * (1 - t * t))


def test_gathers_and_scatters_within_a_cut_loop() -> None:
    places = np.random.default_rng(3).integers(0, 10, size=60)

    def picked(x):
        return np.sum(np.log1p(np.exp(np.tanh(x[places]))))

    x = np.linspace(-1.0, 1.0, 10)
    value, x_bar = irgrad.compile(picked, jit=False).value_and_grad(x)
    t = np.tanh(x)
    slope = (1 - t * t) / (1 + np.exp(-t))
    np.testing.assert_allclose(value, picked(x))
    np.testing.assert_allclose(x_bar, slope * np.bincount(places, minlength=10))


def test_threads_have_scratch_of_their_own() -> None:
    x = np.random.default_rng(4).normal(size=3000)
    shared = irgrad.compile(long_chain, jit=False, parallel=True)
    value, x_bar = shared.value_and_grad(x)
    task = shared.source[shared.source.index("def part_of_value_and_grad") :]
    assert "scratch = np.empty(" in task[: task.index("@njit")]
    np.testing.assert_allclose(value, long_chain(x), rtol=1e-12)
    np.testing.assert_allclose(x_bar, long_chain_slope(x), rtol=1e-12, atol=1e-15)
