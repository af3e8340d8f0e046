"""What bad input gets: the user's own line, the shapes, and what to do."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import errors

X = np.array([1.0, 2.0, 3.0])
OUTSIDE = np.random.default_rng(0)


def branches(x):
    return x[0] if x[0] > 0 else -x[0]


def loops_until(x):
    while x[0] > 1e-3:
        x = x * 0.5
    return x[0]


def makes_float(x):
    return float(x[0])


def makes_int(x):
    return int(x[0])


def counts(x):
    return sum(x[0] for _ in range(x[0]))


def uses_math(x):
    return math.sin(x[0])


def makes_array(x):
    return np.sum(np.asarray(x, dtype=float))


def writes_outside(x):
    target = np.zeros(3)
    target[:2] = x[:2]
    return np.sum(target)


def writes_argument(x):
    x[0] = 1.0
    return np.sum(x)


def unknown_function(x):
    return np.arctan2.reduce(x)


def wrong_shapes(x):
    return np.sum(x + np.ones(4))


def adds_text(x):
    return x + "a"


def draws_globally(x):
    return np.sum(x * np.random.normal(size=3))  # noqa: NPY002 - the call under test


def draws_from_generator(x):
    return np.sum(x * OUTSIDE.normal(size=3))


def draws_about(x):
    return np.sum(np.random.normal(x, 1.0))  # noqa: NPY002 - the call under test


def shuffles(x):
    return np.sum(np.random.permutation(x)[:2])  # noqa: NPY002 - the call under test


def interpolates_a_list(x):
    return np.interp(0.5, [0.0, 1.0], [x[0], x[1]])


def takes_the_largest_of_a_list(x):
    return np.max([x[0], x[1]])


def takes_the_larger(x):
    return max(x[0], x[1])


def picks_distinct(x):
    return np.sum(np.unique(x))


def draws_in_python(x):
    return np.sum(x * random.random())


@pytest.mark.parametrize(
    ("function", "kind", "line", "remedy"),
    [
        (branches, errors.ConcreteValueError, "if x[0] > 0", "np.where"),
        (loops_until, errors.ConcreteValueError, "while x[0] > 1e-3", "irgrad.while_loop"),
        (makes_float, errors.ConcreteValueError, "float(x[0])", "traced value"),
        (makes_int, errors.ConcreteValueError, "int(x[0])", "static"),
        (counts, errors.ConcreteValueError, "range(x[0])", "fori_loop"),
        (uses_math, errors.ConcreteValueError, "math.sin(x[0])", "np.sin"),
        (makes_array, errors.ConcreteValueError, "np.asarray(x, dtype=float)", "astype"),
        (writes_outside, errors.ConcreteValueError, "target[:2] = x[:2]", "np.zeros_like"),
        (writes_argument, errors.MutationError, "x[0] = 1.0", "x.copy()"),
        (unknown_function, errors.UnsupportedCallError, "np.arctan2.reduce(x)", "custom_vjp"),
        (wrong_shapes, errors.ShapeError, "x + np.ones(4)", "(3) and (4)"),
        (adds_text, errors.UnsupportedCallError, 'x + "a"', "astype"),
        (draws_globally, errors.TracingError, "def draws_globally", "pass them in"),
        (draws_from_generator, errors.TracingError, "def draws_from_generator", "pass them in"),
        (draws_about, errors.ConcreteValueError, "np.random.normal(x, 1.0)", "pass them in"),
        (shuffles, errors.UnsupportedCallError, "np.random.permutation(x)", "docs/ops.md"),
        (interpolates_a_list, errors.UnsupportedCallError, "[x[0], x[1]]", "np.stack([a, b])"),
        (takes_the_largest_of_a_list, errors.ConcreteValueError, "np.max([", "np.stack([a, b])"),
        (takes_the_larger, errors.ConcreteValueError, "max(x[0], x[1])", "np.maximum(a, b)"),
        (picks_distinct, errors.UnsupportedCallError, "np.unique(x)", "compare neighbours"),
        (draws_in_python, errors.TracingError, "def draws_in_python", "pass them in"),
    ],
)
def test_the_error_shows_the_line_and_the_remedy(
    function: Callable[..., Any], kind: type[Exception], line: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        irgrad.compile(function, jit=False)(X)
    text = str(caught.value)
    assert isinstance(caught.value, irgrad.IrgradError)
    assert Path(__file__).name in text
    assert line in text
    assert remedy in text
    assert "What to do" in text


@pytest.mark.parametrize("argument", [np.array([1, 2, 3]), 3, True])
def test_a_derivative_by_integers_is_refused(argument: Any) -> None:
    f = irgrad.compile(lambda x: np.sum(x * 1.0), jit=False)
    assert f(argument) == np.sum(argument * 1.0)
    with pytest.raises(errors.DifferentiationError, match="floating-point"):
        f.grad(argument)


def test_the_gradient_of_an_array_is_refused_at_its_line() -> None:
    f = irgrad.compile(lambda x: x * 2.0, jit=False)
    with pytest.raises(errors.DifferentiationError, match=r"float64\[3\]") as caught:
        f.grad(X)
    assert "x * 2.0" in str(caught.value)
    assert "jacobian" in str(caught.value)


@pytest.mark.parametrize("args", [(), (X, X), ("text",), ({"a": object()},)])
def test_arguments_that_do_not_fit_are_refused(args: tuple[Any, ...]) -> None:
    with pytest.raises(errors.ArgumentError, match="What to do"):
        irgrad.compile(lambda x: np.sum(x), jit=False)(*args)


def test_a_result_that_does_not_depend_on_the_argument_warns() -> None:
    f = irgrad.compile(lambda x: 3.0, jit=False)
    with pytest.warns(errors.GradientWarning, match="does not depend"):
        np.testing.assert_array_equal(f.grad(X), np.zeros(3))


def test_an_error_in_the_users_code_leaves_the_function_usable() -> None:
    calls = []

    def fails_once(x):
        calls.append(x)
        if len(calls) == 1:
            raise RuntimeError("not yet")
        return np.sum(x)

    f = irgrad.compile(fails_once, jit=False)
    with pytest.raises(RuntimeError, match="not yet"):
        f(X)
    assert f(X) == 6.0
    with pytest.raises(errors.EscapedTracerError, match="return it"):
        np.sum(calls[0])


def test_the_page_lists_every_error() -> None:
    page = (Path(__file__).parents[1] / "docs" / "errors.md").read_text(encoding="utf-8")
    for name, value in vars(errors).items():
        own = inspect.isclass(value) and value.__module__ == errors.__name__
        if own and issubclass(value, Exception):
            assert f"`{name}`" in page or f".{name}`" in page, name
