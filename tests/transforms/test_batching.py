"""``vmap``: against a Python loop over the batch; one fused program; axes, nesting, errors."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import irgrad
from irgrad import grad, hessian, jacobian, jvp, vmap
from irgrad.errors import ArgumentError, ShapeError
from irgrad.ir.op import Control

RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(20, 6))
WEIGHTS = RNG.normal(size=6)
LABELS = np.sign(RNG.normal(size=20))


def plain(function: Callable[..., Any]) -> Any:
    return irgrad.compile(function, argnums=(), jit=False)


def loss(w: Any, x: Any, y: Any) -> Any:
    return np.log1p(np.exp(-y * (x @ w)))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.tanh(x) * 2,
        lambda x: np.sum(x**2),
        lambda x: np.max(x) - np.mean(x[1:]),
        lambda x: x.reshape(2, 3) @ np.ones((3, 2)),
        lambda x: np.concatenate([x, x[:2]]),
        lambda x: np.sort(x) + np.cumsum(x),
        lambda x: np.outer(x, x).T,
        lambda x: x[np.argsort(x)],
        lambda x: np.where(x > 0, x, np.arange(6.0)),
        lambda x: np.interp(x, np.arange(-3.0, 4.0), np.arange(7.0) ** 2),
        lambda x: np.median(x),
        lambda x: np.einsum("i,j,ij->", x, x, np.ones((6, 6))),
        lambda x: np.diagonal(np.outer(x, x)),
        lambda x: np.pad(x, 2, mode="reflect"),
        lambda x: np.convolve(x, np.array([1.0, 2.0, 1.0]), mode="same"),
        lambda x: {"a": x[0], "b": (x[1], 3.0)},
    ],
)
def test_a_batch_equals_the_elements_one_by_one(function: Callable[..., Any]) -> None:
    found = plain(vmap(function))(ROWS)
    wanted = [function(row) for row in ROWS]
    leaves, structure = flattened(found)
    for position, leaf in enumerate(leaves):
        np.testing.assert_allclose(
            leaf, np.stack([flattened(w)[0][position] for w in wanted]), rtol=1e-12, atol=1e-13
        )
    assert structure == flattened(wanted[0])[1]


def flattened(tree: Any) -> Any:
    import optree

    return optree.tree_flatten(tree)


def test_a_write_in_place_within_the_function() -> None:
    def squared_head(x: Any) -> Any:
        y = x * 1
        y[:2] = x[:2] ** 2
        y[3] += x[0]
        return y

    wanted = ROWS.copy()
    wanted[:, :2] **= 2
    wanted[:, 3] += ROWS[:, 0]
    np.testing.assert_allclose(plain(vmap(squared_head))(ROWS), wanted)


def test_gradients_of_each_example_are_one_loop() -> None:
    function = plain(vmap(grad(loss), in_axes=(None, 0, 0)))
    slopes = function(WEIGHTS, ROWS, LABELS)
    margins = LABELS * (ROWS @ WEIGHTS)
    np.testing.assert_allclose(slopes, (-LABELS / (1 + np.exp(margins)))[:, None] * ROWS)
    assert not any(isinstance(node.op.lowering, Control) for node in function.graph.nodes)
    assert len(function.graph.nodes) < 15
    body = function.source[function.source.index("def value_") :]
    assert body.count("for i in range(") == 1


def test_the_same_compiled_batch_serves_other_sizes() -> None:
    function = plain(vmap(grad(loss), in_axes=(None, 0, 0)))
    for size in (20, 50, 17, 1000):
        rows, labels = RNG.normal(size=(size, 6)), np.ones(size)
        assert function(WEIGHTS, rows, labels).shape == (size, 6)
    assert function.stats.traces == 1


@pytest.mark.parametrize(
    ("in_axes", "shapes"),
    [
        ((0, 0), ((20, 3), (20, 3))),
        ((1, 0), ((3, 20), (20, 3))),
        ((-1, None), ((3, 20), (3,))),
        ((None, 1), ((3,), (3, 20))),
        (0, ((20, 3), (20, 3))),
        ([0, 1], ((20, 3), (3, 20))),
    ],
)
def test_in_axes(in_axes: Any, shapes: Any) -> None:
    a, b = (RNG.normal(size=shape) for shape in shapes)
    axes = (in_axes, in_axes) if isinstance(in_axes, int) else in_axes
    rows = [
        np.moveaxis(x, axis, 0) if axis is not None else np.broadcast_to(x, (20, 3))
        for x, axis in zip((a, b), axes, strict=True)
    ]
    wanted = np.sum(rows[0] * np.exp(rows[1]), axis=1)
    found = plain(vmap(lambda a, b: np.sum(a * np.exp(b)), in_axes=in_axes))(a, b)
    np.testing.assert_allclose(found, wanted)


class Pair(NamedTuple):
    left: Any
    right: Any


def test_axes_of_containers() -> None:
    x = {"a": RNG.normal(size=(20, 3)), "b": RNG.normal(size=3)}
    found = plain(vmap(lambda x: x["a"] * x["b"], in_axes=({"a": 0, "b": None},)))(x)
    np.testing.assert_allclose(found, x["a"] * x["b"])
    pair = Pair(RNG.normal(size=(3, 20)), RNG.normal(size=(20,)))
    found = plain(vmap(lambda p: p.left * p.right, in_axes=(Pair(1, 0),)))(pair)
    np.testing.assert_allclose(found, (pair.left * pair.right).T)
    scaled = vmap(lambda x, by: {"y": x * by, "s": by}, (0, None), {"y": 1, "s": None})
    result = plain(scaled)(ROWS, 2.0)
    np.testing.assert_allclose(result["y"], 2 * ROWS.T)
    assert result["s"] == 2.0


def test_keyword_arguments_are_mapped_over_their_first_axis() -> None:
    found = plain(lambda x, y: vmap(lambda x, y: x @ y)(x, y=y))(ROWS, ROWS)
    np.testing.assert_allclose(found, np.sum(ROWS**2, axis=1))


def test_static_arguments_are_not_mapped() -> None:
    def function(x: Any, how: str, times: int = 1) -> Any:
        return np.sum(x) * times if how == "sum" else np.max(x) * times

    mapped = vmap(function, static_argnames=("how", "times"))
    np.testing.assert_allclose(mapped(ROWS, "sum"), ROWS.sum(axis=1))
    np.testing.assert_allclose(mapped(ROWS, "max", times=3), 3 * ROWS.max(axis=1))
    columns = vmap(function, in_axes=(1, None), static_argnames=("how",))
    np.testing.assert_allclose(columns(ROWS, how="max"), ROWS.max(axis=0))
    np.testing.assert_allclose(columns(ROWS, "max"), ROWS.max(axis=0))


def test_batches_of_batches() -> None:
    outer = plain(vmap(vmap(lambda a, b: a * b, (0, None)), (None, 0)))(WEIGHTS, ROWS[:, 0])
    np.testing.assert_allclose(outer, np.outer(ROWS[:, 0], WEIGHTS))
    distances = vmap(vmap(lambda a, b: np.sqrt(np.sum((a - b) ** 2)), (None, 0)), (0, None))
    wanted = np.linalg.norm(ROWS[:, None] - ROWS[None, :8], axis=-1)
    np.testing.assert_allclose(plain(distances)(ROWS, ROWS[:8]), wanted, atol=1e-12)


def test_traced_values_from_outside() -> None:
    found = plain(lambda w: np.sum(vmap(lambda x: np.sum(x * w))(ROWS) ** 2))(WEIGHTS)
    assert found == pytest.approx(np.sum((ROWS @ WEIGHTS) ** 2))
    slope = plain(grad(lambda w: np.sum(vmap(lambda x: np.sum(x * w))(ROWS) ** 2)))(WEIGHTS)
    np.testing.assert_allclose(slope, 2 * ROWS.T @ (ROWS @ WEIGHTS))


def test_derivatives_of_batches_and_batches_of_derivatives() -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.sin(x) * x[::-1])

    def batch(rows: Any) -> Any:
        return np.sum(vmap(energy)(rows))

    np.testing.assert_allclose(plain(grad(batch))(ROWS), plain(vmap(grad(energy)))(ROWS))
    jacobians = plain(vmap(jacobian(np.sin)))(ROWS)
    np.testing.assert_allclose(jacobians, np.cos(ROWS)[:, :, None] * np.eye(6), atol=1e-15)
    curvature = plain(vmap(hessian(lambda x: np.sum(x**3))))(ROWS)
    np.testing.assert_allclose(curvature, 6 * ROWS[:, :, None] * np.eye(6), atol=1e-14)
    pushed = plain(vmap(lambda x, v: jvp(np.cos, (x,), (v,))[1]))(ROWS, ROWS)
    np.testing.assert_allclose(pushed, -np.sin(ROWS) * ROWS)


def test_gathers_by_a_different_index_for_each_element() -> None:
    places = RNG.integers(0, 6, size=20)
    np.testing.assert_array_equal(
        plain(vmap(lambda x, i: x[i]))(ROWS, places), ROWS[np.arange(20), places]
    )
    slope = plain(grad(lambda x: np.sum(vmap(lambda x, i: x[i] ** 2)(x, places))))(ROWS)
    wanted = np.zeros_like(ROWS)
    wanted[np.arange(20), places] = 2 * ROWS[np.arange(20), places]
    np.testing.assert_allclose(slope, wanted)


def test_a_result_that_does_not_depend_on_the_batch_is_repeated() -> None:
    found = plain(vmap(lambda x: (x, 3.0, np.arange(2))))(np.arange(20.0))
    np.testing.assert_array_equal(found[1], np.full(20, 3.0))
    np.testing.assert_array_equal(found[2], np.tile(np.arange(2), (20, 1)))


@pytest.mark.parametrize("size", [1, 2, 17])
def test_batch_sizes(size: int) -> None:
    rows = RNG.normal(size=(size, 3))
    found = vmap(grad(lambda x: np.sum(x**3)))(rows)
    np.testing.assert_allclose(found, 3 * rows**2)


def test_an_empty_batch() -> None:
    found = plain(vmap(grad(lambda x: np.sum(x**3))))(np.zeros((0, 3)))
    assert found.shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: vmap(np.sin, in_axes=(0, 0))(ROWS), ArgumentError, "one axis, or None, for each"),
        (lambda: vmap(np.sin, in_axes=2)(ROWS), ArgumentError, "an axis it has"),
        (lambda: vmap(np.sin)(1.0), ArgumentError, "an axis it has"),
        (lambda: vmap(np.sin, in_axes=None)(ROWS), ArgumentError, "one argument at least"),
        (lambda: vmap(np.add)(ROWS, ROWS[:5]), ShapeError, "axes of one size"),
        (lambda: vmap(np.sin, out_axes=None)(ROWS), ArgumentError, "the axis that the batch"),
        (lambda: vmap(np.sin, out_axes=3)(ROWS), ArgumentError, "an axis it has"),
        (lambda: vmap(lambda d: d, ({"a": 0},))({"a": ROWS, "b": ROWS}), ArgumentError, "in_axes"),
        (lambda: vmap(lambda x: (x, x), out_axes=(0,))(ROWS), ArgumentError, "out_axes"),
    ],
)
def test_an_error_shows_the_users_line_and_the_remedy(
    call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as error:
        call()
    assert words in str(error.value)
    assert "test_batching.py" in str(error.value)
