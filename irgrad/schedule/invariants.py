"""What is the same in every trip of a loop, done once before it: views, and fills with a constant.

An array that each trip fills and then writes at the same places is, from the second trip on, what
it would be without the fill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from irgrad.ir import dims, loops
from irgrad.schedule.reuse import arrays_behind


def before_loops(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with such views and fills moved out; linear for each nesting."""
    return _outwards(statements, arrays_behind(statements))


def _outwards(
    statements: Sequence[loops.Statement], roots: Mapping[str, str]
) -> list[loops.Statement]:
    """Return a body with the loops in it rewritten; recursion as deep as the nests."""
    result: list[loops.Statement] = []
    for part in statements:
        if not isinstance(part, loops.Loop):
            result.append(part)
            continue
        body = _outwards(part.body, roots)
        if type(part) is loops.Loop:
            moved = [inner for inner in body if _is_same(inner, part.variable, body, roots)]
            result.extend(moved)
            body = [inner for inner in body if inner not in moved]
        result.append(replace(part, body=tuple(body)))
    return result


def _is_same(
    part: loops.Statement,
    variable: str,
    body: Sequence[loops.Statement],
    roots: Mapping[str, str],
) -> bool:
    """Tell whether a statement of a loop's body does the same in every trip."""
    if isinstance(part, loops.Slice):
        sizes = [d for s in part.slices if s is not None for d in (s.start, s.size)]
        return not _made_in(part.array, body) and not _moves(sizes, variable)
    if isinstance(part, loops.Fill):
        return not _made_in(part.array, body) and _writes_the_same(part, variable, body, roots)
    return False


def _made_in(array: str, body: Sequence[loops.Statement]) -> bool:
    """Tell whether a loop gives an array, or a view, its memory anew."""
    return any(
        isinstance(part, loops.Allocate | loops.Slice | loops.Rearrange) and part.name == array
        for part in body
    )


def _moves(sizes: Sequence[dims.Dim], variable: str) -> bool:
    """Tell whether sizes depend on a loop, or on what is counted inside it."""
    return any(
        name == variable or name.startswith("count") for dim in sizes for name in dims.symbols(dim)
    )


def _writes_the_same(
    fill: loops.Fill,
    variable: str,
    body: Sequence[loops.Statement],
    roots: Mapping[str, str],
) -> bool:
    """Tell whether all else that a trip writes to a filled array are the same elements, unread."""
    array = fill.array
    if array in roots.values():
        return False
    read = filled = False
    for part, around in _with_loops(body, ()):
        if part is fill:
            filled = True
        elif isinstance(part, loops.Loop) or array not in loops.words(part):
            continue
        elif isinstance(part, loops.Store) and part.array == array:
            places = [*(loop.extent for loop in around), *part.indices]
            inside = array in loops.words((part.expression, part.indices))
            fixed = all(isinstance(place, int | dims.Size) for place in places)
            if part.template or read or inside or not filled or not fixed:
                return False
            if _moves(places, variable):
                return False
        elif isinstance(part, loops.Let | loops.Store | loops.Accumulate):
            read = True
        else:
            return False
    return True


def _with_loops(
    body: Sequence[loops.Statement], around: tuple[loops.Loop, ...]
) -> Iterator[tuple[loops.Statement, tuple[loops.Loop, ...]]]:
    """Yield all statements of a body, with the loops inside it that stand around each."""
    for part in body:
        yield part, around
        if isinstance(part, loops.Loop):
            yield from _with_loops(part.body, (*around, part))


__all__ = ["before_loops"]
