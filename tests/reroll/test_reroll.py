"""Re-rolled traces compute exactly what the unrolled ones do, in as many statements as the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType
from irgrad.ir.verify import verify
from irgrad.reroll import reroll
from irgrad.trace.trace import InputSpec, run_traced


def traced(function: Callable[..., Any], *arguments: Any) -> Graph:
    specs = [
        InputSpec(f"x{k}", ArrayType(np.asarray(a).dtype, np.shape(a)))
        for k, a in enumerate(arguments)
    ]

    def flat(result: Any) -> tuple[list[Any], None]:
        return (list(result) if isinstance(result, tuple) else [result]), None

    made = run_traced(function, specs, flat, hints={}, name="function")
    assert not made.captured
    return made.graph


def perceptron(parameters: Any) -> Any:
    """Scalars in nested lists, as in micrograd's demo: two layers, hinge loss, L2 term."""
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(12, 2)).tolist()
    labels = [1.0 if draws.uniform() > 0.5 else -1.0 for _ in rows]
    source = iter([parameters[k] for k in range(33)])
    layers = [
        [([next(source) for _ in range(width)], next(source)) for _ in range(count)]
        for width, count in ((2, 5), (5, 2), (2, 2))
    ]

    def model(values: list[Any]) -> Any:
        for layer in layers:
            values = [
                sum((w * x for w, x in zip(weights, values, strict=True)), bias).tanh()
                for weights, bias in layer
            ]
        return values[0]

    scores = [model(row) for row in rows]
    losses = [(1 - y * score).relu() for y, score in zip(labels, scores, strict=True)]
    total = sum(losses) * (1.0 / len(losses))
    return total + 1e-4 * sum(p * p for layer in layers for ws, b in layer for p in [*ws, b])


def logistic_map(x: Any, r: Any) -> Any:
    for _ in range(20):
        x = r * x * (1 - x)
    return x, r


def fibonacci(a: Any, b: Any) -> Any:
    """A value read two iterations later, and all of them at the end."""
    values = [a, b]
    for _ in range(18):
        values.append(np.sin(values[-1]) + values[-2])
    return sum(values)


def triangular_solve(a: Any, b: Any) -> Any:
    y = np.zeros_like(b)
    for i in range(9):
        total = b[i]
        for j in range(i):
            total = total - a[i, j] * y[j]
        y[i] = total / a[i, i]
    return np.sum(y * y)


def cholesky(a: Any, b: Any) -> Any:
    factor = np.zeros_like(a)
    for i in range(16):
        for j in range(i + 1):
            total = a[i, j] if i != j else a[i, j] + 9.0
            for k in range(j):
                total = total - factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(total) if i == j else total / factor[j, j]
    return np.sum(factor * b[0])


def recurrent(w: Any, xs: Any) -> Any:
    """Whole arrays as values."""
    h = np.zeros_like(xs[0])
    kept = []
    for t in range(7):
        h = np.tanh(w @ h + xs[t])
        kept.append(h)
    return np.sum(np.stack(kept)[1:] * xs[:6]) + np.sum(h)


def stencil(u: Any) -> Any:
    u = u * 1.0
    for _ in range(8):
        u[1:-1] = 0.3 * (u[:-2] + u[1:-1] * u[1:-1] + u[2:])
    return np.sum(u * u)


def heat_in_lists(u: Any) -> Any:
    """Scalars in time and space; every value is read in the next step at three places."""
    values = [u[k] for k in range(10)]
    for _ in range(6):
        inner = [a + 0.1 * b * c for a, b, c in zip(values, values[1:], values[2:], strict=False)]
        values = [values[0], *inner, values[-1]]
    return sum(v * v for v in values)


