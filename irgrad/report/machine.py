"""What this machine can do at best, measured once and remembered: the roof of a roofline.

Reference: Williams, Waterman, Patterson, "Roofline", Communications of the ACM 52 (2009).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np

from irgrad.runtime.cache import (
    cache_directory,
    cache_key,
    compiler_key,
    read_owned,
    write_atomically,
)

_REPEATS = 7
_COPIED = 1 << 22
_ORDER = 96
"""Of matrices that BLAS multiplies on one core, in a time too short for others to disturb it."""
_PRODUCTS = 500


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes a second to and from memory, and operations a second, of float64, at best."""

    bandwidth: float
    operations: float

    def seconds(self, operations: float, moved: float) -> float:
        """Return the least time for so many operations and bytes, done side by side."""
        return max(operations / self.operations, moved / self.bandwidth)


@cache
def machine() -> Machine:
    """Return the peaks of this machine; measured in a tenth of a second, if never before."""
    directory = cache_directory()
    path = None
    if directory is not None:
        path = directory / f"irgrad_machine.{cache_key(compiler_key())}.json"
        with suppress(OSError, ValueError, TypeError):
            return Machine(**json.loads(read_owned(path) or b""))
    measured = measure()
    if path is not None:
        with suppress(OSError):
            figures = {"bandwidth": measured.bandwidth, "operations": measured.operations}
            write_atomically(path, json.dumps(figures).encode())
    return measured


def measure() -> Machine:
    """Return the peaks: copying what no cache holds, and multiplying matrices on every core.

    One core multiplies, and counts for all that this process may use: on a busy machine, a product
    that waits for all of them takes twenty times as long *(measured)*.
    """
    source = np.ones(_COPIED)
    target = np.zeros(_COPIED)
    copying = _best(lambda: np.copyto(target, source))
    a = np.ones((_ORDER, _ORDER))
    product = np.empty_like(a)
    multiplying = _best(lambda: np.dot(a, a, product), _PRODUCTS)
    return Machine(2 * source.nbytes / copying, cores() * 2 * _ORDER**3 / multiplying)


def cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def seconds_a_call(call: Callable[[], object]) -> float:
    """Return the least time that a call takes, the first one left out."""
    call()
    began = time.perf_counter()
    call()
    count = max(1, int(0.01 / max(time.perf_counter() - began, 1e-7)))

    def many() -> None:
        for _ in range(count):
            call()

    return _best(many) / count


def _best(call: Callable[[], object], repeats: int = _REPEATS) -> float:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
