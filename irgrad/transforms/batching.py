"""``vmap``: a function of one element made a function of a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.inline.batching import inline_vmap
from irgrad.transforms.base import Transformed


class Vmap(Transformed):
    """``vmap`` of a function."""

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the function for the whole batch."""
        settings = self.settings
        return inline_vmap(self.function, settings["in_axes"], settings["out_axes"], args, kwargs)


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
