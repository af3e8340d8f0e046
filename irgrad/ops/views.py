"""Reading and writing strided parts of an array: slices, and what assigns or adds to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.op import Op, Sample, View, Write
from irgrad.ir.types import ArrayType
from irgrad.ops.declare import real
from irgrad.ops.registry import declare


@dataclass(frozen=True, slots=True)
class Into:
    """A cotangent that touches a part of the operand: ``op(total, update, *indices, **params)``.

    Pullbacks of slices and gathers return it instead of an operand-sized array, so that the
    adjoints of k slices of n elements cost O(n), not O(k n).
    """

    op: Op
    update: Any
    indices: tuple[Any, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


def _slices(starts: Shape, sizes: Shape, steps: tuple[int, ...], dropped: tuple[int, ...]) -> Any:
    """Return the NumPy index of a strided part with concrete sizes."""
    key: list[Any] = []
    for axis, (start, size, step) in enumerate(zip(starts, sizes, steps, strict=True)):
        if axis in dropped:
            key.append(start)
            continue
        stop: Any = start + step * size
        key.append(slice(start, None if stop < 0 else stop, step))
    return tuple(key)


def _part_shape(sizes: Shape, dropped: tuple[int, ...]) -> Shape:
    return tuple(size for axis, size in enumerate(sizes) if axis not in dropped)


def _operand_index(
    indices: Shape,
    *,
    starts: Shape,
    sizes: Shape,
    steps: tuple[int, ...],
    dropped: tuple[int, ...],
) -> tuple[Dim, ...]:
    """Return where element ``indices`` of the part lies in the whole."""
    remaining = iter(indices)
    return tuple(
        start if axis in dropped else start + step * next(remaining)
        for axis, (start, step) in enumerate(zip(starts, steps, strict=True))
    )


def _params(
    starts: Shape, sizes: Shape, steps: tuple[int, ...], dropped: tuple[int, ...]
) -> dict[str, Any]:
    return {"starts": starts, "sizes": sizes, "steps": steps, "dropped": dropped}


_SAMPLES = (
    _params((1, 0), (2, 4), (1, 1), ()),
    _params((2, 3), (3, 2), (-1, -2), ()),
    _params((1, 1), (1, 3), (1, 1), (0,)),
    _params((0, 0), (0, 4), (1, 1), ()),
    _params((2, 1), (1, 1), (1, 1), ()),
)


def _strided_pullback(cotangent: Any, out: Any, x: Any, **params: Any) -> tuple[Any]:
    return (Into(strided_add, cotangent, params=params),)


strided = declare(
    Op(
        name="strided",
        evaluate=lambda x, **params: np.asarray(x)[_slices(**params)],
        infer=lambda x, *, starts, sizes, steps, dropped: x.with_shape(_part_shape(sizes, dropped)),
        lowering=View(lambda type, indices, **params: _operand_index(indices, **params)),
        pullback=_strided_pullback,
        samples=tuple(Sample((real(-1, 1),), params) for params in _SAMPLES),
        spellings=("ndarray.__getitem__ with ints, slices, None, ...",),
    )
)
"""A part ``start + step * i`` along every axis; axes in ``dropped`` are left out of the result."""


def _write_type(x: ArrayType, update: ArrayType, **params: Any) -> ArrayType:
    return x


def _added(x: Any, update: Any, *, out: Any = None, **params: Any) -> Any:
    result = np.array(x, copy=True) if out is None else out
    result[_slices(**params)] += update
    return result


def _assigned(x: Any, update: Any, *, out: Any = None, **params: Any) -> Any:
    result = np.array(x, copy=True) if out is None else out
    result[_slices(**params)] = update
    return result


def _write_samples() -> tuple[Sample, ...]:
    return tuple(
        Sample((real(-1, 1), real(2, 3, strided(real(-1, 1), **p).shape, seed=2)), p)
        for p in _SAMPLES
    )


strided_add = declare(
    Op(
        name="strided_add",
        evaluate=_added,
        infer=_write_type,
        lowering=Write(accumulate=True, index=_operand_index),
        pullback=lambda cotangent, out, x, update, **params: (
            cotangent,
            strided(cotangent, **params),
        ),
        samples=_write_samples(),
    )
)
"""The array with ``update`` added to a strided part of it."""


def _assign_pullback(cotangent: Any, out: Any, x: Any, update: Any, **params: Any) -> Any:
    taken = strided(cotangent, **params)
    return strided_set(cotangent, np.zeros_like(taken), **params), taken


strided_set = declare(
    Op(
        name="strided_set",
        evaluate=_assigned,
        infer=_write_type,
        lowering=Write(accumulate=False, index=_operand_index),
        pullback=_assign_pullback,
        samples=_write_samples(),
        spellings=("ndarray.__setitem__",),
        selects=True,
    )
)
"""The array with a strided part replaced by ``update``."""


class Alias:
    """How a traced array that shares another's memory reads it and writes back into it."""

    __slots__ = ("base", "layout", "op", "operands", "params", "root", "seen", "write")

    def __init__(
        self,
        base: Any,
        op: Op,
        operands: tuple[Any, ...],
        params: Mapping[str, Any],
        write: Callable[[Any, Any], Any] | None,
    ) -> None:
        self.base = base
        self.op = op
        self.operands = operands
        self.params = params
        self.write = write
        self.root = base.root
        self.seen = self.root.version
        self.layout: Any = None  # the strides, once somebody asked: see ``layout.strides_of``

    def read(self) -> Any:
        """Return what the alias sees of its base now."""
        return self.op(self.base, *self.operands, **self.params)


