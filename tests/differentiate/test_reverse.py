"""Adjoint graphs: against differences, by size, by order, and where there is no derivative."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import irgrad
from irgrad.differentiate.reverse import value_and_gradient
from irgrad.errors import DifferentiationError
from irgrad.interpret.evaluate import evaluate
from irgrad.ir.graph import Graph, reachable
from tests.effort import calls
from tests.oracles import check, gradients, trace


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


def joint(function: Any, *arguments: Any) -> Graph:
    """Return the graph of value and gradient, only what its outputs need counted."""
    return value_and_gradient(trace(function, *arguments).graph, range(len(arguments)))


def count(graph: Graph, *names: str) -> int:
    """Return how many nodes that the outputs need are of the named ops (of any, without names)."""
    return sum(not names or node.op.name in names for node in reachable(graph.outputs))


PROGRAMS = [
    lambda x, y: x * y + x / (2 + y * y) - y,
    lambda x, y: np.tanh(x @ y.T) @ x,
    lambda x, y: np.sum(np.exp(-np.square(x[:, None] - y[None])), axis=-1),
    lambda x, y: x - np.log(np.sum(np.exp(x), axis=1, keepdims=True)) * y,
    lambda x, y: np.where(x > y, np.sin(x), y * y),
    lambda x, y: x[1:] * y[:-1] + x[:-1] ** 2,
    lambda x, y: 0.01 * (x.T @ y) @ (y.T @ x),
    lambda x, y: np.concatenate([x, y])[::2] * 3,
    lambda x, y: np.sqrt(1 + np.sum(x * y) ** 2),
    lambda x, y: np.stack([np.sum(x, 0), np.max(y, 0)]),
    lambda x, y: (x, np.mean(y), x * 0.0),
]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("size", [2, 17])
def test_programs(program: Any, size: int) -> None:
    check(program, numbers(size, 3), numbers(size, 3, seed=1))


def test_a_value_used_often_gathers_all_its_cotangents() -> None:
    (gradient,) = gradients(lambda x: np.sum(x * x + x + x), numbers(5))
    np.testing.assert_allclose(gradient, 2 * numbers(5) + 2)


def test_third_order() -> None:
    first = joint(lambda x: np.sum(np.sin(x)), np.array([0.3, 0.8]))
    # Each round differentiates the sum of the gradient before: cos, -sin, -cos.
    graph = first
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)):
        x = np.array([0.3, 0.8])
        np.testing.assert_allclose(evaluate(graph, x)[-1], expected(x), rtol=1e-12)
        graph = value_and_gradient(summed(graph), [0])


def summed(graph: Graph) -> Graph:
    """Return the graph of the sum of a graph's last output."""
    from irgrad.differentiate.reverse import extended
    from irgrad.ir import dims
    from irgrad.trace.trace import finished
    from irgrad.trace.tracer import Tracer

    tape = extended(graph)
    with dims.assuming(tape.assumptions):
        total = np.sum(Tracer(tape, graph.outputs[-1]))
    return finished(tape, (total.node,), "summed")


@pytest.mark.parametrize("slices", [10, 40])
def test_slices_accumulate_into_one_array(slices: int) -> None:
    """The adjoint of k slices of n elements fills one array: work O(n), not O(k n)."""

    def program(x: Any) -> Any:
        return sum(np.sum(x[i : i + 2] * x[i + 1]) for i in range(slices))

    graph = joint(program, numbers(400))
    assert count(graph, "full") == 1
    assert count(graph, "strided_add") == 2 * slices
    check(program, numbers(60))


def test_gathers_accumulate_into_one_array() -> None:
    def program(x: Any, i: Any) -> Any:
        return np.sum(x[i] * x[i + 1]) + np.sum(x[i - 1])

    graph = value_and_gradient(trace(program, numbers(40), np.array([3, 3, 5])).graph, [0])
    assert count(graph, "full") == 1
    assert count(graph, "scatter_add") == 3


def test_a_chain_of_100000_nodes_is_differentiated_in_linear_time() -> None:
    def program(length: int) -> Any:
        def chain(x: Any) -> Any:
            for _ in range(length):
                x = x * 1.0001
            return x

        return chain

    short, long = (trace(program(length), np.float64(0.5)).graph for length in (1_000, 10_000))
    effort = [calls(lambda graph=graph: value_and_gradient(graph, [0])) for graph in (short, long)]
    assert effort[1] < 11 * effort[0]
    result = value_and_gradient(trace(program(100_000), np.float64(0.5)).graph, [0])
    np.testing.assert_allclose(evaluate(result, np.float64(0.5))[1], 1.0001**100_000, rtol=1e-9)


