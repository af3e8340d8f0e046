"""What a softmax is shifted by takes no part in its gradient; a maximum that counts does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.testing import check_grads

Z = np.random.default_rng(0).normal(size=(6, 4)) * 2.0


def exponentials(z: Any) -> Any:
    return np.exp(z - np.max(z, axis=1, keepdims=True))


def log_sum_exp(z: Any) -> Any:
    m = np.max(z, axis=1)
    return np.sum((m + np.log(np.sum(np.exp(z - m[:, None]), axis=1))) ** 2)


def log_mean_exp_of_all(z: Any) -> Any:
    m = np.max(z)
    return 3.0 * (np.log(np.mean(np.exp(z - m))) + m)


def along_the_first_axis(z: Any) -> Any:
    m = np.max(z, axis=0)
    return np.sum((m + np.log(np.sum(np.exp(z - m), axis=0))) * z[0])


def log_softmax(z: Any) -> Any:
    shifted = z - np.max(z, axis=1, keepdims=True)
    return np.sum((shifted - np.log(np.sum(np.exp(shifted), axis=1))[:, None]) * z**2)


def softmax(z: Any) -> Any:
    e = exponentials(z / 3.0)
    return np.sum((e / np.sum(e, axis=1, keepdims=True)) ** 2)


def attention(z: Any) -> Any:
    """Normalised after the product."""
    e = exponentials(0.1 * (z @ z.T))
    return np.sum(((e @ z) / np.sum(e, axis=1)[:, None]) ** 2)


def masked(z: Any) -> Any:
    e = np.where(np.arange(4) < 3, exponentials(z), 0.0)
    return np.sum((e / np.sum(e, axis=1, keepdims=True))[:, 0] ** 2)


def turned(z: Any) -> Any:
    e = exponentials(z).T
    return np.sum((e / np.sum(e, axis=0)) ** 3)


def lowest(z: Any) -> Any:
    e = np.exp(np.min(z, axis=1, keepdims=True) - z)
    return np.sum((e / np.sum(e, axis=1, keepdims=True)) ** 2)


def squared(z: Any) -> Any:
    e = exponentials(z)
    total = np.sum(e, axis=1, keepdims=True)
    return np.sum(e * e / (total * total))


CANCEL = [
    log_sum_exp, log_mean_exp_of_all, along_the_first_axis, log_softmax, softmax, attention, masked,
    turned, lowest, squared,
]  # fmt: skip


def not_added_back(z: Any) -> Any:
    return np.sum(np.log(np.sum(exponentials(z), axis=1)))


def added_twice(z: Any) -> Any:
    m = np.max(z, axis=1)
    return np.sum(2.0 * m + np.log(np.sum(np.exp(z - m[:, None]), axis=1)))


def summed_over_the_wrong_axis(z: Any) -> Any:
    e = exponentials(z)
    return np.sum((e / np.sum(e, axis=0)) ** 2)


def not_divided(z: Any) -> Any:
    e = exponentials(z)
    return np.sum(e / np.sum(e, axis=1, keepdims=True) + e)


def with_one_more(z: Any) -> Any:
    """The softmax with a score of zero besides: that one is not shifted."""
    e = exponentials(z)
    return np.sum((e / (1.0 + np.sum(e, axis=1, keepdims=True))) ** 2)


def divided_by_its_square(z: Any) -> Any:
    e = exponentials(z)
    total = np.sum(e, axis=1, keepdims=True)
    return np.sum(e / (total * total))


def of_rows_and_columns(z: Any) -> Any:
    """The factors of rows meet those of columns."""
    e = exponentials(z @ z.T)
    total = np.sum(e, axis=1, keepdims=True)
    return np.sum(e * e.T / (total * total))


def of_neighbours(z: Any) -> Any:
    e = exponentials(z)
    return np.sum((e[1:] / np.sum(e, axis=1, keepdims=True)[:-1]) ** 2)


def returned(z: Any) -> Any:
    m = np.max(z)
    return m * 1.0


def clipped(z: Any) -> Any:
    e = np.maximum(exponentials(z), 0.01)
    return np.sum((e / np.sum(e, axis=1, keepdims=True)) ** 2)


COUNT = [
    not_added_back, added_twice, summed_over_the_wrong_axis, not_divided, with_one_more,
    divided_by_its_square, of_rows_and_columns, of_neighbours, returned, clipped,
]  # fmt: skip


def searches(function: Callable[..., Any]) -> bool:
    """Tell whether the gradient looks for the elements that are the maximum."""
    compiled = irgrad.compile(function, jit=False)
    compiled.grad(Z)
    return "equal" in {node.op.name for node in compiled.adjoint.nodes}


@pytest.mark.parametrize("function", CANCEL)
def test_a_shift_drops_out(function: Callable[..., Any]) -> None:
    assert not searches(function)
    check_grads(function, (Z,), order=2)


@pytest.mark.parametrize("function", COUNT)
def test_a_maximum_that_counts_stays(function: Callable[..., Any]) -> None:
    assert searches(function)
    check_grads(function, (Z,), order=1)


def test_ties_for_the_maximum_change_nothing() -> None:
    z = np.array([[1.0, 1.0, 0.0, -2.0]] * 3)
    weights = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    found = irgrad.compile(
        lambda z: np.sum(np.max(z, axis=1) + np.log(np.sum(exponentials(z), axis=1))), jit=False
    ).grad(z)
    np.testing.assert_allclose(found, weights, rtol=1e-14)


def test_nan_and_infinity_still_show() -> None:
    z = Z.copy()
    z[1, 2], z[3, 0] = np.nan, np.inf
    with np.errstate(all="ignore"):
        slopes = irgrad.compile(softmax, jit=False).grad(z)
    assert np.isnan(slopes[[1, 3]]).all()
    np.testing.assert_allclose(slopes[[0, 2]], irgrad.compile(softmax, jit=False).grad(Z)[[0, 2]])


def test_in_the_body_of_a_loop() -> None:
    def function(z: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            e = np.exp(row - np.max(row))
            return carry + np.sum((e / np.sum(e)) ** 2), None

        return irgrad.scan(step, 0.0, z)[0]

    compiled = irgrad.compile(function, jit=False)
    plain = irgrad.compile(lambda z: softmax(3.0 * z), jit=False)
    np.testing.assert_allclose(compiled.grad(Z), plain.grad(Z), rtol=1e-12)
    assert "==" not in compiled.source.split("def value_and_grad")[1].split("raise")[1]


def test_a_derivative_by_the_maximum_itself() -> None:
    """``m`` is an argument as far as the inner derivative is concerned."""

    def function(z: Any) -> Any:
        slope = irgrad.grad(lambda m: np.sum(np.exp(z - m)))(np.max(z))
        return slope * slope

    check_grads(function, (Z,), order=1)
