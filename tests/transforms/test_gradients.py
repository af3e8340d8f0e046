"""``grad``, ``value_and_grad``, ``jvp``, ``vjp``, ``hvp``: closed forms, differences, errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess_prod

import irgrad
from irgrad import grad, hvp, jvp, value_and_grad, vjp
from irgrad.errors import (
    ArgumentError,
    DifferentiationError,
    GradientWarning,
    ShapeError,
    TracingError,
)
from irgrad.testing import check_grads

RNG = np.random.default_rng(0)
POINT = RNG.permutation(np.linspace(0.5, 1.5, 20))  # no two alike, none near 0.8


def plain(function: Callable[..., Any]) -> Any:
    """Compile without numba: the same emitted source."""
    return irgrad.compile(function, argnums=(), jit=False)


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def network(x: Any, w1: Any, w2: Any) -> Any:
    return np.tanh(np.tanh(x @ w1) @ w2)


def test_gradient_of_the_rosenbrock_function() -> None:
    value, slope = plain(value_and_grad(rosenbrock))(POINT)
    assert value == pytest.approx(rosen(POINT), rel=1e-14)
    np.testing.assert_allclose(slope, rosen_der(POINT), rtol=1e-12)


def test_a_gradient_is_compiled_by_a_call_on_numbers() -> None:
    slope = grad(rosenbrock)
    np.testing.assert_allclose(slope(POINT), rosen_der(POINT), rtol=1e-12)
    assert slope.compiled.stats.traces == 1
    assert "@njit" in slope.compiled.source


def test_an_equal_transform_is_compiled_once() -> None:
    first, second = grad(grad(rosenbrock_1d)), grad(grad(rosenbrock_1d))
    assert first(0.5) == second(0.5) == pytest.approx(1200 * 0.25 + 2)
    assert first.compiled is second.compiled
    assert first.compiled.stats.traces == 1
    assert grad(rosenbrock_1d).compiled is not first.compiled


def rosenbrock_1d(x: Any) -> Any:
    return 100 * x**4 + x**2


@pytest.mark.parametrize(("order", "wanted"), [(1, 32), (2, 48), (3, 48), (4, 24), (5, 0)])
def test_gradients_nest(order: int, wanted: int) -> None:
    slope: Any = lambda x: x**4  # noqa: E731
    for _ in range(order):
        slope = grad(slope)
    assert plain(slope)(2.0) == wanted


def test_an_inner_derivative_does_not_see_the_outer_one() -> None:
    # d/dx [x * d/dy (x + y)] = 1: a confused tag would make it 2.
    assert plain(grad(lambda x: x * grad(lambda y: x + y)(1.0)))(3.0) == 1.0
    assert plain(grad(lambda x: x * jvp(lambda y: x * y, (2.0,), (1.0,))[1]))(3.0) == 6.0


def test_argnums() -> None:
    function = plain(lambda a, b, c: grad(lambda a, b, c: a * b**2 * c, (2, 0))(a, b, c))
    assert function(2.0, 3.0, 5.0) == (18.0, 45.0)
    assert plain(grad(lambda a, b: a * b**2, -1))(2.0, 3.0) == 12.0


def test_has_aux() -> None:
    def loss(x: Any) -> Any:
        return np.sum(x**2), {"largest": np.max(x), "count": 3}

    slope, aux = plain(grad(loss, has_aux=True))(POINT)
    np.testing.assert_allclose(slope, 2 * POINT)
    assert aux == {"largest": POINT.max(), "count": 3}
    (value, aux), slope = plain(value_and_grad(loss, has_aux=True))(POINT)
    assert value == pytest.approx(np.sum(POINT**2))
    assert aux["largest"] == POINT.max()


def test_static_arguments() -> None:
    def power(x: Any, kind: str, times: int = 1) -> Any:
        return x**2 * times if kind == "square" else x**3 * times

    slope = grad(power, static_argnames=("kind", "times"))
    assert slope(3.0, "square") == 6.0
    assert slope(3.0, "cube", times=2) == 54.0
    assert slope(3.0, kind="square", times=3) == 18.0


def test_a_default_that_is_not_given_is_the_functions_own() -> None:
    def loss(x: Any, reduce: Any = np.sum, negate: bool = False) -> Any:
        total = reduce(x)
        return -total if negate else total

    np.testing.assert_array_equal(plain(grad(loss))(np.ones(3)), np.ones(3))


def test_a_gradient_that_does_not_depend_on_the_argument_is_zero_with_a_warning() -> None:
    with pytest.warns(GradientWarning, match="does not depend on what it is differentiated by"):
        slope = plain(grad(lambda x: 3.0))(np.ones(3))
    np.testing.assert_array_equal(slope, np.zeros(3))
    with pytest.warns(GradientWarning, match="other argnums meant") as caught:
        assert plain(grad(lambda x, y: y * 2))(1.0, 2.0) == 0.0
    assert caught[0].filename == __file__
    counted = irgrad.compile(lambda x: np.sum(x > 0) * 1.0, jit=False)
    with pytest.warns(GradientWarning, match="by a comparison"):
        np.testing.assert_array_equal(counted.grad(np.ones(3)), np.zeros(3))
    assert counted(np.ones(3)) == 3.0


def test_compile_and_its_gradient_nest_in_transforms() -> None:
    square = irgrad.compile(lambda x: np.sum(x**2), jit=False)
    np.testing.assert_allclose(plain(grad(square))(POINT), 2 * POINT)
    inner = plain(grad(lambda x: np.sum(square.grad(x) ** 2)))
    np.testing.assert_allclose(inner(POINT), 8 * POINT)


def test_numbers_and_traced_values_mix() -> None:
    constant = np.arange(3.0)
    outer = plain(lambda w: np.sum(grad(lambda x: np.sum(x**2 * w))(constant)))
    assert outer(np.full(3, 2.0)) == 2 * 2 * constant.sum()


def test_jvp_of_a_network() -> None:
    args = (RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5)), RNG.normal(size=(5, 2)))
    tangents = tuple(RNG.normal(size=a.shape) for a in args)
    value, tangent = plain(lambda a, t: jvp(network, a, t))(args, tangents)
    step = 1e-4
    far, near = (
        [network(*(a + k * step * t for a, t in zip(args, tangents, strict=True))) for k in ks]
        for ks in ((2, -2), (1, -1))
    )
    difference = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * step)
    np.testing.assert_allclose(value, network(*args), rtol=1e-13)
    np.testing.assert_allclose(tangent, difference, rtol=1e-9, atol=1e-11)


def test_a_pushforward_holds_nothing_of_the_pullback() -> None:
    """Six products: two for the value, and two a layer for the tangents; one loop's work each."""
    args = (RNG.normal(size=(40, 30)), RNG.normal(size=(30, 50)), RNG.normal(size=(50, 20)))
    function = plain(lambda a, t: jvp(network, a, t))
    function(args, args)
    names = [node.op.name for node in function.graph.nodes if node.op.name != "input"]
    assert names.count("contract") == 6
    assert names.count("tanh") == 2
    assert not {"transpose", "full", "broadcast", "strided_add"} & set(names)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.where(x > 0.8, np.log(x), x**3),
        lambda x: np.concatenate([x[2:] * x[:-2], np.sort(x)]),
        lambda x: np.cumsum(x)[::2] / np.sum(x),
        lambda x: x[np.array([0, 0, 2])] @ np.ones((3, 2)),
        lambda x: np.max(x.reshape(4, 5), axis=1) * np.prod(x[:3]),
        lambda x: (np.sum(x), {"a": np.exp(x[0]), "b": [x * 2]}),
        lambda x: np.outer(x, x).T[3:7],
    ],
)
def test_both_modes_to_second_order(function: Callable[..., Any]) -> None:
    check_grads(function, (POINT,))


