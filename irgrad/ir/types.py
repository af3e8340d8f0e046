"""Types of values: a NumPy dtype and a shape of sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from irgrad.ir.dims import Dim, Shape, product


@dataclass(frozen=True, slots=True)
class ArrayType:
    """The type of an array or, with shape ``()``, of a scalar."""

    dtype: np.dtype
    shape: Shape = ()

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def inexact(self) -> bool:
        """Whether the dtype is a floating-point or complex one, so that derivatives exist."""
        return self.dtype.kind in "fc"

    def with_shape(self, shape: Shape) -> ArrayType:
        """Return the type with another shape."""
        return ArrayType(self.dtype, shape)

    def with_dtype(self, dtype: np.dtype) -> ArrayType:
        """Return the type with another dtype."""
        return ArrayType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"


TupleType = tuple[ArrayType, ...]
"""The type of an op with several results; ``item`` nodes pick one."""

ValueType = ArrayType | TupleType
