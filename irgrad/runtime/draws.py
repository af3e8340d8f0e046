"""Noticing that a function draws random numbers while it is traced.

A trace would keep the numbers of its one run as constants, and every later call would use them
again. No protocol lets NumPy's generators be intercepted, but their state tells of their use.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np

from irgrad.errors import Location, TracingError
from irgrad.runtime.watch import watch


class Draws:
    """The states of the generators that a function can reach, before it is traced."""

    def __init__(self, function: Any, others: Iterable[Any]) -> None:
        self._function = function
        reachable = [value for _, value in watch(function, ()).variables]
        reachable += getattr(function, "__defaults__", None) or ()
        self._generators = [
            value
            for value in (*reachable, *others)
            if isinstance(value, np.random.Generator | np.random.RandomState)
        ]
        self._before = self._states()

    def _states(self) -> list[str]:
        legacy: Any = np.random.get_state()  # noqa: NPY002 - it is what users may call
        states = [repr(random.getstate()), f"{legacy[1].tobytes().hex()} {legacy[2:]}"]
        for generator in self._generators:
            if isinstance(generator, np.random.Generator):
                states.append(repr(generator.bit_generator.state))
            else:
                states.append(repr(generator.get_state()))
        return states

    def refuse(self) -> None:
        """Raise where a generator was used since.

        Raises: TracingError, which says to pass the draws in.
        """
        if self._states() == self._before:
            return
        code = getattr(self._function, "__code__", None)
        raise TracingError(
            "the function draws random numbers, which a trace would keep the same for every call",
            remedy="draw them outside and pass them in as an argument",
            location=Location(code.co_filename, code.co_firstlineno, code.co_qualname)
            if code is not None
            else None,
        )
