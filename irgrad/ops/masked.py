"""What a traced boolean mask picks: elements whose number is only known at run time.

``x[mask]`` stands for all of ``x`` with a mask beside it. Elementwise work goes on under the mask,
so that ``x[mask] += v`` and ``x[mask] = np.log(x[mask])`` become selections; so do sums over it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from irgrad.errors import OutOfRangeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.dims import Shape
from irgrad.ir.graph import Node, frozen
from irgrad.ir.op import Elementwise, Op, Operand
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import convert
from irgrad.ops.elementwise import select
from irgrad.ops.keys import TRACED_MASK, TRACED_MASK_REMEDY
from irgrad.ops.operand import NumPyOperand
from irgrad.ops.shape import reshape

REDUCTIONS: tuple[Callable[..., Any], ...] = (
    np.sum, np.prod, np.mean, np.var, np.std, np.any, np.all,
)  # fmt: skip


_DEPTH = 256
"""How many nodes are compared to find two masks equal."""


class MaskMisusedError(UnsupportedCallError):
    """A masked part where the number of its elements is needed."""

    masked: Masked


class Masked(NumPyOperand):
    """The elements of ``values`` where ``mask``, which covers its leading axes, is true."""

    __slots__ = ("mask", "values")

    def __init__(self, values: Any, mask: Any) -> None:
        self.values = values
        self.mask = mask

    @property
    def dtype(self) -> np.dtype:
        """The dtype."""
        return dtype_of(self.values)

    @property
    def weak(self) -> None:
        """Arrays are never weak."""
        return None

    @property
    def type(self) -> Any:
        """The type, which has no shape."""
        raise self.misused()

    node = shape = ndim = size = type

    @property
    def tape(self) -> Any:
        """The trace that the values are recorded in."""
        return getattr(self.values, "tape", None)

    def misused(self) -> MaskMisusedError:
        """Return the error for a use that needs the number of elements."""
        error = MaskMisusedError(TRACED_MASK, remedy=TRACED_MASK_REMEDY)
        error.masked = self
        return error

    def bind(self, op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Apply an elementwise op under the mask; other operands are numbers or the like."""
        if not isinstance(op.lowering, Elementwise):
            raise UnsupportedCallError(TRACED_MASK, remedy=TRACED_MASK_REMEDY)
        prepared = [self._under_mask(operand, op.unbounded) for operand in operands]
        return Masked(op(*prepared, **params), self.mask)

    def _under_mask(self, operand: Any, harmless: bool) -> Any:
        if isinstance(operand, Masked):
            if not same_mask(operand.mask, self.mask):
                raise UnsupportedCallError(
                    "elements picked by two different traced masks meet",
                    remedy="use one mask, or np.where on whole arrays",
                )
            return tamed(operand.values, self.mask) if harmless else operand.values
        return fitting(operand, shape_of(self.values), len(shape_of(self.mask)))

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if function in REDUCTIONS:
            return self._reduced(function, *args[1:], **kwargs)
        raise self.misused()

    def _reduced(self, function: Any, axis: Any = None, **options: Any) -> Any:
        rank = len(shape_of(self.mask))
        if axis not in (None, 0):
            raise self.misused()
        axes = None if axis is None else tuple(range(rank))
        mask = expanded(self.mask, len(shape_of(self.values)))
        return function(self.values, axis=axes, where=mask, **options)

    def __getitem__(self, key: Any) -> Any:
        raise self.misused()

    def __setitem__(self, key: Any, value: Any) -> None:
        raise self.misused()

    def __len__(self) -> int:
        raise self.misused()

    def __iter__(self) -> Any:
        raise self.misused()

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise self.misused()

    def sum(self, *args: Any, **options: Any) -> Any:
        """Sum the picked elements."""
        return self._reduced(np.sum, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Any:
        """Multiply the picked elements."""
        return self._reduced(np.prod, *args, **options)

    def mean(self, *args: Any, **options: Any) -> Any:
        """Average the picked elements."""
        return self._reduced(np.mean, *args, **options)

    def var(self, *args: Any, **options: Any) -> Any:
        """Return the variance of the picked elements."""
        return self._reduced(np.var, *args, **options)

    def std(self, *args: Any, **options: Any) -> Any:
        """Return the standard deviation of the picked elements."""
        return self._reduced(np.std, *args, **options)

    def any(self, *args: Any, **options: Any) -> Any:
        """Tell whether any picked element is true."""
        return self._reduced(np.any, *args, **options)

    def all(self, *args: Any, **options: Any) -> Any:
        """Tell whether all picked elements are true."""
        return self._reduced(np.all, *args, **options)


def same_mask(left: Any, right: Any) -> bool:
    """Tell whether two traced masks are one value: ``x[x > 0] = f(x[x > 0])`` makes two nodes."""
    pairs = [(left.node, right.node)]
    known: set[tuple[Node, Node]] = set()
    while pairs:
        a, b = pair = pairs.pop()
        if a is b or pair in known:
            continue
        known.add(pair)
        alike = a.op is b.op and a.type == b.type and len(a.inputs) == len(b.inputs)
        leaf = not a.inputs and a.op.name == "input"
        if leaf or not alike or len(known) > _DEPTH or frozen(a.params) != frozen(b.params):
            return False
        pairs.extend(zip(a.inputs, b.inputs, strict=True))
    return True


def picked(x: Any, mask: Any) -> Masked:
    """Return ``x[mask]``."""
    _check_mask(x, mask)
    return Masked(tamed(x, mask), mask)


def tamed(x: Any, mask: Any) -> Any:
    """Return ``x`` with a number in place of what is not picked, at which functions are finite.

    Otherwise a logarithm of a negative number that nobody picked would be a NaN, and a derivative
    multiplied by it too, though its cotangent is 0.
    """
    if dtype_of(x).kind != "f":
        return x
    return select(expanded(mask, len(shape_of(x))), x, 0.5)


def _check_mask(x: Any, mask: Any) -> None:
    shape, leading = shape_of(x), shape_of(mask)
    if len(leading) > len(shape) or not dims.same_shape(shape[: len(leading)], leading):
        raise OutOfRangeError(
            f"a mask of shape {leading} for an array of shape {shape}",
            remedy="the mask must have the array's leading axes",
        )


def expanded(mask: Any, rank: int) -> Any:
    """Return a mask of the leading axes with axes of size 1 for the others."""
    shape = shape_of(mask)
    missing = (1,) * (rank - len(shape))
    return reshape(mask, shape=(*shape, *missing)) if missing else mask


def fitting(value: Any, shape: Shape, masked: int) -> Any:
    """Return a value that is the same for all picked elements of an array of ``shape``.

    Raises: UnsupportedCallError where it has an axis that runs over them.
    """
    if not isinstance(value, Operand):
        value = value if isinstance(value, int | float | np.generic) else np.asarray(value)
    own = () if isinstance(value, int | float | np.generic) else shape_of(value)
    rest = shape[masked:]
    if len(own) > len(rest) and all(dim == 1 for dim in own[: len(own) - len(rest)]):
        own = own[len(own) - len(rest) :]
        value = reshape(value, shape=own)
    if len(own) > len(rest) or dims.broadcast_shapes(own, rest) != rest:
        raise UnsupportedCallError(
            f"a value of shape {own} for the elements that a traced mask picks",
            remedy="give one value for all of them, or a whole array: np.where(mask, values, x)",
        )
    return value


def where_masked(x: Any, mask: Any, value: Any, accumulate: bool) -> Any:
    """Return ``x`` with the elements under a traced mask replaced by ``value``, or added to."""
    _check_mask(x, mask)
    if isinstance(value, Masked):
        if not same_mask(value.mask, mask):
            raise value.misused()
        value = value.values
    else:
        value = fitting(value, shape_of(x), len(shape_of(mask)))
    if isinstance(value, Operand) and dtype_of(value) != dtype_of(x):
        value = convert(value, dtype=dtype_of(x))
    elif isinstance(value, np.ndarray | np.generic):
        value = value.astype(dtype_of(x), copy=False)
    whole = expanded(mask, len(shape_of(x)))
    return select(whole, x + value if accumulate else value, x)
