"""Reductions: sums, products, extremes and their positions, truth of all or any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Shape
from irgrad.ir.op import Kernel, Op, Reduction, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, normalized_axes, shape_of
from irgrad.ops.create import convert, in_dtype
from irgrad.ops.cumulative import along_last, products_before
from irgrad.ops.declare import real, real_numbers
from irgrad.ops.elementwise import select
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import REDUCERS, declare, spelling
from irgrad.ops.shape import reshape


def reduced_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """Return the shape with ``axes`` left out."""
    return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)


def kept_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """Return the shape with ``axes`` of size 1."""
    return tuple(1 if axis in axes else dim for axis, dim in enumerate(shape))


def keep_axes(y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Return a reduction ``y`` of ``x`` over ``axes`` with those axes back, of size 1."""
    return reshape(y, shape=kept_shape(shape_of(x), axes))


def axes_last(x: Any, axes: tuple[int, ...]) -> Any:
    """Return ``x`` with ``axes`` flattened into one last axis."""
    rank = len(shape_of(x))
    rest = tuple(axis for axis in range(rank) if axis not in axes)
    moved = x if (*rest, *axes) == tuple(range(rank)) else np.transpose(x, (*rest, *axes))
    shape = shape_of(moved)
    count = dims.product(shape[len(rest) :])
    return reshape(moved, shape=(*shape[: len(rest)], count))


