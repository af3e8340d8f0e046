"""Rows of scratch do not all fall on the same places of the cache."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import dims, loops
from irgrad.schedule.spread import GAP, PERIOD, spread_out

FLOAT = np.dtype(float)
WIDTH = PERIOD // FLOAT.itemsize
J = dims.symbol("j")
READ = loops.Let("y", loops.Load("a", (0, 1)))


def made(*shape: Any, dtype: Any = FLOAT, scratch: bool = True) -> loops.Allocate:
    return loops.Allocate("a", shape, np.dtype(dtype), scratch=scratch)


def test_rows_a_period_apart_get_a_gap() -> None:
    wide = WIDTH + GAP // FLOAT.itemsize
    assert spread_out([made(16, WIDTH), READ]) == [made(16, wide), READ]
    assert spread_out([made(J, 2, WIDTH), READ]) == [made(J, 2, wide), READ]
    inside = loops.Loop("i", 3, (made(16, WIDTH), READ))
    assert spread_out([inside]) == [loops.Loop("i", 3, (made(16, wide), READ))]


@pytest.mark.parametrize(
    "array",
    [
        made(16, WIDTH + 8),
        made(1, WIDTH),
        made(16 * WIDTH),
        made(16, WIDTH, scratch=False),
        made(16, WIDTH, dtype=np.int8),
        made(16, J),
    ],
)
def test_others_stay(array: loops.Allocate) -> None:
    assert spread_out([array, READ]) == [array, READ]


def test_the_scratch_of_a_part_gets_a_gap_but_not_what_it_is_given() -> None:
    wide = WIDTH + GAP // FLOAT.itemsize
    own = loops.Share("i", 3, (made(16, WIDTH), READ))
    assert spread_out([own]) == [replace(own, body=(made(16, wide), READ))]
    given = loops.Share("i", 3, (READ,), parameters=("a",))
    assert spread_out([made(16, WIDTH), given]) == [made(16, WIDTH), given]


@pytest.mark.parametrize(
    "use",
    [
        loops.Call("np.dot", ("a", "b", "c")),
        loops.Copy("b", "a"),
        loops.Copy("a", "b"),
        loops.Rearrange("b", "a", (WIDTH, 16)),
    ],
)
def test_what_is_taken_whole_stays(use: loops.Statement) -> None:
    assert spread_out([made(16, WIDTH), use]) == [made(16, WIDTH), use]


def test_another_name_is_no_other_layout() -> None:
    wide, named = WIDTH + GAP // FLOAT.itemsize, loops.Rearrange("b", "a")
    again = loops.Rearrange("c", "b")
    assert spread_out([made(16, WIDTH), named, again]) == [made(16, wide), named, again]
    whole = [made(16, WIDTH), named, again, loops.Copy("d", "c")]
    assert spread_out(whole) == whole


def test_functions_compute_the_same() -> None:
    def loss(w: Any, v: Any, x: Any) -> Any:
        return np.sum(np.maximum(np.maximum(x @ w, 0.0) @ v, 0.0) ** 2)

    draws = np.random.default_rng(0)
    arguments = draws.normal(size=(2, 4)), draws.normal(size=(4, 4)), draws.normal(size=(600, 2))
    compiled = irgrad.compile(loss, jit=False)
    np.testing.assert_allclose(compiled(*arguments), loss(*arguments), rtol=1e-13)
    assert re.search(r"np\.empty\(\(\d+, 528\)\)", compiled.source)
