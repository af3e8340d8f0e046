"""Functions of whole numbers: shifts and common divisors. None has a derivative."""

from __future__ import annotations

import numpy as np

from irgrad.ir.op import Op, Sample
from irgrad.ops.declare import elementwise

_SHIFTS = (
    Sample((np.array([1, -5, 12, 0]), np.array([3, 1, 2, 0]))),
    Sample((np.array([[1], [6]]), np.array([0, 1, 5]))),
    Sample((np.array(9), np.array(2))),
)
_DIVISORS = (
    Sample((np.array([12, -8, 0, 7, 0]), np.array([18, 12, 5, 1, 0]))),
    Sample((np.array([[12], [8]]), np.array([6, 20]))),
    Sample((np.array(9), np.array(6))),
)


def _whole(function: np.ufunc, emit: str, samples: tuple[Sample, ...]) -> Op:
    return elementwise(function, emit=emit, nondiff="acts on integers", samples=samples)


left_shift = _whole(np.left_shift, "x << y", _SHIFTS)
right_shift = _whole(np.right_shift, "x >> y", _SHIFTS)
gcd = _whole(np.gcd, "np.gcd(x, y)", _DIVISORS)
lcm = _whole(np.lcm, "np.lcm(x, y)", _DIVISORS)