def axes_back(rows: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Return what ``axes_last`` made of an array of the shape of ``x``, put back."""
    shape = shape_of(x)
    rest = tuple(axis for axis in range(len(shape)) if axis not in axes)
    order = (*rest, *axes)
    moved = reshape(rows, shape=tuple(shape[axis] for axis in order))
    if order == tuple(range(len(shape))):
        return moved
    return np.transpose(moved, tuple(int(axis) for axis in np.argsort(order)))


def _sum_type(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    # NumPy sums small integers and booleans in the native integer.
    return ArrayType(np.sum(np.zeros(0, x.dtype)).dtype, reduced_shape(x.shape, axes))


def _nonempty_type(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if not all(dims.at_least(x.shape[axis], 1) for axis in axes):
        raise ShapeError(f"the largest or smallest of no elements ({x})", remedy="give initial=")
    return x.with_shape(reduced_shape(x.shape, axes))


_SAMPLES = (
    Sample((real(-2, 2),), {"axes": (0,)}),
    Sample((real(-2, 2),), {"axes": (1,)}),
    Sample((real(-2, 2),), {"axes": (0, 1)}),
    Sample((real(-2, 2, (2, 3, 4)),), {"axes": (0, 2)}),
    Sample((real(-2, 2, (3, 1)),), {"axes": (1,)}),
    Sample((real(-2, 2, (2, 3)),), {"axes": ()}),
)


def _spread(cotangent: Any, x: Any, axes: tuple[int, ...]) -> Any:
    shape: Any = shape_of(x)
    return np.broadcast_to(keep_axes(cotangent, x, axes), shape)


sum_ = declare(
    Op(
        name="sum",
        evaluate=lambda x, *, axes: np.sum(x, axis=axes),
        infer=_sum_type,
        lowering=Reduction("x + y", lambda dtype: dtype.type(0)),
        pullback=lambda cotangent, out, x, *, axes: (_spread(cotangent, x, axes),),
        samples=(*_SAMPLES, Sample((real(-2, 2, (0, 3)),), {"axes": (0,)})),
        spellings=("np.sum",),
    )
)


def _extreme_pullback(cotangent: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> tuple[Any]:
    chosen = x == keep_axes(out, x, axes)
    count = np.sum(chosen, axis=axes)
    share = keep_axes(cotangent / count.astype(cotangent.dtype), x, axes)
    return (np.where(chosen, share, 0.0),)


def _extreme(name: str, evaluate: Callable[..., Any], compare: str, worst: float) -> Op:
    def initial(dtype: np.dtype) -> Any:
        if dtype.kind == "f":
            return dtype.type(worst)
        if dtype.kind == "b":
            return dtype.type(worst > 0)
        limits = np.iinfo(dtype)
        return dtype.type(limits.max if worst > 0 else limits.min)

    return declare(
        Op(
            name=name,
            evaluate=lambda x, *, axes: evaluate(x, axis=axes),
            infer=real_numbers(_nonempty_type, name),
            lowering=Reduction(f"y if (y {compare} x) | (y != y) else x", initial),
            pullback=_extreme_pullback,
            samples=(
                *_SAMPLES,
                Sample((np.array([1.0, 3.0, 3.0]),), {"axes": (0,)}, differentiable=False),
                Sample((np.array([[4, -2], [9, 0]]),), {"axes": (1,)}),
            ),
            spellings=(f"np.{name}",),
            convention="ties share the cotangent evenly",
            selects=True,
        )
    )


max_ = _extreme("max", np.max, ">", -np.inf)
min_ = _extreme("min", np.min, "<", np.inf)


def _prod_pullback(cotangent: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> tuple[Any]:
    """Multiply all factors but one: those before it by those after it.

    Exact also where factors are zero, and at every order, since both are recurrences.
    """
    rows = axes_last(x, axes)
    others = products_before(rows) * products_before(rows[..., ::-1])[..., ::-1]
    return (keep_axes(cotangent, x, axes) * axes_back(others, x, axes),)


prod_ = declare(
    Op(
        name="prod",
        evaluate=lambda x, *, axes: np.prod(x, axis=axes),
        infer=lambda x, *, axes: ArrayType(
            np.prod(np.zeros(0, x.dtype)).dtype, reduced_shape(x.shape, axes)
        ),
        lowering=Reduction("x * y", lambda dtype: dtype.type(1)),
        pullback=_prod_pullback,
        samples=(
            *_SAMPLES[:4],
            Sample((np.array([2.0, 0.0, 3.0]),), {"axes": (0,)}),
            Sample((np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),), {"axes": (1,)}),
            Sample((real(-2, 2, (0,)),), {"axes": (0,)}),
        ),
        spellings=("np.prod",),
        convention="exact with zeros among the factors, at every order",
    )
)


_ARG_KERNEL = '''def {name}(x, out):
    """Fill out with the position of the first {word} element of each row of x."""
    for row in range(x.shape[0]):
        best = x[row, 0]
        place = 0
        for j in range(1, x.shape[1]):
            if x[row, j] {compare} best or (x[row, j] != x[row, j] and best == best):
                best = x[row, j]
                place = j
        out[row] = place
'''


def _arg_type(x: ArrayType) -> ArrayType:
    _nonempty_type(x, axes=(x.rank - 1,))
    return ArrayType(np.dtype(np.int64), x.shape[:-1])


def _argument(name: str, word: str, compare: str, evaluate: Callable[..., Any]) -> Op:
    kernel = f"{name}_rows"
    return declare(
        Op(
            name=name,
            evaluate=lambda x: evaluate(x, axis=-1),
            infer=real_numbers(_arg_type, name),
            lowering=Kernel(kernel, _ARG_KERNEL.format(name=kernel, word=word, compare=compare)),
            nondifferentiable="a position is piecewise constant",
            samples=(
                Sample((real(-2, 2),)),
                Sample((np.array([[1.0, 3.0, 3.0], [2.0, np.nan, 5.0]]),)),
            ),
            spellings=(f"np.{name}",),
        )
    )


argmax_ = _argument("argmax", "largest", ">", np.argmax)
argmin_ = _argument("argmin", "smallest", "<", np.argmin)


def reduction(op: Op, x: Any, axis: Any, keepdims: Any) -> Any:
    """Apply a reduction op with NumPy's ``axis`` and ``keepdims``."""
    axes = tuple(sorted(normalized_axes(axis, len(shape_of(x)))))
    result = op(x, axes=axes)
    return keep_axes(result, x, axes) if keepdims and keepdims is not np._NoValue else result


def masked(x: Any, where: Any, neutral: Any) -> Any:
    """Return ``x`` with ``neutral`` in the place of the elements left out by ``where``."""
    return x if where is True or where is np._NoValue else select(where, x, neutral)


def _started(total: Any, initial: Any, join: Callable[[Any, Any], Any], neutral: int) -> Any:
    """Join a fold with its ``initial``, in the dtype of the fold."""
    if initial is np._NoValue or initial is None:
        return total
    if type(initial) in (int, float) and initial == neutral:
        return total
    if type(initial) not in (int, float) and dtype_of(initial) != dtype_of(total):
        initial = convert(initial, dtype=dtype_of(total))
    return join(total, initial)


@spelling(np.sum, method="sum")
def _np_sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 0, where: Any = True,
) -> Any:  # fmt: skip
    x = in_dtype(a, dtype)
    total = _started(reduction(sum_, masked(x, where, 0), axis, keepdims), initial, np.add, 0)
    return delivered(in_dtype(total, dtype), out, "np.sum")


