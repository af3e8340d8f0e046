"""Sizes as text: what a polynomial over symbols and quotients prints must evaluate to it."""

from __future__ import annotations

import pytest

from irgrad.ir.dims import Dim, evaluate, floor_divide, render, symbol

N, M = symbol("n"), symbol("m")

SIZES: list[Dim] = [
    N - 1,
    2 * N * M - 3 * M + 4,
    floor_divide(N, 2),
    floor_divide(N - 1, 2),
    floor_divide(N * N + 1, M + 1),
    floor_divide(7, N + M),
    floor_divide(floor_divide(N + 1, 2) * floor_divide(M, 3), floor_divide(M + 5, 2)),
    floor_divide(N, 2) - floor_divide(N - 1, 2),
    floor_divide(1 - N, 3),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_text_is_python_for_the_size(size: Dim) -> None:
    for n, m in ((1, 3), (10, 7), (17, 20)):
        assert eval(render(size), {"n": n, "m": m}) == evaluate(size, {"n": n, "m": m})
