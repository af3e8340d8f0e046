"""`python -m benchmarks.checkpoints`: what scans keep for their derivative, and what that costs.

A scan of 100,000 steps over a carry of 1,000 floats, value and gradient: its time, and how far the
memory of the process grows above what it holds before the call. Each choice is
measured in a process of its own, compiled before on a shorter carry.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

import irgrad
from benchmarks import table, timing
from benchmarks.first_call import WARM_CALLS, grown

STEPS = 100_000
SIZE = 1_000
CHOICES: tuple[int | str, ...] = ("sqrt", 400, 100, 20, 5)
"""Blocks as long as there are of them, or so many snapshots."""
CLOSE = 1e-10
"""How far the gradients may differ, over the largest element."""


def function_of(choice: int | str) -> Any:
    """Return the scan, compiled, as a function of the first carry and the rows."""

    def function(start: Any, xs: Any) -> Any:
        after, _ = irgrad.scan(
            lambda carry, x: (carry + x / (1.0 + carry * carry), None),
            start,
            xs,
            checkpoint="sqrt" if choice == "sqrt" else None,
            snapshots=None if choice == "sqrt" else choice,
        )
        return np.sum(after**2)

    return irgrad.compile(function)


def measure(choice: int | str) -> None:
    """Print seconds, bytes and the gradient as one line of JSON."""
    draws = np.random.default_rng(0)
    start, xs = draws.normal(size=SIZE), 1e-3 * draws.normal(size=STEPS)
    compiled = function_of(choice)
    compiled.value_and_grad(start[:100], xs)
    memory = grown(lambda: compiled.value_and_grad(start, xs))
    began = time.perf_counter()
    _, gradient = compiled.value_and_grad(start, xs)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "bytes": memory, "gradient": gradient.tolist()}))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoints", description=__doc__)
    parser.add_argument("--only", help="measure one choice in this process, as JSON")
    options = parser.parse_args()
    if options.only:
        measure(options.only if options.only == "sqrt" else int(options.only))
        return 0
    print(timing.describe(timing.machine()), flush=True)
    rows: list[list[str]] = []
    expected: Any = None
    for choice in CHOICES:
        command = [sys.executable, "-m", "benchmarks.checkpoints", "--only", str(choice)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        gradient = np.array(found["gradient"])
        expected = gradient if expected is None else expected
        differ = float(np.max(np.abs(gradient - expected)) / np.max(np.abs(expected)))
        if not differ <= CLOSE:
            raise ArithmeticError(f"{choice}: gradients differ by {differ:.0e}")
        rows.append([str(choice), f"{found['seconds']:.2f}", f"{found['bytes'] / 1e6:.1f}"])
    print(f"{STEPS:,} steps over {SIZE:,} floats; memory is the most of {WARM_CALLS} calls")
    print(table.render(["kept", "seconds", "MB"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
