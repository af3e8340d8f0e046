"""NumPy's calls of Fourier transforms: lengths, axes and norms, around the primitive ops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Op
from irgrad.ops import fourier
from irgrad.ops.axes import as_dim, dtype_of, normalized_axis, shape_of
from irgrad.ops.complex_numbers import part_dtype
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import spelling
from irgrad.ops.statistics import size_number
from irgrad.ops.tiling import part

_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _fitted(x: Any, length: Dim, axis: int) -> Any:
    """Return ``x`` cut off, or continued by zeros, to ``length`` elements along an axis."""
    shape = shape_of(x)
    size = shape[axis]
    if dims.same(size, length):
        return x
    if dims.at_least(size, length):
        return part(x, axis, 0, length)
    zeros: Any = tuple(length - size if i == axis else dim for i, dim in enumerate(shape))
    return np.concatenate([x, np.zeros_like(x, shape=zeros)], axis=axis)


def _along(op: Callable[..., Any], x: Any, axes: tuple[int, ...], **params: Any) -> Any:
    """Apply an op of trailing axes to others."""
    last = tuple(range(-len(axes), 0))
    return np.moveaxis(op(np.moveaxis(x, axes, last), **params), last, axes)


def _scaled(y: Any, length: Dim, norm: Any, inverse: bool) -> Any:
    """Return a transform of ``length`` elements, of which an inverse has ``1/n`` already."""
    if norm not in _SWAPPED:
        raise UnsupportedCallError(
            f"norm={norm!r} of a Fourier transform", remedy='give "backward", "ortho" or "forward"'
        )
    if norm is None or norm == "backward":
        return y
    number = size_number(y, length)
    factor = np.sqrt(number) if norm == "ortho" else number
    if not isinstance(number, int):  # a size is a weak number, but its root is not
        factor = factor.astype(part_dtype(dtype_of(y)))
    else:
        factor = float(factor)
    return y * factor if inverse else y / factor


def _length(n: Any, x: Any, axis: int) -> Dim:
    return shape_of(x)[axis] if n is None else as_dim(n)


def _complex(op: Op, inverse: bool, name: str) -> Callable[..., Any]:
    def call(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
        """Transform along one axis."""
        place = normalized_axis(axis, len(shape_of(a)))
        length = _length(n, a, place)
        y = _along(op, _fitted(a, length, place), (place,))
        return delivered(_scaled(y, length, norm, inverse), out, f"np.fft.{name}")

    return call


fft = spelling(np.fft.fft)(_complex(fourier.fft, False, "fft"))
ifft = spelling(np.fft.ifft)(_complex(fourier.ifft, True, "ifft"))


@spelling(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Return the half coefficients of real numbers, along one axis."""
    place = normalized_axis(axis, len(shape_of(a)))
    length = _length(n, a, place)
    y = _along(fourier.rfft, _fitted(a, length, place), (place,))
    return delivered(_scaled(y, length, norm, False), out, "np.fft.rfft")


