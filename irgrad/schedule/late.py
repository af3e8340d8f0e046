"""Arrays whose sizes are only known once a loop has run: made where they are first used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.ir import dims, loops


def made_when_sized(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with such arrays, and the views of them, behind what counts them.

    A size symbol of the function is an argument's; one that a ``while`` binds begins with "count".
    Linear.
    """
    late: dict[str, loops.Statement] = {}
    rest: list[loops.Statement] = []
    for part in statements:
        if isinstance(part, loops.Allocate | loops.Slice | loops.Rearrange) and (
            _is_counted(part) or getattr(part, "array", "") in late
        ):
            late[part.name] = part
        else:
            rest.append(part)
    if not late:
        return rest
    result: list[loops.Statement] = []
    for part in rest:
        result.extend(late.pop(name) for name in _with_bases(set(loops.words(part)), late))
        result.append(part)
    return result


def _with_bases(names: set[str], late: dict[str, loops.Statement]) -> list[str]:
    """Return those of ``names`` that are late, in order, behind the arrays they look at."""
    for name in reversed(list(late)):
        if name in names:
            names.add(getattr(late[name], "array", name))
    return [name for name in late if name in names]


def _is_counted(part: loops.Statement) -> bool:
    stack: list[Any] = [getattr(part, "shape", None), getattr(part, "slices", None)]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            stack.extend(item)
        elif isinstance(item, loops.AxisSlice):
            stack.extend((item.start, item.size))
        elif isinstance(item, dims.Size) and any(
            symbol.startswith("count") for symbol in dims.symbols(item)
        ):
            return True
    return False
