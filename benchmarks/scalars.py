"""`python -m benchmarks.scalars`: code over Python scalars, compiled as it stands.

The network of the micrograd demo over Python floats against `Value` on the same code and against
its array form; the same over 1,500 samples; random expressions, in which there is no loop to find.
A cold first gradient is measured with an empty cache, in a process that has imported numba, in
seconds of one core, which do not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numba  # noqa: F401 (its import is no part of what is timed)
import numpy as np
import optree

import irgrad
import irgrad.pipeline  # nor is that of the compiler
from benchmarks import table, timing
from benchmarks.problems import two_moons
from benchmarks.problems.loops_random import arguments, random_expressions
from irgrad.nn import MLP


def network(samples: int) -> tuple[Callable[[Any], Any], Any, Any]:
    """Return the loss of the network over its parameters, those as floats, and as values."""
    draws = np.random.default_rng(0)
    X = draws.normal(size=(samples, 2)).tolist()
    y = np.sign(draws.normal(size=samples)).tolist()
    model = MLP(2, [16, 16, 1], activation="relu", generator=np.random.default_rng(1))
    values = model.parameters_tree()

    def loss(parameters: Any) -> Any:
        made = model.with_parameters(parameters)
        scores = [made(x) for x in X]
        data = sum((1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True))
        penalty = sum(p * p for p in optree.tree_leaves(parameters))
        return data * (1.0 / samples) + 1e-4 * penalty

    return loss, optree.tree_map(lambda value: float(value.data), values), values


def measure(name: str, function: Callable[..., Any], argument: Any, seconds: float) -> list[str]:
    """Return a row: nodes, cold first gradient, µs a node up to the text, numba, a call."""
    compiled = irgrad.compile(function)
    began = time.process_time()
    compiled.lower(argument)
    written = time.process_time()
    compiled.value_and_grad(argument)
    first = time.process_time() - began
    nodes = compiled.stats.nodes
    timings = timing.interleave(
        {"irgrad": lambda: compiled.value_and_grad(argument)}, seconds=seconds
    )
    call = timings.seconds("irgrad")
    return [
        name,
        f"{nodes:,}",
        f"{first:.1f}",
        f"{(written - began) / nodes * 1e6:.1f}",
        f"{first - (written - began):.1f}",
        f"{call * 1e6:,.1f}",
        f"{call / nodes * 1e9:.2f}",
    ]


def _seconds(loss: Callable[[Any], Any], values: Any) -> float:
    """Return the seconds of one core that an interpreted gradient takes."""
    began = time.process_time()
    loss(values).backward()
    return time.process_time() - began


def against_value(seconds: float) -> str:
    """Return how the compiled network compares with `Value` on its code, and with arrays."""
    loss, floats, values = network(100)
    compiled = irgrad.compile(loss)
    problem = two_moons.PROBLEM
    in_arrays = problem.arguments(100)
    arrays = irgrad.compile(problem.function, argnums=problem.argnums)
    compiled.value_and_grad(floats)
    arrays.value_and_grad(*in_arrays)
    slow = min(_seconds(loss, values) for _ in range(3))
    timings = timing.interleave(
        {
            "scalars": lambda: compiled.value_and_grad(floats),
            "arrays": lambda: arrays.value_and_grad(*in_arrays),
        },
        seconds=seconds,
    )
    fast = timings.seconds("scalars")
    ratio, _, _ = timings.ratio("scalars", "arrays")
    return (
        f"100 samples: {fast * 1e6:.1f} µs a call, {slow / fast:,.0f} times faster than Value on "
        f"the same code ({slow * 1e3:.0f} ms), {ratio:.2f} times the array form"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scalars", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="timing budget a row")
    parser.add_argument("--large", action="store_true", help="the rows of 10⁵ and 10⁶ nodes too")
    options = parser.parse_args()
    print(timing.describe(timing.machine()), flush=True)
    (point,) = arguments()
    cases: list[tuple[str, Callable[..., Any], Any]] = [
        ("network, 100 samples", *network(100)[:2]),
        ("random, 10,000 nodes", random_expressions(10_000), point),
    ]
    if options.large:
        cases.append(("random, 100,000 nodes", random_expressions(100_000), point))
        cases.append(("network, 1,500 samples", *network(1500)[:2]))
    header = ["code", "nodes", "first gradient (s)", "µs a node", "numba (s)", "call (µs)",
              "ns a node"]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IRGRAD_CACHE_DIR"] = folder
        rows = [measure(*case, options.seconds) for case in cases]
        print(table.render(header, rows))
        print(against_value(options.seconds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
