"""`python -m benchmarks.loops`: Python loops, re-rolled, against hand-written numba.

Each problem is the code a user would write, traced through its loops; the rival is its value and
gradient as an expert would write them in numba. Both are timed in turn in the same process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import irgrad
from benchmarks import table, timing
from benchmarks.problems import loops_lorenz, loops_stencil, loops_triangular


@dataclass(frozen=True)
class LoopProblem:
    """A function full of loops, its arguments, and the expert's value and gradient."""

    name: str
    function: Callable[..., Any]
    arguments: Callable[[], tuple[Any, ...]]
    argnums: int | tuple[int, ...]
    handwritten: Callable[..., Any]


PROBLEMS = (
    LoopProblem(
        "lorenz, RK4, 1,000 steps",
        loops_lorenz.lorenz,
        loops_lorenz.arguments,
        (0, 1),
        loops_lorenz.handwritten_value_and_grad,
    ),
    LoopProblem(
        "triangular solve, 60 × 60",
        loops_triangular.triangular,
        loops_triangular.arguments,
        (0, 1),
        loops_triangular.handwritten_value_and_grad,
    ),
    LoopProblem(
        "heat equation, 1,000 × 200",
        loops_stencil.heat,
        loops_stencil.arguments,
        0,
        loops_stencil.handwritten_value_and_grad,
    ),
)


def disagreement(ours: Any, theirs: Any) -> float:
    """Return the largest difference of two gradients over the largest element."""
    pairs = zip(
        ours if isinstance(ours, tuple) else (ours,),
        theirs if isinstance(theirs, tuple) else (theirs,),
        strict=True,
    )
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def measure(problem: LoopProblem, seconds: float) -> list[str]:
    """Return the row of a problem: first gradient, both times, their ratio, the disagreement."""
    arguments = problem.arguments()
    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    began = time.perf_counter()
    _, gradient = compiled.value_and_grad(*arguments)
    first = time.perf_counter() - began
    _, expected = problem.handwritten(*arguments)
    calls = {
        "irgrad": lambda: compiled.value_and_grad(*arguments),
        "by hand": lambda: problem.handwritten(*arguments),
    }
    timings = timing.interleave(calls, seconds=seconds)
    ratio, _, _ = timings.ratio("irgrad", "by hand")
    return [
        problem.name,
        f"{first:.1f}",
        f"{timings.seconds('irgrad') * 1e6:.1f}",
        f"{timings.seconds('by hand') * 1e6:.1f}",
        f"{ratio:.2f}",
        f"{disagreement(gradient, expected):.0e}",
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="timing budget a problem")
    options = parser.parse_args()
    print(timing.describe(timing.machine()), flush=True)
    header = ["problem", "first gradient (s)", "irgrad (µs)", "by hand (µs)", "ratio", "differ by"]
    rows = [measure(problem, options.seconds) for problem in PROBLEMS]
    print(table.render(header, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
