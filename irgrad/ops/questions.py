"""What code asks of dtypes: answered at once, since a traced value's dtype is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.op import Operand
from irgrad.ops.axes import dtype_of, promotion_kind
from irgrad.ops.complex_numbers import cast
from irgrad.ops.registry import spelling


@spelling(np.result_type)
def _result_type(*arrays_and_dtypes: Any) -> np.dtype:
    kinds = [promotion_kind(x) if isinstance(x, Operand) else x for x in arrays_and_dtypes]
    return np.result_type(*kinds)


@spelling(np.can_cast)
def _can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(dtype_of(from_), to, casting)


@spelling(np.common_type)
def _common_type(*arrays: Any) -> Any:
    return np.common_type(*(np.zeros(0, dtype_of(array)) for array in arrays))


@spelling(np.iscomplexobj)
def _iscomplexobj(x: Any) -> bool:
    return bool(dtype_of(x).kind == "c")


@spelling(np.isrealobj)
def _isrealobj(x: Any) -> bool:
    return bool(dtype_of(x).kind != "c")


@spelling(np.real_if_close)
def _real_if_close(a: Any, tol: Any = 100) -> Any:
    if dtype_of(a).kind != "c":
        return a
    raise UnsupportedCallError(
        "np.real_if_close, whose dtype depends on the numbers", remedy="take the real part: x.real"
    )


@spelling(np.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return cast(x, np.dtype(dtype))
