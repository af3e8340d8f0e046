"""Arrays filled by loops: kept once where they are final, for each iteration where they change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from tests.oracles import check

N = 7


def forward_substitution(x: Any) -> Any:
    y = np.zeros(N)

    def row(i: Any, y: Any) -> Any:
        y[i] = (x[i] - y[i - 1]) * np.sin(y[i - 2]) + 1.0
        return y

    return np.sum(irgrad.fori_loop(2, N, row, y + x) ** 2)


def backwards(x: Any) -> Any:
    def row(i: Any, y: Any) -> Any:
        y[N - 2 - i] = x[i] * np.cos(y[N - 1 - i])
        return y

    return np.sum(irgrad.fori_loop(0, N - 1, row, x * 1.0) ** 3)


def reads_what_comes_later(x: Any) -> Any:
    def row(i: Any, y: Any) -> Any:
        y[i] = np.sin(y[i + 1]) * y[i + 1]
        return y

    return np.sum(irgrad.fori_loop(0, N - 1, row, x * 1.0) ** 2)


def writes_again(x: Any) -> Any:
    def row(i: Any, y: Any) -> Any:
        y[i] = np.sin(y[i]) * x[i]
        y[i + 1] = np.cos(y[i]) * y[i + 1]
        return y

    return np.sum(irgrad.fori_loop(0, N - 1, row, x * 1.0) ** 2)


def nested(x: Any) -> Any:
    def row(i: Any, table: Any) -> Any:
        def column(j: Any, table: Any) -> Any:
            table[i, j] = np.sin(table[i - 1, j]) * table[i, j - 1] + x[j]
            return table

        return irgrad.fori_loop(1, 5, column, table)

    table = np.ones((6, 5)) * x[0]
    return np.sum(irgrad.fori_loop(1, 6, row, table) ** 2)


def nested_over_rows_again(x: Any) -> Any:
    def sweep(_: Any, y: Any) -> Any:
        def point(i: Any, y: Any) -> Any:
            y[i] = 0.3 * np.sin(y[i - 1]) + 0.2 * y[i + 1] * y[i]
            return y

        return irgrad.fori_loop(1, N - 1, point, y)

    return np.sum(irgrad.fori_loop(0, 3, sweep, x * 1.0) ** 2)


def triangular(x: Any, changed: bool = False) -> Any:
    """Read all earlier elements in an inner loop: what is kept of the array is an array."""
    matrix = np.reshape(np.concatenate([x] * N), (N, N))

    def row(i: Any, y: Any) -> Any:
        total = irgrad.fori_loop(0, i, lambda j, total: total - matrix[i, j] * y[j] ** 2, x[i])
        y[i] = np.sin(total)
        if changed:
            y[0] = y[0] * 0.9
        return y

    return np.sum(irgrad.fori_loop(0, N, row, x * 0.0) ** 2)


def cholesky(x: Any) -> Any:
    """Fill columns from the diagonal down: rows and columns are apart by loop variables."""
    matrix = np.eye(N) * 5 + np.reshape(np.concatenate([np.sin(x)] * N), (N, N))

    def column(j: Any, c: Any) -> Any:
        def row(step: Any, c: Any) -> Any:
            i = j + 1 + step
            rest = irgrad.fori_loop(0, j, lambda k, s: s - c[i, k] * c[j, k], matrix[i, j])
            c[i, j] = rest / c[j, j]
            return c

        pivot = irgrad.fori_loop(0, j, lambda k, s: s - c[j, k] * c[j, k], matrix[j, j])
        c[j, j] = np.sqrt(pivot)
        return irgrad.fori_loop(0, N - 1 - j, row, c)

    return np.sum(irgrad.fori_loop(0, N, column, np.zeros((N, N)) * x[0]) ** 2)


def triangular_changed(x: Any) -> Any:
    return triangular(x, True)


@pytest.mark.parametrize(
    "function",
    [
        forward_substitution,
        backwards,
        reads_what_comes_later,
        writes_again,
        nested,
        nested_over_rows_again,
        triangular,
        triangular_changed,
        cholesky,
    ],
)
def test_gradients(function: Any) -> None:
    check(function, np.linspace(0.4, 1.7, N))


@pytest.mark.parametrize(
    ("function", "shape"),
    [(triangular, None), (triangular_changed, "((8, 7))"), (cholesky, None)],
)
def test_what_is_final_is_not_kept_for_each_iteration(function: Any, shape: str | None) -> None:
    compiled = irgrad.compile(function, jit=False)
    source = compiled.lower(np.linspace(0.4, 1.7, N)).module.source
    gradient = source[source.index("def value_and_grad") :]
    if shape is None:
        assert "((8, 7" not in gradient
    else:
        assert shape in gradient
