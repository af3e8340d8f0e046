"""Blocks: the same numbers in blocks of any length, no long scratch, loops over rows innermost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from benchmarks.problems import gaussian_mixture, matrix_factorisation, two_moons
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import loops
from irgrad.schedule import block_costs


def classes(W: Any, b: Any, X: Any, y: Any) -> Any:
    """Cross-entropy of a linear model with a few classes."""
    z = X @ W + b
    z = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(z * y, axis=1))


def logistic(w: Any, X: Any, y: Any) -> Any:
    """Logistic regression with as many features as you like."""
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z)


def layer(W: Any, V: Any, X: Any) -> Any:
    """A wide layer, normalised by row, and a narrow one."""
    h = np.tanh(X @ W)
    h = (h - np.mean(h, axis=1, keepdims=True)) / np.sqrt(np.var(h, axis=1, keepdims=True) + 0.1)
    return np.sum((h @ V) ** 2)


def twice(w: Any, X: Any) -> Any:
    """A result of a first sweep that a second one needs."""
    z = np.exp(0.1 * (X @ w))
    return np.sum(np.sin(z / np.sum(z)) ** 2)


def stencil(x: Any) -> Any:
    """Shifted reads, whose adjoint adds to shifted parts of one array."""
    return np.sum(np.tanh(x[2:] - 2.0 * x[1:-1] * x[:-2]) ** 2) + np.sum(x[1:] * x[:-1])


def rows_apart(x: Any) -> Any:
    """The same along the first of two axes."""
    return np.sum(np.sin(x[1:] * x[:-1]))


def normed(X: Any, g: Any) -> Any:
    """A layer norm of short rows."""
    mean = np.mean(X, axis=1, keepdims=True)
    variance = np.mean((X - mean) ** 2, axis=1, keepdims=True)
    return np.sum(g * np.tanh((X - mean) / np.sqrt(variance + 1e-5)))


def whitened(X: Any, mean: Any, deviation: Any) -> Any:
    """Columns scaled one by one."""
    return np.sum(np.tanh((X - mean) / deviation))


def turned(x: Any, weights: Any) -> Any:
    """Rows read from both ends."""
    y = x[::-1, ::-1]
    sums = [
        np.sum(part * np.cos(weights))
        for part in (x, y, np.clip(y, -0.5, 0.7), np.clip(x, -0.5, 0.7))
    ]
    return sum(sums)


def values(*shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(4)
    return tuple(random.normal(size=shape) for shape in shapes)


CASES: list[tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]] = [
    (gaussian_mixture.log_likelihood, gaussian_mixture.arguments(70), (0, 1, 2, 3)),
    (two_moons.loss, two_moons.arguments(70), (0, 1, 2, 3, 4, 5)),
    (classes, values((5, 7), (7,), (70, 5), (70, 7)), (0, 1)),
    (logistic, values((30,), (70, 30), (70,)), (0,)),
    (layer, values((20, 24), (24, 3), (70, 20)), (0, 1, 2)),
    (twice, values((30,), (70, 30)), (0, 1)),
    (stencil, values((70,)), (0,)),
    (turned, values((20, 20), (20, 20)), (0,)),
    (rows_apart, values((70, 5)), (0,)),
    (rows_apart, values((70, 30)), (0,)),
    (normed, values((70, 7), (7,)), (0, 1)),
    (whitened, values((70, 7), (7,), (7,)), (0, 1)),
]


def in_blocks(function: loops.Function) -> list[loops.Blocks]:
    return [s for s in loops.every_statement(function.body) if isinstance(s, loops.Blocks)]


@pytest.mark.parametrize("length", [1, 8, 70, 512])
@pytest.mark.parametrize(("f", "arguments", "argnums"), CASES, ids=lambda case: str(case)[:20])
def test_blocks_of_any_length_give_the_same_numbers(
    f: Callable[..., Any],
    arguments: tuple[Any, ...],
    argnums: tuple[int, ...],
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_costs, "SHORTEST", length)
    monkeypatch.setattr(block_costs, "LONGEST", length)
    monkeypatch.setattr(block_costs, "WORTHWHILE", 0)
    compiled = irgrad.compile(f, argnums=argnums, jit=False)
    stages = compiled.lower(*arguments)
    assert any(in_blocks(function) for function in stages.program.functions)
    assert stages.joint is not None
    assert compiled._latest is not None
    value, gradient = compiled.value_and_grad(*arguments)
    expected = evaluate(stages.joint, *arguments, *compiled._latest.traced.captured)
    np.testing.assert_allclose(value, f(*arguments), rtol=1e-12)
    gradients = gradient if isinstance(gradient, tuple) else (gradient,)
    for ours, theirs in zip(gradients, expected[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("f", "arguments", "argnums"), CASES[:4], ids=lambda case: str(case)[:20])
def test_no_scratch_is_as_long_as_the_data(
    f: Callable[..., Any], arguments: tuple[Any, ...], argnums: tuple[int, ...]
) -> None:
    stages = irgrad.compile(f, argnums=argnums, jit=False).lower(*arguments)
    function = stages.program.functions[-1]
    (long,) = {loop.extent for loop in in_blocks(function)}
    scratch = [s for s in function.body if isinstance(s, loops.Allocate)]
    assert scratch
    assert all(long not in array.shape for array in scratch)


def test_rows_too_short_for_vectors_run_in_blocks() -> None:
    random = np.random.default_rng(8)
    short = irgrad.compile(normed, jit=False)
    (block,) = in_blocks(short.lower(random.normal(size=(50, 8)), np.ones(8)).program.functions[-1])
    assert block.length == block_costs.LONGEST
    wide = irgrad.compile(normed, jit=False)
    assert not in_blocks(
        wide.lower(random.normal(size=(50, 40)), np.ones(40)).program.functions[-1]
    )


@pytest.mark.parametrize(
    ("width", "argnums", "blocks"),
    [(3, (0, 1), 0), (8, (0,), 0), (8, (0, 1), 1), (10, (0,), 1), (16, (0, 1), 0)],
)
def test_short_rows_that_meet_numbers_of_their_columns_run_in_blocks(
    width: int, argnums: tuple[int, ...], blocks: int
) -> None:
    arguments = values((50, width), (width,), (width,))
    compiled = irgrad.compile(whitened, argnums=argnums, jit=False)
    assert len(in_blocks(compiled.lower(*arguments).program.functions[-1])) == blocks


def test_blocks_do_not_cut_across_the_rows_of_long_arrays() -> None:
    X = np.random.default_rng(9).normal(size=(50, 40))
    compiled = irgrad.compile(whitened, argnums=(0, 1, 2), jit=False)
    functions = compiled.lower(X, np.zeros(40), np.ones(40)).program.functions
    assert not any(in_blocks(function) for function in functions)
    assert "X[:, " not in compiled.lower(X, np.zeros(40), np.ones(40)).module.source


def test_rows_are_innermost_and_contiguous_where_other_axes_are_short() -> None:
    _, arguments, argnums = CASES[1]
    compiled = irgrad.compile(two_moons.loss, argnums=argnums, jit=False)
    function = compiled.lower(*arguments).program.functions[-1]
    (block,) = in_blocks(function)
    shapes = [s.shape for s in function.body if isinstance(s, loops.Allocate)]
    assert [shape for shape in shapes if block.length in shape and shape[-1] != block.length] == []
    calls = [s for s in loops.every_statement([block]) if isinstance(s, loops.Call)]
    assert calls == []  # products of so few columns are loops


def test_sums_too_large_to_be_added_to_for_every_block_are_left_to_blas() -> None:
    arguments = values((300, 200), (60, 300))
    f = irgrad.compile(lambda W, X: np.sum(np.tanh(X @ W)), jit=False)
    assert not in_blocks(f.lower(*arguments).program.functions[-1])


def test_a_product_of_thin_factors_is_never_whole() -> None:
    U, V, M, observed = values((400, 16), (300, 16), (400, 300), (400, 300))
    compiled = irgrad.compile(matrix_factorisation.objective, argnums=(0, 1), jit=False)
    value, (U_bar, V_bar) = compiled.value_and_grad(U, V, M, observed)
    residual = observed * (U @ V.T - M)
    ridge = matrix_factorisation.RIDGE
    np.testing.assert_allclose(value, matrix_factorisation.objective(U, V, M, observed), rtol=1e-12)
    np.testing.assert_allclose(U_bar, (residual * observed) @ V + ridge * U, 1e-10, 1e-9)
    np.testing.assert_allclose(V_bar, (residual * observed).T @ U + ridge * V, 1e-10, 1e-9)
    function = compiled.lower(U, V, M, observed).program.functions[-1]
    shapes = [s.shape for s in function.body if isinstance(s, loops.Allocate)]
    rows, columns = compiled.graph.inputs[2].array_type.shape
    assert not any(rows in shape and columns in shape for shape in shapes)


def test_a_residual_is_weighed_in_its_own_memory_which_lets_blocks_be_longer() -> None:
    arguments = values((400, 16), (300, 16), (400, 300), (400, 300))
    compiled = irgrad.compile(matrix_factorisation.objective, argnums=(0, 1), jit=False)
    function = compiled.lower(*arguments).program.functions[-1]
    (block,) = in_blocks(function)
    columns = compiled.graph.inputs[2].array_type.shape[1]
    held = [s for s in function.body if isinstance(s, loops.Allocate) and s.shape[-1] == columns]
    assert [s.shape for s in held] == [(block.length, columns)]
    needed = block.length * (300 + 16)
    assert needed <= block_costs.WORKING_SET < 2 * needed or block.length == block_costs.LONGEST


def test_what_a_loop_in_a_block_fills_anew_stays_in_the_first_level_of_the_cache() -> None:
    """For each of n components: differences from its mean, then what a matrix makes of them."""
    arguments = gaussian_mixture.arguments(2_000)
    compiled = irgrad.compile(gaussian_mixture.log_likelihood, argnums=(0, 1, 2, 3), jit=False)
    function = compiled.lower(*arguments).program.functions[0]
    (block,) = in_blocks(function)
    assert block.length == 128
    assert 2 * gaussian_mixture.DIMENSIONS * block.length <= block_costs.FIRST_LEVEL


def test_what_each_trip_of_a_loop_in_a_block_reads_again_stays_there_too() -> None:
    """Each unit of the second layer reads all of the first."""
    f = irgrad.compile(two_moons.loss, argnums=CASES[1][2], jit=False)
    (block,) = in_blocks(f.lower(*two_moons.arguments(2_000)).program.functions[-1])
    needed = two_moons.HIDDEN * block.length
    assert needed < block_costs.FIRST_LEVEL <= 4 * needed


@pytest.mark.parametrize("count", [100, 1100])
def test_sizes_that_are_fixed_run_in_blocks_too_and_one_block_needs_no_loop(count: int) -> None:
    _, _, argnums = CASES[1]
    arguments = two_moons.arguments(count)
    fixed = irgrad.compile(two_moons.loss, argnums=argnums, shapes="static", jit=False)
    usual = irgrad.compile(two_moons.loss, argnums=argnums, jit=False)
    function = fixed.lower(*arguments).program.functions[-1]
    assert len(in_blocks(function)) == (count > block_costs.LONGEST)
    scratch = [s for s in function.body if isinstance(s, loops.Allocate)]
    assert all(1100 not in array.shape for array in scratch)
    assert "rows" not in fixed.source or count > block_costs.LONGEST
    pairs = zip(fixed.grad(*arguments), usual.grad(*arguments), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_an_empty_axis_has_no_blocks() -> None:
    f = irgrad.compile(logistic, jit=False)
    w, X, y = values((30,), (70, 30), (70,))
    f.value_and_grad(w, X, y)
    with np.errstate(all="ignore"):
        value, w_bar = f.value_and_grad(w, X[:0], y[:0])
    assert np.isnan(value)
    assert w_bar.shape == (30,)
