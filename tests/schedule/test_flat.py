"""Nests over whole arrays become one loop; others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir import dims, loops
from irgrad.schedule.flat import LEAST, flattened

N, ROWS, X, Y, Z = map(dims.symbol, ("n", "@rows", "@i", "@j", "@k"))
FLOAT = np.dtype(float)
SHAPES = {"a": (N, 8), "b": (N, 8), "c": (8, N), "cube": (N, 40, 20), "row": (8,)}


def add(target: tuple[Any, ...], source: tuple[Any, ...]) -> loops.Store:
    """Return ``target += source``, each an array and its indices."""
    load = loops.Load(source[0], source[1:])
    return loops.Store(target[0], target[1:], load, (), "x + y")


def nest(*body: loops.Statement, over: Sequence[tuple[Any, Any]] = ((X, N), (Y, 8))) -> loops.Loop:
    """Return the loops over variables and their extents around a body."""
    for variable, extent in reversed(over):
        body = (loops.Loop(str(variable), extent, body),)
    (loop,) = body
    assert isinstance(loop, loops.Loop)
    return loop


def flat(*statements: loops.Statement) -> list[loops.Statement]:
    taken: set[str] = set()

    def fresh(wish: str) -> str:
        name, count = wish, 2
        while name in taken:
            name, count = f"{wish}_{count}", count + 1
        taken.add(name)
        return name

    return flattened(statements, SHAPES, fresh)


def view(array: str) -> loops.Statement:
    return loops.Rearrange(f"{array}_flat", array, shape=(-1,))


def test_a_nest_over_two_arrays_is_one_loop() -> None:
    assert flat(nest(add(("a", X, Y), ("b", X, Y)))) == [
        view("a"),
        view("b"),
        loops.Loop("@i", 8 * N, (add(("a_flat", X), ("b_flat", X)),)),
    ]


def test_axes_before_those_of_the_nest_are_picked_first() -> None:
    body = add(("cube", X, Y, Z), ("cube", X, Y, Z))
    inner = nest(body, over=((Y, 40), (Z, 20)))
    begun = loops.Let("x", loops.Load("row", (X,)))
    assert flat(nest(begun, inner, over=((X, N),))) == [
        nest(
            begun,
            loops.Slice("cube_part", "cube", (loops.AxisSlice(X, 1, 0), None, None)),
            loops.Rearrange("cube_flat", "cube_part", shape=(-1,)),
            loops.Loop("@j", 800, (add(("cube_flat", Y), ("cube_flat", Y)),)),
            over=((X, N),),
        )
    ]
    whole = nest(body, over=((X, N), (Y, 40), (Z, 20)))
    assert flat(whole) == [
        view("cube"),
        loops.Loop("@i", 800 * N, (add(("cube_flat", X), ("cube_flat", X)),)),
    ]


@pytest.mark.parametrize(
    "stays",
    [
        nest(add(("a", X, Y), ("c", Y, X))),
        nest(add(("a", X, Y), ("row", Y))),
        nest(add(("a", Y, X), ("b", Y, X)), over=((X, 8), (Y, N))),
        nest(add(("a", X, Y), ("b", X, Y)), over=((X, N), (Y, 7))),
        nest(add(("a", X, Y), ("unknown", X, Y))),
        nest(add(("a", X, Y), ("b", X, loops.Load("row", (Y,))))),
        nest(loops.Store("a", (X, Y), loops.SizeValue(X + Y, FLOAT))),
        nest(add(("a", X, Y), ("b", X, Y)), loops.Let("x", loops.Load("row", (Y,)))),
    ],
)
def test_others_stay(stays: loops.Statement) -> None:
    assert flat(stays) == [stays]


def test_few_trips_are_not_worth_the_views() -> None:
    few = LEAST // 8 - 1
    small = nest(add(("s", X, Y), ("s", X, Y)), over=((X, few), (Y, 8)))
    assert flat(loops.Allocate("s", (few, 8), FLOAT), small)[-1] == small


def test_views_are_taken_where_the_array_is_made() -> None:
    part = loops.Slice("rows", "a", (loops.AxisSlice(X, ROWS, 1, bounded=True), None))
    inner = nest(add(("rows", Y, Z), ("scratch", Y, Z)), over=((Y, ROWS), (Z, 8)))
    block = loops.Blocks("@i", N, (part, inner), size="@rows", length=64)
    made = loops.Allocate("scratch", (64, 8), FLOAT)
    loop = loops.Loop("@j", 8 * ROWS, (add(("rows_flat", Y), ("scratch_flat", Y)),))
    assert flat(made, block) == [
        made,
        view("scratch"),
        replace(block, body=(part, view("rows"), loop)),
    ]


def test_an_array_in_the_memory_of_another_is_seen_through_its_view() -> None:
    other = loops.Rearrange("b", "a")
    body = add(("a", X, Y), ("a", X, Y)), add(("b", X, Y), ("b", X, Y))
    assert flat(other, nest(*body))[:3] == [other, view("a"), loops.Rearrange("b_flat", "a_flat")]


def test_a_view_that_is_taken_anew_is_flattened_anew() -> None:
    first, second = (
        loops.Slice("part", "cube", (loops.AxisSlice(k, 1, 0), None, None)) for k in (0, 1)
    )
    body = nest(add(("part", X, Y), ("part", X, Y)), over=((X, 40), (Y, 20)))
    assert flat(first, body, second, body)[3:5] == [
        second,
        loops.Rearrange("part_flat_2", "part", shape=(-1,)),
    ]


def test_arrays_that_change_places_or_grow_keep_their_nests() -> None:
    stays = nest(add(("a", X, Y), ("b", X, Y)))
    for moved in (loops.Exchange("a", "b"), loops.Grow(("b",), "count")):
        assert flat(stays, moved) == [stays, moved]


def energy(a: Any, b: Any) -> Any:
    return np.sum(np.sin(a) * b) + 0.5 * np.sum(a**2)


@pytest.mark.parametrize(
    "shape", [(0, 8), (1, 8), (300, 8), (300, 1), (5, 0), (2, 3, 40), (3, 0, 4), (40, 30)]
)
@pytest.mark.parametrize("parallel", [False, True])
def test_values_and_gradients(shape: tuple[int, ...], *, parallel: bool) -> None:
    random = np.random.default_rng(3)
    a, b = random.normal(size=shape), random.normal(size=shape)
    value, a_bar = irgrad.compile(energy, parallel=parallel).value_and_grad(a, b)
    assert value == pytest.approx(energy(a, b), rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(a_bar, np.cos(a) * b + a, rtol=1e-13)


def test_one_compilation_serves_many_sizes() -> None:
    compiled = irgrad.compile(energy)
    random = np.random.default_rng(4)
    for shape in ((20, 30), (0, 30), (7, 5), (200, 3)):
        a, b = random.normal(size=shape), random.normal(size=shape)
        np.testing.assert_allclose(compiled.grad(a, b), np.cos(a) * b + a, rtol=1e-13)
    assert compiled.stats.traces == 1
    assert "for start in range(0, m*n, 512):" in compiled.source
