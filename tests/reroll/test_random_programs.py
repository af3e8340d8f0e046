"""Random scalar programs, half regular, half not: re-rolled they compute the very same numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir.evaluate import evaluate
from irgrad.ir.verify import verify
from irgrad.reroll import reroll
from tests.reroll.test_reroll import traced

SEEDS = range(40)


def program(seed: int) -> Callable[[Any], Any]:
    """Return a program whose loops read regular, irregular and carried operands."""

    def run(x: Any) -> Any:
        draws = random.Random(seed)
        values = [x[0], x[1], x[2]]
        for _ in range(draws.choice([3, 6, 9])):
            mode = draws.choice(["carried", "behind", "anywhere", "inputs"])
            for i in range(draws.choice([3, 4, 7])):
                back = i if mode == "behind" and len(values) > i else 0
                a = values[-1 - back]
                b = x[i % 5] if mode == "inputs" else values[i % len(values)]
                if mode == "anywhere" and draws.random() < 0.3:
                    b = draws.choice(values)
                sine = i % 2 or mode == "carried"
                values.append(np.sin(a) * 0.5 + b if sine else a * b * 0.3 + float(i))
            if draws.random() < 0.5:
                values = [values[-1], values[-2], sum(values[-3:])]
        return sum(values[-4:]), values[-1]

    return run


@pytest.mark.parametrize("seed", SEEDS)
def test_random_program(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=5)
    graph = traced(program(seed), x)
    rolled = reroll(graph)
    verify(rolled.graph)
    found = evaluate(rolled.graph, x, *rolled.tables)
    for got, wanted in zip(found, evaluate(graph, x), strict=True):
        assert got == wanted
    joint = value_and_gradient(rolled.graph, (0,))
    verify(joint)
    gradient = evaluate(joint, x, *rolled.tables)[-1]
    expected = evaluate(value_and_gradient(graph, (0,)), x)[-1]
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


def nest(seed: int) -> Callable[[Any, Any], Any]:
    """Return a program over lists: nests of random bounds, directions, carries and steps."""

    def run(x: Any, a: Any) -> Any:
        draws = random.Random(seed)
        n, steps = draws.choice([5, 6, 8, 9]), draws.choice([1, 1, 3, 4])
        low, high = draws.choice(["0", "i", "i+1"]), draws.choice(["n", "i", "i+1"])
        start, kind = draws.choice(["argument", "constant", "before"]), draws.choice([0, 1, 2])
        backwards, skips, deep = (draws.random() < 0.35 for _ in range(3))
        bounds = {"0": lambda i: 0, "i": lambda i: i, "i+1": lambda i: i + 1, "n": lambda i: n}
        values = [x[i % 6] for i in range(n)]
        made = [0.5] * n if draws.random() < 0.5 else [x[i % 6] * 1.0 for i in range(n)]
        for _ in range(steps):
            for i in reversed(range(n)) if backwards else range(n):
                starts = {"argument": x[i % 6], "constant": 0.0, "before": values[i - 1]}
                total = starts[start]
                for j in range(bounds[low](i), bounds[high](i)):
                    if skips and i == j:
                        continue
                    if kind == 0:
                        total = total + a[i % 6, j % 6] * values[j]
                    elif kind == 1:
                        total = total - a[i % 6, j % 6] * np.sin(made[j])
                    else:
                        total = total * 0.5 + values[j] * values[i]
                    for k in range(j if deep else 0):
                        total = total + 0.01 * values[k] * a[k % 6, j % 6]
                made[i] = total / (1.5 + x[0] * x[0])
            values = list(made)
        return sum(made) + made[-1] * values[0]

    return run


@pytest.mark.parametrize("seed", range(24))
def test_random_nest(seed: int) -> None:
    draws = np.random.default_rng(seed)
    x, a = draws.normal(size=6), draws.normal(size=(6, 6))
    graph = traced(nest(seed), x, a)
    rolled = reroll(graph)
    verify(rolled.graph)
    assert evaluate(rolled.graph, x, a, *rolled.tables) == evaluate(graph, x, a)
    joint = value_and_gradient(rolled.graph, (0, 1))
    found = evaluate(joint, x, a, *rolled.tables)
    for got, wanted in zip(found, evaluate(value_and_gradient(graph, (0, 1)), x, a), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-10)


def test_most_of_the_programs_have_loops() -> None:
    rolled = [reroll(traced(program(seed), np.ones(5))) for seed in SEEDS]
    assert sum(made.loops > 0 for made in rolled) > len(rolled) / 2
