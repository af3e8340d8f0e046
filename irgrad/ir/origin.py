"""Where a node comes from: the chain of calls in the user's code that made it."""

from __future__ import annotations

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
        if not self.sites:
            return None
        code, offset = self.sites[0]
        return Location(code.co_filename, _line(code, offset), code.co_qualname)


def _line(code: CodeType, offset: int) -> int:
    for start, stop, line in code.co_lines():
        if start <= offset < stop and line is not None:
            return line
    return code.co_firstlineno
