"""Views whose indices mix: diagonals, where two axes share one, and sliding windows.

Element ``i`` of an affine view lies at ``offsets[a] + sum over b of steps[a][b] * i[b]`` along each
axis ``a`` of the array. A diagonal has two axes that follow one index, windows have one axis that
follows two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import OutOfRangeError
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Op, Sample, View, Write
from irgrad.ops.axes import normalized_axes, normalized_axis, shape_of
from irgrad.ops.declare import real
from irgrad.ops.registry import declare, spelling
from irgrad.ops.views import Into, view

Steps = tuple[tuple[int, ...], ...]


def _places(shape: Any, offsets: Shape, steps: Steps) -> tuple[Any, ...]:
    """Return the NumPy index of an affine view with concrete sizes."""
    grids = np.indices(shape)
    return tuple(
        sum((step * grid for step, grid in zip(row, grids, strict=True)), np.full(shape, offset))
        for offset, row in zip(offsets, steps, strict=True)
    )


def _index(indices: Shape, *, shape: Shape, offsets: Shape, steps: Steps) -> tuple[Dim, ...]:
    """Return where element ``indices`` of the view lies in the array."""
    result: list[Dim] = []
    for offset, row in zip(offsets, steps, strict=True):
        place = offset
        for step, index in zip(row, indices, strict=True):
            if step:
                place = place + step * index
        result.append(place)
    return tuple(result)


def _params(shape: Shape, offsets: Shape, steps: Steps) -> dict[str, Any]:
    return {"shape": shape, "offsets": offsets, "steps": steps}


_DIAGONAL = _params((2, 3), (0, 1, 0), ((0, 1), (0, 1), (1, 0)))
_WINDOWS = _params((3, 2, 2), (0, 0), ((0, 1, 0), (1, 0, 1)))
_ANTIDIAGONAL = _params((3,), (2, 0), ((-1,), (1,)))
_CORNER = _params((1,), (0, 3), ((1,), (1,)))
_NOTHING = _params((0,), (0, 0), ((1,), (1,)))

affine: Op = declare(
    Op(
        name="affine",
        evaluate=lambda x, *, shape, offsets, steps: np.asarray(x)[_places(shape, offsets, steps)],
        infer=lambda x, *, shape, offsets, steps: x.with_shape(shape),
        lowering=View(lambda type, indices, **params: _index(indices, **params)),
        pullback=lambda cotangent, out, x, **params: (Into(affine_add, cotangent, params=params),),
        samples=(
            Sample((real(-1, 1, (3, 4, 2)),), _DIAGONAL),
            Sample((real(-1, 1, (2, 4)),), _WINDOWS),
            Sample((real(-1, 1, (3, 4)),), _ANTIDIAGONAL),
            Sample((real(-1, 1, (3, 4)),), _CORNER),
            Sample((real(-1, 1, (0, 4)),), _NOTHING),
        ),
        spellings=("np.diagonal", "np.lib.stride_tricks.sliding_window_view"),
    )
)
"""The elements at places that are affine in the result's indices: ``offsets``, ``steps``."""


def _added(x: Any, update: Any, *, out: Any = None, **params: Any) -> Any:
    result = np.array(x, copy=True) if out is None else out
    np.add.at(result, _places(**params), update)
    return result


affine_add: Op = declare(
    Op(
        name="affine_add",
        evaluate=_added,
        infer=lambda x, update, **params: x,
        lowering=Write(accumulate=True, index=_index),
        pullback=lambda cotangent, out, x, update, **params: (
            cotangent,
            affine(cotangent, **params),
        ),
        samples=(
            Sample((real(-1, 1, (3, 4, 2)), real(2, 3, (2, 3), seed=1)), _DIAGONAL),
            Sample((real(-1, 1, (2, 4)), real(2, 3, (3, 2, 2), seed=1)), _WINDOWS),
            Sample((real(-1, 1, (3, 4)), real(2, 3, (1,), seed=1)), _CORNER),
            Sample((real(-1, 1, (0, 4)), real(2, 3, (0,), seed=1)), _NOTHING),
        ),
    )
)
"""The array with ``update`` added at the places of an affine view, overlaps adding up."""


def _assigned(x: Any, update: Any, *, out: Any = None, **params: Any) -> Any:
    result = np.array(x, copy=True) if out is None else out
    result[_places(**params)] = update
    return result


def _assign_pullback(cotangent: Any, out: Any, x: Any, update: Any, **params: Any) -> Any:
    taken = affine(cotangent, **params)
    return affine_set(cotangent, np.zeros_like(taken), **params), taken


affine_set: Op = declare(
    Op(
        name="affine_set",
        evaluate=_assigned,
        infer=lambda x, update, **params: x,
        lowering=Write(accumulate=False, index=_index),
        pullback=_assign_pullback,
        samples=(
            Sample((real(-1, 1, (3, 4, 2)), real(2, 3, (2, 3), seed=1)), _DIAGONAL),
            Sample((real(-1, 1, (3, 4)), real(2, 3, (3,), seed=1)), _ANTIDIAGONAL),
            Sample((real(-1, 1, (3, 4)), real(2, 3, (1,), seed=1)), _CORNER),
            Sample((real(-1, 1, (0, 4)), real(2, 3, (0,), seed=1)), _NOTHING),
        ),
        spellings=("np.diag", "np.fill_diagonal"),
        selects=True,
    )
)
"""The array with the places of an affine view, which must not overlap, replaced by ``update``."""


def diagonal_params(shape: Shape, offset: Any, axis1: int, axis2: int) -> dict[str, Any]:
    """Return the params of the diagonal view of an array of ``shape``: its last axis."""
    rank = len(shape)
    first, second = normalized_axes((axis1, axis2), rank)
    down, right = (0, offset) if offset >= 0 else (-offset, 0)
    rows, columns = shape[first] - down, shape[second] - right
    # Ask about the offset first: most often it is 0, and then only the two sizes matter.
    if not dims.at_least(rows, 1) or not dims.at_least(columns, 1):
        length: Dim = 0
    elif rows == columns:
        length = rows
    else:
        length = columns if dims.at_least(rows, columns) else rows
    others = [axis for axis in range(rank) if axis not in (first, second)]
    count = len(others) + 1
    steps: list[tuple[int, ...]] = []
    offsets: list[Dim] = []
    for axis in range(rank):
        place = others.index(axis) if axis in others else count - 1
        steps.append(tuple(int(b == place) for b in range(count)))
        offsets.append(down if axis == first else right if axis == second else 0)
    return _params((*(shape[axis] for axis in others), length), tuple(offsets), tuple(steps))


def windows(x: Any, axis: int, width: Dim) -> Any:
    """Return every stretch of ``width`` neighbours along an axis; its places are a last axis."""
    shape = shape_of(x)
    rank = len(shape)
    count = shape[axis] - width + 1
    if not dims.at_least(count, 1):
        raise OutOfRangeError(
            f"windows of {width} elements on an axis of {shape[axis]}",
            remedy="make the window no longer than the axis",
        )
    steps = tuple(
        tuple(int(b == a or (a == axis and b == rank)) for b in range(rank + 1))
        for a in range(rank)
    )
    result = tuple(count if a == axis else dim for a, dim in enumerate(shape))
    return view(x, affine, None, shape=(*result, width), offsets=(0,) * rank, steps=steps)


@spelling(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    widths = window_shape if isinstance(window_shape, tuple | list) else (window_shape,)
    rank = len(shape_of(x))
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    for width, number in zip(widths, axes, strict=True):
        x = windows(x, normalized_axis(number, rank), width)
    return x
