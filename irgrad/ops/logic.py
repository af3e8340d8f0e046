"""Comparisons of whole arrays, and choices among several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ir import dims
from irgrad.ir.op import Operand
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.create import counting
from irgrad.ops.elementwise import select
from irgrad.ops.index import gather
from irgrad.ops.outputs import delivered
from irgrad.ops.reduce import is_true
from irgrad.ops.registry import spelling
from irgrad.ops.shape import reshape


@spelling(np.isclose)
def _isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | (np.isnan(a) & np.isnan(b)) if equal_nan else close


@spelling(np.allclose)
def _allclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    """Tell whether all elements are close: a traced truth value, where NumPy gives a ``bool``."""
    return np.all(_isclose(a, b, rtol, atol, equal_nan))


@spelling(np.array_equal)
def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    if not dims.same_shape(shape_of(a1), shape_of(a2)):
        return np.False_
    equal = a1 == a2
    return np.all(equal | (np.isnan(a1) & np.isnan(a2)) if equal_nan else equal)


@spelling(np.array_equiv)
def _array_equiv(a1: Any, a2: Any) -> Any:
    if dims.broadcast_shapes(shape_of(a1), shape_of(a2)) is None:
        return np.False_
    return np.all(np.equal(a1, a2))


@spelling(np.isin)
def _isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
    kind: Any = None,
) -> Any:  # fmt: skip
    """Compare each element with each of the others; cost is their product."""
    count = dims.product(shape_of(test_elements))
    each = reshape(element, shape=(*shape_of(element), 1))
    found = np.any(each == reshape(test_elements, shape=(count,)), axis=-1)
    return ~found if invert else found


@spelling(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Take each element from the first choice whose condition holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(
            f"{len(condlist)} conditions for {len(choicelist)} choices",
            remedy="give a choice for every condition",
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = select(condition, choice, result)
    return result


@spelling(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Choose among functions, all of which are evaluated everywhere; the last condition wins."""
    single = not isinstance(condlist, list | tuple)
    conditions = [condlist] if single and len(shape_of(condlist)) <= len(shape_of(x)) else condlist
    pieces = list(conditions)
    if len(funclist) == len(pieces) + 1:
        covered = pieces[0]
        for condition in pieces[1:]:
            covered = covered | condition
        pieces.append(~is_true(covered))
    if len(funclist) != len(pieces):
        raise ShapeError(
            f"{len(funclist)} functions for {len(pieces)} conditions",
            remedy="give one a condition, and at most one more for the rest",
        )
    result = np.zeros_like(x)
    for condition, function in zip(pieces, funclist, strict=True):
        value = function(x, *args, **kw) if callable(function) else function
        chosen = select(condition, value, result)
        result = chosen if dtype_of(chosen) == dtype_of(x) else chosen.astype(dtype_of(x))
    return result


@spelling(np.choose, method="choose")
def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """Take each element from the choice that the integer ``a`` names."""
    count = len(choices)
    arrays = [choices[k] for k in range(count)]
    shape: Any = dims.broadcast_shapes(shape_of(a), *map(shape_of, arrays))
    if shape is None:
        raise ShapeError("choices that can't be broadcast together", remedy="make sizes equal or 1")
    if mode == "clip":
        a = np.clip(a, 0, count - 1)
    elif mode == "wrap":
        a = np.remainder(a, count)
    elif mode != "raise":
        raise UnsupportedCallError(f"np.choose with mode={mode!r}", remedy="raise, wrap or clip")
    traced: Any = next(x for x in (a, *arrays) if isinstance(x, Operand))
    spread = [np.broadcast_to(traced.lift(x), shape) for x in arrays]
    number = dims.product(shape)
    table = reshape(np.stack(spread), shape=(count, number))
    which = reshape(np.broadcast_to(traced.lift(a), shape), shape=(number,))
    picked = gather(table, which, counting(traced, number), axes=(0, 1))
    return delivered(reshape(picked, shape=shape), out, "np.choose")
