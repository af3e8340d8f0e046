"""Reductions and cumulative sums, and their NumPy spellings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Shape
from irgrad.ir.op import Kernel, Op, Reduction, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, normalized_axes, normalized_axis, shape_of
from irgrad.ops.create import convert
from irgrad.ops.declare import real
from irgrad.ops.elementwise import select
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


def _sum_type(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    return ArrayType(_sum_dtype(x.dtype), reduced_shape(x.shape, axes))


def _sum_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype NumPy sums ``dtype`` in: small integers and booleans in the native one."""
    return np.sum(np.zeros(0, dtype)).dtype  # type: ignore[no-any-return]


def _nonempty_type(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if not all(dims.at_least(x.shape[axis], 1) for axis in axes):
        raise ShapeError(f"the largest or smallest of no elements ({x})", remedy="give initial=")
    return x.with_shape(reduced_shape(x.shape, axes))


_SAMPLES = (
    Sample((real(-2, 2),), {"axes": (0,)}),
    Sample((real(-2, 2),), {"axes": (1,)}),
    Sample((real(-2, 2),), {"axes": (0, 1)}),
    Sample((real(-2, 2, (2, 3, 4)),), {"axes": (0, 2)}),
)


def _spread(cotangent: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return np.broadcast_to(keep_axes(cotangent, x, axes), shape_of(x))


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
            infer=_nonempty_type,
            lowering=Reduction(f"y if (y {compare} x) | (y != y) else x", initial),
            pullback=_extreme_pullback,
            samples=(
                *_SAMPLES,
                Sample((np.array([1.0, 3.0, 3.0]),), {"axes": (0,)}, differentiable=False),
            ),
            spellings=(f"np.{name}",),
            convention="ties share the cotangent evenly",
            selects=True,
        )
    )


max_ = _extreme("max", np.max, ">", -np.inf)
min_ = _extreme("min", np.min, "<", np.inf)


def _prod_pullback(cotangent: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> tuple[Any]:
    """Multiply all factors but one, exactly also where some are zero.

    With no zero among the factors the product of the others is ``out / x``; with one zero only
    that factor has a derivative, the product of the others; with more there is none.
    """
    zero = x == 0
    zeros = keep_axes(np.sum(zero, axis=axes), x, axes)
    filled = np.where(zero, 1.0, x)
    others = keep_axes(np.prod(filled, axis=axes), x, axes)
    of_zero = np.where(zero & (zeros == 1), others, 0.0)
    of_rest = np.where(zeros == 0, others / filled, 0.0)
    return (keep_axes(cotangent, x, axes) * np.where(zero, of_zero, of_rest),)


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
            *(Sample((real(0.5, 2),), s.params) for s in _SAMPLES[:3]),
            Sample((np.array([2.0, 0.0, 3.0]),), {"axes": (0,)}),
        ),
        spellings=("np.prod",),
        convention="exact with zeros among the factors, at first order",
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
            infer=_arg_type,
            lowering=Kernel(kernel, _ARG_KERNEL.format(name=kernel, word=word, compare=compare)),
            nondifferentiable="a position is piecewise constant",
            samples=(Sample((real(-2, 2),)), Sample((np.array([[1.0, 3.0, 3.0]]),))),
            spellings=(f"np.{name}",),
        )
    )


argmax_ = _argument("argmax", "largest", ">", np.argmax)
argmin_ = _argument("argmin", "smallest", "<", np.argmin)

cumsum_ = declare(
    Op(
        name="cumsum",
        evaluate=lambda x: np.cumsum(x, axis=-1),
        infer=lambda x: ArrayType(_sum_dtype(x.dtype), x.shape),
        lowering=Kernel(
            "cumsum_rows",
            '''def cumsum_rows(x, out):
    """Fill the rows of out with the running sums of the rows of x."""
    for row in range(x.shape[0]):
        total = out.dtype.type(0)
        for j in range(x.shape[1]):
            total += x[row, j]
            out[row, j] = total
''',
        ),
        pullback=lambda cotangent, out, x: (cumsum_(cotangent[..., ::-1])[..., ::-1],),
        samples=(Sample((real(-2, 2),)), Sample((real(-2, 2, (5,)),)), Sample((real(0, 1, (0,)),))),
        spellings=("np.cumsum",),
    )
)


def reduction(op: Op, x: Any, axis: Any, keepdims: bool) -> Any:
    """Apply a reduction op with NumPy's ``axis`` and ``keepdims``."""
    axes = tuple(sorted(normalized_axes(axis, len(shape_of(x)))))
    result = op(x, axes=axes)
    return keep_axes(result, x, axes) if keepdims else result


def _masked(x: Any, where: Any, neutral: Any) -> Any:
    return x if where is True else select(np.broadcast_to(where, shape_of(x)), x, neutral)


