"""Transforms of loops and branches, and within their bodies."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import cond, grad, hessian, jvp, scan, vmap, while_loop

RNG = np.random.default_rng(4)
ROWS = RNG.normal(size=(5, 4))
START = RNG.normal(size=3)


def plain(function: Callable[..., Any]) -> Any:
    return irgrad.compile(function, argnums=(), jit=False)


def recurrence(x: Any) -> Any:
    return scan(lambda c, v: (np.sin(c * 0.5) + v, c), 0.1, x)[0]


def turned(x: Any, start: Any) -> Any:
    """A recurrence whose carry is an array, so that its memory is at stake."""
    return np.sum(scan(lambda c, v: (np.sin(c * v) + c[::-1] * 0.5, None), start, x)[0])


def slopes(function: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    step = 1e-6
    return np.stack(
        [(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(x.size)]
    )


def test_batches_of_a_loop() -> None:
    np.testing.assert_allclose(plain(vmap(recurrence))(ROWS), [recurrence(x) for x in ROWS])
    wanted = [slopes(recurrence, x) for x in ROWS]
    np.testing.assert_allclose(plain(vmap(grad(recurrence)))(ROWS), wanted, atol=1e-8)
    total = plain(grad(lambda rows: np.sum(vmap(recurrence)(rows))))
    np.testing.assert_allclose(total(ROWS), wanted, atol=1e-8)
    np.testing.assert_allclose(vmap(grad(recurrence))(ROWS), wanted, atol=1e-8)


def test_batches_of_a_loop_that_carries_a_shared_array() -> None:
    start = START.copy()
    found = plain(vmap(turned, in_axes=(0, None)))(ROWS, start)
    np.testing.assert_allclose(found, [turned(x, START) for x in ROWS])
    np.testing.assert_array_equal(start, START)
    by_start = plain(vmap(grad(turned, 1), in_axes=(0, None)))(ROWS, START)
    wanted = [slopes(lambda s, x=x: turned(x, s), START) for x in ROWS]
    np.testing.assert_allclose(by_start, wanted, atol=1e-8)


def test_a_loop_in_a_loop_begins_anew_each_time() -> None:
    def nested(rows: Any, start: Any) -> Any:
        return scan(lambda s, x: (s + turned(x, start), None), 0.0, rows)[0]

    start = START.copy()
    assert plain(nested)(ROWS, start) == pytest.approx(sum(turned(x, START) for x in ROWS))
    np.testing.assert_array_equal(start, START)


def test_forward_mode_and_second_order_through_a_loop() -> None:
    x = ROWS[0]
    pushed = plain(lambda x, v: jvp(recurrence, (x,), (v,))[1])(x, np.ones(4))
    assert pushed == pytest.approx(np.sum(slopes(recurrence, x)), abs=1e-8)
    curvature = plain(hessian(recurrence))(x)
    slope = plain(grad(recurrence))
    np.testing.assert_allclose(curvature, slopes(slope, x), atol=1e-7)
    np.testing.assert_allclose(curvature, curvature.T, atol=1e-12)


def test_a_gradient_within_a_loop_and_of_that_loop() -> None:
    """Gradient descent, and its derivative by what it descends on."""
    targets = ROWS[0]

    def descend(w: Any) -> Any:
        return scan(lambda c, t: (c - 0.1 * grad(lambda c: (c * w - t) ** 2)(c), c), 0.0, targets)[
            0
        ]

    def by_hand(w: float) -> float:
        c = 0.0
        for t in targets:
            c -= 0.2 * w * (c * w - t)
        return c

    assert plain(descend)(2.0) == pytest.approx(by_hand(2.0))
    difference = (by_hand(2 + 1e-6) - by_hand(2 - 1e-6)) / 2e-6
    assert plain(grad(descend))(2.0) == pytest.approx(difference, rel=1e-6)


def test_a_derivative_in_a_body_by_a_value_from_outside() -> None:
    def function(w: Any, x: Any) -> Any:
        return scan(lambda c, v: (c + grad(lambda w: w**2 * v)(w), None), 0.0, x)[0]

    assert plain(function)(2.0, ROWS[0]) == pytest.approx(4 * ROWS[0].sum())


def test_batches_of_branches_and_of_loops_of_unknown_length() -> None:
    x = np.arange(1.0, 25.0)
    halved = plain(vmap(lambda x: while_loop(lambda v: v > 1, lambda v: v / 2, x)))(x)
    np.testing.assert_array_equal(halved, x / 2 ** np.ceil(np.log2(x)))
    y = np.arange(-3.0, 4.0)
    branched = vmap(grad(lambda x: cond(x > 1, lambda v: v**2, lambda v: v * 3, x)))
    np.testing.assert_array_equal(plain(branched)(y), np.where(y > 1, 2 * y, 3.0))
