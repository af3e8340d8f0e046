"""Complex numbers: their parts, the conjugate, the angle, the sign; and what reals have of these.

The cotangent of a complex value is ``df/dx - i df/dy``, so rules of holomorphic functions are those
of real ones, without conjugation; the rules here are of functions that are not holomorphic.

Reference: docs/adr/0014-complex-cotangents.md; the convention is that of JAX and autograd.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Op, Sample
from irgrad.ops.axes import dtype_of
from irgrad.ops.create import convert
from irgrad.ops.declare import complex_values, elementwise
from irgrad.ops.elementwise import sign, square
from irgrad.ops.floating import as_float
from irgrad.ops.registry import METHODS, UFUNCS, spelling
from irgrad.ops.views import view


def part_dtype(dtype: Any) -> np.dtype:
    """Return the dtype of the real part of numbers of a complex dtype."""
    return np.zeros((), dtype).real.dtype


def _part_dtypes(dtypes: Sequence[Any]) -> tuple[np.dtype, ...]:
    own = np.dtype(dtypes[0])
    return own, part_dtype(own)


_SAMPLES = (Sample((complex_values(),)), Sample((complex_values((0,)),)), Sample((1.5 - 2.5j,)))

real_part = elementwise(
    np.real,
    linear=True,
    emit="x.real",
    promote=_part_dtypes,
    pullback=lambda cotangent, out, x: (cotangent,),
    samples=_SAMPLES,
    spellings=("np.real",),
)
imaginary_part = elementwise(
    np.imag,
    linear=True,
    emit="x.imag",
    promote=_part_dtypes,
    pullback=lambda cotangent, out, x: (complex_of(np.zeros_like(cotangent), -cotangent),),
    samples=_SAMPLES,
    spellings=("np.imag",),
)


def _complex_dtypes(dtypes: Sequence[Any]) -> tuple[np.dtype, ...]:
    own = np.result_type(*[d if isinstance(d, np.dtype) else d(0) for d in dtypes])
    return own, own, np.result_type(own, 1j)


def _complex_of(x: Any, y: Any) -> Any:
    out = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y, 1j))
    out.real, out.imag = x, y
    return out[()]


complex_of: Op = elementwise(
    _complex_of,
    linear=True,
    name="complex",
    real_only=True,
    emit="complex(x, y)",
    promote=_complex_dtypes,
    pullback=lambda cotangent, out, x, y: (np.real(cotangent), -np.imag(cotangent)),
    samples=(Sample((np.array([1.0, -2.0, 0.5]), np.array([0.3, 2.0, -1.0]))),),
)
"""The complex numbers with these real and imaginary parts."""

conjugate = elementwise(
    np.conjugate,
    linear=True,
    emit="np.conj(x)",
    pullback=lambda cotangent, out, x: (np.conj(cotangent),),
    samples=_SAMPLES,
)


def is_complex(x: Any) -> bool:
    """Tell whether an operand is of a complex dtype."""
    return dtype_of(x).kind == "c"


def in_dtype(x: Any, dtype: np.dtype) -> Any:
    """Return ``x`` in another dtype: of complex numbers, as reals, the real part."""
    if is_complex(x) and dtype.kind not in "cb":
        x = real_part(x)
    return x if dtype_of(x) == dtype else convert(x, dtype=dtype)


def squared_magnitude(x: Any) -> Any:
    """Return ``|x|**2``, smooth also at 0."""
    return square(np.real(x)) + square(np.imag(x)) if is_complex(x) else square(x)


@spelling(np.real)
def _real(val: Any) -> Any:
    """Return the real part, a view; a real number is its own."""
    if not is_complex(val):
        return val
    return view(val, real_part, lambda whole, part: complex_of(part, np.imag(whole)))


@spelling(np.imag)
def _imag(val: Any) -> Any:
    if not is_complex(val):
        return np.zeros_like(val)
    return view(val, imaginary_part, lambda whole, part: complex_of(np.real(whole), part))


def _conjugate(x: Any) -> Any:
    """Return the conjugate; of truth values NumPy makes small integers."""
    if is_complex(x):
        return conjugate(x)
    return convert(x, dtype=np.dtype(np.int8)) if dtype_of(x).kind == "b" else x


UFUNCS[np.conjugate] = METHODS["conjugate"] = METHODS["conj"] = _conjugate


def _sign(x: Any) -> Any:
    """Return ``x / |x|``, and 0 at 0, where its derivative is 0 too."""
    if not is_complex(x):
        return sign(x)
    size = np.abs(x)
    zero = size == 0
    divisor = np.where(zero, 1, size)
    return np.where(zero, 0, complex_of(np.real(x) / divisor, np.imag(x) / divisor))


UFUNCS[np.sign] = _sign


@spelling(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    """Return the angle; of a real number 0 or π, with derivative 0."""
    z = z if is_complex(z) else as_float(z)
    angle = np.arctan2(np.imag(z), np.real(z))
    return angle * (180 / math.pi) if deg else angle


@spelling(np.isreal)
def _isreal(x: Any) -> Any:
    return np.imag(x) == 0


@spelling(np.iscomplex)
def _iscomplex(x: Any) -> Any:
    return np.imag(x) != 0


def cast(x: Any, dtype: np.dtype) -> Any:
    """Return ``x`` as ``.astype`` does, with NumPy's warning where imaginary parts are lost."""
    if is_complex(x) and dtype.kind not in "cb":
        warnings.warn(
            "Casting complex values to real discards the imaginary part",
            np.exceptions.ComplexWarning,
            stacklevel=4,
        )
    return in_dtype(x, dtype)
