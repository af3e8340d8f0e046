"""Backpropagation through one operation on arrays, of any dtype and with any rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DifferentiationError
from irgrad.ir.op import Elementwise, Op, Operand
from irgrad.ops.create import item
from irgrad.ops.elementwise import masked_product
from irgrad.ops.index import scatter_add
from irgrad.ops.shape import sum_to_shape
from irgrad.ops.views import Into, strided, strided_add


def as_data(data: Any) -> Any:
    """Return a copy of ``data`` as a ``Value`` holds it: a float, a NumPy scalar, an ndarray.

    Raises: ArgumentError where ``data`` holds no numbers.
    """
    if isinstance(data, Operand):
        raise ArgumentError(
            f"a Value of {data!r} would lose its gradient", remedy="use it as it is"
        )
    if isinstance(data, bool | int):
        return float(data)
    array = np.array(data)
    if array.dtype.kind not in "buifc":
        raise ArgumentError(
            f"a Value holds numbers, not {array.dtype}",
            remedy="pass a number, or something NumPy makes an array of numbers of",
        )
    return plain(array)


def plain(result: Any) -> Any:
    """Return a result without a wrapping that says nothing: scalars are ``float``, not 0-d."""
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result[()]
    if isinstance(result, np.float64):
        return float(result)
    return bool(result) if isinstance(result, np.bool_) else result


def inexact(data: Any) -> bool:
    """Tell whether derivatives by ``data`` exist: whether it is of floating point, or complex."""
    return isinstance(data, float) or getattr(data, "dtype", np.dtype(bool)).kind in "fc"


def settled(data: Any, gradient: Any) -> Any:
    """Return a copy of ``gradient`` with the dtype and the shape of ``data``.

    Of a real number's cotangent only the real part counts.
    """
    gradient = _fitting(data, gradient)
    if isinstance(data, np.ndarray):
        return np.array(np.broadcast_to(gradient, data.shape), data.dtype)
    return data.dtype.type(gradient) if isinstance(data, np.generic) else float(gradient)


def _fitting(data: Any, gradient: Any) -> Any:
    """Return the part of a gradient that counts: of real data the real part."""
    return gradient if np.iscomplexobj(data) else np.real(gradient)


def pull(value: Any, masked: bool) -> None:
    """Send the gradient of ``value`` on to what it was computed from.

    ``masked`` says that the gradient may be zero because a choice dropped it, so that an infinite
    partial derivative must not turn it into NaN.

    Raises: DifferentiationError where the operation has no derivative.
    """
    op, operands = value._function, value._operands
    if op is item:
        _add_result(operands[0], value._params["index"], value.grad)
        return
    for position, reason in op.refused.items():
        operand = operands[position]
        if isinstance(operand, Operand) and inexact(operand.data):  # type: ignore[attr-defined]
            raise DifferentiationError(
                f"{op.name} has no derivative: {reason}", remedy="use a plain number there"
            )
    gradient, result = value._grad, value.data
    if type(gradient) is float and not isinstance(result, float):
        return  # nothing has arrived
    data = [x.data if isinstance(x, Operand) else x for x in operands]  # type: ignore[attr-defined]
    if isinstance(result, float) or not isinstance(op.lowering, Elementwise):
        # Beside an array a float stays a Python number, whose dtype is weak (NEP 50).
        gradient, result, *data = map(_with_dtype, (gradient, result, *data))
    # A rule also computes what then is not wanted: a power's derivative by a constant exponent.
    with np.errstate(all="ignore"):
        contributions = _contributions(op, gradient, result, data, value._params, masked)
    for operand, contribution in zip(operands, contributions, strict=True):
        if contribution is not None and isinstance(operand, Operand):
            _add(operand, contribution)


def _with_dtype(data: Any) -> Any:
    """Return a Python float as NumPy's, for rules that ask for its dtype."""
    return np.float64(data) if type(data) is float else data


def _add_result(whole: Any, index: int, gradient: Any) -> None:
    """Add to the cotangent of one of several results, of which the others may have none."""
    if not isinstance(whole._grad, list):
        whole._grad = [None] * len(whole.data)
    known = whole._grad[index]
    whole._grad[index] = gradient if known is None else known + gradient


def _contributions(
    op: Op,
    cotangent: Any,
    result: Any,
    operands: Sequence[Any],
    params: Mapping[str, Any],
    masked: bool,
) -> Sequence[Any]:
    """Return the cotangent of each operand by the rule of ``op``."""
    guarded = masked and op.unbounded and isinstance(op.lowering, Elementwise)
    if op.pullback is not None:
        contributions = op.pullback(1 if guarded else cotangent, result, *operands, **params)
        if not guarded:
            return contributions
        return [c if c is None else masked_product(cotangent, c) for c in contributions]
    if op.partials is None:
        raise DifferentiationError(f"{op.name} has no derivative: {op.nondifferentiable}")
    multiply = masked_product if guarded else np.multiply
    return [multiply(cotangent, p) for p in op.partials(result, *operands, **params)]


def _add(operand: Any, contribution: Any) -> None:
    """Add ``contribution`` to the gradient of ``operand``."""
    data = operand.data
    if not inexact(data):
        raise DifferentiationError(
            f"a Value of dtype {data.dtype} has no derivative",
            remedy="make it one of floats, Value(x.astype(float)), or use the plain array",
        )
    if isinstance(contribution, Into):
        operand._grad = _added_into(operand.grad, contribution)
        return
    contribution = _fitting(data, contribution)
    shape = np.shape(data)
    if np.shape(contribution) != shape:
        contribution = sum_to_shape(np.asarray(contribution), shape)
    if isinstance(data, np.ndarray) and isinstance(operand._grad, np.ndarray):
        operand._grad += contribution
    elif isinstance(data, np.ndarray):
        operand._grad = settled(data, contribution)
    else:
        operand._grad = settled(data, operand._grad + contribution)


def _added_into(total: Any, part: Into) -> Any:
    """Add to a part of ``total``, in place: k slices of n elements take O(n), not O(k n)."""
    if part.op is strided_add and isinstance(total, np.ndarray):
        whole_rank = strided.evaluate(total, **{**part.params, "dropped": ()})
        whole_rank += np.reshape(part.update, whole_rank.shape)
        return total
    if part.op is scatter_add and isinstance(total, np.ndarray):
        axes = part.params["axes"]
        rest = (axis for axis in range(total.ndim) if axis not in axes)
        np.add.at(np.transpose(total, (*axes, *rest)), part.indices, part.update)
        return total
    return settled(total, part.op.evaluate(total, part.update, *part.indices, **part.params))
