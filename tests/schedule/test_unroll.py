"""Short loops written out, and rows of sums that share their loads."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir import loops
from irgrad.ir.dims import symbol
from irgrad.schedule.unroll import unroll

FLOAT = np.dtype(np.float64)
K, L, T, N = (symbol(name) for name in ("@k", "@l", "@t", "n"))


def product(*loads: loops.Load) -> loops.Apply:
    return loops.Apply("x * y", loads, FLOAT)


def sums(rows: int, columns: int, right: str = "y", template: str = "x + y") -> list[Any]:
    """Return the nest of ``total[k, t] += x[k, l] * y[t, l]``."""
    term = product(loops.Load("x", (K, L)), loops.Load(right, (T, L)))
    inner = loops.Loop("@t", columns, (loops.Store("total", (K, T), term, (), template),))
    return [loops.Loop("@k", rows, (loops.Loop("@l", N, (inner,)),))]


def unrolled(nest: list[Any]) -> list[Any]:
    return unroll(nest, frozenset(), lambda name: name)


def test_rows_of_sums_that_fit_the_registers_are_in_one_loop() -> None:
    (loop,) = unrolled(sums(2, 5))
    assert (loop.variable, loop.extent) == ("@l", N)
    places = [part.indices for part in loop.body]
    assert places == [(k, t) for k in range(2) for t in range(5)]
    assert loop.body[7].expression.operands == (
        loops.Load("x", (1, L)), loops.Load("y", (2, L)),
    )  # fmt: skip


def test_more_sums_than_registers_stay_row_by_row() -> None:
    (loop,) = unrolled(sums(2, 10))
    assert (loop.variable, loop.extent) == ("@k", 2)
    assert len(loop.body[0].body) == 10


def test_sums_that_read_what_they_write_keep_their_order() -> None:
    (loop,) = unrolled(sums(2, 5, right="total"))
    assert loop.variable == "@k"


def test_folds_that_are_no_sums_keep_their_order() -> None:
    (loop,) = unrolled(sums(2, 5, template="max(x, y)"))
    assert loop.variable == "@k"
