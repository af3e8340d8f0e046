"""Arrays from outside: views are parts of what they look at, own arrays are put together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.evaluate import evaluate
from irgrad.ops.views import strided
from irgrad.trace.captures import part_of
from tests.oracles import trace

OWNER = np.arange(60.0).reshape(3, 4, 5).copy()
FLAT = np.arange(60.0)


@pytest.mark.parametrize(
    "view",
    [
        OWNER[1],
        OWNER[1, 2],
        OWNER[:, 1],
        OWNER[::2, 1:3],
        OWNER[0, ::-1],
        OWNER[:, :, 3],
        OWNER[1:2, 0:1],
        OWNER[..., ::-2],
        OWNER[2, 3, 4:5],
        OWNER[:, ::-1, 1:2],
        FLAT[3:9],
        FLAT[50::-7],
        FLAT.reshape(3, 4, 5)[2],
        FLAT.reshape(12, 5)[7],
    ],
)
def test_a_view_is_a_part_of_its_memory(view: np.ndarray) -> None:
    part = part_of(view)
    assert part is not None
    found = strided.evaluate(part.whole.reshape(part.shape), **part.params)
    np.testing.assert_array_equal(found, view)
    assert found.strides == view.strides
    assert np.shares_memory(found, view)


@pytest.mark.parametrize(
    "array",
    [
        OWNER,
        OWNER.T,
        OWNER[1].T,
        np.broadcast_to(OWNER[0], (2, 4, 5)),
        OWNER.view(np.int64)[0],
        np.frombuffer(OWNER.tobytes())[4:],
        OWNER[:0],
    ],
)
def test_what_is_no_strided_part_is_none(array: np.ndarray) -> None:
    assert part_of(array) is None


def samples(rows: np.ndarray) -> Any:
    def loss(w: Any) -> Any:
        total = 0.0
        for row in rows:
            total = total + np.tanh(w @ row)
        return total

    return loss


@pytest.mark.parametrize("shape", [(7, 4), (28,)])
def test_rows_of_an_array_from_outside_are_one_input(shape: tuple[int, ...]) -> None:
    memory = np.random.default_rng(0).normal(size=shape)
    loss, w = samples(memory.reshape(7, 4)), np.arange(4.0)
    traced = trace(loss, w)
    assert len(traced.captured) == 1
    assert traced.captured[0] is memory
    (found,) = evaluate(traced.graph, w, memory)
    np.testing.assert_allclose(found, loss(w), rtol=1e-15)


def test_a_loop_over_rows_is_a_loop_and_reads_them_anew() -> None:
    rows = np.random.default_rng(0).normal(size=(120, 4))
    loss, w = samples(rows), np.arange(4.0)
    compiled = irgrad.compile(loss, jit=False)
    np.testing.assert_allclose(compiled(w), loss(w), rtol=1e-13)
    assert "for i in range(120)" in compiled.source
    rows[3] = 1.0
    np.testing.assert_allclose(compiled(w), loss(w), rtol=1e-13)
    slope = rows.T @ (1 - np.tanh(rows @ w) ** 2)
    np.testing.assert_allclose(compiled.grad(w), slope, rtol=1e-12)
    assert compiled.stats.traces == 1


def test_arrays_of_the_functions_own_are_one_input() -> None:
    def forces(x: Any) -> Any:
        total = [np.zeros(3) for _ in range(5)]
        for i in range(5):
            total[i] = total[i] + np.full(3, float(i)) * x
        return sum(total)

    traced = trace(forces, np.ones(3))
    assert [array.shape for array in traced.captured] == [(10, 3)]
    (found,) = evaluate(traced.graph, np.ones(3), *traced.captured)
    np.testing.assert_array_equal(found, forces(np.ones(3)))


def test_arrays_that_others_hold_stay_their_own_inputs() -> None:
    held = [np.full(3, float(k)) for k in range(4)]

    def total(x: Any) -> Any:
        return np.sum(sum(array * x for array in held))

    compiled = irgrad.compile(total, jit=False)
    assert compiled(np.ones(3)) == 18.0
    held[2][:] = 10.0
    assert compiled(np.ones(3)) == 42.0
    assert compiled.stats.traces == 1
