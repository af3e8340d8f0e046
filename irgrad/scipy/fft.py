"""``scipy.fft`` on traced arrays: the transforms of complex and real numbers, shifts, frequencies.

Given plain arrays alone these are SciPy's own functions. ``overwrite_x``, ``workers`` and ``plan``
are accepted and mean nothing.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy import fft
    >>> f = irgrad.compile(lambda x: np.sum(np.abs(fft.rfft(x)) ** 2), jit=False)
    >>> f.grad(np.array([1.0, 0.0, 0.0]))
    array([4., 1., 1.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ops import fourier_calls
from irgrad.ops.create import counting
from irgrad.ops.fourier_calls import fftshift as _fftshift
from irgrad.ops.fourier_calls import ifftshift as _ifftshift
from irgrad.scipy.traced import as_array, drop_in, others
from irgrad.trace.sizes import TracedSize

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

__getattr__ = others("scipy.fft")
_drop_in = drop_in("scipy.fft")


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = getattr(fourier_calls, name).__doc__
    return _drop_in(function)


def _along_axis(name: str) -> Callable[..., Any]:
    call = getattr(fourier_calls, name)

    def transform(
        x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return call(as_array(x), n, axis, norm)

    return _named(name, transform)


def _over_axes(name: str, default: tuple[int, ...] | None) -> Callable[..., Any]:
    call = getattr(fourier_calls, name)

    def transform(
        x: Any, s: Any = None, axes: Any = default, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return call(as_array(x), s, axes, norm)

    return _named(name, transform)


fft = _along_axis("fft")
ifft = _along_axis("ifft")
rfft = _along_axis("rfft")
irfft = _along_axis("irfft")
hfft = _along_axis("hfft")
ihfft = _along_axis("ihfft")
fft2 = _over_axes("fft2", (-2, -1))
ifft2 = _over_axes("ifft2", (-2, -1))
rfft2 = _over_axes("rfft2", (-2, -1))
irfft2 = _over_axes("irfft2", (-2, -1))
fftn = _over_axes("fftn", None)
ifftn = _over_axes("ifftn", None)
rfftn = _over_axes("rfftn", None)
irfftn = _over_axes("irfftn", None)


@_drop_in
def fftshift(x: Any, axes: Any = None) -> Any:
    """Move the coefficient of frequency 0 to the middle."""
    return _fftshift(as_array(x), axes)


@_drop_in
def ifftshift(x: Any, axes: Any = None) -> Any:
    """Move the coefficient of frequency 0 from the middle to the front."""
    return _ifftshift(as_array(x), axes)


def fftfreq(n: Any, d: Any = 1.0) -> Any:
    """Return the frequencies of ``n`` coefficients of samples ``d`` apart; sizes may be traced."""
    if not isinstance(n, TracedSize):
        return np.fft.fftfreq(n, d)
    k = counting(n.trace.size(n.dim), n.dim)
    return np.where(2 * k < n, k, k - n) / (n * d)


def rfftfreq(n: Any, d: Any = 1.0) -> Any:
    """Return the frequencies of the half coefficients of ``n`` numbers ``d`` apart."""
    if not isinstance(n, TracedSize):
        return np.fft.rfftfreq(n, d)
    count = n // 2 + 1
    dim = count.dim if isinstance(count, TracedSize) else count
    return counting(n.trace.size(n.dim), dim) / (n * d)
