"""Which stage a compilation is in, and the seconds that each stage took."""

from __future__ import annotations

import gc
import logging
import threading
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


RARE = 200_000
"""Objects made between two looks for garbage in cycles while graphs are built."""

_building = threading.Lock()
_builders = 0
_usual: tuple[int, int, int] | None = None


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let Python look for garbage in cycles rarely while the block runs, in all threads.

    A graph of n nodes is made of many more objects, none of them garbage, which a third of the
    time of building it would be spent to look through again and again.
    """
    global _builders, _usual
    with _building:
        if not _builders:
            usual = gc.get_threshold()
            rare = bool(usual[0]) and usual[0] < RARE  # 0: it has been switched off
            _usual = usual if rare else None
            if rare:
                gc.set_threshold(RARE, *usual[1:])
        _builders += 1
    try:
        yield
    finally:
        with _building:
            _builders -= 1
            if not _builders and _usual is not None and gc.get_threshold()[0] == RARE:
                gc.set_threshold(*_usual)


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
            if name == "numba":
                yield
            else:
                with rarely_collected():
                    yield
        finally:
            taken = time.perf_counter() - began
            self._seconds[name] = self._seconds.get(name, 0.0) + taken
            self.current = None

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds by stage, in the order of the stages."""
        return {name: self._seconds[name] for name in ORDER if name in self._seconds}
