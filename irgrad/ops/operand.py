"""Values that act like arrays: Python's operators and NumPy's protocols lead to ops.

``NumPyOperand`` is the base of the tracer and of the eager ``Value``. Operators, methods and NumPy
calls on it all end in ``bind``; what each call means stands in the registry.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.op import Operand
from irgrad.ops import elementwise as elementary
from irgrad.ops.registry import FUNCTIONS, METHODS, REDUCERS, UFUNCS, ufunc_meaning


class NumPyOperand(Operand):
    """An operand that NumPy functions and Python operators accept."""

    __slots__ = ()
    __array_priority__ = 1000.0
    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return self.call_ufunc(ufunc, inputs, kwargs)
        if method == "reduce" and ufunc in REDUCERS:
            kwargs.setdefault("axis", 0)  # np.ufunc.reduce folds the first axis, np.sum all
            return REDUCERS[ufunc](*inputs, **kwargs)
        meaning = FUNCTIONS.get(getattr(ufunc, method)) or REDUCERS.get((ufunc, method))
        if meaning is not None:
            return meaning(*inputs, **kwargs)
        if method in REDUCERS:
            return REDUCERS[method](ufunc, *inputs, **kwargs)
        raise unsupported(f"np.{ufunc.__name__}.{method}")

    def call_ufunc(self, ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Apply ``ufunc`` to ``inputs``; ``where=``, ``out=`` and ``dtype=`` are understood."""
        meaning = ufunc_meaning(ufunc)
        if meaning is None:
            raise unsupported(ufunc_name(ufunc))
        if not kwargs:
            return meaning(*inputs)
        return self.call_ufunc_with_options(ufunc, meaning, inputs, kwargs)

    def call_ufunc_with_options(
        self,
        ufunc: np.ufunc,
        meaning: Callable[..., Any],
        inputs: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Apply a ufunc called with keywords; refused but for classes that understand them."""
        raise unsupported(f"np.{ufunc.__name__} with {', '.join(options)}")

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        meaning = FUNCTIONS.get(function)
        if meaning is None:
            module = getattr(function, "__module__", "numpy").replace("numpy", "np", 1)
            raise unsupported(f"{module}.{function.__name__}")
        return meaning(*args, **kwargs)

    @property
    def itemsize(self) -> int:
        """How many bytes an element takes."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> Any:
        """How many bytes the elements take."""
        return self.size * self.itemsize

    @property
    def real(self) -> Any:
        """The real part: a view of complex numbers, real ones themselves."""
        return FUNCTIONS[np.real](self)

    @property
    def imag(self) -> Any:
        """The imaginary part: a view of complex numbers, zeros of real ones."""
        return FUNCTIONS[np.imag](self)

    def __add__(self, other: Any) -> Any:
        return elementary.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return elementary.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return elementary.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return elementary.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return elementary.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return elementary.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return elementary.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return elementary.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        if type(other) is int and other == 2 and getattr(self, "dtype", None) == np.bool_:
            return elementary.square(self)  # int8, as NumPy's operator gives; np.power int64
        return UFUNCS[np.power](self, other)

    def __rpow__(self, other: Any) -> Any:
        return UFUNCS[np.power](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self.call_ufunc(np.floor_divide, (self, other), {})

    def __rfloordiv__(self, other: Any) -> Any:
        return self.call_ufunc(np.floor_divide, (other, self), {})

    def __mod__(self, other: Any) -> Any:
        return self.call_ufunc(np.remainder, (self, other), {})

    def __rmod__(self, other: Any) -> Any:
        return self.call_ufunc(np.remainder, (other, self), {})

    def __divmod__(self, other: Any) -> Any:
        return self.call_ufunc(np.divmod, (self, other), {})

    def __matmul__(self, other: Any) -> Any:
        return self.call_ufunc(np.matmul, (self, other), {})

    def __rmatmul__(self, other: Any) -> Any:
        return self.call_ufunc(np.matmul, (other, self), {})

    def __neg__(self) -> Any:
        return elementary.negative(self)

    def __pos__(self) -> Any:
        return elementary.positive(self)

    def __abs__(self) -> Any:
        return elementary.absolute(self)

    def __invert__(self) -> Any:
        return self.call_ufunc(np.invert, (self,), {})

    def __and__(self, other: Any) -> Any:
        return self.call_ufunc(np.bitwise_and, (self, other), {})

    def __rand__(self, other: Any) -> Any:
        return self.call_ufunc(np.bitwise_and, (other, self), {})

    def __or__(self, other: Any) -> Any:
        return self.call_ufunc(np.bitwise_or, (self, other), {})

    def __ror__(self, other: Any) -> Any:
        return self.call_ufunc(np.bitwise_or, (other, self), {})

    def __xor__(self, other: Any) -> Any:
        return self.call_ufunc(np.bitwise_xor, (self, other), {})

    def __rxor__(self, other: Any) -> Any:
        return self.call_ufunc(np.bitwise_xor, (other, self), {})

    def __lshift__(self, other: Any) -> Any:
        return self.call_ufunc(np.left_shift, (self, other), {})

    def __rlshift__(self, other: Any) -> Any:
        return self.call_ufunc(np.left_shift, (other, self), {})

    def __rshift__(self, other: Any) -> Any:
        return self.call_ufunc(np.right_shift, (self, other), {})

    def __rrshift__(self, other: Any) -> Any:
        return self.call_ufunc(np.right_shift, (other, self), {})

    def __rdivmod__(self, other: Any) -> Any:
        return self.call_ufunc(np.divmod, (other, self), {})

    def __eq__(self, other: object) -> Any:
        return elementary.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return elementary.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return elementary.less(self, other)

    def __le__(self, other: Any) -> Any:
        return elementary.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return elementary.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return elementary.greater_equal(self, other)

    def __getattr__(self, name: str) -> Any:
        """Find ndarray's methods (``x.sum``) and the elementary functions (``x.tanh()``)."""
        meaning = METHODS.get(name) or UFUNCS.get(getattr(np, name, None))
        if meaning is None:
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}"
                + (", which arrays have: docs/ops.md lists what can be traced"
                   if hasattr(np.ndarray, name) else "")
            )  # fmt: skip
        return lambda *args, **kwargs: meaning(self, *args, **kwargs)


def ufunc_name(ufunc: np.ufunc) -> str:
    """Return how a user writes a ufunc: NumPy's, else one that SciPy has."""
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        return f"np.{name}"
    special = getattr(sys.modules.get("scipy.special"), name, None)
    return f"scipy.special.{name}" if special is ufunc else f"the ufunc {name}"


def unsupported(call: str) -> UnsupportedCallError:
    """Return the error for a NumPy call that irgrad doesn't know."""
    return UnsupportedCallError(
        f"{call} is not supported on a traced value",
        remedy="write it with supported functions (docs/ops.md lists them), or give it a rule of "
        "your own with irgrad.custom_vjp",
    )


def _relu(x: Any) -> Any:
    return elementary.select(x > 0, x, 0.0)


METHODS.setdefault("relu", _relu)
METHODS.setdefault("sigmoid", elementary.logistic)
