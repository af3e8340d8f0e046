"""Sums over all pairs visit each pair once, where both of its places add alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import loops
from irgrad.schedule import lower
from irgrad.schedule.pairs import each_pair_once
from tests.oracles import check

P = np.random.default_rng(0).normal(size=(23, 3))
W = np.random.default_rng(1).uniform(0.5, 2.0, size=23)


def energy(p: Any) -> Any:
    difference = p[:, None, :] - p[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(difference**2, axis=2) + 0.1))


def wide(p: Any) -> Any:
    q = np.concatenate([p, 2.0 * p, p * p, np.sin(p)], axis=1)  # too wide to be unrolled
    difference = q[:, None, :] - q[None, :, :]
    return np.sum(np.exp(-np.sum(difference**2, axis=2)))


def weighted(p: Any) -> Any:
    x = p[:, 0]
    masses = np.exp(p[:, 1])
    return np.sum(masses[:, None] * masses[None, :] / (1.0 + np.abs(x[:, None] - x[None, :])))


def even(p: Any) -> Any:
    x = p[:, 0]
    return np.sum(np.log1p(np.cos(x[:, None] - x) ** 2 + (x[:, None] + x) ** 2))


def twice(p: Any) -> Any:
    """Two sums over pairs, one of which goes through the other's nest."""
    x, y = p[:, 0], p[:, 1]
    gap = np.sqrt((x[:, None] - x) ** 2 + 0.2)
    return np.sum(1.0 / gap) * np.sum(y[:, None] * y / (1.0 + gap))


SYMMETRIC = [energy, wide, weighted, even, twice]


def one_sided(p: Any) -> Any:
    x = p[:, 0]
    return np.sum(np.exp(2.0 * x[:, None] - x))


def nearly_even(p: Any) -> Any:
    x = p[:, 0]
    return np.sum(np.exp(np.sin(x[:, None] - x)))


def of_two_arrays(p: Any) -> Any:
    x, y = p[:, 0], p[:, 1]
    return np.sum(1.0 / (1.0 + (x[:, None] - y) ** 2))


def kept(p: Any) -> Any:
    x = p[:, 0]
    table = 1.0 / (1.0 + (x[:, None] - x) ** 2)
    return np.sum(table @ np.sin(table))


def with_a_rank(p: Any) -> Any:
    x = p[:, 0]
    rank = np.cumsum(np.ones_like(x))
    return np.sum(rank[:, None] / (1.0 + (x[:, None] - x) ** 2))


OTHERS = [one_sided, nearly_even, of_two_arrays, with_a_rank]


def source(function: Callable[..., Any]) -> str:
    compiled = irgrad.compile(function, jit=False)
    compiled.grad(P)
    return str(compiled.source)


@pytest.mark.parametrize("function", [*SYMMETRIC, *OTHERS, kept])
def test_values_and_gradients_agree(function: Callable[..., Any]) -> None:
    check(function, P)


@pytest.mark.parametrize("function", SYMMETRIC)
def test_half_of_the_pairs_are_visited(function: Callable[..., Any]) -> None:
    assert "-i + n - 1" in source(function)


@pytest.mark.parametrize("function", OTHERS)
def test_all_pairs_are_visited(function: Callable[..., Any]) -> None:
    assert "-i + n - 1" not in source(function)


def test_what_the_second_places_get_is_read_from_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Any] = []

    def recorded(*arguments: Any) -> Any:
        taken[:] = [arguments, each_pair_once(*arguments)]
        return taken[1]

    monkeypatch.setattr(lower, "each_pair_once", recorded)
    assert source(energy).count("np.zeros((3, n))") == 1
    (statements, returned, fresh), lean = taken
    gone = {part.name for part in statements if isinstance(part, loops.Allocate)} - {
        part.name for part in lean if isinstance(part, loops.Allocate)
    }
    assert len(gone) == 1
    kept = each_pair_once(statements, returned | gone, fresh)
    written = [p.array for p in loops.every_statement(kept) if isinstance(p, loops.Store)]
    assert written.count(*gone) == 1


@pytest.mark.parametrize("count", [1, 2, 16, 17])
def test_few_points(count: int) -> None:
    compiled = irgrad.compile(energy, jit=False)
    compiled.grad(P)
    value, slope = compiled.value_and_grad(P[:count])
    np.testing.assert_allclose(value, energy(P[:count]), rtol=1e-13)
    difference = P[:count, None] - P[None, :count]
    pull = (np.sum(difference**2, axis=2) + 0.1) ** -1.5
    expected = -2.0 * np.sum(pull[:, :, None] * difference, axis=1)
    np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-12)


def test_the_diagonal_keeps_its_infinities() -> None:
    def bare(p: Any) -> Any:
        difference = p[:, None, :] - p[None, :, :]
        return np.sum(1.0 / np.sqrt(np.sum(difference**2, axis=2)))

    compiled = irgrad.compile(bare, jit=False)
    with np.errstate(all="ignore"):
        value, slope = compiled.value_and_grad(P)
    assert value == np.inf
    assert np.isnan(slope).all()


def test_machine_code_agrees_and_threads_visit_all() -> None:
    expected, wanted = irgrad.compile(energy, jit=False).value_and_grad(P)
    for options in ({}, {"parallel": True}):
        value, slope = irgrad.compile(energy, **options).value_and_grad(P)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        np.testing.assert_allclose(slope, wanted, rtol=1e-11, atol=1e-12)