def runge_kutta(state: Any, rates: Any) -> Any:
    def slope(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        return rates[0] * (y - x), x * (rates[1] - z) - y, x * y - rates[2] * z

    x, y, z = state[0], state[1], state[2]
    for _ in range(11):
        a = slope(x, y, z)
        b = slope(x + 0.005 * a[0], y + 0.005 * a[1], z + 0.005 * a[2])
        x, y, z = (v + 0.01 * k for v, k in zip((x, y, z), b, strict=True))
    return x * y + z


def triangular_in_lists(a: Any, b: Any) -> Any:
    """The solution's elements stand at places of the trace that no affine rule gives."""
    x: list[Any] = []
    for i in range(9):
        total = b[i]
        for j in range(i):
            total = total - a[i, j] * x[j]
        x.append(total / a[i, i])
    return sum(v * v for v in x)


def back_substitution(a: Any, b: Any) -> Any:
    x: list[Any] = [0.0] * 9
    for i in reversed(range(9)):
        total = b[i]
        for j in range(i + 1, 9):
            total = total - a[i, j] * x[j]
        x[i] = total / a[i, i]
    return sum(v * v for v in x)


def cholesky_in_lists(a: Any) -> Any:
    factor = [[0.0] * 16 for _ in range(16)]
    for j in range(16):
        total = a[j, j]
        for k in range(j):
            total = total - factor[j][k] ** 2
        factor[j][j] = np.sqrt(total)
        for i in range(j + 1, 16):
            total = a[i, j]
            for k in range(j):
                total = total - factor[i][k] * factor[j][k]
            factor[i][j] = total / factor[j][j]
    return sum(sum(row[: i + 1]) for i, row in enumerate(factor))


def elimination(a: Any) -> Any:
    """The last rows are too short for loops of their own."""
    a = a.copy()
    for k in range(9):
        for i in range(k + 1, 9):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, 9):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * a)


def orthogonal(a: Any) -> Any:
    found: list[Any] = []
    for i in range(9):
        v = a[:, i]
        for q in found:
            v = v - np.sum(q * v) * q
        found.append(v / np.sqrt(np.sum(v * v)))
    return sum(np.sum(q * q * q) for q in found)


def pairs(p: Any) -> Any:
    energy = 0.0
    for i in range(9):
        for j in range(i + 1, 9):
            d = p[i] - p[j]
            energy = energy + 1.0 / np.sqrt(np.sum(d * d) + 0.1)
    return energy


def edges(x: Any) -> Any:
    """What is read follows no rule; the operations do."""
    picks = np.random.default_rng(7).integers(0, 9, (60, 2)).tolist()
    energy = 0.0
    for i, j in picks:
        energy = energy + np.tanh(x[i] - x[j]) * x[j]
    return energy


def solve_by_slices(a: Any, b: Any) -> Any:
    """Slices that grow with the iterations, and slices that shrink."""
    x, y = np.zeros_like(b), np.zeros_like(b)
    for i in range(9):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    for i in range(8, -1, -1):
        y[i] = (x[i] - a[i, i + 1 :] @ y[i + 1 :]) / a[i, i]
    return np.sum(x * y)


def elimination_by_slices(a: Any) -> Any:
    a = a.copy()
    for k in range(8):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return np.sum(a * a)


def bubble_sort(x: Any) -> Any:
    v = [x[i] for i in range(9)]
    for i in range(9):
        for j in range(8 - i):
            v[j], v[j + 1] = np.minimum(v[j], v[j + 1]), np.maximum(v[j], v[j + 1])
    return sum((i + 1.0) * a for i, a in enumerate(v))


def rows_of_a_carry(x: Any, m: Any) -> Any:
    v = 0.5 * x
    for _ in range(6):
        rows = [np.sin(x[i]) * m[i] for i in range(len(m))]
        v = v + 0.1 * np.stack(rows)
        x = x + 0.1 * v
    return np.sum(x * x)


def all_pairs_of_a_carry(x: Any, m: Any) -> Any:
    for _ in range(6):
        pulls = []
        for i in range(len(m)):
            pull = np.zeros_like(x[i])
            for j in range(i + 1):
                pull = pull + m[j] * np.sin(x[j] - x[i])
            pulls.append(pull)
        x = x + 0.1 * np.stack(pulls)
    return np.sum(x * x)


def rows_read_backwards(turned: int) -> Callable[..., Any]:
    """Return a function of which one step reads its rows from the last to the first."""

    def function(x: Any, m: Any) -> Any:
        x = 1.0 * x
        for step in range(6):
            order = range(len(m))[:: -1 if step == turned else 1]
            x = x + 0.1 * np.stack([np.sin(x[i]) for i in order])
        return np.sum(x * x)

    return function


