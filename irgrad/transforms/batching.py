"""``vmap``: a function of one element made a function of a batch of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.inline.batching import inline_vmap
from irgrad.inline.leaves import replaced
from irgrad.transforms.base import Transformed


class Vmap(Transformed):
    """``vmap`` of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the function for the whole batch."""
        axes, out_axes = self.settings["in_axes"], self.settings["out_axes"]
        fixed = self._static_positions(len(args))
        named = {name: kwargs.pop(name) for name in self.static_argnames if name in kwargs}
        kept = [position for position in range(len(args)) if position not in fixed]
        if fixed and isinstance(axes, list | tuple) and len(axes) == len(args):
            axes = tuple(axes[position] for position in kept)

        def function(*one: Any, **others: Any) -> Any:
            return self.function(*replaced(args, kept, one), **named, **others)

        mapped = tuple(args[position] for position in kept)
        return inline_vmap(function, axes, out_axes, mapped, kwargs)

    def _static_positions(self, count: int) -> set[int]:
        """Return which of the first ``count`` positional arguments are static."""
        if not self.static_argnames:
            return set()
        names = list(inspect.signature(self.function).parameters)[:count]
        return {place for place, name in enumerate(names) if name in self.static_argnames}


def vmap(
    fun: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    static_argnames: Sequence[str] = (),
) -> Vmap:
    """Return ``fun`` mapped over an axis of its arguments: one fused function, not a call each.

    in_axes: the axis of each positional argument, None for one that is the same for all; an axis
    for all of them, or a tuple, in which a container stands for the axes of its leaves.
    out_axes: where the batch is in the results.

    >>> import numpy as np
    >>> rows = vmap(np.dot, in_axes=(0, None))
    >>> rows(np.eye(2), np.array([1.0, 2.0]))
    array([1., 2.])
    """
    return Vmap(fun, static_argnames, in_axes=in_axes, out_axes=out_axes)
