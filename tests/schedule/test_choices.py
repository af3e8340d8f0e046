"""Explicit loops and branches, compiled: the values and gradients of the plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.test_control import CASES, XS, W, chosen, differences, switched, until_small

each = pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)


def agrees(function: Callable[..., Any], **options: Any) -> None:
    compiled = irgrad.compile(function, argnums=(0, 1), **options)
    before = XS.copy()
    value, gradients = compiled.value_and_grad(XS, W)
    np.testing.assert_allclose(value, function(XS, W), rtol=1e-13)
    np.testing.assert_allclose(compiled(XS, W), function(XS, W), rtol=1e-13)
    for k, gradient in enumerate(gradients):
        expected = differences(function, (XS, W), k)
        np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(XS, before)


@each
def test_emitted_python_agrees_with_the_function(function: Callable[..., Any]) -> None:
    agrees(function, jit=False)


@pytest.mark.parametrize("function", [until_small, chosen, switched], ids=lambda f: f.__name__)
def test_compiled_choices_agree_with_the_function(function: Callable[..., Any]) -> None:
    agrees(function)


def test_a_stack_grows_past_its_first_room() -> None:
    def many(x: Any, n: Any) -> Any:
        return irgrad.while_loop(
            lambda s: s[1] < n, lambda s: (np.sin(s[0]) + s[0] * x, s[1] + 1.0), (x, 0.0)
        )[0]

    compiled = irgrad.compile(many, jit=False)
    x, n = 0.3, 100.0
    _, gradient = compiled.value_and_grad(x, n)
    np.testing.assert_allclose(gradient, differences(many, (x, n), 0), rtol=1e-7)


def test_a_loop_inside_begins_anew_in_every_iteration() -> None:
    """An array from outside that an inner loop's carry begins as is not used up."""

    def repeated(x: Any, w: Any) -> Any:
        def inner(i: Any, u: Any) -> Any:
            u[i] = u[i] * w + u[i + 1]
            return u

        def outer(i: Any, total: Any) -> Any:
            return total + np.sum(irgrad.fori_loop(0, 3, inner, x)) * (i + 1.0)

        return irgrad.fori_loop(0, 4, outer, w)

    def halved(x: Any, w: Any) -> Any:
        def inner(i: Any, u: Any) -> Any:
            u[i] = u[i] * w
            return u

        def again(value: Any) -> Any:
            return value * 0.5 + np.sum(irgrad.fori_loop(0, 3, inner, x)) * 0.01

        return irgrad.while_loop(lambda value: value > 0.2, again, w * 20)

    x, w = np.array([0.5, -0.25, 1.5, 0.75]), np.float64(0.6)
    for function in (repeated, halved):
        compiled = irgrad.compile(function, argnums=(0, 1), jit=False)
        value, gradients = compiled.value_and_grad(x, w)
        expected = _written_out(function.__name__, x, w)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        for k, gradient in enumerate(gradients):
            slopes = differences(lambda a, b, f=function: _written_out(f.__name__, a, b), (x, w), k)
            np.testing.assert_allclose(gradient, slopes, rtol=1e-8, atol=1e-9)


def _written_out(name: str, x: Any, w: Any) -> Any:
    """Compute the two functions above with loops of Python on copies."""
    if name == "repeated":
        total = w
        for i in range(4):
            u = np.array(x)
            for k in range(3):
                u[k] = u[k] * w + u[k + 1]
            total = total + np.sum(u) * (i + 1.0)
        return total
    value = w * 20
    while value > 0.2:
        u = np.array(x)
        for k in range(3):
            u[k] = u[k] * w
        value = value * 0.5 + np.sum(u) * 0.01
    return value
