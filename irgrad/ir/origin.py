"""Where a node comes from: the chain of calls in the user's code that made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

from irgrad.errors import Location

CallSite = tuple[CodeType, int]
"""A code object and the offset of an instruction in it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The call sites from the user's line (first) out to the traced function (last)."""

    sites: tuple[CallSite, ...]

    def location(self) -> Location | None:
        """Return the innermost line, or None where the chain is empty."""
        return next(self.locations(), None)

    def locations(self) -> Iterator[Location]:
        """Yield the lines from the innermost out to that of the traced function."""
        for code, offset in self.sites:
            yield Location(code.co_filename, _line(code, offset), code.co_qualname)


def _line(code: CodeType, offset: int) -> int:
    for start, stop, line in code.co_lines():
        if start <= offset < stop and line is not None:
            return line
    return code.co_firstlineno
