"""`python -m benchmarks.solvers`: gradients through solvers, against diffrax on JAX.

A fit of the rates of predators and prey (Lotka and Volterra), integrated with a tolerance of 1e-8
by the method of Dormand and Prince in all of them. All are timed in turn in the same process. The
last column is how far a gradient lies from one at a tolerance of 1e-12, over its largest element.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import irgrad
from benchmarks import table, timing
from benchmarks.loops import disagreement
from benchmarks.problems import lotka_volterra

CLOSE = 1e-7
"""How far gradients may differ, over the largest element."""

ADJOINTS = ("discrete", "continuous")
RIVALS = ("RecursiveCheckpointAdjoint", "BacksolveAdjoint")


def rivals(arguments: tuple[Any, ...]) -> dict[str, Callable[[], Any]]:
    """Return the calls of diffrax's forms, none where it is not installed."""
    try:
        jax: Any = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        diffrax: Any = importlib.import_module("diffrax")
    except ImportError:
        return {}
    placed = jax.device_put(arguments)

    def call(adjoint: str) -> Callable[[], Any]:
        form = jax.jit(jax.value_and_grad(lotka_volterra.diffrax_form(jax, diffrax, adjoint)))
        return lambda: jax.block_until_ready(form(*placed))

    return {f"diffrax, {adjoint}": call(adjoint) for adjoint in RIVALS}


def ours(arguments: tuple[Any, ...]) -> dict[str, Callable[[], Any]]:
    """Return the calls of irgrad's two adjoints."""

    def call(adjoint: str) -> Callable[[], Any]:
        compiled = irgrad.compile(
            lambda rates, counted: lotka_volterra.misfit(rates, counted, adjoint=adjoint)
        )
        return lambda: compiled.value_and_grad(*arguments)

    return {f"irgrad, {adjoint}": call(adjoint) for adjoint in ADJOINTS}


def exact(arguments: tuple[Any, ...]) -> Any:
    """Return the gradient at a much smaller tolerance."""
    compiled = irgrad.compile(
        lambda rates, counted: lotka_volterra.misfit(rates, counted, tolerance=1e-12)
    )
    return compiled.grad(*arguments)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solvers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="timing budget")
    options = parser.parse_args()
    print(timing.describe(timing.machine()), flush=True)
    arguments = lotka_volterra.arguments()
    calls = {**ours(arguments), **rivals(arguments)}
    gradients = {name: np.asarray(call()[1]) for name, call in calls.items()}
    reference = gradients["irgrad, discrete"]
    for name, gradient in gradients.items():
        if disagreement(gradient, reference) > CLOSE:
            far = disagreement(gradient, reference)
            raise ArithmeticError(f"{name}: the gradient differs by {far:.0e}")
    timings = timing.interleave(calls, seconds=options.seconds)
    tight = exact(arguments)
    rows = [
        [
            name,
            table.microseconds(timings.seconds(name)),
            f"{timings.ratio(name, 'irgrad, discrete')[0]:.2f}",
            f"{disagreement(gradients[name], tight):.0e}",
        ]
        for name in calls
    ]
    print(table.render(["Lotka-Volterra, 20 times", "µs", "ratio", "error"], rows))
    if len(calls) == len(ADJOINTS):
        print("diffrax is not installed: left out.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
