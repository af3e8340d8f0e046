"""Running sums, products and extremes along an axis, and the linear recurrence behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, normalized_axis, shape_of
from irgrad.ops.create import convert, counting, in_dtype
from irgrad.ops.declare import real, real_numbers, ufunc_promotion
from irgrad.ops.index import gather
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import REDUCERS, declare, spelling
from irgrad.ops.shape import reshape


def along_last(op: Callable[[Any], Any], a: Any, axis: Any, keeps: bool) -> Any:
    """Apply what acts on the last axis along another; None means the flattened array.

    ``keeps`` tells whether the result has an axis in the place of the one it acted on.
    """
    if axis is None or not shape_of(a):
        flat = op(np.ravel(a))
        return flat
    number = normalized_axis(axis, len(shape_of(a)))
    if number == len(shape_of(a)) - 1:
        return op(a)
    result = op(np.moveaxis(a, number, -1))
    return np.moveaxis(result, -1, number) if keeps else result


def take_rows(x: Any, positions: Any) -> Any:
    """Return the elements of each row of ``x: (..., n)`` at ``positions: (..., k)``.

    Leading axes of ``positions`` may be missing: then every row gives the same positions.
    """
    batch, size = shape_of(x)[:-1], shape_of(x)[-1]
    if len(shape_of(positions)) == 1:
        return gather(x, positions, axes=(len(batch),)) if not batch else _columns(x, positions)
    count = dims.product(batch)
    rows = reshape(counting(positions, count), shape=(count, 1))
    places = reshape(positions, shape=(count, shape_of(positions)[-1]))
    picked = gather(reshape(x, shape=(count, size)), rows, places, axes=(0, 1))
    return reshape(picked, shape=shape_of(positions))


def _columns(x: Any, positions: Any) -> Any:
    return np.moveaxis(gather(x, positions, axes=(len(shape_of(x)) - 1,)), 0, -1)


def _recurrence(a: Any, b: Any, *, delay: int) -> Any:
    out = np.array(b)
    for j in range(1, out.shape[-1]):
        out[..., j] = b[..., j] + a[..., j - delay] * out[..., j - 1]
    return out


_RECURRENCE_KERNEL = '''def recurrence_rows(a, b, out, delay):
    """Fill the rows of out with out[j] = b[j] + a[j - delay] * out[j - 1], out[0] = b[0]."""
    for row in range(b.shape[0]):
        for j in range(b.shape[1]):
            if j == 0:
                out[row, j] = b[row, j]
            else:
                out[row, j] = b[row, j] + a[row, j - delay] * out[row, j - 1]
'''


def _flipped(x: Any) -> Any:
    return x[..., ::-1]


def _shifted(x: Any, by: int) -> Any:
    """Return ``x`` moved right by ``by`` places (left where negative), a 0 moving in."""
    zero = np.zeros_like(x[..., :1])
    parts = [zero, x[..., :-1]] if by > 0 else [x[..., 1:], zero]
    return np.concatenate(parts, axis=-1)


def _recurrence_pullback(
    cotangent: Any, out: Any, a: Any, b: Any, *, delay: int
) -> tuple[Any, Any]:
    """Run the recurrence backwards: λ[j] = cotangent[j] + a[j + 1 - delay] λ[j + 1].

    That is a recurrence of the other delay on the reversed rows. λ is the cotangent of b, and
    a[j - delay] gets λ[j] out[j - 1].
    """
    adjoint = _flipped(recurrence(_flipped(a), _flipped(cotangent), delay=1 - delay))
    if delay == 1:
        return _shifted(adjoint, -1) * out, adjoint
    return adjoint * _shifted(out, 1), adjoint


def _recurrence_type(a: ArrayType, b: ArrayType, *, delay: int) -> ArrayType:
    return b


recurrence = declare(
    Op(
        name="recurrence",
        evaluate=_recurrence,
        infer=_recurrence_type,
        lowering=Kernel("recurrence_rows", _RECURRENCE_KERNEL, ("delay",)),
        pullback=_recurrence_pullback,
        promote=ufunc_promotion(np.multiply),
        samples=(
            Sample((real(-1, 1), real(-2, 2, seed=1)), {"delay": 0}),
            Sample((real(-1, 1, (5,)), real(-2, 2, (5,), seed=1)), {"delay": 1}),
            Sample((np.array([2.0, 0.0, 0.0, 3.0]), real(-2, 2, (4,), seed=1)), {"delay": 0}),
            Sample((real(-1, 1, (2, 1)), real(-2, 2, (2, 1), seed=1)), {"delay": 1}),
        ),
    )
)
"""``out[j] = b[j] + a[j - delay] * out[j - 1]`` along the last axis, ``out[0] = b[0]``.

