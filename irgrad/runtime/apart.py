"""What the child process of ``background`` does: compile one function into the cache."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import numpy as np

from irgrad.ir.module import EmittedModule
from irgrad.ir.types import ArrayType
from irgrad.runtime.call import Work, executable


def main(job: dict[str, Any]) -> None:
    """Compile the function that ``job`` describes; end at once when standard input closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module = EmittedModule(job["source"], job["digest"], tuple(job["functions"]))
    # Machine code depends on the ranks, not on the sizes.
    inputs = [ArrayType(np.dtype(dtype), (2,) * rank) for dtype, rank in job["inputs"]]
    executable(Work(module, job["name"], inputs))
    os._exit(0)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
