"""The child process behind `--latency` and `--memory`: one problem, one contender, one JSON line.

`traced_bytes` is the peak of what Python and NumPy allocated during one warm call (tracemalloc;
numba's, JAX's and PyTorch's own allocators do not report there). `grown_bytes` is how far the
resident set's high-water mark rose above the resident set at the start of a few warm calls: the
working memory that a call takes from the system, whoever allocates it. `peak_bytes` is the
process's high-water mark over its whole life, compilers included.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_CALLS = 3


def status(field: str) -> int:
    """Return a field of /proc/self/status in bytes, 0 where there is none."""
    path = Path("/proc/self/status")
    if not path.exists():
        return 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def grown(call: Callable[[], Any]) -> int:
    """Return how far a few calls raise the resident set's high-water mark, in bytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:  # not Linux, or not permitted: then the mark cannot be set back
        return 0
    before = status("VmRSS")
    for _ in range(WARM_CALLS):
        call()
    return max(0, status("VmHWM") - before)


def traced(call: Callable[[], Any]) -> int:
    """Return the peak of traced allocations during one call, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main(problem_name: str, size: str, contender_name: str) -> None:
    """Print the figures of one contender's first calls as one JSON line."""
    from benchmarks.contenders import ALL
    from benchmarks.problems import load

    contender = ALL[contender_name]
    start = time.perf_counter()
    missing = contender.missing()
    if missing is not None:
        raise SystemExit(missing)
    if contender.package in ("irgrad", "pytensor"):
        # These import numba when they first compile. The problem's file would do it for them.
        import numba  # noqa: F401
    imported = time.perf_counter()
    (problem,) = load([problem_name])
    arguments = problem.arguments(int(size))
    began = time.perf_counter()
    call = contender.prepare(problem, arguments)
    call()
    first = time.perf_counter()
    call()
    # Not getrusage: on Linux its maximum is inherited from the process that started this one.
    peak = status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result = {
        "import_seconds": imported - start,
        "first_seconds": first - began,
        "peak_bytes": peak,
        "grown_bytes": grown(call),
        "traced_bytes": traced(call),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
