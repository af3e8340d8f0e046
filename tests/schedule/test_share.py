"""Outer loops shared by threads: the same numbers, whoever does which trips."""

from __future__ import annotations

from typing import Any

import hypothesis
import numpy as np
import pytest

import irgrad
from irgrad import specialise
from irgrad.emit.statements import ROW_START, _cut
from irgrad.ir import loops
from irgrad.schedule import share
from tests.fuzz.programs import Program, programs


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every loop be shared that can be, in parts of an operation or two."""
    monkeypatch.setattr(share, "LEAST_WORK", 1)
    monkeypatch.setattr(share, "LEAST_STATEMENT", 0)
    monkeypatch.setattr(share, "TOTAL_COST", 0)
    monkeypatch.setattr(share, "LEAST_BLOCKS", 1)
    monkeypatch.setattr(specialise, "ENOUGH_TO_SHARE", 0)


def tasks(compiled: Any, *arguments: Any) -> list[loops.Share]:
    body = compiled.lower(*arguments).program.functions[-1].body
    return [part for part in body if isinstance(part, loops.Share)]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1.5, 1.5, shape)


def logistic(w: Any, X: Any, y: Any) -> Any:
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z)


def mixture(c: Any, X: Any) -> Any:
    d = np.sum((X[:, None] - c[None]) ** 2, axis=-1)
    m = d.max(axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(d - m), axis=1)) + m[:, 0])


def largest(x: Any) -> Any:
    return np.max(np.sin(x) * x, axis=1).sum() + np.max(np.cos(x))


def stencil(x: Any) -> Any:
    return np.sum(np.tanh(x[2:] - 2.0 * x[1:-1] + x[:-2]) ** 2)


def histogram(w: Any, i: Any) -> Any:
    return np.sum(np.exp(w[i]) * np.arange(i.size))


def cumulative(x: Any) -> Any:
    return np.sum(np.cumsum(np.exp(x)) ** 2)


def network(V: Any, W: Any, X: Any) -> Any:
    return np.sum(np.tanh(np.tanh(X @ V) @ W) ** 2) + np.sum(np.arange(X.shape[0]) * X[:, 0])


def energy(P: Any) -> Any:
    """Sum over pairs, each of which is visited once: ever fewer for the rows."""
    return np.sum(1.0 / np.sqrt(np.sum((P[:, None] - P[None]) ** 2, axis=2) + 0.3))


CASES = {
    "energy": (energy, (numbers(90, 3),)),
    "logistic": (logistic, (numbers(5), numbers(40, 5), numbers(40))),
    "squared": (lambda A: np.sum(np.tanh(A @ A) ** 2), (numbers(40, 40),)),
    "network": (network, (numbers(4, 7), numbers(7, 3), numbers(600, 4))),
    "wide": (logistic, (numbers(30), numbers(600, 30), numbers(600))),
    "mixture": (mixture, (numbers(20, 3), numbers(50, 3))),
    "largest": (largest, (numbers(30, 17),)),
    "stencil": (stencil, (numbers(60),)),
    "histogram": (histogram, (numbers(20), np.arange(70) % 20)),
    "cumulative": (cumulative, (numbers(33),)),
}


@pytest.mark.parametrize("name", CASES)
def test_parts_find_what_one_loop_does(name: str) -> None:
    function, arguments = CASES[name]
    value, slope = irgrad.compile(function, jit=False).value_and_grad(*arguments)
    shared = irgrad.compile(function, jit=False, parallel=True)
    assert tasks(shared, *arguments)
    ours, gradient = shared.value_and_grad(*arguments)
    np.testing.assert_allclose(ours, value, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-14)


@hypothesis.settings(max_examples=40)
@hypothesis.given(programs())
def test_random_programs(program: Program) -> None:
    arguments = program.values(0)
    function = program.function()
    with np.errstate(all="ignore"):
        value = irgrad.compile(function, jit=False)(*arguments)
        shared = irgrad.compile(function, jit=False, parallel=True)
        ours, gradient = shared.value_and_grad(*arguments)
        slope = irgrad.compile(function, jit=False).grad(*arguments)
    np.testing.assert_allclose(ours, value, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-11)


def test_each_part_has_scratch_and_totals_of_its_own() -> None:
    function, arguments = CASES["mixture"]
    first = tasks(irgrad.compile(function, parallel=True), *arguments)[0]
    scratch = {part.name for part in first.body if isinstance(part, loops.Allocate)}
    assert scratch
    assert scratch.isdisjoint(first.parameters)
    assert [bool(total.shape) for total in first.totals] == [False, True]


def test_a_recurrence_is_not_shared() -> None:
    def walk(x: Any) -> Any:
        state = x[0]
        for k in range(400):
            state = np.tanh(state + x[k])
        return state

    assert not tasks(irgrad.compile(walk, parallel=True), numbers(400))


def test_nothing_is_shared_beside_products_of_matrices() -> None:
    A = numbers(40, 40)
    assert tasks(irgrad.compile(lambda A: np.sum(np.tanh(A @ A[0])), parallel=True), A)
    assert not tasks(irgrad.compile(lambda A: np.sum(np.tanh(A.T @ A)), parallel=True), A)


def test_what_waits_for_memory_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "LEAST_STATEMENT", 8)
    x = numbers(50)
    assert not tasks(irgrad.compile(lambda x: 2.0 * x, parallel=True, argnums=()), x)
    assert tasks(irgrad.compile(lambda x: np.exp(x), parallel=True, argnums=()), x)


def test_no_loop_of_known_little_work_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "LEAST_WORK", 50_000)
    compiled = irgrad.compile(lambda x: np.sum(np.exp(x)), parallel=True, shapes="static")
    assert not tasks(compiled, numbers(8))


def test_small_calls_get_the_code_of_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialise, "ENOUGH_TO_SHARE", 1000)
    x = np.abs(numbers(400))
    compiled = irgrad.compile(lambda x: np.sum(np.exp(x) * x), parallel=True)
    for size, traces, shared in ((20, 1, False), (70, 1, False), (400, 2, True), (30, 2, True)):
        np.testing.assert_allclose(
            compiled.grad(x[:size]), np.exp(x[:size]) * (1.0 + x[:size]), rtol=1e-14
        )
        assert compiled.stats.traces == traces
        assert ("prange" in compiled.source) == shared


def test_the_code_of_one_thread_takes_no_larger_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialise, "ENOUGH_TO_SHARE", 1000)
    x = numbers(400)
    bound = irgrad.compile(lambda x: np.sum(np.exp(x) * x), parallel=True).bind(x[:20])
    assert bound.value(x[:70]) == pytest.approx(np.sum(np.exp(x[:70]) * x[:70]))
    with pytest.raises(ValueError, match=r"with 14\*n < 1000"):
        bound.value(x)


def test_fixed_sizes_need_no_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialise, "ENOUGH_TO_SHARE", 1000)
    compiled = irgrad.compile(lambda x: np.sum(np.exp(x)), parallel=True, shapes="static")
    assert "1000" not in compiled.lower(numbers(40)).module.source


def test_the_file_says_how_much_work_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "LEAST_WORK", 50_000)
    monkeypatch.setattr(share, "LEAST_BLOCKS", 3)
    compiled = irgrad.compile(logistic, parallel=True)
    source = compiled.lower(*CASES["logistic"][1]).module.source
    assert "from numba import njit, prange" in source
    assert "parts = min(16, 28*n // 50000, n // 1536) // 2 * 2" in source
    assert "prange" not in irgrad.compile(logistic).lower(*CASES["logistic"][1]).module.source


@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize("trips", [1, 7, 1000, 10**8])
def test_parts_of_triangles_take_equally_long(slope: int, trips: int) -> None:
    nest = loops.Share(
        "@part", trips, (), task="task", first="start", last="end", parts="parts", slope=slope,
        most=16,
    )  # fmt: skip
    for parts in (2, 4, 6, 10, 16):
        known = {"np": np, "parts": parts, "trips": trips}
        cuts = [eval(_cut(nest, "trips", str(part)), known) for part in range(parts + 1)]
        assert cuts[0] == 0
        assert cuts[-1] == trips
        assert sorted(cuts) == cuts
        if trips == 1000:
            rows = np.arange(trips) if slope > 0 else np.arange(trips)[::-1]
            taken = np.add.reduceat(rows + ROW_START, cuts[:-1])
            np.testing.assert_allclose(taken, np.sum(rows + ROW_START) / parts, rtol=0.02)


def test_sums_beside_a_stencil_are_shared_in_one_loop() -> None:
    def rosenbrock(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    x = numbers(50)
    compiled = irgrad.compile(rosenbrock, parallel=True)
    value, x_bar = compiled.value_and_grad(x)
    assert len(tasks(compiled, x)) == 1
    one_thread = irgrad.compile(rosenbrock).value_and_grad(x)
    assert value == pytest.approx(one_thread[0], rel=1e-14)
    np.testing.assert_allclose(x_bar, one_thread[1], rtol=1e-14)
