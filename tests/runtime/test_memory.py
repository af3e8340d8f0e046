"""Freed memory is kept for the next call, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import resource, numpy as np
from irgrad.runtime.memory import keep_freed_memory
print(keep_freed_memory())
def use():
    arrays = [np.ones(500_000) for _ in range(4)]
use(); use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(setting: str) -> tuple[bool, int]:
    environment = {**os.environ, "IRGRAD_KEEP_MEMORY": setting}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_kept_and_not_faulted_in_again() -> None:
    kept, faults = _faults("1")
    assert kept
    refused, usual = _faults("0")
    assert not refused
    assert faults < usual / 10