def test_only_the_path_between_input_and_output_is_differentiated() -> None:
    """What leads to no output or from no input costs no adjoint, nor does an op with no rule."""

    def program(x: Any, y: Any) -> Any:
        unused = np.exp(x) * y
        order = np.argsort(y)
        del unused
        return np.sum(x[order] * np.floor(y))

    graph = value_and_gradient(trace(program, numbers(5), numbers(5, seed=1)).graph, [0])
    assert count(graph, "exp") == 0
    check(lambda x, y: x[np.argsort(y)] * np.floor(y), numbers(5), numbers(5, seed=1), argnums=[0])


def test_an_input_that_matters_not_has_gradient_zero() -> None:
    x, y = gradients(lambda x, y: np.sum(x) + 0 * np.sum(np.sign(y)), numbers(3), numbers(2))
    np.testing.assert_array_equal(x, np.ones(3))
    np.testing.assert_array_equal(y, np.zeros(2))


def test_gradients_through_integers_stop() -> None:
    (gradient,) = gradients(lambda x: np.sum(x * x.astype(int)), np.array([1.5, 2.5]))
    np.testing.assert_array_equal(gradient, [1.0, 2.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_has_the_arguments_dtype(dtype: Any) -> None:
    def program(x: Any, y: Any) -> Any:
        return np.sum(0.5 * x * y + np.where(x > 0, 0.1 * x, 0.0) + x.astype(np.float64))

    graph = joint(program, numbers(3).astype(dtype), numbers(3).astype(np.float32))
    assert [node.array_type.dtype for node in graph.outputs[1:]] == [dtype, np.float32]


CHOICES: list[tuple[Any, np.ndarray, list[float]]] = [
    (lambda x: np.where(x > 0, np.log(x), 0.0), np.array([2.0, 0.0, -1.0]), [0.5, 0, 0]),
    (lambda x: np.where(x > 0, np.sqrt(x), x), np.array([4.0, 0.0, -1.0]), [0.25, 1, 1]),
    (lambda x: np.where(x == 0, 1.0, np.sin(x) / x), np.array([0.0]), [0]),
    (lambda x: np.where(x > 0, 1 / x, x), np.array([2.0, 0.0]), [-0.25, 1]),
    (lambda x: np.where(x > 0, x**0.5, 0.0), np.array([4.0, 0.0, -3.0]), [0.25, 0, 0]),
    (lambda x: np.log(np.where(x > 0, x, 1.0)), np.array([2.0, -1.0]), [0.5, 0]),
    # beyond 709 the exponential is infinite
    (lambda x: np.where(x > 0, x, np.exp(x) - 1), np.array([1e3, 0.0]), [1, 1]),
    (lambda x: np.where(x > 0, x, np.expm1(x)), np.array([1e3, 0.0]), [1, 1]),
    (lambda x: np.where(x > 0, x, np.exp2(x)), np.array([1e4, 1.0]), [1, 1]),
    (lambda x: np.where(x < 20, np.log1p(np.exp(x)), x), np.array([1e3, 0.0]), [1, 0.5]),
    (lambda x: np.where(abs(x) < 1, np.sinh(x), np.sign(x)), np.array([1e3, 0.0]), [0, 1]),
    (lambda x: np.where(abs(x) < 1, np.cosh(x), x), np.array([1e3, 0.0]), [1, 0]),
    (
        lambda x: np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))),
        np.array([-1e3, 0.0, 1e3]),
        [0, 0.25, 0],
    ),
    (lambda x: np.max(np.sqrt(x)), np.array([4.0, 0.0]), [0.25, 0]),
]


