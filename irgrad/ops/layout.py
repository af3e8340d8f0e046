"""Where the elements of a traced view lie in memory, as far as NumPy's semantics depend on it.

Whether ``reshape`` gives a view or a copy is a matter of memory, and so is what a later write
reaches. Arrays with memory of their own are taken to be contiguous.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ops.axes import shape_of
from irgrad.ops.views import alias_of

Strides = tuple[Dim, ...]
"""How far apart neighbours along each axis lie, in elements."""


def contiguous_strides(shape: Shape) -> Strides:
    """Return the strides of a contiguous array in C order."""
    strides: list[Dim] = []
    step: Dim = 1
    for dim in reversed(shape):
        strides.append(step)
        step = step * dim
    return tuple(reversed(strides))


def strides_of(x: Any) -> Strides | None:
    """Return the strides of ``x``; None where they are no polynomials or not known."""
    chain = []
    alias = alias_of(x)
    while alias is not None and alias.layout is None:
        chain.append((alias, shape_of(x)))
        x = alias.base
        alias = alias_of(x)
    before = shape_of(x)
    strides = contiguous_strides(before) if alias is None else alias.layout[0]
    for alias, shape in reversed(chain):
        strides = _step(alias.op.name, alias.params, before, strides, shape)
        alias.layout = (strides,)
        before = shape
    return strides


def _step(
    name: str, params: Any, before: Shape, strides: Strides | None, shape: Shape
) -> Strides | None:
    """Follow one view."""
    if strides is None:
        return None
    if name == "reshape":
        return reshaped_strides(before, strides, shape)
    if name == "transpose":
        return tuple(strides[axis] for axis in params["axes"])
    if name == "strided":
        return tuple(
            stride * step
            for axis, (stride, step) in enumerate(zip(strides, params["steps"], strict=True))
            if axis not in params["dropped"]
        )
    if name == "gather":
        return tuple(s for axis, s in enumerate(strides) if axis not in params["axes"])
    return None


def is_contiguous(x: Any) -> bool:
    """Tell whether ``x`` lies in memory in C order without gaps."""
    if alias_of(x) is None:
        return True
    strides = strides_of(x)
    return strides is not None and _agree(strides, contiguous_strides(shape_of(x)), shape_of(x))


def is_fortran(x: Any) -> bool:
    """Tell whether ``x`` lies in memory in Fortran order without gaps."""
    strides = strides_of(x)
    shape = shape_of(x)
    return strides is not None and _agree(
        strides[::-1], contiguous_strides(shape[::-1]), shape[::-1]
    )


def _agree(left: Strides, right: Strides, shape: Shape) -> bool:
    return all(a == b or dim == 1 for a, b, dim in zip(left, right, shape, strict=True))


def reshape_copies(x: Any, shape: Shape) -> bool:
    """Tell whether NumPy's ``reshape`` of ``x`` to ``shape`` has to copy."""
    if alias_of(x) is None:
        return False
    strides = strides_of(x)
    return strides is None or reshaped_strides(shape_of(x), strides, shape) is None


def reshaped_strides(before: Shape, strides: Strides, shape: Shape) -> Strides | None:
    """Return the strides after a reshape without a copy, None where there are none.

    Axes are taken in the smallest groups of equal size on both sides; within a group the old
    axes must follow each other without gaps. Reference: ``_attempt_nocopy_reshape`` in NumPy's
    ``shape.c``.
    """
    old = [(dim, stride) for dim, stride in zip(before, strides, strict=True) if dim != 1]
    result: list[Dim] = [0] * len(shape)
    place = 0
    position = 0
    while position < len(old):
        first = position
        count: Dim = old[position][0]
        wanted: Dim = 1
        position += 1
        begin = place
        while True:
            if dims.same(wanted, count):
                break
            if dims.at_least(count, wanted):
                if place == len(shape):
                    return None
                wanted = wanted * shape[place]
                place += 1
            else:
                if position == len(old):
                    return None
                count = count * old[position][0]
                position += 1
        for (_, stride), (dim, after) in pairwise(old[first:position]):
            if stride != dim * after:
                return None
        stride = old[position - 1][1]
        for axis in range(place - 1, begin - 1, -1):
            result[axis] = stride
            stride = stride * shape[axis]
    return tuple(result)
