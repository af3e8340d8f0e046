"""Leaves and fills: inputs, constants, sizes, fills, ranges; and the change of dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import InternalError, UnsupportedCallError
from irgrad.ir import intervals
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Elementwise, Op, Operand, Sample, Source, View
from irgrad.ir.types import ArrayType
from irgrad.ops.declare import real
from irgrad.ops.registry import declare


def _no_evaluation(**params: Any) -> Any:
    raise InternalError("an input has no value of its own")


input_ = declare(
    Op(
        name="input",
        evaluate=_no_evaluation,
        infer=lambda *, type, **params: type,
        lowering=Source(),
        nondifferentiable="a leaf",
    )
)
"""An argument of the function: params ``name``, ``type`` and ``position``."""

constant = declare(
    Op(
        name="constant",
        evaluate=lambda *, value: value,
        infer=lambda *, value: ArrayType(value.dtype, value.shape),
        lowering=Source(),
        nondifferentiable="a constant",
        range=lambda *, value: intervals.exactly(float(value)),
    )
)
"""A NumPy scalar known at trace time: param ``value``."""

size = declare(
    Op(
        name="size",
        evaluate=lambda *, dim, dtype: np.asarray(dim, dtype)[()],
        infer=lambda *, dim, dtype: ArrayType(np.dtype(dtype)),
        lowering=Source(),
        nondifferentiable="a size doesn't depend on the numbers in an array",
    )
)
"""The number that a symbolic size stands for: params ``dim`` and ``dtype``."""


def _full_type(value: ArrayType, *, shape: Shape) -> ArrayType:
    return ArrayType(value.dtype, shape)


full = declare(
    Op(
        name="full",
        evaluate=lambda value, *, shape: np.full(shape, value, np.asarray(value).dtype),
        infer=_full_type,
        lowering=View(lambda type, indices, *, shape: ()),
        pullback=lambda cotangent, out, value, *, shape: (np.sum(cotangent),),
        samples=tuple(
            Sample((np.float64(1.5),), {"shape": shape}) for shape in ((2, 3), (1,), (0, 2))
        ),
    )
)
"""An array of ``shape`` that holds one scalar everywhere."""

iota = declare(
    Op(
        name="iota",
        evaluate=lambda *, length, dtype: np.arange(length, dtype=dtype),
        infer=lambda *, length, dtype: ArrayType(np.dtype(dtype), (length,)),
        lowering=Source(),
        nondifferentiable="a range of whole numbers",
        range=lambda *, length, dtype: (0.0, math.inf),
        samples=tuple(
            Sample((), {"length": length, "dtype": np.dtype(np.int64)}) for length in (5, 1, 0)
        ),
    )
)
"""0, 1, ..., ``length - 1``."""


def counting(carrier: Any, length: Dim, dtype: Any = np.int64) -> Any:
    """Return 0, 1, ..., ``length - 1``: traced where ``carrier`` is, else an ndarray.

    Rules use it for positions; an array made by ``np.arange`` would be captured as an input.
    """
    params = {"length": length, "dtype": np.dtype(dtype)}
    return carrier.bind(iota, (), params) if isinstance(carrier, Operand) else iota(**params)


def carrier(*operands: Any) -> Any:
    """Return the first traced value among ``operands``, or the first of all."""
    return next((x for x in operands if isinstance(x, Operand)), operands[0])


def _convert(x: Any, *, dtype: np.dtype) -> Any:
    return np.asarray(x).astype(dtype)[()]


def _converted_type(x: ArrayType, *, dtype: np.dtype) -> ArrayType:
    target = np.dtype(dtype)
    if x.dtype.kind == "c" and target.kind not in "cb":
        raise UnsupportedCallError(
            f"{x} has no {target} of its own", remedy="take z.real, z.imag or np.abs(z)"
        )
    return x.with_dtype(target)


convert = declare(
    Op(
        name="convert",
        evaluate=_convert,
        infer=_converted_type,
        lowering=Elementwise("x"),
        range=lambda x, *, dtype: x,
        pullback=lambda cotangent, out, x, *, dtype: (cotangent,),
        samples=(
            Sample((real(-2, 2),), {"dtype": np.dtype(np.float32)}),
            Sample((np.array([1, 2, 3]),), {"dtype": np.dtype(np.float64)}),
        ),
        spellings=("ndarray.astype",),
        convention="back to the operand's dtype; none through an integer",
    )
)
"""Change the dtype: param ``dtype``."""


def in_dtype(x: Any, dtype: Any) -> Any:
    """Return ``x`` as the ``dtype=`` of a NumPy function asks, None asking for nothing."""
    return x if dtype is None else x.astype(np.dtype(dtype))


item = declare(
    Op(
        name="item",
        evaluate=lambda results, *, index: results[index],
        infer=lambda types, *, index: types[index],
        lowering=Source(),
        nondifferentiable="differentiated with the op whose results it picks from",
    )
)
"""One of several results: param ``index``."""
