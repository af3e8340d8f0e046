"""Arrays of compiled code begin where a cache line does.

numba allocates them at multiples of 32 bytes. Vectors of 64 bytes then cross a line with every
load, or with none, by where memory happens to be free: a mixture of 25 Gaussians took 135 µs in one
process and 205 in the next on a processor with AVX-512 *(measured)*.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CACHE_LINE = 64
"""Bytes of a line on current processors, and of the widest vectors."""

_METHOD = "get_preferred_array_alignment"


@contextmanager
def arrays_on_cache_lines(target_context: Any) -> Iterator[None]:
    """Have numba compile allocations of arrays on cache lines, under its lock on compilation.

    Not those that it has compiled before for somebody else.
    """
    own = vars(target_context)
    before = own.get(_METHOD)
    own[_METHOD] = lambda dtype: CACHE_LINE
    try:
        yield
    finally:
        if before is None:
            del own[_METHOD]
        else:
            own[_METHOD] = before
