"""`python -m benchmarks.calls`: what a call costs beside the machine code that it runs.

The compiled function called as users do, the bound one, and the jitted function itself on the flat
arguments, for arguments of several structures. The work is next to nothing in each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import suite, table, timing


def neuron(x1: float, x2: float, w1: float, w2: float, b: float) -> Any:
    return np.tanh(x1 * w1 + x2 * w2 + b)


def energy(x: Any, y: Any) -> Any:
    return np.sum(x * y * y)


def leaves_of_dict(parameters: Mapping[str, Any]) -> Any:
    total = 0.0
    for name in sorted(parameters):
        total = total + np.sum(parameters[name] * parameters[name])
    return total


def leaves_of_list(parameters: list[Any]) -> Any:
    total = 0.0
    for leaf in parameters:
        total = total + np.sum(leaf * leaf)
    return total


CASES: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]] = {
    "five numbers": (neuron, (2.0, 0.0, -3.0, 1.0, 6.7), (0, 1, 2, 3, 4)),
    "two arrays": (energy, (np.ones(3), np.ones(3)), (0, 1)),
    "a dict of ten arrays": (leaves_of_dict, ({f"p{i}": np.ones(3) for i in range(10)},), (0,)),
    "a list of ten arrays": (leaves_of_list, ([np.ones(3) for _ in range(10)],), (0,)),
    "a dict of ten numbers": (leaves_of_dict, ({f"p{i}": 1.0 + i for i in range(10)},), (0,)),
}


def run(name: str, *, seconds: float) -> dict[str, Any]:
    """Time the value, and value and gradient, of one case; return µs a call."""
    import irgrad

    function, arguments, argnums = CASES[name]
    compiled = irgrad.compile(function, argnums=argnums if len(argnums) > 1 else argnums[0])
    bound = compiled.bind(*arguments)
    (argument, *_) = arguments
    flat: tuple[Any, ...] = arguments
    if isinstance(argument, Mapping):
        flat = tuple(argument[key] for key in sorted(argument))
    elif isinstance(argument, list):
        flat = tuple(argument)
    calls: dict[str, Callable[[], Any]] = {
        "value": partial(compiled, *arguments),
        "value, bound": partial(bound, *flat),
        "gradient": partial(compiled.value_and_grad, *arguments),
        "gradient, bound": partial(bound.value_and_grad, *flat),
    }
    timings = timing.interleave(calls, seconds=seconds)
    fastest = {call: min(rounds) * 1e6 for call, rounds in timings.rounds.items()}
    return {"case": name, "microseconds": fastest}


def main(words: list[str] | None = None) -> int:
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="timing budget a case")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(words)
    facts = timing.machine()
    print(timing.describe(facts), flush=True)
    outcomes = [run(name, seconds=options.seconds) for name in CASES]
    rows = []
    for outcome in outcomes:
        figures = outcome["microseconds"]
        row = [outcome["case"]]
        for kind in ("value", "gradient"):
            whole, bare = figures[kind], figures[f"{kind}, bound"]
            row += [f"{bare:.2f}", f"{whole:.2f}", f"{whole - bare:.2f}"]
        rows.append(row)
    header = ["arguments", "value, bound", "called", "more", "gradient, bound", "called", "more"]
    print(table.render(header, rows))
    if options.json is not None:
        suite.save(options.json, facts, outcomes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
