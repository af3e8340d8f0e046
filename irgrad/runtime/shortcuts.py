"""Ways past looking arguments up: compiled functions by the types of what they are called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from irgrad.runtime.front import REFUSALS, Layout, Results, front
from irgrad.runtime.watch import Entry


@dataclass(frozen=True, slots=True)
class Made:
    """A function of the user's arguments, or of flat ones, that gives the user's structure.

    ``inner`` gives results from which machine code can put ``results`` together; ``run`` does so in
    Python. Where there are ``layouts``, ``inner`` takes nothing but arrays that are so, and where
    there are ``entries`` of dicts, it is right only while they are as they were. ``first``
    is ``run`` for arguments that have been taken apart, without another look at them: numba's
    first look at an array imports a part of NumPy for it.
    """

    run: Callable[..., Any]
    inner: Callable[..., Any]
    results: Results = None
    layouts: tuple[Layout | None, ...] = ()
    first: Callable[..., Any] | None = None
    entries: tuple[Entry, ...] = ()


class Shortcuts:
    """What answers the calls of one method.

    ``call`` is the quickest way that there is: machine code for the types of the last calls, which
    turns to the table of all types for others. It is made at the second call with such types, and
    handed to ``changed``.
    """

    def __init__(
        self,
        name: str,
        doc: str | None,
        look_up: Callable[[tuple[Any, ...], dict[str, Any]], Any],
        changed: Callable[[Callable[..., Any]], None] = lambda call: None,
        named: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None = None,
    ) -> None:
        """Have ``look_up`` answer where there is no shortcut; ``named`` has those by keyword."""
        self._name = name
        self._doc = doc
        self._look_up = look_up
        self._changed = changed
        self._named = named
        self._known: dict[tuple[type, ...], Callable[..., Any]] = {}
        self._next: tuple[tuple[type, ...], Made] | None = None
        self.call: Callable[..., Any] = self._choose

    def _choose(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            types = tuple(map(type, args))
            if self._next is not None and self._next[0] == types:
                self._move_in_front(*self._next)
                if self.call != self._choose:
                    return self.call(*args)
            try:
                return self._known[types](*args)
            except REFUSALS:
                pass  # other types, sizes or dtypes than last time
        elif self._named is not None:
            result = self._named(args, kwargs)
            if result is not None:
                return result
        return self._look_up(args, kwargs)

    def _refused(self, *args: Any, **kwargs: Any) -> Any:
        return self._look_up(args, kwargs)

    def add(self, args: tuple[Any, ...], made: Made, *, compiled: bool) -> None:
        """Answer calls with arguments of such types by ``made`` from now on."""
        types = tuple(map(type, args))
        self._known[types] = made.run
        self._next = (types, made) if compiled else None
        self._set(self._choose)

    def _move_in_front(self, types: tuple[type, ...], made: Made) -> None:
        self._next = None
        others, refused = self._choose, self._refused
        code = front(
            self._name, self._doc, types, made.inner, made.results, others, refused,
            made.layouts, made.entries,
        )  # fmt: skip
        if code is not None:
            self._set(code)

    def _set(self, call: Callable[..., Any]) -> None:
        self.call = call
        self._changed(call)

    def clear(self) -> None:
        """Look everything up again."""
        self._known.clear()
        self._next = None
        self._set(self._choose)
