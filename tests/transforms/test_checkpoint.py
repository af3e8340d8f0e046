"""``checkpoint``: the same numbers to every order, from fewer kept values."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import checkpoint, grad, hessian, jvp, scan, vmap
from irgrad.ir import loops
from irgrad.testing import check_grads

RNG = np.random.default_rng(5)
X, W = RNG.normal(size=20), RNG.normal(size=20)


def plain(function: Callable[..., Any], argnums: Any = ()) -> Any:
    return irgrad.compile(function, argnums=argnums, jit=False)


def block(x: Any, w: Any) -> Any:
    return np.sin(np.exp(x) * w)


def loss(x: Any, w: Any, layer: Any) -> Any:
    return np.sum(layer(layer(x, w), w))


def kept(x: Any, w: Any) -> Any:
    return loss(x, w, block)


def again(x: Any, w: Any) -> Any:
    return loss(x, w, checkpoint(block))


def test_on_numbers_it_is_the_function_itself() -> None:
    np.testing.assert_array_equal(checkpoint(block)(X, W), block(X, W))


def test_value_and_gradient_are_the_same() -> None:
    value, slopes = plain(kept, (0, 1)).value_and_grad(X, W)
    same, again_slopes = plain(again, (0, 1)).value_and_grad(X, W)
    assert same == value
    np.testing.assert_allclose(again_slopes, slopes, rtol=1e-14)
    check_grads(again, (X[:3], W[:3]))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: grad(f),
        lambda f: hessian(f),
        lambda f: lambda x, w: jvp(f, (x, w), (x, w)),
        lambda f: vmap(grad(f), in_axes=(0, None)),
        lambda f: grad(lambda x, w: np.sum(vmap(f, (0, None))(x, w) ** 2)),
    ],
)
def test_transforms_of_it_are_the_same(transform: Any) -> None:
    wanted = plain(transform(kept))(X.reshape(4, 5), W[:5])
    found = plain(transform(again))(X.reshape(4, 5), W[:5])
    for a, b in zip(np.atleast_1d(found), np.atleast_1d(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_traced_values_from_outside_have_their_gradient() -> None:
    slope = plain(grad(lambda w: np.sum(checkpoint(lambda x: block(x, w))(X))))(W)
    np.testing.assert_allclose(slope, np.cos(np.exp(X) * W) * np.exp(X))


def count(function: Any, name: str) -> int:
    return [node.op.name for node in function.adjoint.nodes].count(name)


def test_the_derivative_computes_again_rather_than_keeps() -> None:
    without, within = plain(kept, 0), plain(again, 0)
    without.grad(X, W)
    within.grad(X, W)
    assert (count(without, "exp"), count(within, "exp")) == (2, 4)
    # The value alone costs no more.
    assert len(within.graph.nodes) == len(without.graph.nodes)


@pytest.mark.parametrize("name", ["products", "sums"])
def test_memory_grows_with_the_blocks_alone(name: str) -> None:
    """24 layers in blocks of 4 need the six blocks' inputs, and one block's values at a time."""

    def layer(x: Any, w: Any) -> Any:
        return np.tanh(w @ x) if name == "products" else np.cumsum(np.tanh(x * w + np.sum(x))) / 50

    def four(x: Any, w: Any) -> Any:
        for _ in range(4):
            x = layer(x, w)
        return x

    def network(block: Any) -> Any:
        def value(x: Any, w: Any) -> Any:
            for _ in range(6):
                x = block(x, w)
            return np.sum(x**2)

        return plain(value, (0, 1))

    x = np.linspace(0.1, 1, 700)
    w = 0.03 * RNG.normal(size=(700, 700)) if name == "products" else np.full(700, 0.3)
    without, within = network(four), network(checkpoint(four))
    for again_slope, slope in zip(within.grad(x, w), without.grad(x, w), strict=True):
        np.testing.assert_allclose(again_slope, slope, rtol=0, atol=1e-12 * np.max(np.abs(slope)))
    assert vectors(without, x, w) >= 2 * 24
    assert vectors(within, x, w) <= 20


def test_a_loop_keeps_less() -> None:
    """The body's exponential and cosine are not written to arrays, only the carry is."""

    def run(step: Any) -> Any:
        return plain(lambda w: scan(lambda c, _: (step(c, w), None), 0.3, None, 20)[0], 0)

    def step(c: Any, w: Any) -> Any:
        return np.sin(np.exp(-c) * w) + np.cos(c * w)

    without, within = run(step), run(checkpoint(step))
    assert within.grad(0.7) == pytest.approx(without.grad(0.7), rel=1e-13)
    assert stored(within) < stored(without)


def vectors(function: Any, *arguments: Any) -> int:
    """Return how many vectors of the inputs' length the emitted gradient keeps."""
    made = function.lower(*arguments).program.functions[-1]
    shapes = [
        part.shape
        for part in loops.every_statement(made.body)
        if isinstance(part, loops.Allocate) and not all(isinstance(n, int) for n in part.shape)
    ]
    rows = [[size for size in shape if isinstance(size, int)] for shape in shapes]
    return sum(
        math.prod(known) for shape, known in zip(shapes, rows, strict=True)
        if len(known) == len(shape) - 1
    )


def stored(function: Any) -> int:
    """Return how many arrays the emitted gradient allocates."""
    source = function.source
    return source[source.index("def value_and_grad_") :].count("np.empty(")
