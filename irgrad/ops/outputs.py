"""The ``out=`` keyword of NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import MutationError


def delivered(result: Any, out: Any, call: str) -> Any:
    """Return ``result``, written into ``out`` where it is given and traced.

    Raises: MutationError where ``out`` is a plain array, which can't hold traced values.
    """
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return result
    if not hasattr(target, "assign"):
        kind = "plain array" if isinstance(target, np.ndarray) else type(target).__name__
        raise MutationError(
            f"{call} would write a traced value into a {kind}, which can't hold it",
            remedy="drop out= and use the result",
        )
    target.assign(result)
    return target
