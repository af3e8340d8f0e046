"""Loops that make an array from itself write a second buffer, and the two change places."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad
from tests.oracles import check

U = np.random.default_rng(3).uniform(0.2, 1.0, size=(9, 12))


def in_part(u: Any) -> Any:
    u = u * 1.0
    for _ in range(20):
        u[1:-1, 1:-1] = 0.5 * u[1:-1, 1:-1] + 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] - u[1:-1, 2:])
    return np.sum(u * u)


def to_be_set(u: Any) -> Any:
    u = u * 1.0
    for _ in range(20):
        u[1:] = 0.7 * np.sqrt(1.0 + u[:-1] * u[1:] * u[1:])
    return np.sum(u * u)


def read_meanwhile(u: Any) -> Any:
    u = u * 1.0
    total = 0.0
    for _ in range(20):
        u[1:-1] = 0.5 * u[1:-1] + 0.1 * (u[2:] + u[:-2])
        total = total + np.sum(u[0] * u[-1])
    return total + np.sum(u * u)


def value_of(function: Any) -> str:
    compiled = irgrad.compile(function, jit=False, argnums=())
    np.testing.assert_allclose(compiled(U), function(U), rtol=1e-13)
    return str(compiled.source)


def test_a_stencil_is_written_once() -> None:
    source = value_of(in_part)
    assert source.count("np.empty(") == 2  # no scratch
    lines = [line.strip() for line in source.splitlines()]
    assert any(line.count("_next") == 2 and " = " in line for line in lines)


def test_values_and_gradients_agree() -> None:
    for function in (in_part, to_be_set, read_meanwhile):
        check(function, U)


def test_machine_code_agrees() -> None:
    compiled = irgrad.compile(in_part)
    plain = irgrad.compile(in_part, jit=False)
    value, slope = compiled.value_and_grad(U)
    expected, slope_expected = plain.value_and_grad(U)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(slope, slope_expected, rtol=1e-12)


def test_an_array_that_something_else_reads_in_the_loop_stays() -> None:
    assert "_next" not in value_of(read_meanwhile)