def test_a_dead_branch_with_an_infinite_derivative() -> None:
    def root(x: Any) -> Any:
        return np.sum(np.where(x > 0, 3 * np.sqrt(x), 0.0))

    x, one = np.array([0.0, 4.0]), np.array([1.0, 1.0])
    np.testing.assert_allclose(plain(grad(root))(x), [0, 0.75])
    assert plain(lambda x: jvp(root, (x,), (one,))[1])(x) == 0.75
    wanted = [0, -3 / 32]
    np.testing.assert_allclose(plain(lambda x: hvp(root, (x,), (one,)))(x), wanted)
    np.testing.assert_allclose(plain(grad(lambda x: np.sum(grad(root)(x))))(x), wanted)


def test_an_accidental_zero_on_the_way_to_a_second_derivative() -> None:
    """log(x)**2 at 1 has slope 0 and curvature 2; the 0 is no sign of a dead branch."""
    curve = grad(grad(lambda x: np.where(x > 0, np.log(x) ** 2, 0.0)))
    assert plain(curve)(1.0) == 2.0


def test_vjp_on_numbers_and_traced() -> None:
    matrix, x = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    value, pull = vjp(lambda a, b: {"y": a @ b, "s": np.sum(a)}, matrix, x)
    np.testing.assert_allclose(value["y"], matrix @ x)
    cotangent = {"y": np.arange(4.0), "s": 2.0}
    by_matrix, by_x = pull(cotangent)
    np.testing.assert_allclose(by_matrix, np.outer(np.arange(4.0), x) + 2)
    np.testing.assert_allclose(by_x, np.arange(4.0) @ matrix)
    inner = plain(lambda a, b: vjp(np.matmul, a, b)[1](np.ones(4)))
    np.testing.assert_allclose(inner(matrix, x)[1], matrix.sum(axis=0))