@spelling(np.prod, method="prod")
def _np_prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 1, where: Any = True,
) -> Any:  # fmt: skip
    x = in_dtype(a, dtype)
    total = _started(reduction(prod_, masked(x, where, 1), axis, keepdims), initial, np.multiply, 1)
    return delivered(in_dtype(total, dtype), out, "np.prod")


def _extreme_call(
    op: Op, pair: np.ufunc, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    none_given = initial is np._NoValue or initial is None
    if where is not True and none_given:
        raise UnsupportedCallError(f"np.{op.name} with where=", remedy="give initial= too")
    a = masked(a, where, initial)
    shape = shape_of(a)
    axes = normalized_axes(axis, len(shape))
    if not none_given and any(shape[axis] == 0 for axis in axes):
        keeps = keepdims and keepdims is not np._NoValue
        left: Any = kept_shape(shape, axes) if keeps else reduced_shape(shape, axes)
        result = np.full_like(a, initial, shape=left)
        return delivered(result, out, f"np.{op.name}")
    result = reduction(op, a, axis, keepdims)
    return delivered(result if none_given else pair(result, initial), out, f"np.{op.name}")


@spelling(np.max, np.amax, method="max")
def _np_max(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = np._NoValue, where: Any = True,
) -> Any:  # fmt: skip
    return _extreme_call(max_, np.maximum, a, axis, out, keepdims, initial, where)


@spelling(np.min, np.amin, method="min")
def _np_min(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = np._NoValue, where: Any = True,
) -> Any:  # fmt: skip
    return _extreme_call(min_, np.minimum, a, axis, out, keepdims, initial, where)


@spelling(np.ptp)
def _np_ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    spread = np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
    return delivered(spread, out, "np.ptp")


def is_true(x: Any) -> Any:
    """Return the truth of every element."""
    return x if dtype_of(x).kind == "b" else x != 0


@spelling(np.count_nonzero)
def _np_count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return np.sum(is_true(a), axis=axis, keepdims=keepdims)


@spelling(np.any, method="any")
def _np_any(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True,
    **unused: Any,
) -> Any:  # fmt: skip
    found = np.sum(is_true(a), axis=axis, keepdims=keepdims, where=where) > 0
    return delivered(found, out, "np.any")


@spelling(np.all, method="all")
def _np_all(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True,
    **unused: Any,
) -> Any:  # fmt: skip
    missing = np.sum(~is_true(a), axis=axis, keepdims=keepdims, where=where)
    return delivered(missing == 0, out, "np.all")


def _position(op: Op, a: Any, axis: Any, keepdims: Any) -> Any:
    result = along_last(op, a, axis, False)
    if keepdims and keepdims is not np._NoValue:
        return keep_axes(result, a, normalized_axes(axis, len(shape_of(a))))
    return result


@spelling(np.argmax, method="argmax")
def _np_argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return delivered(_position(argmax_, a, axis, keepdims), out, "np.argmax")


@spelling(np.argmin, method="argmin")
def _np_argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return delivered(_position(argmin_, a, axis, keepdims), out, "np.argmin")


def _logaddexp_reduce(
    a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    """Return the logarithm of the sum of exponentials, by the largest of them."""
    x = masked(in_dtype(a, dtype), where, -np.inf)
    largest = np.max(x, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    axes = normalized_axes(axis, len(shape_of(x)))
    total = np.log(np.sum(np.exp(x - shift), axis=axes, keepdims=True)) + shift
    if not keepdims or keepdims is np._NoValue:
        total = reshape(total, shape=reduced_shape(shape_of(x), axes))
    given = initial is not None and initial is not np._NoValue
    return delivered(np.logaddexp(total, initial) if given else total, out, "np.logaddexp.reduce")


def _converting(fold: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``ufunc.reduce``, which has a ``dtype=``, of a function that has none."""

    def meaning(a: Any, axis: Any = 0, dtype: Any = None, **options: Any) -> Any:
        return fold(in_dtype(a, dtype), axis, **options)

    return meaning


REDUCERS.update(
    {
        np.add: _np_sum,
        np.multiply: _np_prod,
        np.maximum: _converting(_np_max),
        np.minimum: _converting(_np_min),
        np.logical_or: _converting(_np_any),
        np.logical_and: _converting(_np_all),
        np.logaddexp: _logaddexp_reduce,
    }
)
