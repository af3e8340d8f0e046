"""Bodies of loops and branches hold whatever functions hold, and keep what they still need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.test_control import differences


def check(function: Callable[[Any], Any], x: Any) -> None:
    """Compare emitted value and gradient with the plain function and its differences."""
    value, gradient = irgrad.compile(function, jit=False).value_and_grad(x)
    np.testing.assert_allclose(value, function(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, differences(function, (x,), 0), rtol=1e-6, atol=1e-8)


M = np.array([[2.0, 0.3, -0.1], [0.2, 1.5, 0.4], [-0.3, 0.1, 1.8]])
ORDER = np.array([2, 0, 1])


def sorts(v: Any) -> Any:
    return np.sort(v * 1.1)[::-1] + np.cumsum(v) * 0.1


def gathers(v: Any) -> Any:
    return v[ORDER] * v[-1] + np.take(np.sin(v), [1, 1, 2])


def scatters(v: Any) -> Any:
    w = np.zeros_like(v)
    np.add.at(w, np.array([0, 2, 0]), v * v)
    return w * 0.2 + v


def solves(v: Any) -> Any:
    return np.linalg.solve(M + np.outer(v, v), v) + M @ v * 0.1


def multiplies(v: Any) -> Any:
    a = np.outer(v, v) + M
    return (a @ a.T)[0] * 0.05 + np.einsum("ij,j->i", a, v) * 0.1


def decomposes(v: Any) -> Any:
    values, vectors = np.linalg.eigh(M @ M.T + np.outer(v, v))
    return 0.1 * values + 0.2 * (vectors * vectors) @ v


def picks(v: Any) -> Any:
    return np.where(v > np.median(v), v, np.max(v) - v) * 0.9


def joins(v: Any) -> Any:
    return np.concatenate([v[1:], np.tanh(v[:1])]).reshape(3, 1).ravel() * 0.9


def reads_after_writing(v: Any) -> Any:
    w = v.copy()
    w[0] = w[1] * w[2]
    w[1:] = w[:-1] * 0.5
    return w + np.sum(v * v) * 0.1


def writes_twice(v: Any) -> Any:
    a, b = v.copy(), v.copy()
    a[0] = v[2] * 0.3
    b[1] = a[0] + v[0]
    return a * b + v[::-1] * 0.2


BODIES: list[Callable[[Any], Any]] = [
    sorts, gathers, scatters, solves, multiplies, decomposes, picks, joins, reads_after_writing,
    writes_twice,
]  # fmt: skip
each = pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
X = np.array([0.7, -0.4, 1.1])


@each
def test_in_a_loop(body: Any) -> None:
    check(lambda x: np.sum(irgrad.fori_loop(0, 3, lambda i, v: body(v), x) ** 2), X)


@each
def test_in_a_scan_over_rows(body: Any) -> None:
    def function(rows: Any) -> Any:
        end, ys = irgrad.scan(lambda c, row: (0.5 * body(c) + row, np.sum(c * row)), rows[0], rows)
        return np.sum(ys * ys) + np.sum(end)

    check(function, np.stack([X, X[::-1], X * 0.5]))


@each
def test_in_a_branch(body: Any) -> None:
    def function(x: Any) -> Any:
        return np.sum(irgrad.cond(x[0] > 0, body, lambda v: v * 2.0, x) ** 2)

    check(function, X)
    check(function, -X)


@each
def test_while_it_lasts(body: Any) -> None:
    def function(x: Any) -> Any:
        end, _ = irgrad.while_loop(
            lambda s: s[1] < 3, lambda s: (0.5 * body(s[0]) + x, s[1] + 1), (x, 0)
        )
        return np.sum(end * end)

    check(function, X)


def test_machine_code_agrees() -> None:
    def function(x: Any) -> Any:
        def step(i: Any, v: Any) -> Any:
            return 0.3 * multiplies(v) + gathers(v) * 0.1 + writes_twice(v)

        return np.sum(irgrad.fori_loop(0, 3, step, x) ** 2)

    value, gradient = irgrad.compile(function).value_and_grad(X)
    np.testing.assert_allclose(value, function(X), rtol=1e-12)
    expected = irgrad.compile(function, jit=False).grad(X)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_carries_that_change_places() -> None:
    def function(x: Any) -> Any:
        a, b = irgrad.fori_loop(0, 5, lambda i, s: (s[1], s[0] * 0.5 + x), (x, x * x))
        return np.sum(a * a * b)

    check(function, X)


def test_an_array_from_outside_is_not_changed() -> None:
    def function(x: Any) -> Any:
        def step(i: Any, total: Any) -> Any:
            y = x.copy()
            y[i] = y[i] * y[1] + total
            return total + np.sum(y * y)

        return irgrad.fori_loop(0, 3, step, 0.0)

    check(function, X)