draws = np.random.default_rng(4)
square = draws.normal(size=(9, 9)) * 0.2 + np.eye(9) * 2
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "perceptron": (perceptron, (draws.normal(size=33) * 0.5,), 60),
    "logistic map": (logistic_map, (np.float64(0.3), np.float64(3.1)), 12),
    "fibonacci": (fibonacci, (np.float64(0.3), np.float64(0.2)), 12),
    "triangular solve": (triangular_solve, (square, draws.normal(size=9)), 40),
    "cholesky": (cholesky, (np.cov(draws.normal(size=(16, 40))), draws.normal(size=(16, 16))), 33),
    "recurrent": (recurrent, (draws.normal(size=(3, 3)) * 0.3, draws.normal(size=(7, 3))), 40),
    "stencil": (stencil, (draws.normal(size=9) * 0.5,), 16),
    "heat in lists": (heat_in_lists, (draws.normal(size=10) * 0.5,), 40),
    "triangular in lists": (triangular_in_lists, (square, draws.normal(size=9)), 6),
    "back substitution": (back_substitution, (square, draws.normal(size=9)), 6),
    "cholesky in lists": (cholesky_in_lists, (np.cov(draws.normal(size=(16, 40))),), 15),
    "elimination": (elimination, (square,), 11),
    "orthogonal": (orthogonal, (square,), 16),
    "pairs": (pairs, (draws.normal(size=(9, 3)),), 7),
    "edges": (edges, (draws.normal(size=9),), 4),
    "solve by slices": (solve_by_slices, (square, draws.normal(size=9)), 21),
    "elimination by slices": (elimination_by_slices, (square,), 24),
    "rows of a carry": (rows_of_a_carry, (draws.normal(size=(5, 3)), np.ones(5)), 12),
    "all pairs of a carry": (all_pairs_of_a_carry, (draws.normal(size=(5, 3)), np.ones(5)), 13),
    "first step backwards": (rows_read_backwards(0), (square, np.ones(9)), 15),
    "a step backwards": (rows_read_backwards(3), (square, np.ones(9)), 27),
    "last step backwards": (rows_read_backwards(5), (square, np.ones(9)), 15),
    "bubble sort": (bubble_sort, (draws.normal(size=9),), 22),
    "runge kutta": (runge_kutta, (draws.normal(size=3), draws.normal(size=3)), 60),
}
each = pytest.mark.parametrize("name", CASES)


@each
def test_the_same_operations_on_the_same_values(name: str) -> None:
    function, arguments, most = CASES[name]
    graph = traced(function, *arguments)
    rolled = reroll(graph)
    assert rolled.loops
    verify(rolled.graph)
    assert rolled.statements <= most
    expected = evaluate(graph, *arguments)
    found = evaluate(rolled.graph, *arguments, *rolled.tables)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert np.asarray(got).dtype == np.asarray(wanted).dtype


@each
def test_gradient_is_that_of_the_unrolled_trace(name: str) -> None:
    function, arguments, _ = CASES[name]
    graph = traced(function, *arguments)
    rolled = reroll(graph)
    positions = range(len(arguments))
    expected = evaluate(value_and_gradient(graph, positions), *arguments)
    joint = value_and_gradient(rolled.graph, positions)
    verify(joint)
    found = evaluate(joint, *arguments, *rolled.tables)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


