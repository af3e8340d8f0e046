"""``irgrad.testing`` finds wrong derivatives, says where, and passes right ones."""

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError
from irgrad.testing import check_adjoint, check_grads

X = np.array([0.3, 0.7, 1.1])


def wrong(by: Any) -> Any:
    """Return the sine with a derivative that is wrong by the factor ``by``."""
    function = irgrad.custom_vjp(lambda x: np.sin(x))
    function.defvjp(lambda x: (function(x), x), lambda x, c: (c * np.cos(x) * by,))
    return function


@pytest.mark.parametrize("modes", [("rev",), ("fwd",), ("rev", "fwd")])
def test_right_derivatives_pass(modes: tuple[str, ...]) -> None:
    check_grads(lambda x: np.exp(x) * x[0], (X,), order=2, modes=modes)


def test_third_order_and_scalars() -> None:
    check_grads(lambda x, y: x**3 * np.sin(y), (1.5, 0.5), order=3)


def test_pytrees_and_integers() -> None:
    def function(tree: Any, places: Any, times: int) -> Any:
        return {"y": tree["w"][places] * times, "count": 3}, np.sum(tree["b"][0])

    check_grads(function, ({"w": X, "b": [2.0, X]}, np.array([0, 2, 2]), 3))


def test_float32() -> None:
    check_grads(lambda x: np.sum(np.sqrt(x)) * x, (X.astype(np.float32),), order=1)


@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_a_wrong_derivative_is_named(mode: str) -> None:
    word = {"rev": "reverse", "fwd": "forward"}[mode]
    place = {"rev": r"args\[0\]\['x'\], entry 2", "fwd": r"result, entry 2"}[mode]
    function = wrong(np.array([1.0, 1.0, 1.001]))
    with pytest.raises(AssertionError, match=f"{place}: the {word} derivative is .* give"):
        check_grads(lambda d: function(d["x"]), ({"x": X},), modes=(mode,))


def test_a_derivative_that_is_wrong_at_second_order_only() -> None:
    # A rule that is right, and reads a value with a wrong derivative.
    cosine = irgrad.custom_vjp(lambda x: np.cos(x))
    cosine.defvjp(lambda x: (cosine(x), x), lambda x, c: (-2 * np.sin(x) * c,))
    sine = irgrad.custom_vjp(lambda x: np.sin(x))
    sine.defvjp(lambda x: (sine(x), cosine(x)), lambda cos, c: (c * cos,))
    check_grads(sine, (X,), order=1)
    with pytest.raises(AssertionError, match="reverse over reverse"):
        check_grads(sine, (X,), order=2, modes=("rev",))


def test_a_tolerance_that_is_wide_enough() -> None:
    function = wrong(1.001)
    with pytest.raises(AssertionError):
        check_grads(function, (X,), order=1)
    check_grads(function, (X,), order=1, rtol=1e-2)


def test_modes_that_are_no_transposes() -> None:
    # A rule that is not linear in its cotangent has a pushforward of its own.
    function = irgrad.custom_vjp(lambda x: x * 1)
    function.defvjp(lambda x: (function(x), None), lambda _, c: (c * c,))
    with pytest.raises(AssertionError, match="no transposes: <w, J v>"):
        check_adjoint(function, (X,))
    check_adjoint(np.tanh, (X,))


def test_large_arrays_are_tried_at_some_entries() -> None:
    check_grads(lambda x: np.sum(np.sin(x)), (np.linspace(0, 1, 400),), order=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_grads(np.sin, X), "as a tuple"),
        (lambda: check_grads(np.sin, (3,)), "no floating-point arguments"),
        (lambda: check_grads(np.argsort, (X,)), "no floating-point results"),
        (lambda: check_grads(np.sin, (X,), modes=("reverse",)), "the modes are"),
    ],
)
def test_what_can_not_be_checked(call: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()
