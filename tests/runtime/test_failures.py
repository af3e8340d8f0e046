"""Conditions that a compiled function ensures: the error shows the line, the number, the remedy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ConvergenceError
from irgrad.inline.ensured import ensured


def halved(x: Any) -> Any:
    """Return x, halved until it is small; at most 20 times."""

    def halve(carry: Any) -> Any:
        return carry[0] + 1, carry[1] * 0.5

    _, y = irgrad.while_loop(lambda c: (c[1] > 1e-3) & (c[0] < 20), halve, (0, x))
    return ensured(y, y <= 1e-3, y, "halved: what is left is", "begin with less") * x


def deep(x: Any) -> Any:
    """Return the sum of numbers that must stay below 2, checked in the body of a loop."""

    def body(total: Any, row: Any) -> Any:
        return ensured(total + row, row < 2.0, row, "deep: a row is", "use smaller rows"), None

    return irgrad.scan(body, 0.0, x)[0]


@pytest.mark.parametrize("jit", [False, True])
def test_what_holds_changes_nothing(jit: bool) -> None:
    compiled = irgrad.compile(halved, jit=jit)
    value, slope = compiled.value_and_grad(3.0)
    assert value == 3.0 * 3.0 / 2**12
    assert slope == pytest.approx(2 * 3.0 / 2**12, rel=1e-15)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("call", ["__call__", "value_and_grad", "grad"])
def test_what_fails_is_a_convergence_error(jit: bool, call: str) -> None:
    compiled = irgrad.compile(halved, jit=jit)
    for _ in range(2):  # the second call takes the fast path
        with pytest.raises(ConvergenceError) as caught:
            getattr(compiled, call)(1e9)
        error = caught.value
        assert error.problem == "halved: what is left is 953.674"
        assert error.remedy == "begin with less"
        assert error.location is not None
        assert "return ensured(y, y <= 1e-3" in error.location.describe()
    assert compiled(3.0) > 0


@pytest.mark.parametrize(
    "transformed",
    [
        irgrad.grad(halved),
        lambda x: irgrad.compile(halved, tier="auto")(x),
        lambda x: irgrad.vmap(halved)(np.array([1.0, x])),
        lambda x: irgrad.compile(irgrad.grad(irgrad.grad(halved)), argnums=(), jit=False)(x),
    ],
)
def test_transforms_keep_the_condition(transformed: Callable[[Any], Any]) -> None:
    with pytest.raises(ConvergenceError, match="what is left is 953"):
        transformed(1e9)


def test_nan_fails() -> None:
    with pytest.raises(ConvergenceError, match="what is left is nan"):
        irgrad.compile(halved, jit=False)(np.nan)


@pytest.mark.parametrize("jit", [False, True])
def test_a_condition_in_the_body_of_a_loop(jit: bool) -> None:
    compiled = irgrad.compile(deep, jit=jit)
    assert compiled(np.array([1.0, 0.5])) == 1.5
    assert np.array_equal(compiled.grad(np.array([1.0, 0.5])), [1.0, 1.0])
    with pytest.raises(ConvergenceError, match="a row is 3"):
        compiled(np.array([1.0, 3.0, 0.5]))


def test_two_conditions_are_told_apart() -> None:
    def both(x: Any) -> Any:
        first = ensured(x, x < 10.0, x, "first:", "")
        return first * ensured(x, x > 1.0, x, "second:", "")

    compiled = irgrad.compile(both, jit=False)
    with pytest.raises(ConvergenceError, match="first: 11"):
        compiled(11.0)
    with pytest.raises(ConvergenceError, match=r"second: 0\.5"):
        compiled(0.5)


def test_an_array_is_read_where_it_stands() -> None:
    compiled = irgrad.compile(
        lambda x: np.sum(ensured(x * 2, x[0] > 0, x[0], "the first is", "")), jit=False
    )
    assert compiled(np.ones(4)) == 8.0
    assert compiled.source.count("raise ArithmeticError(\"the first is\", ") == 2
    assert "ensure" not in compiled.source.replace("raise", "")


def test_what_nothing_reads_need_not_hold() -> None:
    def unread(x: Any) -> Any:
        ensured(x, x < 0.0, x, "never asked:", "")
        return x * 2.0

    assert irgrad.compile(unread, tier="auto")(3.0) == 6.0  # evaluates the graph as it was traced
    assert irgrad.compile(unread, jit=False)(3.0) == 6.0
