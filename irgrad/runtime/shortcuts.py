"""Ways past looking arguments up: compiled functions by the types of what they are called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from irgrad.runtime.front import REFUSALS, Results, front


@dataclass(frozen=True, slots=True)
class Made:
    """A function of the user's arguments, or of flat ones, that gives the user's structure.

    ``inner`` gives results from which machine code can put ``results`` together; ``run`` does so in
    Python.
    """

    run: Callable[..., Any]
    inner: Callable[..., Any]
    results: Results = None


class Shortcuts:
    """What answers the calls of one method.

    ``call`` is the quickest way that there is: machine code for the types last added, which turns
    to the table of all types for others.
    """

    def __init__(
        self, name: str, doc: str | None, look_up: Callable[[tuple[Any, ...], dict[str, Any]], Any]
    ) -> None:
        """Have ``look_up`` answer where there is no shortcut."""
        self._name = name
        self._look_up = look_up
        self._known: dict[tuple[type, ...], Callable[..., Any]] = {}
        self._doc = doc
        self.call: Callable[..., Any] = self._choose

    def _choose(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            try:
                return self._known[tuple(map(type, args))](*args)
            except REFUSALS:
                pass  # other types, sizes or dtypes than last time
        return self._look_up(args, kwargs)

    def _refused(self, *args: Any, **kwargs: Any) -> Any:
        return self._look_up(args, kwargs)

    def add(self, args: tuple[Any, ...], made: Made, *, compiled: bool) -> None:
        """Answer calls with arguments of such types by ``made`` from now on."""
        types = tuple(map(type, args))
        self._known[types] = made.run
        if compiled:
            self.call = (
                front(
                    self._name,
                    self._doc,
                    types,
                    made.inner,
                    made.results,
                    self._choose,
                    self._refused,
                )
                or self._choose
            )

    def clear(self) -> None:
        """Look everything up again."""
        self._known.clear()
        self.call = self._choose
