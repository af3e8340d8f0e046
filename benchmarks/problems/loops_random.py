"""Random expressions over scalars: no loop to find, nothing alike between two runs of the draw."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

INPUTS = 50


def random_expressions(nodes: int, seed: int = 0) -> Callable[[Any], Any]:
    """Return a function of ``x: (50,)`` that does about ``nodes`` operations, all of which count.

    Each draws its operands among everything before it; what nothing has read is added up.
    """
    draws = random.Random(seed)
    rows = []
    unread = set(range(INPUTS))
    while INPUTS + len(rows) + 2 * len(unread) < nodes + INPUTS:
        known = INPUTS + len(rows)
        row = (draws.randrange(8), draws.randrange(known), draws.randrange(known))
        unread.discard(row[1])
        if row[0] < 6:
            unread.discard(row[2])
        unread.add(known)
        rows.append(row)
    ends = sorted(unread)

    def function(x: Any) -> Any:
        values = [x[k] for k in range(INPUTS)]
        for kind, i, j in rows:
            a, b = values[i], values[j]
            if kind < 3:
                values.append(a + b)
            elif kind < 5:
                values.append(a * b)
            elif kind == 5:
                values.append(a - b)
            elif kind == 6:
                values.append(np.tanh(a))
            else:
                values.append(np.sin(a))
        total = 0.0
        for end in ends:
            total = total + np.tanh(values[end])
        return total

    return function


def arguments() -> tuple[np.ndarray]:
    """Return the point."""
    return (np.linspace(-1.0, 1.0, INPUTS),)
