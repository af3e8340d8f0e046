"""``custom_vjp``: the rule is obeyed at every order, in both modes, in batches."""

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import custom_vjp, grad, hessian, jvp, vmap
from irgrad.errors import ArgumentError, DifferentiationError
from irgrad.testing import check_adjoint

X = np.linspace(0.1, 1, 20)


def plain(function: Any, **options: Any) -> Any:
    return irgrad.compile(function, jit=False, **options)


@custom_vjp
def tripled(x: Any) -> Any:
    """The sine; its derivative is said to be three times itself."""
    return np.sin(x)


def tripled_forward(x: Any) -> Any:
    return tripled(x), tripled(x)


def tripled_backward(y: Any, cotangent: Any) -> Any:
    return (3 * cotangent * y,)


tripled.defvjp(tripled_forward, tripled_backward)


def test_on_numbers_it_is_the_function_itself() -> None:
    assert tripled(0.5) == np.sin(0.5)
    assert tripled.__name__ == "tripled"
    assert tripled.__doc__.startswith("The sine")


@pytest.mark.parametrize("order", range(4))
def test_the_rule_is_obeyed_at_every_order(order: int) -> None:
    function: Any = tripled
    for _ in range(order):
        function = grad(function)
    assert plain(function)(0.5) == pytest.approx(3**order * np.sin(0.5), rel=1e-14)


def test_the_rule_holds_for_the_gradient_of_a_compiled_function() -> None:
    assert plain(lambda x: tripled(x) * 2).grad(0.5) == pytest.approx(6 * np.sin(0.5))
    jitted = irgrad.compile(lambda x: np.sum(tripled(x)))
    np.testing.assert_allclose(jitted.grad(X), 3 * np.sin(X))


def test_forward_mode_follows_from_the_rule() -> None:
    value, tangent = plain(lambda x, v: jvp(tripled, (x,), (v,)))(0.5, 2.0)
    assert (value, tangent) == (np.sin(0.5), pytest.approx(6 * np.sin(0.5)))
    check_adjoint(tripled, (X,))
    curvature = plain(hessian(lambda x: np.sum(tripled(x))))(X)
    np.testing.assert_allclose(curvature, np.diag(9 * np.sin(X)), atol=1e-14)


def test_batches_and_their_derivatives() -> None:
    np.testing.assert_allclose(plain(vmap(grad(tripled)))(X), 3 * np.sin(X))
    np.testing.assert_allclose(plain(grad(lambda x: np.sum(vmap(tripled)(x))))(X), 3 * np.sin(X))
    twice = vmap(vmap(tripled))
    found = plain(grad(lambda x: np.sum(twice(x) ** 2)))(X.reshape(4, 5))
    np.testing.assert_allclose(found.ravel(), 6 * np.sin(X) ** 2)


def test_several_arguments_and_results() -> None:
    @custom_vjp
    def both(d: Any, y: Any, n: int) -> Any:
        return {"product": d["x"] * y * n, "difference": d["x"] - y}

    def backward(kept: Any, cotangent: Any) -> Any:
        y = kept[1]
        return {"x": cotangent["product"] * y + 10 * cotangent["difference"]}, None, None

    both.defvjp(lambda d, y, n: (both(d, y, n), (d, y)), backward)
    first = plain(grad(lambda d, y: both(d, y, 2)["product"], argnums=(0, 1)))
    assert first({"x": 2.0}, 3.0) == ({"x": 3.0}, 0.0)
    second = plain(grad(lambda d, y: both(d, y, 2)["difference"] + y, argnums=(0, 1)))
    assert second({"x": 2.0}, 3.0) == ({"x": 10.0}, 1.0)


def test_arguments_without_a_derivative() -> None:
    @irgrad.custom_vjp
    def scaled(x: Any, by: Any) -> Any:
        return x * by(2.0)

    unscaled = custom_vjp(lambda by, x: x * by(2.0), nondiff_argnums=(0,))
    unscaled.defvjp(lambda by, x: (unscaled(by, x), None), lambda by, _, c: (c * by(5.0),))
    assert plain(grad(lambda x: unscaled(np.square, x)))(1.0) == 25.0
    with pytest.raises(ArgumentError, match=r"f\.defvjp"):
        plain(lambda x: scaled(x, np.square))(1.0)


def test_keyword_arguments_and_defaults() -> None:
    @custom_vjp
    def shifted(x: Any, by: float = 1.0) -> Any:
        return x + by

    shifted.defvjp(lambda x, by: (shifted(x, by), None), lambda _, c: (7 * c, None))
    assert plain(grad(lambda x: shifted(x)))(1.0) == 7.0
    assert plain(grad(lambda x: shifted(x=x, by=3.0)))(1.0) == 7.0


def test_a_gradient_that_is_clipped_on_its_way_back() -> None:
    @custom_vjp
    def clipped(x: Any, limit: Any) -> Any:
        return x

    clipped.defvjp(
        lambda x, limit: (clipped(x, limit), limit),
        lambda limit, cotangent: (np.clip(cotangent, -limit, limit), None),
    )
    slope = plain(grad(lambda x: np.sum(100 * clipped(x, 2.0) ** 2)))
    np.testing.assert_array_equal(slope(np.array([-1.0, 0.001, 1.0])), [-2, 0.2, 2])


def test_a_captured_array_in_the_rule_is_read_anew() -> None:
    weights = np.ones(20)
    function = custom_vjp(lambda x: x * 1)
    function.defvjp(lambda x: (function(x), None), lambda _, c: (c * weights,))
    compiled = plain(lambda x: np.sum(function(x)))
    np.testing.assert_array_equal(compiled.grad(X), np.ones(20))
    weights[:] = 5
    np.testing.assert_array_equal(compiled.grad(X), np.full(20, 5.0))


def rule(forward: Any, backward: Any) -> Any:
    function = custom_vjp(lambda x: np.sum(x**2))
    function.defvjp(forward, backward)
    return plain(lambda x: function(x))


@pytest.mark.parametrize(
    ("forward", "backward", "words"),
    [
        (lambda x: np.sum(x**2), lambda r, c: (c,), "no pair"),
        (lambda x: (x, x), lambda r, c: c * r, "no tuple"),
        (lambda x: (x, x), lambda r, c: (c * r, c), "2 values for 1 arguments"),
        (lambda x: (x, x), lambda r, c: (c,), "same shape"),
        (lambda x: (x, x), lambda r, c: ([c * r],), "same containers"),
    ],
)
def test_a_rule_that_does_not_fit(forward: Any, backward: Any, words: str) -> None:
    with pytest.raises(irgrad.IrgradError, match=words) as error:
        rule(forward, backward)(X)
    assert "test_custom.py" in str(error.value)


def test_a_traced_value_from_outside_is_refused_rather_than_ignored() -> None:
    def loss(w: Any) -> Any:
        function = custom_vjp(lambda x: x * w)
        function.defvjp(lambda x: (function(x), None), lambda _, c: (c,))
        return function(2.0 * w)

    with pytest.raises(DifferentiationError, match="pass it as an argument"):
        plain(grad(loss))(3.0)


def test_a_traced_value_from_outside_of_a_loop_is_refused_too() -> None:
    def loss(w: Any) -> Any:
        function = custom_vjp(lambda x: x * w)
        function.defvjp(lambda x: (function(x), None), lambda _, c: (c,))
        return irgrad.scan(lambda c, _: (function(c), None), 1.0, None, 20)[0]

    with pytest.raises(DifferentiationError, match="pass it as an argument"):
        plain(grad(loss))(3.0)
