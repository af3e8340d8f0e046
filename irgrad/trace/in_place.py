"""What writes in place: ``a += b`` changes the array, a number is replaced; ``z.real = x``."""

from __future__ import annotations

from typing import Any

from irgrad.errors import MutationError
from irgrad.ops.complex_numbers import is_complex
from irgrad.ops.operand import NumPyOperand
from irgrad.ops.registry import METHODS


class InPlaceOperators(NumPyOperand):
    """An operand whose in-place operators write, where it is an array."""

    __slots__ = ()

    def is_number(self) -> bool:
        """Tell whether there is no memory to write into."""
        raise NotImplementedError(type(self).__name__)  # pragma: no cover - abstract

    @property
    def real(self) -> Any:
        """The real part: a view of complex numbers, real ones themselves."""
        return super().real

    @real.setter
    def real(self, value: Any) -> None:
        METHODS["__setitem__"](self.real, Ellipsis, value)

    @property
    def imag(self) -> Any:
        """The imaginary part: a view of complex numbers, zeros of real ones."""
        return super().imag

    @imag.setter
    def imag(self, value: Any) -> None:
        if not is_complex(self):
            raise MutationError(
                "an array of real numbers has no imaginary part to write",
                remedy="make it complex first: x = x.astype(complex)",
            )
        METHODS["__setitem__"](self.imag, Ellipsis, value)

    def _in_place(self, value: Any) -> Any:
        """Take on the result of an in-place operator; a number can't, it is replaced."""
        if self.is_number():
            return value
        METHODS["__setitem__"](self, Ellipsis, value)
        return self

    def __iadd__(self, other: Any) -> Any:
        if self.is_number():
            return self + other
        METHODS["__iadd__"](self, other)
        return self

    def __isub__(self, other: Any) -> Any:
        return self._in_place(self - other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(self * other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(self / other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place(self // other)

    def __imod__(self, other: Any) -> Any:
        return self._in_place(self % other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place(self**other)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place(self @ other)

    def __iand__(self, other: Any) -> Any:
        return self._in_place(self & other)

    def __ior__(self, other: Any) -> Any:
        return self._in_place(self | other)

    def __ixor__(self, other: Any) -> Any:
        return self._in_place(self ^ other)
