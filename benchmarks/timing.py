"""Interleaved timing: every contender is measured in every round, so that noise falls on all.

A sample is a loop of calls long enough for the clock (about a millisecond); a contender's figure
in a round is its fastest of a few samples; what is reported is the median over the rounds, and the
median and quartiles of the per-round *ratios* to a reference. A machine that slows down for a while
slows both sides of a ratio.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 1e-3
SAMPLES_A_ROUND = 3
WARM_UP_SECONDS = 0.05


@dataclass(frozen=True)
class Timings:
    """Hold seconds per call, contender by contender, one figure a round."""

    rounds: Mapping[str, tuple[float, ...]]

    def seconds(self, name: str) -> float:
        """Return a contender's median seconds per call."""
        return statistics.median(self.rounds[name])

    def ratios(self, name: str, reference: str) -> tuple[float, ...]:
        """Return a contender's time over the reference's, round by round."""
        pairs = zip(self.rounds[name], self.rounds[reference], strict=True)
        return tuple(ours / theirs for ours, theirs in pairs)

    def ratio(self, name: str, reference: str) -> tuple[float, float, float]:
        """Return the median ratio and its lower and upper quartile."""
        ratios = self.ratios(name, reference)
        if len(ratios) < 2:
            return ratios[0], ratios[0], ratios[0]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return middle, low, high

    def summary(self, reference: str | None) -> dict[str, dict[str, float | int]]:
        """Return the figures as they go into the result file."""
        result: dict[str, dict[str, float | int]] = {}
        for name, seconds in self.rounds.items():
            row: dict[str, float | int] = {
                "microseconds": self.seconds(name) * 1e6,
                "fastest_microseconds": min(seconds) * 1e6,
                "rounds": len(seconds),
            }
            if reference is not None and reference in self.rounds:
                row["ratio"], row["ratio_low"], row["ratio_high"] = self.ratio(name, reference)
            result[name] = row
        return result


def sample(call: Callable[[], Any], repeats: int) -> float:
    """Return the mean seconds of a loop of calls."""
    clock = time.perf_counter
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def calibrate(call: Callable[[], Any]) -> tuple[int, float]:
    """Warm a contender up; return how many calls make a sample, and what one call costs."""
    call()  # what is compiled at the first call must not count
    repeats, spent = 1, 0.0
    while True:
        seconds = sample(call, repeats)
        spent += seconds * repeats
        if seconds * repeats >= SAMPLE_SECONDS and spent >= WARM_UP_SECONDS:
            return max(1, int(SAMPLE_SECONDS / seconds) + 1), seconds
        if seconds * repeats < SAMPLE_SECONDS:
            repeats = max(repeats + 1, min(repeats * 10, int(1.2 * SAMPLE_SECONDS / seconds) + 1))


def interleave(
    calls: Mapping[str, Callable[[], Any]], *, seconds: float = 3.0, most_rounds: int = 40
) -> Timings:
    """Time all contenders round-robin within a budget of about `seconds`, in 3 rounds at least.

    The order is turned by one place every round, so that nobody always runs after the same other.
    """
    if not calls:
        raise ValueError("nothing to time")
    sizes: dict[str, tuple[int, int]] = {}
    round_seconds = 0.0
    for name, call in calls.items():
        repeats, cost = calibrate(call)
        samples = SAMPLES_A_ROUND if cost < 0.05 else 1
        sizes[name] = (repeats, samples)
        round_seconds += repeats * samples * cost
    count = max(3, min(most_rounds, int(seconds / round_seconds)))

    measured: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(count):
            for name in order:
                repeats, samples = sizes[name]
                figures = [sample(calls[name], repeats) for _ in range(samples)]
                measured[name].append(min(figures))
            order.append(order.pop(0))
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return Timings({name: tuple(figures) for name, figures in measured.items()})


PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "jax",
    "jaxlib",
    "torch",
    "pytensor",
    "casadi",
    "autograd",
)
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "XLA_FLAGS",
)


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, load, versions, thread settings."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    versions: dict[str, str] = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_start": load,
        "versions": versions,
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }


def describe(facts: Mapping[str, Any]) -> str:
    """Return the machine's facts as the lines printed above a table."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [f"{facts['processor']}, {facts['cores']} cores, {facts['system']}", versions]
    if facts["threads"]:
        lines.append(", ".join(f"{name}={value}" for name, value in facts["threads"].items()))
    load = facts["load_at_start"]
    if load is not None and load > 0.5:
        lines.append(f"NOTE: load average {load:.1f}: other work shares this machine")
    return "\n".join(lines)
