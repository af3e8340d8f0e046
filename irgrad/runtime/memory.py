"""Keeping freed memory for the next call.

glibc gives large freed arrays back to the system at once, and every new page of the next call's
arrays costs a page fault (about 0.25 µs): a gradient with two megabytes of scratch spends most of
its time there. ``keep_freed_memory`` asks glibc to hold on to freed memory instead.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

KEPT = 256 * 1024 * 1024
"""Bytes of freed memory at the top of the heap that the process keeps."""
LARGEST = 32 * 1024 * 1024
"""Size from which arrays still come straight from the system: the most that glibc allows."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


@cache
def keep_freed_memory() -> bool:
    """Let the allocator keep up to 256 MB of freed memory, once a process; tell whether it will.

    Only on glibc, and not where ``IRGRAD_KEEP_MEMORY=0`` says otherwise.

    Reference: mallopt(3), parameters M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
    """
    if os.environ.get("IRGRAD_KEEP_MEMORY") == "0" or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT))
