"""Rows that a loop keeps for the pullback are filled where they are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad
from irgrad.ir import dims, loops
from irgrad.schedule.kept_rows import kept_at_once
from tests.oracles import check

FLOAT = np.dtype(float)
TRIP, J = dims.symbol("i"), dims.symbol("j")
TAPE = loops.Allocate("tape", (3,), FLOAT)
ROWS = loops.Allocate("rows", (5, 4), FLOAT)
ROW = loops.Slice("row", "rows", (loops.AxisSlice(TRIP, 1, 0), None))
FILL = loops.Loop("j", 3, (loops.Store("tape", (J,), loops.Load("x", (J,))),))
COPY = loops.Loop("j", 3, (loops.Store("row", (J,), loops.Load("tape", (J,))),))


def body_of(*body: loops.Statement) -> list[loops.Statement]:
    _, loop = kept_at_once([ROWS, loops.Loop("i", 5, body)])
    assert isinstance(loop, loops.Loop)
    return list(loop.body)


def test_a_copied_tape_is_filled_in_its_row() -> None:
    filled = loops.Loop("j", 3, (loops.Store("row", (J,), loops.Load("x", (J,))),))
    assert body_of(TAPE, FILL, ROW, COPY) == [ROW, filled]


def test_tapes_stay_that_something_else_sees() -> None:
    read = loops.Let("y", loops.Load("rows", (TRIP, 0)))
    changed = loops.Store("rows", (TRIP, 0), loops.Load("x", (0,)))
    later = loops.Let("z", loops.Load("tape", (0,)))
    whole = loops.Call("kernel", ("tape",))
    bodies: list[tuple[loops.Statement, ...]] = [
        (TAPE, FILL, read, ROW, COPY),
        (TAPE, FILL, ROW, changed, COPY),
        (TAPE, FILL, ROW, COPY, later),
        (TAPE, whole, ROW, COPY),
        (loops.Allocate("tape", (3,), FLOAT, fill=0.0), FILL, ROW, COPY),
        (loops.Allocate("tape", (3,), np.dtype(np.float32)), FILL, ROW, COPY),
        (loops.Allocate("tape", (4,), FLOAT), FILL, ROW, COPY),
    ]
    for body in bodies:
        assert body_of(*body) == list(body)


def solved(a: Any, b: Any) -> Any:
    x = np.zeros_like(b)
    for i in range(12):
        total = b[i]
        for k in range(i):
            total = total - np.sin(a[i, k]) * x[k]
        x[i] = total / a[i, i]
    return np.sum(x * x)


def test_triangular_nests_keep_no_tape_of_their_own() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=(12, 12)) + 6 * np.eye(12), generator.normal(size=12)
    check(solved, a, b, order=1)
    f = irgrad.compile(solved, argnums=(0, 1), jit=False)
    f.value_and_grad(a, b)
    inner = [line for line in f.source.splitlines() if "= np.empty(" in line]
    assert all(line.startswith("    ") and not line.startswith("     ") for line in inner)
