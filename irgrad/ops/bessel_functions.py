"""Bessel functions of real order and argument; derivatives are by the argument alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Sample
from irgrad.ops.declare import real, unary
from irgrad.ops.registry import SCIPY_UFUNCS
from irgrad.ops.scipy_ufuncs import scipy_elementwise

_BY_ARGUMENT = {0: "Bessel functions are differentiated by their argument, not by their order"}

_SIGNED = unary(-4, 5)
_RIGHT = unary(0.4, 9)


def _ordered(low: float, high: float) -> tuple[Sample, ...]:
    """Return samples of a function of an order and an argument in ``[low, high]``."""
    return (
        Sample((np.array([[0], [1], [3]]), real(low, high, (4,)))),
        Sample((np.array(1), real(low, high, (3,), seed=1))),
        Sample((np.array(2), real(low, high, (0,)))),
    )


def _by_order(name: str, emit: str, slope: Any, samples: tuple[Sample, ...], ref: str) -> Any:
    """Declare a function of order and argument; ``slope(out, v, x)`` is its derivative by x."""
    return scipy_elementwise(
        name,
        emit=emit,
        pullback=lambda cotangent, out, v, x: (None, cotangent * slope(out, v, x)),
        refused=_BY_ARGUMENT,
        samples=samples,
        ref=ref,
        unbounded=True,
    )


def _neighbours(function: str, sign: float) -> Any:
    """Return the rule that a derivative is half the neighbours' sum, or difference."""

    def slope(out: Any, v: Any, x: Any) -> Any:
        of = _FAMILY[function]
        return 0.5 * (of(v - 1, x) + sign * of(v + 1, x))

    return slope


def _scaled_neighbours(function: str, sign: float) -> Any:
    plain = _neighbours(function, 1.0)

    def slope(out: Any, v: Any, x: Any) -> Any:
        return plain(out, v, x) - np.sign(x) * out if sign > 0 else out - plain(out, v, x)

    return slope


iv = _by_order(
    "iv", "bessel_iv(x, y)", _neighbours("iv", 1.0), _ordered(0.3, 5), "DLMF 10.25.2, 10.29.1"
)
ive = _by_order(
    "ive", "bessel_ive(x, y)", _scaled_neighbours("ive", 1.0), _ordered(0.3, 5),
    "DLMF 10.25.2, 10.29.1",
)  # fmt: skip
jv = _by_order(
    "jv", "bessel_jv(x, y)", _neighbours("jv", -1.0), _ordered(0.3, 9), "DLMF 10.2.2, 10.6.1"
)
yv = _by_order(
    "yv", "bessel_yv(x, y)", _neighbours("yv", -1.0), _ordered(0.5, 9), "DLMF 10.2.3, 10.6.1"
)
kv = _by_order(
    "kv", "bessel_kv(x, y)", lambda out, v, x: -_neighbours("kv", 1.0)(out, v, x),
    _ordered(0.4, 5), "DLMF 10.27.4, 10.29.1",
)  # fmt: skip
kve = _by_order(
    "kve", "bessel_kve(x, y)", _scaled_neighbours("kve", -1.0), _ordered(0.4, 5),
    "DLMF 10.27.4, 10.29.1",
)  # fmt: skip
_FAMILY = {"iv": iv, "ive": ive, "jv": jv, "yv": yv, "kv": kv, "kve": kve}
SCIPY_UFUNCS["yn"] = yv
SCIPY_UFUNCS["kn"] = kv

# The derivative of an even function of order 0 is odd, so that of I0 at 0 is exactly 0.
i1: Any = scipy_elementwise(
    "i1", emit="bessel_i1(x)", partials=lambda out, x: (0.5 * (i0(x) + iv(2.0, x)),),
    samples=_SIGNED, ref="DLMF 10.25.2, 10.29.1",
)  # fmt: skip
i0: Any = scipy_elementwise(
    "i0", emit="bessel_i0(x)", partials=lambda out, x: (i1(x),),
    samples=(*_SIGNED, Sample((np.array([0.0, 1e-3]),))), ref="DLMF 10.25.2, 10.29.3",
)  # fmt: skip
i1e: Any = scipy_elementwise(
    "i1e", emit="bessel_i1e(x)",
    partials=lambda out, x: (0.5 * (i0e(x) + ive(2.0, x)) - np.sign(x) * out,),
    samples=_SIGNED, ref="DLMF 10.25.2, 10.29.1",
)  # fmt: skip
i0e: Any = scipy_elementwise(
    "i0e", emit="bessel_i0e(x)", partials=lambda out, x: (i1e(x) - np.sign(x) * out,),
    samples=(*_SIGNED, Sample((np.array([0.0]),), differentiable=False)),
    ref="DLMF 10.25.2, 10.29.3", convention="0 at 0, where exp(-|x|) has a corner",
)  # fmt: skip
j1: Any = scipy_elementwise(
    "j1", emit="bessel_j1(x)", partials=lambda out, x: (0.5 * (j0(x) - jv(2.0, x)),),
    samples=(*_SIGNED, Sample((np.array([0.0, 30.0]),))), ref="DLMF 10.2.2, 10.6.1",
)  # fmt: skip
j0: Any = scipy_elementwise(
    "j0", emit="bessel_j0(x)", partials=lambda out, x: (-j1(x),),
    samples=(*_SIGNED, Sample((np.array([0.0, 30.0]),))), ref="DLMF 10.2.2, 10.6.3",
)  # fmt: skip
y1: Any = scipy_elementwise(
    "y1", emit="bessel_y1(x)", partials=lambda out, x: (0.5 * (y0(x) - yv(2.0, x)),),
    samples=_RIGHT, ref="DLMF 10.2.3, 10.6.1", unbounded=True,
)  # fmt: skip
y0: Any = scipy_elementwise(
    "y0", emit="bessel_y0(x)", partials=lambda out, x: (-y1(x),),
    samples=_RIGHT, ref="DLMF 10.2.3, 10.6.3", unbounded=True,
)  # fmt: skip
