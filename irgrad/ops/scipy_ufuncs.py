"""Declaring what SciPy's ufuncs mean on traced values, without importing SciPy.

``import scipy.special`` takes longer than ``import irgrad``, so ops name SciPy's ufuncs; the first
call of one that the registry does not know looks its name up here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.op import Op, Sample
from irgrad.ops.declare import elementwise
from irgrad.ops.registry import SCIPY_UFUNCS
from irgrad.ops.texts import scipy_function


def scipy_promotion(name: str) -> Callable[[Sequence[Any]], tuple[np.dtype, ...]]:
    """Return the dtype rule of a ufunc of scipy.special, of its loops over real numbers."""

    @cache
    def resolve(dtypes: tuple[Any, ...]) -> tuple[np.dtype, ...]:
        ufunc = scipy_function(name)
        try:
            found = tuple(ufunc.resolve_dtypes((*dtypes, *([None] * ufunc.nout))))
        except TypeError as error:
            names = ", ".join(getattr(d, "name", getattr(d, "__name__", str(d))) for d in dtypes)
            raise UnsupportedCallError(
                f"scipy.special.{name} is not defined for {names}",
                remedy="convert the operands with .astype first",
            ) from error
        return found

    return lambda dtypes: resolve(tuple(dtypes))


def scipy_elementwise(
    name: str,
    *,
    emit: str,
    partials: Callable[..., tuple[Any, ...]] | None = None,
    pullback: Callable[..., tuple[Any, ...]] | None = None,
    nondiff: str = "",
    refused: Mapping[int, str] | None = None,
    samples: tuple[Sample, ...],
    ref: str = "",
    convention: str = "",
    unbounded: bool = False,
    selects: bool = False,
    vector_math: str | None = None,
    op_name: str | None = None,
    widened: bool = False,
) -> Op:
    """Declare an op that is the ufunc ``name`` of scipy.special, on real numbers.

    ``emit`` calls functions of emitted code's library: irgrad's own, or SciPy's C functions.
    ``widened`` are ufuncs whose single precision is not that of their results: they are computed
    in double precision, as emitted code computes all.
    """
    promotion = scipy_promotion(name)

    def evaluate(*operands: Any) -> Any:
        if not widened:
            return scipy_function(name)(*operands)
        dtype = promotion([np.asarray(operand).dtype for operand in operands])[-1]
        wide = [np.asarray(operand, np.float64) for operand in operands]
        return scipy_function(name)(*wide).astype(dtype)

    evaluate.__name__ = op_name or name
    op = elementwise(
        evaluate,
        emit=emit,
        real_only=True,
        promote=promotion,
        vector_math=vector_math,
        partials=partials,
        pullback=pullback,
        nondiff=nondiff,
        refused=refused,
        samples=samples,
        ref=ref,
        convention=convention,
        unbounded=unbounded,
        selects=selects,
        spellings=(f"scipy.special.{name}",),
    )
    SCIPY_UFUNCS[name] = op
    return op


def scipy_spelling(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the meaning of ufuncs of scipy.special."""

    def register(meaning: Callable[..., Any]) -> Callable[..., Any]:
        SCIPY_UFUNCS.update(dict.fromkeys(names, meaning))
        return meaning

    return register