def test_a_pullback_is_linear_and_may_be_called_again() -> None:
    def twice(x: Any) -> Any:
        _, pull = vjp(np.sin, x)
        return pull(np.ones_like(x))[0] + pull(2 * np.ones_like(x))[0]

    np.testing.assert_allclose(plain(twice)(POINT), 3 * np.cos(POINT))


def test_vjp_and_jvp_with_aux() -> None:
    value, pull, aux = vjp(lambda x: (x**2, x + 1), 3.0, has_aux=True)
    assert (value, pull(1.0)[0], aux) == (9.0, 6.0, 4.0)
    traced = plain(lambda x: jvp(lambda x: (x**2, x + 1), (x,), (1.0,), has_aux=True))
    assert traced(3.0) == (9.0, 6.0, 4.0)
    again = plain(lambda x: vjp(lambda x: (x**2, x + 1), x, has_aux=True)[2])
    assert again(3.0) == 4.0


def test_jvp_of_a_function_that_returns_its_argument_twice() -> None:
    value, tangent = plain(lambda x, v: jvp(lambda x: (x, x, 5.0), (x,), (v,)))(2.0, 3.0)
    assert value == (2.0, 2.0, 5.0)
    assert tangent == (3.0, 3.0, 0.0)


def test_hvp_of_the_rosenbrock_function() -> None:
    direction = RNG.normal(size=20)
    product = plain(lambda x, v: hvp(rosenbrock, (x,), (v,)))
    np.testing.assert_allclose(product(POINT, direction), rosen_hess_prod(POINT, direction))
    # Once compiled by itself too, and not much larger than the gradient.
    np.testing.assert_allclose(
        hvp(rosenbrock, (POINT,), (direction,)), rosen_hess_prod(POINT, direction)
    )
    slope = plain(grad(rosenbrock))
    slope(POINT)
    assert len(product.graph.nodes) <= 2 * len(slope.graph.nodes)


def test_hvp_by_several_primals() -> None:
    by_x, by_y = plain(lambda x, y: hvp(lambda x, y: x**2 * y, (x, y), (1.0, 2.0)))(3.0, 5.0)
    assert (by_x, by_y) == (2 * 5 * 1 + 2 * 3 * 2, 2 * 3 * 1)


def test_float32_stays_float32() -> None:
    x = np.ones(3, np.float32)
    value, slope = plain(value_and_grad(lambda x: np.sum(x**2) * 0.5))(x)
    assert (value.dtype, slope.dtype) == (np.float32, np.float32)
    tangent = plain(lambda x: jvp(lambda x: np.exp(x) * 2.0, (x,), (np.ones(3),))[1])(x)
    assert tangent.dtype == np.float32


def remedy(error: Any) -> str:
    return str(error.value)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: grad(lambda x: x * 2)(np.ones(3)), DifferentiationError, "jacobian"),
        (lambda: grad(lambda x: (x, x))(1.0), DifferentiationError, "has_aux"),
        (lambda: grad(lambda x: x > 0)(1.0), DifferentiationError, "one real number"),
        (lambda: grad(lambda x: x * 2)(3), DifferentiationError, "2.0 for 2"),
        (lambda: grad(lambda x: x, argnums=1)(1.0), ArgumentError, "argnums"),
        (lambda: grad(lambda x: x, has_aux=True)(1.0), ArgumentError, "exactly two values"),
        (lambda: grad(3.0), ArgumentError, "irgrad.grad(f)(x)"),  # type: ignore[arg-type]
        (lambda: jvp(np.sin, (1.0,), (np.ones(2),)), ShapeError, "same shape"),
        (lambda: jvp(np.sin, (1.0,), (1.0, 2.0)), ArgumentError, "same containers"),
        (lambda: jvp(np.sin, 1.0, 1.0), ArgumentError, "jvp(f, (x,), (v,))"),  # type: ignore[arg-type]
        (lambda: jvp(np.sin, (1,), (1.0,)), DifferentiationError, "2.0 for 2"),
        (lambda: vjp(np.sin, np.ones(2))[1](np.ones(3)), ShapeError, "same shape"),
        (lambda: vjp(np.sin, np.ones(2))[1]([np.ones(2)]), ArgumentError, "same containers"),
    ],
)
def test_an_error_shows_the_users_line_and_the_remedy(
    call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as error:
        call()
    assert words in remedy(error)
    assert "test_gradients.py" in remedy(error)


def test_a_traced_value_that_escapes() -> None:
    kept = []

    def leak(x: Any) -> Any:
        kept.append(x * 2)
        return np.sum(x)

    grad(leak)(np.ones(2))
    with pytest.raises(TracingError, match="return it from the function"):
        np.sin(kept[0])


def test_a_function_must_not_write_into_its_argument() -> None:
    def careless(x: Any) -> Any:
        x[0] = 5.0
        return np.sum(x)

    with pytest.raises(TracingError, match=r"copy it first"):
        plain(grad(careless))(np.ones(2))
    with pytest.raises(TracingError, match=r"copy it first"):
        plain(lambda y: grad(careless)(y * 2))(np.ones(2))
