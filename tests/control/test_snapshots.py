"""``scan(..., snapshots=n)``: the gradient of the plain scan, by as few iterations as can be."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import fori_loop, scan
from irgrad.control.snapshots import descended
from irgrad.errors import ArgumentError, DifferentiationError
from irgrad.testing import check_grads


def slopes(function: Callable[..., Any], *arguments: Any) -> Any:
    argnums = tuple(range(len(arguments)))
    return irgrad.compile(function, argnums=argnums, jit=False).value_and_grad(*arguments)


def run(xs: Any, w: Any, **options: Any) -> Any:
    """Floats and a count as carries, a number from outside, and results an iteration."""

    def step(carry: Any, x: Any) -> Any:
        a, number = carry["a"], carry["number"]
        a = np.sin(a * w) + x * (number + 1)
        return {"a": a, "number": number + 1}, (a * x * w, number)

    carry, (ys, numbers) = scan(step, {"a": w, "number": 0}, xs, **options)
    return carry["a"] + np.sum(ys * ys * numbers)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("snapshots", [1, 2, 3, 40])
@pytest.mark.parametrize("length", [0, 1, 2, 5, 23])
def test_gradients_are_those_of_the_plain_scan(length: int, snapshots: int, reverse: bool) -> None:
    xs, w = np.linspace(0.1, 1, length), np.float64(0.8)
    value, wanted = slopes(lambda xs, w: run(xs, w, reverse=reverse), xs, w)
    same, found = slopes(lambda xs, w: run(xs, w, reverse=reverse, snapshots=snapshots), xs, w)
    np.testing.assert_allclose(same, value, rtol=1e-14)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-300)


def test_gradients_are_those_of_finite_differences() -> None:
    check_grads(
        lambda xs, w: run(xs, w, snapshots=2), (np.linspace(0.1, 1, 7), 0.8), order=1,
        modes=("rev",),
    )  # fmt: skip


def test_what_a_carry_starts_from_may_be_read_by_the_iterations() -> None:
    def total(w: Any, **options: Any) -> Any:
        return np.sum(scan(lambda c, x: (c * np.cos(w * x), c), w, w, **options)[1])

    w = np.linspace(0.2, 0.9, 6)
    wanted = slopes(lambda w: total(w), w)[1]
    np.testing.assert_allclose(slopes(lambda w: total(w, snapshots=2), w)[1], wanted, rtol=1e-13)


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: lambda xs, w: scan(lambda c, x: (inner(xs * x, c), None), w, xs)[0],
        lambda inner: lambda xs, w: np.sum(irgrad.vmap(inner, (None, 0))(xs, w * xs)),
        lambda inner: lambda xs, w: scan(
            lambda c, x: (inner(xs * x, c), None), w, xs, snapshots=2
        )[0],
    ],
)
def test_scans_nest(around: Any) -> None:
    xs, w = np.linspace(0.1, 0.5, 5), np.float64(0.7)
    wanted = slopes(around(run), xs, w)[1]
    found = slopes(around(lambda xs, w: run(xs, w, snapshots=2)), xs, w)[1]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


@pytest.mark.parametrize(
    "second",
    [
        lambda f: irgrad.grad(lambda x: np.sum(irgrad.grad(f)(x))),
        irgrad.hessian,
        lambda f: lambda x: irgrad.jvp(f, (x,), (x,)),
    ],
)
def test_a_derivative_of_the_derivative_is_refused(second: Any) -> None:
    function = second(lambda xs: run(xs, 0.5, snapshots=2))
    with pytest.raises(DifferentiationError, match="leave snapshots out"):
        irgrad.compile(function, argnums=(), jit=False)(np.linspace(0.1, 1, 5))


@pytest.mark.parametrize("options", [{"snapshots": 0}, {"snapshots": 2, "checkpoint": 3}])
def test_options_that_mean_nothing_are_refused(options: Any) -> None:
    with pytest.raises(ArgumentError, match="snapshots"):
        slopes(lambda xs, w: run(xs, w, **options), np.ones(4), 0.5)


@cache
def fewest(length: int, snapshots: int) -> int:
    """Return the fewest iterations run to reverse a chain, over all the ways to split it."""
    if length <= 1:
        return 0
    if snapshots == 1:
        return length * (length - 1) // 2
    return min(
        k + fewest(k, snapshots) + fewest(length - k, snapshots - 1) for k in range(1, length)
    )


@pytest.mark.parametrize("snapshots", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("length", [1, 2, 3, 10, 11, 37, 60])
def test_as_few_iterations_are_run_as_can_be(length: int, snapshots: int) -> None:
    """Each carry is the number of its iteration, so that one that is kept wrongly shows."""
    evaluations = 0

    def onwards(place: int, far: int, carry: Any) -> Any:
        nonlocal evaluations
        evaluations += far - place
        return fori_loop(place, far, lambda i, c: [c[0] + 1], carry)

    top, places, kept = 0, np.zeros(snapshots + 1, int), [np.zeros(snapshots + 1, int)]
    for number in reversed(range(length)):
        top, places, kept = descended(number + 1, snapshots, top, places, onwards, kept)
        assert kept[0][top] == number
        top -= 1
    assert evaluations == fewest(length, snapshots)