def alias_of(x: Any) -> Alias | None:
    """Return how a traced array shares another's memory; None where it has memory of its own."""
    return getattr(x, "alias", None) if hasattr(x, "view_of") else None


def view(x: Any, op: Op, write: Callable[[Any, Any], Any] | None, *operands: Any,
         **params: Any) -> Any:  # fmt: skip
    """Apply ``op``, whose result shares memory in NumPy: a traced one follows writes to ``x``.

    ``write(x, value)`` returns ``x`` with the part that the result shows replaced by ``value``;
    None where NumPy's view is read-only.
    """
    result = op(x, *operands, **params)
    if hasattr(result, "view_of"):
        result.view_of(x, op, operands, params, write)
    return result


def strided_view(x: Any, **params: Any) -> Any:
    """Return the strided part of ``x`` as a view: writes into it reach ``x``.

    A part of a part is made a part of the whole, so that ``x[i][j]`` reads one number.
    """
    base, params = whole_of(x, params)
    return view(base, strided, lambda whole, value: strided_set(whole, value, **params), **params)


def whole_of(x: Any, params: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what ``x`` is itself a strided view of, and a part of ``x`` as a part of that."""
    alias = alias_of(x)
    if alias is None or alias.op is not strided:
        return x, params
    return alias.base, composed(alias.params, params)


def composed(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params of the part ``inner`` of the part ``outer`` of an array."""
    starts: list[Dim] = []
    sizes: list[Dim] = []
    steps: list[int] = []
    dropped: list[int] = []
    place = 0
    for axis, (start, step) in enumerate(zip(outer["starts"], outer["steps"], strict=True)):
        if axis in outer["dropped"]:
            dropped.append(axis)
            starts.append(start)
            sizes.append(1)
            steps.append(1)
            continue
        if place in inner["dropped"]:
            dropped.append(axis)
        starts.append(start + step * inner["starts"][place])
        sizes.append(inner["sizes"][place])
        steps.append(step * inner["steps"][place])
        place += 1
    return _params(tuple(starts), tuple(sizes), tuple(steps), tuple(dropped))


def is_whole(shape: Shape, params: Mapping[str, Any]) -> bool:
    """Tell whether a strided part is all of an array of ``shape``, in its own order."""
    return (
        params["sizes"] == shape
        and not params["dropped"]
        and all(step == 1 for step in params["steps"])
    )


def part_size(start: Dim, stop: Dim, step: int) -> Dim:
    """Return how many elements ``range(start, stop, step)`` has, which runs forward or back."""
    span = stop - start if step > 0 else start - stop
    if not dims.at_least(span, 1):
        return 0
    return dims.floor_divide(span + abs(step) - 1, abs(step))