@pytest.mark.parametrize("function, x, expected", CHOICES)
def test_a_dead_branch_gives_no_nan(function: Any, x: np.ndarray, expected: list[float]) -> None:
    (gradient,) = gradients(lambda x: np.sum(function(x)), x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


TIES: list[tuple[Any, np.ndarray, list[float]]] = [
    (lambda x: np.max(x), np.array([1.0, 3.0, 3.0]), [0, 0.5, 0.5]),
    (lambda x: np.maximum(x[0], x[1]), np.array([2.0, 2.0]), [0.5, 0.5]),
    (lambda x: np.sum(np.abs(x)), np.array([0.0, -2.0]), [0, -1]),
    (lambda x: np.sum(x**0), np.array([0.0, 2.0]), [0, 0]),
    (lambda x: np.linalg.norm(x), np.array([0.0, 0.0]), [0, 0]),
    (lambda x: np.sum(np.clip(x, -1, 1)), np.array([-2.0, -1.0, 1.0, 2.0]), [0, 1, 1, 0]),
]


@pytest.mark.parametrize("function, x, expected", TIES)
def test_conventions_at_kinks(function: Any, x: np.ndarray, expected: list[float]) -> None:
    (gradient,) = gradients(function, x)
    np.testing.assert_array_equal(gradient, expected)


REFUSED = [
    (lambda x: x, "one real number"),
    (lambda x: np.argmax(x), "one real number"),
    (lambda x: np.sum(x > 0), "one real number"),
]


@pytest.mark.parametrize("function, problem", REFUSED)
def test_what_has_no_gradient_says_why_and_where(function: Any, problem: str) -> None:
    with pytest.raises(DifferentiationError, match=problem) as caught:
        joint(function, numbers(3))
    assert "What to do" in str(caught.value)


@st.composite
def programs(draw: st.DrawFn) -> Any:
    """Draw a straight-line program of smooth steps on three values of two shapes."""
    steps = draw(st.lists(
        st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)),
        min_size=2, max_size=9,
    ))  # fmt: skip

    def program(x: Any, y: Any) -> Any:
        known = [x, y, x * y]
        for name, i, j in steps:
            known.append(STEPS[name](known[i % len(known)], known[j % len(known)]))
        return known[-1], known[-2]

    return program


STEPS: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: 0.5 * a * b,
    "divide": lambda a, b: a / (1.5 + b * b),
    "tanh": lambda a, b: np.tanh(a) - b,
    "exp": lambda a, b: np.exp(-a * a) + 0 * b,
    "turn": lambda a, b: a[::-1] * b,
    "shift": lambda a, b: np.roll(a, 1, axis=0) - b[:, ::-1],
    "mix": lambda a, b: a @ (b.T @ a) * 0.3,
    "total": lambda a, b: a * np.sum(b, axis=0) * 0.3,
    "pick": lambda a, b: a[[0, 0, *range(a.shape[0] - 2)]] + b if a.shape[0] > 2 else a,
    "write": lambda a, b: written(a, b),
    "choose": lambda a, b: np.where(a > b + 100, a * a, b),
    "join": lambda a, b: np.concatenate([a[1:], b[:1]]) * a,
}


def written(a: Any, b: Any) -> Any:
    c = a.copy()
    c[1] = b[0] * a[1]
    c[0] += b[1]
    return c


@hypothesis.settings(max_examples=60)
@hypothesis.given(programs())
def test_random_programs_agree_with_differences(program: Any) -> None:
    check(program, numbers(3, 2), numbers(3, 2, seed=1), narrow=False, rounding=1e-10)


def test_a_factor_on_no_way_to_a_pole_needs_no_mask() -> None:
    """The root has a pole; what its product is multiplied by in the end, z, has none."""

    def price(s: Any, t: Any, z: Any) -> Any:
        return np.sum(np.maximum(s * np.exp(np.sqrt(t) * z) - 1.0, 0.0))

    z = np.array([-1.0, 0.5, 2.0])
    f = irgrad.compile(price, argnums=(0, 1), jit=False)
    s, root = 1.1, np.sqrt(0.3)
    alive = s * np.exp(root * z) > 1
    by_s, by_t = f.grad(s, 0.3, z)
    np.testing.assert_allclose(by_s, np.sum(alive * np.exp(root * z)), rtol=1e-14)
    expected = np.sum(alive * s * np.exp(root * z) * z) * 0.5 / root
    np.testing.assert_allclose(by_t, expected, rtol=1e-14)
    masked = [n for n in f.adjoint.nodes if n.op.name == "masked_product" and n.array_type.shape]
    assert len(masked) == 1
    np.testing.assert_array_equal(f.grad(0.0, 0.0, z), 0.0)


def test_a_factor_that_is_infinite_in_the_branch_not_taken_leaves_no_nan() -> None:
    x = np.array([0.0, 1.0, 2.0])
    entropy = irgrad.compile(lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)), jit=False)
    np.testing.assert_allclose(entropy.grad(x), [0.0, 1.0, 1.0 + np.log(2.0)])
    squares = irgrad.compile(lambda x: np.sum(np.where(x > 0, np.log(x) ** 2, 0.0)), jit=False)
    np.testing.assert_allclose(squares.grad(x), [0.0, 0.0, np.log(2.0)])
