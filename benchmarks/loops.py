"""`python -m benchmarks.loops`: Python loops, re-rolled, against hand-written numba and JAX.

Each problem is the code a user would write, traced through its loops. Its rivals are its value and
gradient as an expert would write them in numba, and JAX's jitted ``lax`` form, to which its inputs
belong already. All are timed in turn in the same process, after they agree.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

import irgrad
from benchmarks import table, timing
from benchmarks.problems import (
    loops_cholesky,
    loops_gauss_seidel,
    loops_lorenz,
    loops_rnn,
    loops_stencil,
    loops_stencil_2d,
    loops_triangular,
)

CLOSE = 1e-9
"""How far gradients may differ, over the largest element."""


@dataclass(frozen=True)
class LoopProblem:
    """A function full of loops, its module, and the arguments to differentiate by."""

    name: str
    module: ModuleType
    function: Callable[..., Any]
    argnums: int | tuple[int, ...]


PROBLEMS = (
    LoopProblem("lorenz, RK4, 1,000 steps", loops_lorenz, loops_lorenz.lorenz, (0, 1)),
    LoopProblem("heat equation, 1,000 × 200", loops_stencil, loops_stencil.heat, 0),
    LoopProblem("heat equation, 128² × 100", loops_stencil_2d, loops_stencil_2d.heat_2d, 0),
    LoopProblem(
        "Gauss-Seidel, 30² × 10", loops_gauss_seidel, loops_gauss_seidel.gauss_seidel, (0, 1)
    ),
    LoopProblem("recurrent network, 32 × 100", loops_rnn, loops_rnn.rnn, (0, 1, 2)),
    LoopProblem("triangular solve, 60 × 60", loops_triangular, loops_triangular.triangular, (0, 1)),
    LoopProblem("Cholesky, 40 × 40", loops_cholesky, loops_cholesky.cholesky, 0),
)


def disagreement(ours: Any, theirs: Any) -> float:
    """Return the largest difference of two gradients over the largest element."""
    pairs = zip(
        ours if isinstance(ours, tuple) else (ours,),
        theirs if isinstance(theirs, tuple) else (theirs,),
        strict=True,
    )
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def lax_call(problem: LoopProblem, arguments: tuple[Any, ...]) -> Callable[[], Any] | None:
    """Return the call of JAX's form, None where JAX is not installed."""
    try:
        jax: Any = importlib.import_module("jax")
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    form = jax.jit(jax.value_and_grad(problem.module.lax_form(jax), argnums=problem.argnums))
    placed = jax.device_put(arguments)
    return lambda: jax.block_until_ready(form(*placed))


def measure(problem: LoopProblem, seconds: float) -> list[str]:
    """Return the row of a problem: first gradient, the times, their ratios, the disagreement."""
    arguments = problem.module.arguments()
    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    began = time.perf_counter()
    _, gradient = compiled.value_and_grad(*arguments)
    first = time.perf_counter() - began
    calls: dict[str, Callable[[], Any]] = {
        "irgrad": lambda: compiled.value_and_grad(*arguments),
        "by hand": lambda: problem.module.handwritten_value_and_grad(*arguments),
    }
    in_jax = lax_call(problem, arguments)
    if in_jax is not None:
        calls["JAX"] = in_jax
    differ = max(disagreement(gradient, call()[1]) for call in calls.values())
    if differ > CLOSE:
        raise ArithmeticError(f"{problem.name}: gradients differ by {differ:.0e}")
    timings = timing.interleave(calls, seconds=seconds)
    row = [problem.name, f"{first:.1f}", f"{timings.seconds('irgrad') * 1e6:.1f}"]
    for rival in ("by hand", "JAX"):
        if rival in calls:
            row.append(f"{timings.seconds(rival) * 1e6:.1f}")
            row.append(f"{timings.ratio('irgrad', rival)[0]:.2f}")
        else:
            row += ["", ""]
    return [*row, f"{differ:.0e}"]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="timing budget a problem")
    parser.add_argument("--only", default="", help="a part of the names of the problems to run")
    options = parser.parse_args()
    print(timing.describe(timing.machine()), flush=True)
    header = [
        "problem", "first gradient (s)", "irgrad (µs)", "by hand (µs)", "ratio", "JAX (µs)",
        "ratio", "differ by",
    ]  # fmt: skip
    chosen = [problem for problem in PROBLEMS if options.only in problem.name]
    rows = [measure(problem, options.seconds) for problem in chosen]
    print(table.render(header, rows))
    if importlib.util.find_spec("jax") is None:
        print("JAX is not installed: left out.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
