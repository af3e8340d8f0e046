"""Sizes as the user's code sees them while it is traced."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim


class TracedSize:
    """A symbolic size: ``x.shape[0]`` while tracing.

    Whole-number arithmetic keeps it symbolic. Asking it for its number (``range(n)``,
    ``np.zeros(n)``) fixes it to the number it has on the first call, and later calls of another
    size are traced again.
    """

    __slots__ = ("dim", "trace")

    def __init__(self, dim: dims.Size, trace: Any) -> None:
        self.dim = dim
        self.trace = trace

    def __index__(self) -> int:
        return dims.concrete(self.dim)

    __int__ = __index__
    __trunc__ = __index__

    def __round__(self, digits: int | None = None) -> TracedSize:
        return self

    def __pos__(self) -> TracedSize:
        return self

    __floor__ = __ceil__ = __pos__

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __float__(self) -> float:
        return float(dims.concrete(self.dim))

    def _integer(self, other: Any) -> Dim | None:
        if isinstance(other, TracedSize):
            return other.dim
        return other if isinstance(other, int) and not isinstance(other, bool) else None

    def _wrap(self, dim: Dim) -> Any:
        return TracedSize(dim, self.trace) if isinstance(dim, dims.Size) else dim

    def _arithmetic(self, other: Any, name: str) -> Any:
        integer = self._integer(other)
        if integer is None:
            return getattr(self.trace.size(self.dim), name)(other)
        if name == "__rsub__":
            return self._wrap(integer - self.dim)
        if name == "__rfloordiv__":
            return self._wrap(dims.floor_divide(integer, self.dim))
        if name == "__rmod__":
            return self._wrap(integer - dims.floor_divide(integer, self.dim) * self.dim)
        return self._wrap(getattr(self.dim, name)(integer))

    def __add__(self, other: Any) -> Any:
        return self._arithmetic(other, "__add__")

    def __radd__(self, other: Any) -> Any:
        return self._arithmetic(other, "__radd__")

    def __sub__(self, other: Any) -> Any:
        return self._arithmetic(other, "__sub__")

    def __rsub__(self, other: Any) -> Any:
        return self._arithmetic(other, "__rsub__")

    def __mul__(self, other: Any) -> Any:
        return self._arithmetic(other, "__mul__")

    def __rmul__(self, other: Any) -> Any:
        return self._arithmetic(other, "__rmul__")

    def __floordiv__(self, other: Any) -> Any:
        return self._arithmetic(other, "__floordiv__")

    def __rfloordiv__(self, other: Any) -> Any:
        return self._arithmetic(other, "__rfloordiv__")

    def __mod__(self, other: Any) -> Any:
        return self._arithmetic(other, "__mod__")

    def __rmod__(self, other: Any) -> Any:
        return self._arithmetic(other, "__rmod__")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        return self._wrap(-self.dim)

    def __truediv__(self, other: Any) -> Any:
        return self.trace.size(self.dim) / other_operand(other)

    def __rtruediv__(self, other: Any) -> Any:
        return other_operand(other) / self.trace.size(self.dim)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int) and 0 <= other <= 8:
            power: Any = 1
            for _ in range(other):
                power = self * power
            return power
        return self.trace.size(self.dim) ** other_operand(other)

    def __rpow__(self, other: Any) -> Any:
        return other ** self.trace.size(self.dim)

    def __eq__(self, other: object) -> bool:
        integer = self._integer(other)
        return integer is not None and dims.same(self.dim, integer)

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def __ge__(self, other: Any) -> bool:
        integer = self._integer(math.ceil(other) if isinstance(other, float) else other)
        return dims.at_least(self.dim, integer) if integer is not None else int(self) >= other

    def __gt__(self, other: Any) -> bool:
        integer = self._integer(math.floor(other) if isinstance(other, float) else other)
        return dims.at_least(self.dim, integer + 1) if integer is not None else int(self) > other

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __hash__(self) -> int:
        return hash(self.dim)

    def __bool__(self) -> bool:
        return not dims.same(self.dim, 0)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.asarray(int(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(other_operand(x) for x in inputs), **kwargs)

    def __repr__(self) -> str:
        return f"TracedSize({self.dim})"


def other_operand(value: Any) -> Any:
    """Return ``value`` with a traced size turned into the traced number it stands for."""
    return value.trace.size(value.dim) if isinstance(value, TracedSize) else value


def as_dim(value: Any) -> Dim:
    """Return a size that the user wrote as the IR's: an int or a ``Size``."""
    if isinstance(value, TracedSize):
        return value.dim
    if isinstance(value, dims.Size):
        return value
    return value.__index__()  # type: ignore[no-any-return]
