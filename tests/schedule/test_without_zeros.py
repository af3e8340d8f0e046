"""Products with triangles and diagonals leave out what is zero, and are the same products."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.oracles import check

RANDOM = np.random.default_rng(0)


def lower(x: Any, rows: Any) -> Any:
    return np.sum((rows @ (x * np.tri(rows.shape[1])).T) ** 3)


def strict(x: Any, rows: Any) -> Any:
    return np.sum((rows @ np.tril(x, -1)) ** 3)


def upper(x: Any, rows: Any) -> Any:
    return np.sum(np.tanh(rows @ np.triu(x)))


def diagonal(x: Any, rows: Any) -> Any:
    return np.sum((rows @ (x * np.eye(rows.shape[1]))) ** 2)


def shifted(x: Any, rows: Any) -> Any:
    return np.sum(np.tanh(rows @ (x * np.eye(rows.shape[1], k=1))))


def stacked(x: Any, rows: Any) -> Any:
    """Several factors that share the mask, as the components of a mixture do."""
    factors = x * np.array([1.0, -0.5, 2.0])[:, None, None] * np.tri(rows.shape[1])
    inner = -0.5 * np.sum(np.einsum("nj,kij->kni", rows, factors) ** 2, axis=2)
    return np.sum(np.log(np.sum(np.exp(inner), axis=0)))


FUNCTIONS = [lower, strict, upper, diagonal, shifted, stacked]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("size", [2, 3, 5, 7, 11])
def test_value_and_gradient_are_those_of_the_whole_product(function: Any, size: int) -> None:
    check(function, RANDOM.normal(size=(size, size)), RANDOM.normal(size=(139, size)))


def multiplications(source: str) -> int:
    """Count the trips of the innermost loops of fixed lengths in the gradient's nests of rows."""
    count = 0
    lengths: list[tuple[int, int]] = []
    for line in source.splitlines():
        indent = len(line) - len(line.lstrip())
        while lengths and lengths[-1][0] >= indent:
            lengths.pop()
        loop = re.match(r" *for \w+ in range\((\w+)\):", line)
        if loop:
            lengths.append((indent, int(loop[1]) if loop[1].isdigit() else 0))
        elif re.search(r"\+= .* \* ", line) and any(length == 0 for _, length in lengths):
            count += int(np.prod([length or 1 for _, length in lengths]))
    return count


def test_a_triangle_takes_about_half_of_the_multiplications() -> None:
    x, rows = RANDOM.normal(size=(10, 10)), RANDOM.normal(size=(139, 10))

    def whole(x: Any, rows: Any) -> Any:
        return np.sum((rows @ x.T) ** 3)

    for masked, share in [(lower, 0.65), (strict, 0.65), (diagonal, 0.35)]:
        sources = [
            irgrad.compile(function, jit=False).lower(x, rows).module.source
            for function in (whole, masked)
        ]
        full, left = [multiplications(s[s.index("def value_and_grad") :]) for s in sources]
        assert full >= 150
        assert left <= share * full + 20


def test_an_infinity_behind_a_mask_stays_behind_it() -> None:
    # NumPy's product is NaN in every column: the one case where a product with 0 is taken for 0.
    x, rows = np.ones((6, 6)), RANDOM.normal(size=(139, 6))
    rows[0, 5] = np.inf
    products = irgrad.compile(lambda x, rows: rows @ np.tril(x), argnums=0)(x, rows)
    assert np.isinf(products[0]).all()
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(products[1:], (rows @ np.tril(x))[1:])
