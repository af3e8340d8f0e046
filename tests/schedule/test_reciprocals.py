"""Divisors of many elements are inverted once, except where the last bit decides something."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad


def source(f: Any, *arguments: Any) -> str:
    text = irgrad.compile(f, jit=False).lower(*arguments).module.source
    return text[text.index("def value_and_grad") :]


def share(x: Any) -> Any:
    return np.sum((x / np.sum(x * x, axis=1, keepdims=True)) ** 2)


def bins(x: Any, width: Any) -> Any:
    return np.sum(x * np.floor(x / width))


def inverse_root(x: Any) -> Any:
    root = np.sqrt(x)
    return np.sum(1.0 / root)


def test_what_divides_along_an_axis_is_inverted_once() -> None:
    x = np.random.default_rng(0).uniform(1.0, 2.0, (20, 30))
    text = source(share, x)
    assert text.count(" / ") == text.count("1.0 / ")
    value, slope = irgrad.compile(share, jit=False).value_and_grad(x)
    s = np.sum(x * x, axis=1, keepdims=True)
    np.testing.assert_allclose(value, share(x), rtol=1e-13)
    np.testing.assert_allclose(slope, 2 * x / s**2 - 4 * x / s**2, rtol=1e-12)


def test_an_inverse_that_is_there_already_serves_the_adjoint() -> None:
    x = np.random.default_rng(1).uniform(1.0, 2.0, 30)
    assert source(inverse_root, x).count(" / ") == 1
    slope = irgrad.compile(inverse_root, jit=False).grad(x)
    np.testing.assert_allclose(slope, -0.5 * x**-1.5, rtol=1e-14)


def test_quotients_that_are_rounded_or_compared_stay_quotients() -> None:
    x = np.arange(1.0, 60.0)
    def larger(x: Any, width: Any) -> Any:
        return np.sum(np.where(x / width >= 1.0, x, 0.0))

    assert 49.0 * (1.0 / 49.0) < 1.0
    for f in (bins, larger):
        assert irgrad.compile(f, jit=False)(x, 49.0) == f(x, 49.0)
