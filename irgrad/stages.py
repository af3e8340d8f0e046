"""Which stage a compilation is in, and the seconds that each stage took."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

ORDER = ("trace", "reroll", "differentiate", "simplify", "schedule", "emit", "numba")
"""The stages, as they follow one another; ``numba`` is its compilation, or loading its result."""

LONG_SECONDS = 10.0
"""Expected seconds from which a compilation says so."""

_logger = logging.getLogger("irgrad")


def notice(message: str) -> None:
    """Say something about a long compilation: on stderr, unless logging is set up otherwise."""
    _logger.warning(message)


class Stages:
    """A stop watch over the stages of one compilation; stages do not nest."""

    __slots__ = ("_seconds", "current", "nodes")

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self.nodes = 0
        """How many nodes the trace recorded."""
        self.current: str | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to a stage."""
        began = time.perf_counter()
        self.current = name
        try:
            yield
        finally:
            taken = time.perf_counter() - began
            self._seconds[name] = self._seconds.get(name, 0.0) + taken
            self.current = None

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds by stage, in the order of the stages."""
        return {name: self._seconds[name] for name in ORDER if name in self._seconds}
