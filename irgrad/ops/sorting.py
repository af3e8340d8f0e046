"""Sorting, and searching in what is sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir.op import Kernel, Op, Operand, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.cumulative import along_last, take_rows
from irgrad.ops.declare import real, real_numbers
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import METHODS, declare, spelling
from irgrad.ops.shape import reshape

_ARGSORT_KERNEL = '''def argsort_rows(x, out):
    """Fill the rows of out with the positions that sort the rows of x, stably, NaN last."""
    for row in range(x.shape[0]):
        out[row, :] = np.argsort(x[row], kind="mergesort")
'''

argsort_ = declare(
    Op(
        name="argsort",
        evaluate=lambda x: np.argsort(x, axis=-1, kind="stable"),
        infer=real_numbers(lambda x: x.with_dtype(np.dtype(np.int64)), "argsort"),
        lowering=Kernel("argsort_rows", _ARGSORT_KERNEL),
        nondifferentiable="a position is piecewise constant",
        samples=(
            Sample((real(-2, 2),)),
            Sample((np.array([2.0, np.nan, 1.0, 2.0, -np.inf, np.nan]),)),
            Sample((np.array([[3, 1, 2], [1, 1, 0]]),)),
            Sample((real(0, 1, (0,)),)),
        ),
        spellings=("np.argsort",),
    )
)
"""The stable order of each row, NaN last."""


def sorted_rows(x: Any) -> Any:
    """Return the rows of ``x`` sorted; cotangents go back where the elements came from."""
    return take_rows(x, argsort_(x))


def _unordered(order: Any) -> None:
    if order is not None:
        raise UnsupportedCallError("sorting by fields (order=)", remedy="sort plain arrays")


def _sorted(a: Any, axis: Any) -> Any:
    return along_last(sorted_rows, a, axis, True)


@spelling(np.sort)
def _np_sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *,
             stable: Any = None) -> Any:  # fmt: skip
    """Sort; of equal elements each gets the cotangent of its own place in the stable order."""
    _unordered(order)
    return _sorted(a, axis)


@spelling(np.partition)
def _np_partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect",
                  order: Any = None) -> Any:  # fmt: skip
    """Sort, which is a partition about every position."""
    _unordered(order)
    return _sorted(a, axis)


@spelling(np.argsort, method="argsort")
def _np_argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *,
                stable: Any = None) -> Any:  # fmt: skip
    _unordered(order)
    return along_last(argsort_, a, axis, True)


@spelling(np.argpartition, method="argpartition")
def _np_argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect",
                     order: Any = None) -> Any:  # fmt: skip
    _unordered(order)
    return along_last(argsort_, a, axis, True)


@spelling(np.sort_complex)
def _np_sort_complex(a: Any) -> Any:
    """Sort along the last axis by the real parts, equal ones by the imaginary parts."""
    if dtype_of(a).kind == "c":
        return np.take_along_axis(a, np.lexsort((a.imag, a.real)), axis=-1)
    small = dtype_of(a).char in "bhBH"
    return np.sort(a).astype(np.complex64 if small else np.complex128)


def _sort_in_place(a: Any, axis: Any = -1, *args: Any, **options: Any) -> None:
    delivered(_sorted(a, axis), a, "ndarray.sort")


METHODS["sort"] = _sort_in_place
METHODS["partition"] = lambda a, kth, axis=-1, *args, **options: _sort_in_place(a, axis)

_SEARCH_KERNEL = '''def search_sorted(x, wanted, out, right):
    """Fill out with the places of the wanted numbers in the sorted x, NaN being largest."""
    for row in range(wanted.shape[0]):
        for j in range(wanted.shape[1]):
            number = wanted[row, j]
            low = 0
            high = x.size
            while low < high:
                middle = (low + high) // 2
                at = x.flat[middle]
                if right:
                    before = at <= number or number != number
                else:
                    before = at < number or (number != number and at == at)
                if before:
                    low = middle + 1
                else:
                    high = middle
            out[row, j] = low
'''

_SIDES: Any = {False: "left", True: "right"}

search_sorted = declare(
    Op(
        name="search_sorted",
        evaluate=lambda x, wanted, *, right: np.searchsorted(x, wanted, _SIDES[right]),
        infer=real_numbers(
            lambda x, wanted, *, right: ArrayType(np.dtype(np.int64), wanted.shape), "searchsorted"
        ),
        lowering=Kernel("search_sorted", _SEARCH_KERNEL, ("right",)),
        nondifferentiable="a position is piecewise constant",
        promote=lambda dtypes: (*[np.result_type(*dtypes)] * 2, np.dtype(np.int64)),
        samples=tuple(
            Sample(
                (np.array([-1.0, 0.5, 0.5, 2.0]), np.array([-2.0, 0.5, 0.7, np.nan, 9.0])),
                {"right": right},
            )
            for right in (False, True)
        ),
    )
)
"""Where the numbers ``wanted: (k,)`` belong in the sorted ``x: (n,)``."""


@spelling(np.searchsorted, method="searchsorted")
def _np_searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    if sorter is not None:
        a = take_rows(a, sorter) if isinstance(a, Operand) else np.asarray(a)[sorter]
    wanted: Any = v if isinstance(v, Operand) else np.asarray(v)
    places = search_sorted(a, np.ravel(wanted), right=side == "right")
    return reshape(places, shape=shape_of(wanted))


@spelling(np.digitize)
def _np_digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """Return the bins of numbers; bins that are traced must rise."""
    if not isinstance(bins, Operand):
        edges = np.asarray(bins)
        if edges.size > 1 and edges[0] > edges[-1]:
            rising = edges[::-1].copy()
            return edges.size - _np_searchsorted(rising, x, "left" if right else "right")
    return _np_searchsorted(bins, x, "left" if right else "right")
