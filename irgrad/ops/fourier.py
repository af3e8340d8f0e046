"""Discrete Fourier transforms, as primitive ops along the last axis or the last two.

They are linear, so each pullback is a transform again. The transforms of complex numbers are
symmetric matrices, their own transposes; a transform of real numbers holds half of the
coefficients, of which all but the first, and the middle one of an even number, stand for two.

Reference: Cooley & Tukey, An algorithm for the machine calculation of complex Fourier series,
Math. Comp. 19 (1965). The transposes follow from the definitions, as derived in each rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.complex_numbers import in_dtype, part_dtype
from irgrad.ops.create import counting
from irgrad.ops.declare import complex_values, real, real_numbers, ufunc_promotion
from irgrad.ops.registry import declare
from irgrad.ops.statistics import size_number

_TRANSFORM = '''def {name}_rows(x, out):
    """Fill the {parts} of out with the {what} of the {parts} of x."""
    out[...] = np.fft.{name}({arguments})
'''

_to_float = ufunc_promotion(np.exp)


def _inexact(dtypes: Any) -> tuple[np.dtype, ...]:
    """Return the dtype transformed, whole numbers as floats, and that of the coefficients."""
    own = _to_float(dtypes)[0]
    return own, np.result_type(own, 1j)


def _to_complex(dtypes: Any) -> tuple[np.dtype, ...]:
    coefficients = _inexact(dtypes)[1]
    return coefficients, part_dtype(coefficients)


def _checked(name: str, x: ArrayType, axes: int) -> None:
    if x.rank < axes or not all(dims.at_least(dim, 1) for dim in x.shape[x.rank - axes :]):
        raise ShapeError(
            f"np.fft.{name} of {x}: there is nothing to transform along an axis",
            remedy="transform axes that have elements",
        )


def _complex_transform(name: str, what: str, axes: int) -> Op:
    """Declare a transform of complex numbers, along so many trailing axes.

    Its matrix is symmetric, so the pullback is the transform itself.
    """
    evaluate = getattr(np.fft, name)

    def infer(x: ArrayType) -> ArrayType:
        _checked(name, x, axes)
        return x.with_dtype(np.result_type(x.dtype, 1j))

    parts = "rows" if axes == 1 else "matrices"
    arguments = "x" if axes == 1 else "x, None, (1, 2)"
    text = _TRANSFORM.format(name=name, parts=parts, what=what, arguments=arguments)
    shape = (5,) if axes == 1 else (3, 4)
    op = declare(
        Op(
            name=name,
            evaluate=lambda x: evaluate(x),
            infer=infer,
            lowering=Kernel(f"{name}_rows", text, core=axes),
            promote=_inexact,
            pullback=lambda cotangent, out, x: (op(cotangent),),
            samples=(
                Sample((complex_values(shape),)),
                Sample((real(-2, 2, (2, *shape)),)),
                Sample((complex_values((0, 1, *shape[1:])),)),
                Sample((real(1, 2, (1,) * axes),)),
            ),
            spellings=(f"np.fft.{name}",),
            reference="Cooley & Tukey, 1965; its own transpose",
        )
    )
    return op


fft = _complex_transform("fft", "discrete Fourier transforms", 1)
ifft = _complex_transform("ifft", "inverse discrete Fourier transforms", 1)
fft2 = _complex_transform("fft2", "discrete Fourier transforms", 2)
ifft2 = _complex_transform("ifft2", "inverse discrete Fourier transforms", 2)


def _rfft_type(x: ArrayType) -> ArrayType:
    _checked("rfft", x, 1)
    half = dims.floor_divide(x.shape[-1], 2) + 1
    return ArrayType(np.result_type(x.dtype, 1j), (*x.shape[:-1], half))


def _irfft_type(x: ArrayType, *, length: Dim) -> ArrayType:
    _checked("irfft", x, 1)
    return ArrayType(part_dtype(x.dtype), (*x.shape[:-1], length))


def _weights(
    like: Any, length: Dim, alone: Callable[[Any], Any], paired: Callable[[Any], Any]
) -> Any:
    """Return a factor for each half coefficient, of those that stand alone and of the others.

    Alone stand the first, and of an even ``length`` the last. Each factor is a function of it.
    """
    number = size_number(like, length)
    k = counting(like, dims.floor_divide(length, 2) + 1)
    dtype = part_dtype(dtype_of(like))
    factors = in_dtype(alone(number), dtype), in_dtype(paired(number), dtype)
    return np.where((k == 0) | (2 * k == number), *factors)


def _rfft_pullback(cotangent: Any, out: Any, x: Any) -> tuple[Any]:
    """Sum ``Re(c[k] exp(-2πijk/n))`` over the half coefficients: an inverse of ``conj(c)``."""
    length = shape_of(x)[-1]
    weights = _weights(cotangent, length, lambda n: n, lambda n: n / 2)
    return (irfft(np.conj(cotangent) * weights, length=length),)


def _irfft_pullback(cotangent: Any, out: Any, x: Any, *, length: Dim) -> tuple[Any]:
    """Sum ``c[j] exp(2πijk/n) / n`` for each half coefficient, twice where it stands for two."""
    weights = _weights(cotangent, length, lambda n: 1 / n, lambda n: 2 / n)
    return (np.conj(rfft(cotangent)) * weights,)


rfft = declare(
    Op(
        name="rfft",
        evaluate=lambda x: np.fft.rfft(x),
        infer=real_numbers(_rfft_type, "np.fft.rfft"),
        lowering=Kernel(
            "rfft_rows",
            _TRANSFORM.format(
                name="rfft", parts="rows", what="half Fourier transforms", arguments="x"
            ),
        ),
        promote=_inexact,
        pullback=_rfft_pullback,
        samples=tuple(Sample((real(-2, 2, shape),)) for shape in ((2, 5), (3, 4), (1,), (0, 2))),
        spellings=("np.fft.rfft",),
        reference="Cooley & Tukey, 1965",
    )
)
"""The first ``n // 2 + 1`` coefficients of real numbers; the others are their conjugates."""

irfft = declare(
    Op(
        name="irfft",
        evaluate=lambda x, *, length: np.fft.irfft(x, length),
        infer=_irfft_type,
        lowering=Kernel(
            "irfft_rows",
            _TRANSFORM.format(
                name="irfft",
                parts="rows",
                what="inverses of half Fourier transforms",
                arguments="x, out.shape[1]",
            ),
        ),
        promote=_to_complex,
        pullback=_irfft_pullback,
        samples=(
            Sample((complex_values((2, 3)),), {"length": 5}),
            Sample((complex_values((2, 3)),), {"length": 4}),
            Sample((real(-1, 2, (1,)),), {"length": 1}),
            Sample((complex_values((0, 2)),), {"length": 3}),
        ),
        spellings=("np.fft.irfft",),
        reference="Cooley & Tukey, 1965",
        convention="imaginary parts that are not read, as the first one's, have derivative 0",
    )
)
"""``length`` real numbers from their ``length // 2 + 1`` half coefficients."""