@spelling(np.sum, method="sum")
def _np_sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    initial: Any = 0, where: Any = True,
) -> Any:  # fmt: skip
    x = a if dtype is None else convert(a, dtype=np.dtype(dtype))
    total = reduction(sum_, _masked(x, where, 0), axis, keepdims)
    return total if isinstance(initial, int) and initial == 0 else total + initial


@spelling(np.prod, method="prod")
def _np_prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    initial: Any = 1, where: Any = True,
) -> Any:  # fmt: skip
    x = a if dtype is None else convert(a, dtype=np.dtype(dtype))
    total = reduction(prod_, _masked(x, where, 1), axis, keepdims)
    return total if isinstance(initial, int) and initial == 1 else total * initial


def _extreme_call(
    op: Op, pair: np.ufunc, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any
) -> Any:
    none_given = initial is np._NoValue or initial is None
    if where is not True:
        if none_given:
            raise UnsupportedCallError(f"np.{op.name} with where=", remedy="give initial= too")
        a = select(np.broadcast_to(where, shape_of(a)), a, initial)
    if not none_given and any(d == 0 for d in shape_of(a)):
        rest = reduced_shape(shape_of(a), normalized_axes(axis, len(shape_of(a))))
        return np.broadcast_to(initial, rest)
    result = reduction(op, a, axis, bool(keepdims) and keepdims is not np._NoValue)
    return result if none_given else pair(result, initial)


@spelling(np.max, method="max")
def _np_max(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = np._NoValue, where: Any = True,
) -> Any:  # fmt: skip
    return _extreme_call(max_, np.maximum, a, axis, keepdims, initial, where)


@spelling(np.min, method="min")
def _np_min(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = np._NoValue, where: Any = True,
) -> Any:  # fmt: skip
    return _extreme_call(min_, np.minimum, a, axis, keepdims, initial, where)


def _count(x: Any, axes: tuple[int, ...], where: Any) -> Any:
    """Return how many elements a reduction folds, as a weak number or a traced array."""
    if where is not True:
        return np.sum(np.broadcast_to(where, shape_of(x)), axis=axes)
    number = dims.product(shape_of(x)[axis] for axis in axes)
    return number if isinstance(number, int) else x.trace.size(number)


@spelling(np.mean, method="mean")
def _np_mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    axes = normalized_axes(axis, len(shape_of(a)))
    if dtype is None and dtype_of(a).kind in "bui":
        dtype = np.float64
    total = np.sum(a, axis=axes, dtype=dtype, keepdims=keepdims, where=where)
    count = _count(a, axes, where)
    if where is not True and keepdims:
        count = keep_axes(count, a, axes)
    return total / (count if where is True else count.astype(total.dtype))


@spelling(np.var, method="var")
def _np_var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:  # fmt: skip
    if correction is not np._NoValue:
        ddof = correction
    axes = normalized_axes(axis, len(shape_of(a)))
    if mean is np._NoValue:
        mean = np.mean(a, axis=axes, dtype=dtype, keepdims=True, where=where)
    deviation = a - mean
    squares = np.square(deviation)
    total = np.sum(squares, axis=axes, keepdims=keepdims, where=where)
    count = _count(a, axes, where)
    if where is True:
        return total / (count - ddof)
    if keepdims:
        count = keep_axes(count, a, axes)
    return total / (count - ddof).astype(total.dtype)


@spelling(np.std, method="std")
def _np_std(a: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
    """Return the root of the variance; its gradient at zero variance is 0."""
    return safe_sqrt(np.var(a, axis, *args, **options))


def safe_sqrt(x: Any) -> Any:
    """Return the square root with derivative 0 at 0: the convention of norm and std."""
    zero = x == 0
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, x)))


def _last_axis(op: Op, a: Any, axis: Any, keeps: bool) -> Any:
    """Apply an op that acts on the last axis along another; None means the flattened array."""
    if axis is None:
        return op(np.ravel(a))
    number = normalized_axis(axis, len(shape_of(a)))
    result = op(np.moveaxis(a, number, -1))
    return np.moveaxis(result, -1, number) if keeps else result


@spelling(np.cumsum, method="cumsum")
def _np_cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    x = a if dtype is None else convert(a, dtype=np.dtype(dtype))
    return _last_axis(cumsum_, x, axis, True)


def _position(op: Op, a: Any, axis: Any, keepdims: bool) -> Any:
    result = _last_axis(op, a, axis, False)
    if keepdims and keepdims is not np._NoValue:
        axes = normalized_axes(axis, len(shape_of(a)))
        return keep_axes(result, a, axes)
    return result


@spelling(np.argmax, method="argmax")
def _np_argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _position(argmax_, a, axis, keepdims)


@spelling(np.argmin, method="argmin")
def _np_argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _position(argmin_, a, axis, keepdims)


REDUCERS.update(
    {
        np.add: _np_sum,
        np.multiply: _np_prod,
        np.maximum: _np_max,
        np.minimum: _np_min,
        (np.add, "accumulate"): lambda a, axis=0, dtype=None, out=None: _np_cumsum(a, axis, dtype),
    }
)
