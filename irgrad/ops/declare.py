"""Short ways to declare the common kinds of ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from irgrad.errors import InternalError, ShapeError, UnsupportedCallError
from irgrad.ir.dims import broadcast_shapes
from irgrad.ir.intervals import Interval, Rule
from irgrad.ir.op import Elementwise, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.registry import UFUNCS, declare


def real(low: float, high: float, shape: tuple[int, ...] = (3, 4), seed: int = 0) -> np.ndarray:
    """Return a float64 sample spread evenly over ``[low, high]`` in a shuffled order."""
    count = prod(shape)
    values = np.arange(count) * ((high - low) / max(count - 1, 1)) + low
    if count > 1:
        values[-1] = high
    shuffled: np.ndarray = values[_shuffled(count, seed)]
    return shuffled.reshape(shape)


def complex_values(shape: tuple[int, ...] = (3, 4), seed: int = 0) -> np.ndarray:
    """Return a complex128 sample of all four quadrants."""
    return real(-2, 2.1, shape, seed) + 1j * real(-1.5, 1.7, shape, seed + 1)


@cache
def _shuffled(count: int, seed: int) -> np.ndarray:
    """Return an order; hundreds of samples ask for it while irgrad is imported."""
    return np.random.default_rng(seed).permutation(count)


def unary(low: float, high: float) -> tuple[Sample, ...]:
    """Return samples of a function of one real in ``[low, high]``: matrix, scalar, empty."""
    return (
        Sample((real(low, high),)),
        Sample((real(low, high, (1,))[0],)),
        Sample((real(low, high, (0,)),)),
    )


def binary(a: tuple[float, float], b: tuple[float, float]) -> tuple[Sample, ...]:
    """Return samples of a function of two reals: alike, broadcast, scalar, empty."""
    return (
        Sample((real(*a), real(*b, seed=1))),
        Sample((real(*a, shape=(3, 1)), real(*b, shape=(4,), seed=1))),
        Sample((real(*a, shape=(2,)), real(*b, shape=(1,), seed=1)[0])),
        Sample((real(*a, shape=(0, 2)), real(*b, shape=(2,), seed=1))),
    )


def ufunc_promotion(ufunc: np.ufunc) -> Callable[[Sequence[Any]], tuple[np.dtype, ...]]:
    """Return the dtype rule of ``ufunc``, NEP 50 included, as NumPy itself applies it."""

    @cache
    def resolve(dtypes: tuple[Any, ...]) -> tuple[np.dtype, ...]:
        try:
            resolved = ufunc.resolve_dtypes((*dtypes, *([None] * ufunc.nout)))
            if resolved[0].kind == "O":  # comparing two Python ints, NumPy keeps them Python ints
                known = [np.dtype(np.int64) if dtype is int else dtype for dtype in dtypes]
                resolved = ufunc.resolve_dtypes((*known, *([None] * ufunc.nout)))
            return tuple(resolved)
        except TypeError as error:
            names = ", ".join(getattr(d, "name", getattr(d, "__name__", str(d))) for d in dtypes)
            raise UnsupportedCallError(
                f"np.{ufunc.__name__} is not defined for {names}",
                remedy="convert the operands with .astype first",
            ) from error

    return lambda dtypes: resolve(tuple(dtypes))


def real_numbers(infer: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the type rule of an op that refuses complex operands."""

    def checked(*types: ArrayType, **params: Any) -> Any:
        for type in types:
            if type.dtype.kind == "c":
                raise UnsupportedCallError(
                    f"{name} is for real numbers, and this is {type}",
                    remedy="use np.abs(z), z.real or z.imag",
                )
        return infer(*types, **params)

    return checked


def elementwise(
    function: Callable[..., Any],
    *,
    emit: str,
    name: str | None = None,
    vector_math: str | None = None,
    narrow: Mapping[str, Interval] | None = None,
    literal_x: str | None = None,
    literal_y: str | None = None,
    complex_emit: str | None = None,
    partials: Callable[..., tuple[Any, ...]] | None = None,
    pullback: Callable[..., tuple[Any, ...]] | None = None,
    nondiff: str = "",
    refused: Mapping[int, str] | None = None,
    samples: tuple[Sample, ...] = (),
    ref: str = "",
    convention: str = "",
    linear: bool = False,
    unbounded: bool = False,
    selects: bool = False,
    jumps: bool = False,
    range: Rule | None = None,
    real_only: bool = False,
    promote: Callable[[Sequence[Any]], tuple[np.dtype, ...]] | None = None,
    result: np.dtype | None = None,
    spellings: tuple[str, ...] | None = None,
) -> Op:
    """Declare an op that acts on each element, broadcasting its operands.

    ``function`` evaluates it: a NumPy ufunc, whose spelling and dtypes the op then takes over, or
    a function with a dtype rule in ``promote`` (operand dtypes, then the result's).
    ``emit`` is the expression of one element over ``x``, ``y``, ``z``; ``complex_emit`` that of a
    complex one, where numba compiles ``emit`` to something else. ``real_only`` ops refuse complex
    operands, which NumPy orders by real part first. ``range`` tells where results lie from where
    operands do, and ``narrow`` on which intervals cheaper kernels than ``vector_math`` serve.
    """
    ufunc = function if isinstance(function, np.ufunc) else None
    op_name = name or function.__name__
    if promote is None:
        if ufunc is None:
            raise InternalError(f"{op_name} needs a dtype rule: it is no ufunc")
        promote = ufunc_promotion(ufunc)
    rule = promote

    def infer(*types: ArrayType, **params: Any) -> ArrayType:
        shape = types[0].shape
        for operand in types[1:]:
            if operand.shape != shape:
                shapes = [t.shape for t in types]
                merged = broadcast_shapes(*shapes)
                if merged is None:
                    raise ShapeError(
                        f"{op_name}: shapes {_shapes(types)} can't be broadcast together",
                        remedy="make the sizes equal or 1, aligned from the last axis",
                    )
                shape = merged
                break
        dtype = result or rule([t.dtype for t in types])[-1]
        return ArrayType(dtype, shape)

    op = declare(
        Op(
            name=op_name,
            evaluate=function,
            infer=real_numbers(infer, op_name) if real_only else infer,
            lowering=Elementwise(
                emit, vector_math, literal_x, literal_y, complex_emit, tuple((narrow or {}).items())
            ),
            partials=partials,
            pullback=pullback,
            nondifferentiable=nondiff,
            refused=refused or {},
            promote=rule,
            samples=samples,
            spellings=spellings or ((f"np.{ufunc.__name__}",) if ufunc is not None else ()),
            reference=ref,
            convention=convention,
            linear=linear,
            unbounded=unbounded,
            selects=selects,
            jumps=jumps,
            range=range,
        )
    )
    if ufunc is not None:
        UFUNCS[ufunc] = op
    return op


def _shapes(types: Sequence[ArrayType]) -> str:
    return " and ".join("(" + ", ".join(map(str, t.shape)) + ")" for t in types)
