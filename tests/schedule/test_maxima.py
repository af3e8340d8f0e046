"""Maxima over long axes by ranks: what NumPy finds, nan and infinities included, as vectors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import loops
from irgrad.schedule.maxima import FEWEST, GREATEST, by_rank

FLOAT = np.dtype(float)
INF, NAN = np.inf, np.nan


def folded(
    extent: int, template: str = GREATEST, dtype: Any = FLOAT, *others: Any
) -> list[loops.Statement]:
    fold = loops.Accumulate("top", template, loops.Load("a", (0,)), np.dtype(dtype))
    return [loops.Loop("i", extent, (fold, *others))]


def test_ranks_are_found_in_the_loop_and_turned_back_behind_it() -> None:
    before, loop, after = by_rank(folded(FEWEST), lambda name: name)
    assert isinstance(before, loops.Let)
    assert before.name == "top_rank"
    assert isinstance(loop, loops.Loop)
    assert [part.name for part in loop.body] == ["top_rank"]
    assert isinstance(after, loops.Let)
    assert (after.name, after.again) == ("top", True)


@pytest.mark.parametrize(
    "statements",
    [
        folded(FEWEST - 1),
        folded(FEWEST, "x + y"),
        folded(FEWEST, GREATEST, np.float32),
        folded(FEWEST, GREATEST, np.int64),
        folded(FEWEST, GREATEST, FLOAT, loops.Store("b", (0,), loops.Name("top"))),
    ],
)
def test_others_stay(statements: list[loops.Statement]) -> None:
    assert by_rank(statements, lambda name: name) == statements


def awkward() -> list[np.ndarray]:
    draws = np.random.default_rng(0)
    rows = [draws.normal(size=37) * 10.0 ** draws.integers(-300, 300) for _ in range(20)]
    for place, value in ((3, INF), (36, -INF), (0, NAN), (35, NAN), (5, -NAN), (9, -0.0)):
        row = draws.normal(size=37)
        row[place] = value
        rows.append(row)
    negative_nan = draws.normal(size=37)
    negative_nan[20] = np.copysign(NAN, -1.0)
    tiny = draws.integers(-3, 4, size=37) * 5e-324
    return [*rows, negative_nan, tiny, np.full(37, -INF), np.full(37, INF), np.full(37, -2.0)]


@pytest.mark.parametrize("jit", [True, False])
def test_maxima_and_minima_are_numpys(jit: bool) -> None:
    rows = awkward()

    def over_all(x: Any) -> Any:
        return np.max(x), np.min(x)

    def over_rows(x: Any) -> Any:
        return np.max(x, axis=1), np.min(x, axis=1)

    all_of, rows_of = irgrad.compile(over_all, jit=jit), irgrad.compile(over_rows, jit=jit)
    for row in rows:
        np.testing.assert_array_equal(all_of(row), over_all(row))
    table = np.stack(rows)
    np.testing.assert_array_equal(all_of(table), over_all(table))
    finite = table[:20]
    np.testing.assert_array_equal(all_of(finite), over_all(finite))
    np.testing.assert_array_equal(rows_of(table), over_rows(table))


def test_gradients_still_go_to_the_greatest_and_ties_share() -> None:
    x = np.linspace(-1.0, 1.0, 40)
    x[[3, 7]] = 2.0
    expected = np.zeros(40)
    expected[[3, 7]] = 0.5
    np.testing.assert_array_equal(irgrad.grad(lambda x: np.max(x))(x), expected)
    expected[[3, 7]], expected[0] = 0.0, 1.0
    np.testing.assert_array_equal(irgrad.grad(lambda x: np.min(x))(x), expected)


def test_the_loop_becomes_vectors() -> None:
    f = irgrad.compile(lambda x: np.max(np.sin(x) * x))
    f(np.linspace(0.0, 1.0, 100))
    (module,) = [m for m in [f.source] if "rank(" in m]
    names: dict[str, Any] = {}
    exec(compile(module.replace("cache=True, ", ""), "<emitted>", "exec"), names)
    (value,) = [v for k, v in names.items() if k.startswith("value_") and "grad" not in k]
    value(np.linspace(0.0, 1.0, 100))
    (text,) = value.inspect_llvm().values()
    assert re.search(r"llvm\.(vector\.reduce\.)?smax\.v\d+i64|select <\d+ x i1>.*<\d+ x i64>", text)