@spelling(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Return the real numbers that have these half coefficients, along one axis."""
    place = normalized_axis(axis, len(shape_of(a)))
    length = 2 * (shape_of(a)[place] - 1) if n is None else as_dim(n)
    if not dims.at_least(length, 1):
        raise ShapeError(f"np.fft.irfft to {length} numbers", remedy="give n=, 1 or more")
    half = _fitted(a, dims.floor_divide(length, 2) + 1, place)
    y = _along(fourier.irfft, half, (place,), length=length)
    return delivered(_scaled(y, length, norm, True), out, "np.fft.irfft")


@spelling(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Return the real spectrum of a signal with Hermitian symmetry, of which half is given."""
    return irfft(np.conj(a), n, axis, _swapped(norm), out)


@spelling(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Return half the signal with Hermitian symmetry that has a real spectrum."""
    return delivered(np.conj(rfft(a, n, axis, _swapped(norm))), out, "np.fft.ihfft")


def _swapped(norm: Any) -> Any:
    return _SWAPPED.get(norm, norm)


def _axes_and_lengths(
    x: Any, s: Any, axes: Any, last: Callable[[Dim], Dim] = lambda size: size
) -> tuple[list[int], list[Dim]]:
    """Return the axes that a call names, and how long each is to be; ``last`` says of the last."""
    shape = shape_of(x)
    if axes is None:
        axes = range(len(shape)) if s is None else range(-len(s), 0)
    places = [normalized_axis(axis, len(shape)) for axis in _listed(axes)]
    if s is None:
        lengths = [shape[place] for place in places]
        if lengths:
            lengths[-1] = last(lengths[-1])
    else:
        wanted = _listed(s)
        if len(wanted) != len(places):
            raise ShapeError(
                f"lengths {s} for the axes {axes}", remedy="give one length for each axis"
            )
        lengths = [shape[p] if n == -1 else as_dim(n) for n, p in zip(wanted, places, strict=True)]
    return places, lengths


def _listed(numbers: Any) -> list[Any]:
    return list(numbers) if isinstance(numbers, Iterable) else [numbers]


def _over(x: Any, places: Sequence[int], lengths: Sequence[Dim], norm: Any, inverse: bool) -> Any:
    """Transform complex numbers along some axes, two at a time."""
    single, double = (
        (fourier.ifft, fourier.ifft2) if inverse else (fourier.fft, fourier.fft2)
    )
    for place, length in zip(places, lengths, strict=True):
        x = _fitted(x, length, place)
    rest = list(places)
    while rest:
        pair = tuple(rest[-2:]) if len(set(rest[-2:])) == 2 else (rest[-1],)
        del rest[-len(pair) :]
        x = _along(double if len(pair) == 2 else single, x, pair)
    return _scaled(x, dims.product(lengths), norm, inverse)


def _complex_over(inverse: bool, name: str, default: Any) -> Callable[..., Any]:
    def call(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        """Transform along some axes."""
        y = _over(a, *_axes_and_lengths(a, s, axes), norm, inverse)
        return delivered(y, out, f"np.fft.{name}")

    return call


fftn = spelling(np.fft.fftn)(_complex_over(False, "fftn", None))
ifftn = spelling(np.fft.ifftn)(_complex_over(True, "ifftn", None))
fft2 = spelling(np.fft.fft2)(_complex_over(False, "fft2", (-2, -1)))
ifft2 = spelling(np.fft.ifft2)(_complex_over(True, "ifft2", (-2, -1)))


def _rfft_over(name: str, default: Any) -> Callable[..., Any]:
    def call(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        """Return the half coefficients along the last axis, transformed along the others."""
        places, lengths = _axes_and_lengths(a, s, axes)
        y = rfft(a, lengths[-1], places[-1], norm)
        y = _over(y, places[:-1], lengths[:-1], norm, False)
        return delivered(y, out, f"np.fft.{name}")

    return call


def _irfft_over(name: str, default: Any) -> Callable[..., Any]:
    def call(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        """Return real numbers from coefficients, half of them along the last axis."""
        places, lengths = _axes_and_lengths(a, s, axes, lambda size: 2 * (size - 1))
        y = _over(a, places[:-1], lengths[:-1], norm, True)
        return irfft(y, lengths[-1], places[-1], norm, out)

    return call


rfftn = spelling(np.fft.rfftn)(_rfft_over("rfftn", None))
irfftn = spelling(np.fft.irfftn)(_irfft_over("irfftn", None))
rfft2 = spelling(np.fft.rfft2)(_rfft_over("rfft2", (-2, -1)))
irfft2 = spelling(np.fft.irfft2)(_irfft_over("irfft2", (-2, -1)))


def _shifted(x: Any, axes: Any, shift: Callable[[Dim], Dim]) -> Any:
    shape = shape_of(x)
    places = range(len(shape)) if axes is None else _listed(axes)
    for axis in places:
        place = normalized_axis(axis, len(shape))
        amount: Any = shift(shape[place])
        x = np.roll(x, amount, place)
    return x


@spelling(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """Move the coefficient of frequency 0 to the middle."""
    return _shifted(x, axes, lambda size: dims.floor_divide(size, 2))


@spelling(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """Move the coefficient of frequency 0 from the middle to the front."""
    return _shifted(x, axes, lambda size: size - dims.floor_divide(size, 2))
