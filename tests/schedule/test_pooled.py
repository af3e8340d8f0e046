"""Small arrays of one width are rows of one piece of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from benchmarks.problems import two_moons
from irgrad.ir import dims, loops
from irgrad.schedule.pooled import LARGEST, pooled

FLOAT = np.dtype(float)
N = dims.symbol("n")


BLOCKS = loops.Blocks("i", N, (), size="rows", length=8)


def fresh(name: str) -> str:
    return name


def made(name: str, *shape: Any, dtype: Any = FLOAT, fill: Any = None) -> loops.Allocate:
    return loops.Allocate(name, shape, np.dtype(dtype), fill, scratch=fill is None)


def rows(name: str, memory: str, start: int, size: int, step: int = 1) -> loops.Slice:
    return loops.Slice(name, memory, (loops.AxisSlice(start, size, step, bounded=True), None))


def test_arrays_of_one_width_share_memory_where_the_first_was_made() -> None:
    use = loops.Store("b", (0,), loops.Load("a", (1, 2)))
    lone = made("c", 3, 7)
    statements = [made("a", 3, 8), lone, made("b", 8), use, BLOCKS]
    views = [rows("a", "scratch", 0, 3), rows("b", "scratch", 3, 1, step=0)]
    assert pooled(statements, frozenset(), fresh) == [
        made("scratch", 4, 8), *views, lone, use, BLOCKS,
    ]  # fmt: skip
    assert pooled(statements[:-1], frozenset(), fresh) == statements[:-1]


def test_sums_share_memory_that_begins_as_they_do() -> None:
    statements = [made("a", 8), made("b", 2, 8, fill=0.0), made("c", 8, fill=0.0), BLOCKS]
    views = [rows("b", "sums", 0, 2), rows("c", "sums", 2, 1, step=0)]
    together = pooled(statements, frozenset(), fresh)
    assert together == [made("a", 8), made("sums", 3, 8, fill=0.0), *views, BLOCKS]


@pytest.mark.parametrize(
    "other",
    [
        made("b", 7),
        made("b", 8, dtype=np.float32),
        made("b", 8, fill=0.0),
        made("b", N),
        made("b", 2, 2, 8),
        made("b", LARGEST // 8 + 1, 8),
    ],
)
def test_others_keep_their_own(other: loops.Allocate) -> None:
    statements = [made("a", 8), other, BLOCKS]
    assert pooled(statements, frozenset(), fresh) == statements


@pytest.mark.parametrize(
    "use",
    [
        loops.Call("np.dot", ("a", "c", "d")),
        loops.Copy("c", "a"),
        loops.Exchange("a", "c"),
        loops.Grow(("a",), "count"),
        loops.Slice("c", "a", (loops.AxisSlice(1, 2, 1),)),
        loops.Rearrange("c", "a", shape=(2, 4)),
        loops.Share("i", N, (), parameters=("a",)),
    ],
)
def test_what_is_taken_whole_or_in_part_keeps_its_own(use: loops.Statement) -> None:
    statements = [made("a", 8), made("b", 8), loops.Loop("i", 3, (use,)), BLOCKS]
    assert pooled(statements, frozenset(), fresh) == statements
    also = [made("z", 8), loops.Rearrange("a", "z"), made("b", 8), use, BLOCKS]
    assert pooled(also, frozenset(), fresh) == also


def test_what_is_returned_keeps_its_own() -> None:
    statements = [made("a", 8), made("b", 8), BLOCKS]
    assert pooled(statements, frozenset({"a"}), fresh) == statements


def test_a_network_asks_for_memory_once_for_scratch_and_once_for_sums() -> None:
    arguments = two_moons.arguments(300)
    argnums = two_moons.PROBLEM.argnums
    f = irgrad.compile(two_moons.loss, argnums=argnums, jit=False)
    function = f.lower(*arguments).program.functions[-1]
    returned = {result.name for result in function.results}
    made = [s for s in function.body if isinstance(s, loops.Allocate) and s.name not in returned]
    assert [s.fill for s in made] == [None, 0.0]
    hand = two_moons.handwritten_value_and_grad.py_func
    _, theirs = hand(*arguments)
    for ours, expected in zip(f.grad(*arguments), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-13)
