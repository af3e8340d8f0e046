"""First-call latency and memory, each measured in a process of its own.

Cold: every on-disk cache (irgrad's, numba's, JAX's, TorchInductor's, PyTensor's) is an empty
folder. Warm: a second process that finds what the first one left there. The child imports the
contender's package first and reports that apart, since a library's import is paid once a process,
not once a function.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.contenders import Contender
from benchmarks.problem import Problem

CHILD_SECONDS = 300


def cache_variables(folder: Path) -> dict[str, str]:
    """Return the settings that put every contender's cache below one folder."""
    return {
        "IRGRAD_CACHE_DIR": str(folder / "irgrad"),
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
    }


def child(problem: str, size: int, contender: str, folder: Path) -> dict[str, Any]:
    """Run `benchmarks.first_call` in a new process; return what it printed, or the error."""
    environment = {**os.environ, **cache_variables(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages come compiled
    command = [sys.executable, "-m", "benchmarks.first_call", problem, str(size), contender]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {CHILD_SECONDS} s"}
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return {"error": lines[-1][:120] if lines else f"exit code {done.returncode}"}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run(
    problems: Sequence[Problem], contenders: Sequence[Contender], size: int | None, *, memory: bool
) -> list[dict[str, Any]]:
    """Measure and print each problem, at its smallest size unless told; return the rows."""
    results = []
    for problem in problems:
        chosen = problem.sizes[0] if size is None else size
        print(f"\n{problem.name}, {problem.size_means}: {chosen:,}")
        rows = []
        for contender in contenders:
            with tempfile.TemporaryDirectory(prefix="benchmark-cache-") as folder:
                cold = child(problem.name, chosen, contender.name, Path(folder))
                both = "error" not in cold and not memory
                warm = child(problem.name, chosen, contender.name, Path(folder)) if both else cold
            results.append(
                {
                    "problem": problem.name,
                    "size": chosen,
                    "contender": contender.name,
                    "cold": cold,
                    "warm": warm,
                }
            )
            failure = cold.get("error") or warm.get("error")
            if failure:
                print(f"  {contender.name}: not run: {failure}")
            elif memory:
                rows.append(
                    [
                        contender.name,
                        *(f"{cold[key] / 2**20:.1f}" for key in MEMORY_COLUMNS.values()),
                    ]
                )
            else:
                figures = [cold["import_seconds"], cold["first_seconds"], warm["first_seconds"]]
                rows.append([contender.name, *(f"{figure:.2f}" for figure in figures)])
        if rows:
            header = list(MEMORY_COLUMNS) if memory else ["s import", "s cold", "s warm"]
            print(table.render(["contender", *header], rows), flush=True)
    return results


MEMORY_COLUMNS = {
    "MB traced in a call": "traced_bytes",
    "MB grown in a call": "grown_bytes",
    "MB peak of process": "peak_bytes",
}