Closed under differentiation, and exact where factors are zero: products of all factors but one
are recurrences too.
"""

_RUNNING_KERNEL = '''def {name}_rows(x, out):
    """Fill the rows of out with the running {word} of the rows of x."""
    for row in range(x.shape[0]):
        total = out.dtype.type({start})
        for j in range(x.shape[1]):
            total {sign}= x[row, j]
            out[row, j] = total
'''


def _running(name: str, word: str, sign: str, start: int, pullback: Callable[..., Any]) -> Op:
    function = getattr(np, name)

    def infer(x: ArrayType) -> ArrayType:
        return x.with_dtype(function(np.zeros(0, x.dtype)).dtype)

    source = _RUNNING_KERNEL.format(name=name, word=word, sign=sign, start=start)
    return declare(
        Op(
            name=name,
            evaluate=lambda x: function(x, axis=-1),
            infer=infer,
            lowering=Kernel(f"{name}_rows", source),
            pullback=pullback,
            samples=(
                Sample((real(-2, 2),)),
                Sample((np.array([2.0, 0.0, -1.5, 0.0, 3.0]),)),
                Sample((real(-2, 2, (1,)),)),
                Sample((real(0, 1, (0,)),)),
            ),
            spellings=(f"np.{name}",),
        )
    )


cumsum_: Op = _running(
    "cumsum", "sums", "+", 0, lambda cotangent, out, x: (_flipped(cumsum_(_flipped(cotangent))),)
)


def unit(x: Any) -> Any:
    """Return 1, 0, 0, ... along the last axis of ``x``, in its shape and dtype."""
    first = counting(x, shape_of(x)[-1]) == 0
    shape: Any = shape_of(x)
    return np.broadcast_to(convert(first, dtype=dtype_of(x)), shape)


def products_before(x: Any) -> Any:
    """Return at every place the product of what stands before it in its row."""
    return recurrence(x, unit(x), delay=1)


def _cumprod_pullback(cotangent: Any, out: Any, x: Any) -> tuple[Any]:
    """Give x[i] what is before it times s[i] = cotangent[i] + x[i + 1] s[i + 1]."""
    after = _flipped(recurrence(_flipped(x), _flipped(cotangent), delay=1))
    return (products_before(x) * after,)


cumprod_ = _running("cumprod", "products", "*", 1, _cumprod_pullback)

_RUNNING_ARGUMENT_KERNEL = '''def {name}(x, out):
    """Fill the rows of out with the position of the first {word} element so far."""
    for row in range(x.shape[0]):
        place = 0
        for j in range(x.shape[1]):
            best = x[row, place]
            if x[row, j] {compare} best or (x[row, j] != x[row, j] and best == best):
                place = j
            out[row, j] = place
'''


def _running_argument(name: str, word: str, compare: str, worse: np.ufunc) -> Op:
    def evaluate(x: Any) -> Any:
        """Say where the last strictly better element was."""
        if not x.size:
            return np.zeros(x.shape, np.int64)
        best = worse.accumulate(x, axis=-1)
        before = best[..., :-1]
        after = best[..., 1:]
        changed = (before != after) & ~((before != before) & (after != after))
        places = np.where(changed, np.arange(1, x.shape[-1]), 0)
        return np.maximum.accumulate(
            np.concatenate([np.zeros((*x.shape[:-1], 1), np.int64), places], axis=-1), axis=-1
        )

    source = _RUNNING_ARGUMENT_KERNEL.format(name=name, word=word, compare=compare)
    return declare(
        Op(
            name=name,
            evaluate=evaluate,
            infer=real_numbers(lambda x: x.with_dtype(np.dtype(np.int64)), name),
            lowering=Kernel(name, source),
            nondifferentiable="a position is piecewise constant",
            samples=(
                Sample((real(-2, 2),)),
                Sample((np.array([1.0, 3.0, 3.0, 2.0, np.nan, 5.0, np.nan]),)),
                Sample((real(0, 1, (0,)),)),
            ),
            spellings=(f"np.{worse.__name__}.accumulate",),
        )
    )


running_argmax = _running_argument("running_argmax", "largest", ">", np.maximum)
running_argmin = _running_argument("running_argmin", "smallest", "<", np.minimum)


@spelling(np.cumsum, method="cumsum")
def _np_cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    running = along_last(cumsum_, in_dtype(a, dtype), axis, True)
    return delivered(in_dtype(running, dtype), out, "np.cumsum")


@spelling(np.cumprod, method="cumprod")
def _np_cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    running = along_last(cumprod_, in_dtype(a, dtype), axis, True)
    return delivered(in_dtype(running, dtype), out, "np.cumprod")


@spelling(np.nancumsum)
def _np_nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(np.where(np.isnan(a), 0.0, a), axis, dtype, out)


@spelling(np.nancumprod)
def _np_nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(np.where(np.isnan(a), 1.0, a), axis, dtype, out)


def _cumulative(name: str, run: Callable[..., Any], start: float) -> Callable[..., Any]:
    """Return the array-API form of a running fold, which can put its start in front."""

    def meaning(
        x: Any, *, axis: Any = None, dtype: Any = None, out: Any = None,
        include_initial: bool = False,
    ) -> Any:  # fmt: skip
        rank = len(shape_of(x))
        number = 0 if axis is None and rank == 1 else axis
        result = run(x, number, dtype)
        if not include_initial:
            return delivered(result, out, name)
        shape = shape_of(result)
        layer: Any = tuple(1 if i == number % rank else dim for i, dim in enumerate(shape))
        first = np.full_like(result, start, shape=layer)
        return delivered(np.concatenate([first, result], axis=number), out, name)

    return meaning


spelling(np.cumulative_sum)(_cumulative("np.cumulative_sum", _np_cumsum, 0))
spelling(np.cumulative_prod)(_cumulative("np.cumulative_prod", _np_cumprod, 1))


def _running_extreme(argument: Op) -> Callable[..., Any]:
    def meaning(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """Return the running extreme; of equal elements the first gets the cotangent."""
        found = along_last(lambda x: take_rows(x, argument(x)), in_dtype(a, dtype), axis, True)
        return delivered(found, out, argument.spellings[0])

    return meaning


REDUCERS.update(
    {
        (np.add, "accumulate"): lambda a, axis=0, dtype=None, out=None: _np_cumsum(
            a, axis, dtype, out
        ),
        (np.multiply, "accumulate"): lambda a, axis=0, dtype=None, out=None: _np_cumprod(
            a, axis, dtype, out
        ),
        (np.maximum, "accumulate"): _running_extreme(running_argmax),
        (np.minimum, "accumulate"): _running_extreme(running_argmin),
    }
)
