"""The binomial schedule: the same derivative from a few carries, by as few steps as can be."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import grad, hvp, scan, vmap
from irgrad.control.snapshots import next_kept
from irgrad.errors import ArgumentError
from irgrad.ir import dims, loops

XS = np.random.default_rng(0).normal(size=23)


def plain(function: Callable[..., Any], argnums: Any = ()) -> Any:
    return irgrad.compile(function, argnums=argnums, jit=False)


def mixed(snapshots: Any, reverse: bool = False) -> Callable[..., Any]:
    """Return a scan with a counter in its carry, results of its own, and a number from outside."""

    def function(xs: Any, w: Any, start: Any) -> Any:
        def step(carry: Any, x: Any) -> tuple[Any, Any]:
            after = {"a": np.sin(carry["a"] * w) + x, "n": carry["n"] + 1}
            return after, (carry["a"] * x * carry["n"], carry["n"])

        begin = {"a": start, "n": 0}
        carry, (ys, _) = scan(step, begin, xs, snapshots=snapshots, reverse=reverse)
        return carry["a"] + np.sum(ys * xs)

    return function


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("room", [1, 2, 3, 5, 22, 23, 40])
def test_derivatives_are_those_of_a_scan_that_keeps_everything(room: int, reverse: bool) -> None:
    usual = plain(mixed(None, reverse), (0, 1, 2)).value_and_grad(XS, 1.3, 0.4)
    value, slopes = plain(mixed(room, reverse), (0, 1, 2)).value_and_grad(XS, 1.3, 0.4)
    assert value == usual[0] == mixed(None, reverse)(XS, 1.3, 0.4)
    for ours, expected in zip(slopes, usual[1], strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-14)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_short_scans(steps: int) -> None:
    for room in (1, 2):
        value, slopes = plain(mixed(room), (0, 1, 2)).value_and_grad(XS[:steps], 1.3, 0.4)
        usual = plain(mixed(None), (0, 1, 2)).value_and_grad(XS[:steps], 1.3, 0.4)
        assert value == usual[0]
        for ours, expected in zip(slopes, usual[1], strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_machine_code_of_arrays_agrees() -> None:
    def function(start: Any, w: Any) -> Any:
        after, _ = scan(lambda c, x: (np.tanh(w @ c) + x, None), start, XS, snapshots=4)
        return np.sum(after**2)

    start, w = np.linspace(0.1, 1.0, 6), np.random.default_rng(1).normal(size=(6, 6)) / 3
    value, slopes = irgrad.compile(function, argnums=(0, 1)).value_and_grad(start, w)
    expected, wanted = plain(function, (0, 1)).value_and_grad(start, w)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    for ours, theirs in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-14)


def test_a_carry_that_begins_whole_may_become_a_fraction() -> None:
    def function(xs: Any) -> Any:
        return scan(lambda c, x: (c * 0.5 + np.sin(x) * c + x, None), 0, xs, snapshots=2)[0]

    def usual(xs: Any) -> Any:
        return scan(lambda c, x: (c * 0.5 + np.sin(x) * c + x, None), 0, xs)[0]

    np.testing.assert_allclose(plain(function, 0).grad(XS), plain(usual, 0).grad(XS), rtol=1e-14)


def last_of(snapshots: Any) -> Callable[..., Any]:
    def function(start: Any, xs: Any) -> Any:
        step = lambda c, x: (np.sin(c) * c + x, None)  # noqa: E731
        return np.sum(scan(step, start, xs, snapshots=snapshots)[0])

    return function


def test_higher_derivatives_and_batches() -> None:
    start = np.linspace(0.2, 1.0, 4)
    for transform in (
        lambda f: lambda c, xs: hvp(lambda c: f(c, xs), (c,), (2.0 * c,)),
        lambda f: lambda c, xs: vmap(grad(f), in_axes=(0, None))(c, xs),
        lambda f: lambda c, xs: grad(lambda c: np.sum(vmap(f, in_axes=(0, None))(c, xs)))(c),
    ):
        ours = plain(transform(last_of(3)))(start, XS[:9])
        np.testing.assert_allclose(ours, plain(transform(last_of(None)))(start, XS[:9]), rtol=1e-12)


def kept_rows(snapshots: Any, gradient: bool) -> int:
    """Return the rows of the longest table of carries that the emitted function makes."""
    made = plain(last_of(snapshots), 0).lower(np.ones(7), XS).program.functions[gradient]
    shapes = [
        [dims.evaluate(size, {"n": 23}) for size in part.shape]
        for part in loops.every_statement(made.body)
        if isinstance(part, loops.Allocate)
    ]
    return max((shape[0] for shape in shapes if len(shape) == 2), default=0)


def test_only_so_many_carries_are_kept() -> None:
    assert kept_rows(None, True) >= len(XS)
    assert kept_rows(5, True) == 6  # and one that is written where nothing is to be kept


def test_the_value_alone_keeps_nothing() -> None:
    assert kept_rows(5, False) == 0


@cache
def fewest(steps: int, room: int) -> int:
    """Return how many steps have to be run to go back over ``steps``, by trying every place."""
    if steps < 2:
        return 0
    if room == 1:
        return steps * (steps - 1) // 2
    return min(
        first + fewest(steps - first, room - 1) + fewest(first, room) for first in range(1, steps)
    )


def run(steps: int, room: int) -> int:
    """Return how many steps the schedule runs, and check that it keeps to its room."""
    kept, count = [0], 0
    for number in reversed(range(steps)):
        place = kept[-1]
        while place < number:
            free = room - len(kept) + 1
            distance = int(next_kept(number - place + 1, free))
            assert 1 <= distance <= number - place
            place, count = place + distance, count + distance
            if free > 1:
                kept.append(place)
        assert place == number
        assert len(kept) <= room
        if kept[-1] == number and number:
            kept.pop()
    return count


@pytest.mark.parametrize("room", [1, 2, 3, 4, 7])
def test_no_schedule_runs_fewer_steps(room: int) -> None:
    for steps in (2, 3, 4, 5, 7, 10, 11, 16, 20, 36, 37, 60):
        assert run(steps, room) == fewest(steps, room)


@pytest.mark.parametrize("snapshots", [0, -1, 2.5, "sqrt"])
def test_what_is_no_number_of_carries_is_refused(snapshots: Any) -> None:
    with pytest.raises(ArgumentError, match="carries to keep at a time"):
        plain(last_of(snapshots))(np.ones(2), XS)


def test_blocks_and_snapshots_are_two_ways() -> None:
    def function(xs: Any) -> Any:
        return scan(lambda c, x: (c + x, None), 0.0, xs, checkpoint=2, snapshots=2)[0]

    with pytest.raises(ArgumentError, match="give one of them"):
        plain(function)(XS)


def test_scans_in_scans() -> None:
    def function(room: Any) -> Callable[..., Any]:
        def outer(carry: Any, x: Any) -> Any:
            inner = scan(lambda c, y: (np.sin(c * x) + y, c), carry, XS[:5], snapshots=room)
            return inner[0], np.sum(inner[1])

        def total(xs: Any) -> Any:
            carry, sums = scan(outer, 0.3, xs, snapshots=room)
            return carry * np.sum(sums**2)

        return total

    ours, usual = (plain(function(room), 0).grad(XS[:7]) for room in (2, None))
    np.testing.assert_allclose(ours, usual, rtol=1e-12)


def test_hessians_of_results_that_repeat_the_step() -> None:
    def function(room: Any) -> Callable[..., Any]:
        def total(xs: Any) -> Any:
            def step(c: Any, x: Any) -> Any:
                return np.sin(c * 1.3) + x, (np.sin(c * 1.3) + x) * x

            return np.sum(scan(step, 0.4, xs, snapshots=room)[1] ** 2)

        return total

    by = (irgrad.hessian, lambda f: irgrad.jacfwd(grad(f)), lambda f: irgrad.jacrev(grad(f)))
    for transform in by:
        ours, usual = (plain(transform(function(room)))(XS[:4]) for room in (2, None))
        np.testing.assert_allclose(ours, usual, rtol=1e-10, atol=1e-12)
