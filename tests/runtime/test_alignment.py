"""Where arrays of compiled code begin in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from irgrad.runtime.alignment import CACHE_LINE, arrays_on_cache_lines

# A process of its own: elsewhere numba may have compiled the allocations already.
PROGRAM = """
import numpy as np
import irgrad
from irgrad.runtime.load import load_module

gradient = irgrad.grad(lambda x: np.sum(np.exp(x) * x))
kept = [gradient(np.ones(size)) for size in range(1, 60)]
assert {slope.ctypes.data % 64 for slope in kept} == {0}

source = '''
import numpy as np
from numba import njit

@njit
def places(n):
    found = np.empty(4, np.intp)
    a, b, c = np.empty(n), np.zeros((n, 3)), np.empty((2, n, 5), np.float32)
    found[0], found[1], found[2] = a.ctypes.data, b.ctypes.data, c.ctypes.data
    found[3] = found.ctypes.data
    return found
'''
module = load_module(source, "ab" * 16, jit=True)
for size in (1, 3, 17, 1000):
    assert not (module.places(size) % 64).any()
"""


def test_results_and_scratch_begin_with_a_cache_line(children: Any) -> None:
    children.run(PROGRAM)


def test_numba_is_left_as_it_was() -> None:
    context = SimpleNamespace()
    with arrays_on_cache_lines(context):
        with arrays_on_cache_lines(context):
            assert context.get_preferred_array_alignment(np.float64) == CACHE_LINE
        assert context.get_preferred_array_alignment(np.float64) == CACHE_LINE
    assert vars(context) == {}