def test_statements_do_not_depend_on_the_number_of_iterations() -> None:
    def chain(count: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            total = x * 0.0
            for k in range(count):
                total = total * x + np.sin(x * float(k % 7))
            return total

        return run

    counts = [reroll(traced(chain(count), np.float64(0.3))).statements for count in (50, 500)]
    assert counts[0] == counts[1] <= 8


def test_constants_that_repeat_along_a_loop_become_small_tables() -> None:
    rows = np.random.default_rng(1).normal(size=(8, 4)).tolist()

    def weighted(w: Any) -> Any:
        total = w[0] * 0.0
        for row in rows:
            for k in range(4):
                total = total + w[k] * row[k]
        return total

    rolled = reroll(traced(weighted, np.ones(4)))
    assert [table.shape for table in rolled.tables] == [(8, 4)]


def test_equal_and_signed_constants_keep_their_bits() -> None:
    def signs(x: Any) -> Any:
        return sum(np.copysign(x, z) for z in [0.0, -0.0] * 5), sum(x * 2.0 for _ in range(6))

    graph = traced(signs, np.float64(1.5))
    rolled = reroll(graph)
    assert evaluate(rolled.graph, np.float64(1.5), *rolled.tables) == evaluate(
        graph, np.float64(1.5)
    )


def test_a_body_may_be_long() -> None:
    def long_body(x: Any) -> Any:
        for _ in range(8):
            y = x + 1.0
            y = y * x
            y = y + 2.0
            y = np.sin(y) * x
            y = y - x * y
            y = y / 3.0
            y = np.cos(y) + y * y
            y = y * 0.5 - x
            y = np.exp(-y * y)
            y = y + x
            y = y * 0.25
            y = np.tanh(y) + y * y
            y = y * 0.5 - x
            y = np.exp(-y * y)
            y = y + x
            y = y * 0.25
            y = np.tanh(y) + y * y
            y = y * 0.5 - x
            y = np.exp(-y * y)
            y = y + x
            y = y * 0.25
            y = np.tanh(y) + y * y
            y = y * 0.5 - x
            y = np.exp(-y * y)
            y = y + x
            y = y * 0.25
            y = np.tanh(y) + y * y
            y = y * 0.5 - x
            y = np.exp(-y * y)
            y = y + x
            y = y * 0.25
            y = np.tanh(y) + y * y
            y = y * 0.5 - x
            y = np.exp(-y * y)
            y = y + x
            y = y * 0.25
            x = y
        return x

    rolled = reroll(traced(long_body, np.float64(0.3)))
    assert rolled.loops == 1
    assert 64 < rolled.statements <= rolled.records / 4


def test_a_trace_without_repetition_stays_as_it_is() -> None:
    graph = traced(lambda x: np.sin(x) + np.cos(x) * np.exp(x), np.float64(0.3))
    rolled = reroll(graph)
    assert rolled.graph is graph
    assert rolled.loops == 0


def test_a_long_chain_needs_no_recursion() -> None:
    def chain(x: Any) -> Any:
        for _ in range(20_000):
            x = x + x
        return x

    rolled = reroll(traced(chain, np.float64(1e-300)))
    assert rolled.statements <= 2
    assert rolled.records == 20_000


def test_sizes_that_the_trace_found_equal_are_equal_in_the_loop() -> None:
    def states(w: Any, x: Any) -> Any:
        h = np.zeros(20)
        for t in range(80):
            h = np.tanh(w @ h + x[t])
        return np.sum(h)

    draws = np.random.default_rng(0)
    w, x = 0.2 * draws.normal(size=(20, 20)), draws.normal(size=(80, 20))
    compiled = irgrad.compile(states, jit=False)
    np.testing.assert_allclose(compiled(w, x), states(w, x), rtol=1e-13)
    assert "x.shape[1] != 20" in compiled.source


def test_slices_of_any_symbolic_size_are_compiled() -> None:
    def solve(a: Any, b: Any) -> Any:
        n = len(b)
        x = np.zeros_like(b)
        for i in range(n - 1, -1, -1):
            x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
        return np.sum(x * x)

    draws = np.random.default_rng(3)
    a, b = draws.normal(size=(60, 60)) / 60 + np.eye(60), draws.normal(size=60)
    compiled = irgrad.compile(solve, argnums=(0, 1), jit=False)
    x = np.linalg.solve(np.triu(a), b)
    np.testing.assert_allclose(compiled(a, b), x @ x, rtol=1e-12)
    b_bar = np.linalg.solve(np.triu(a).T, 2 * x)
    a_bar, found = compiled.grad(a, b)
    np.testing.assert_allclose(found, b_bar, rtol=1e-10)
    np.testing.assert_allclose(a_bar, -np.triu(np.outer(b_bar, x)), rtol=1e-9, atol=1e-12)
    assert len(compiled.source.splitlines()) < 150


def test_a_carry_that_shrinks_stays_unrolled() -> None:
    def shrinking(x: Any) -> Any:
        for _ in range(12):
            x = x[1:] * x[:-1] + 0.5
        return np.sum(x)

    graph = traced(shrinking, np.linspace(0.2, 1.0, 20))
    rolled = reroll(graph)
    found = evaluate(rolled.graph, np.linspace(0.2, 1.0, 20), *rolled.tables)
    assert found == evaluate(graph, np.linspace(0.2, 1.0, 20))


def test_a_carry_that_is_stretched_at_first_starts_apart() -> None:
    """What the first step reads has fewer axes than what each step hands on."""

    def stretched(x: Any, m: Any) -> Any:
        y = np.exp(m)
        for _ in range(8):
            y = np.sin(y * x)
        return np.sum(y)

    x, m = np.linspace(0.1, 1.0, 12).reshape(3, 4), np.linspace(-1.0, 1.0, 4)
    graph = traced(stretched, x, m)
    rolled = reroll(graph)
    verify(rolled.graph)
    found = evaluate(rolled.graph, x, m, *rolled.tables)[0]
    assert found == pytest.approx(stretched(x, m), rel=1e-14)
