"""Full collections of garbage, put off while irgrad is imported and a function derived.

Both make many objects that live. CPython takes that for a reason to look through all that there
is, numba's modules among it: twice 35 ms at 10⁴ nodes, a quarter of the time to the emitted text,
and nothing found. The young are collected when there are more of them: another twelfth. What has
been made meanwhile counts as old afterwards.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NEVER = 1 << 30
_MANY = 100_000

_guard = threading.Lock()
_inside = 0
_found = (0, 0)


@contextmanager
def full_collections_put_off() -> Iterator[None]:
    """Let no full collection begin by itself inside the block; threads and blocks may overlap."""
    global _inside, _found
    with _guard:
        if not _inside:
            young, middle, old = gc.get_threshold()
            _found = young, old
            gc.set_threshold(max(young, _MANY) if young else 0, middle, _NEVER)
        _inside += 1
    try:
        yield
    finally:
        with _guard:
            _inside -= 1
            young, middle, old = gc.get_threshold()
            if not _inside and old == _NEVER:  # otherwise someone has set it meanwhile
                gc.set_threshold(_found[0], middle, _found[1])
                _take_for_old()


def _take_for_old() -> None:
    """Move all objects to the oldest generation, without a look at them.

    Otherwise the collection that was put off would begin with the next object that somebody makes.
    """
    if not gc.get_freeze_count():  # what others have frozen stays so
        gc.freeze()
        gc.unfreeze()


__all__ = ["full_collections_put_off"]
