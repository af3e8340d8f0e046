"""Rows that a loop keeps for the pullback, computed where they are kept.

The loops inside a loop fill an array of their own, the tape, which the end of the body copies into
a row of the outer tape. Where nothing looks at that row in between, it is filled at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from irgrad.ir import dims, loops
from irgrad.schedule.reuse import arrays_behind, renamed


def kept_at_once(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with the copies of such rows left out.

    Linear in the statements, for each loop and each of its copies.
    """
    made = {
        part.name: part.dtype
        for part in loops.every_statement(statements)
        if isinstance(part, loops.Allocate)
    }
    uses = Counter(loops.words(tuple(statements)))
    return _rewritten(statements, _Known(made, arrays_behind(statements), uses))


class _Known:
    """The dtypes of arrays, the arrays that views look at, and how often names are used."""

    def __init__(
        self, made: Mapping[str, object], roots: Mapping[str, str], uses: Mapping[str, int]
    ) -> None:
        self.made = made
        self.roots = roots
        self.uses = uses

    def root(self, array: str) -> str:
        return self.roots.get(array, array)


def _rewritten(statements: Sequence[loops.Statement], known: _Known) -> list[loops.Statement]:
    """Recursion as deep as the nests."""
    result: list[loops.Statement] = []
    for part in statements:
        if type(part) is loops.Loop:
            body = _without_copies(_rewritten(part.body, known), known)
            part = replace(part, body=tuple(body))
        result.append(part)
    return result


def _without_copies(body: list[loops.Statement], known: _Known) -> list[loops.Statement]:
    place = 0
    while place < len(body):
        moved = _moved(body, place, known)
        if moved is None:
            place += 1
        else:
            body, place = moved, place - 1  # the allocation before it is gone too
    return body


def _moved(
    body: Sequence[loops.Statement], place: int, known: _Known
) -> list[loops.Statement] | None:
    """Return the body with the row behind the copy at a place filled at once, if it can be."""
    copied = _copied(body[place])
    if copied is None:
        return None
    row, tape, size = copied
    new = next((p for p in body if isinstance(p, loops.Allocate) and p.name == tape), None)
    view = next((p for p in body if isinstance(p, loops.Slice) and p.name == row), None)
    if new is None or view is None:
        return None
    born, seen = body.index(new), body.index(view)
    if not born < seen < place:
        return None
    whole = known.root(view.array)
    if (
        new.shape != (size,)
        or new.fill is not None
        or known.made.get(whole) != new.dtype
        or known.uses[tape] != Counter(loops.words(tuple(body)))[tape]
    ):
        return None
    before = [*body[born + 1 : seen], *body[seen + 1 : place]]
    after = body[place + 1 :]
    if any(_touches(part, whole, known) or not _by_elements(part, tape) for part in before):
        return None
    if any(tape in loops.words(part) for part in after):
        return None
    return [*body[:born], view, *(renamed(part, {tape: row}) for part in before), *after]


def _copied(part: loops.Statement) -> tuple[str, str, dims.Dim] | None:
    """Return target, source and size where a statement copies a vector."""
    if type(part) is not loops.Loop or len(part.body) != 1:
        return None
    (store,) = part.body
    index = (dims.symbol(part.variable),)
    if not isinstance(store, loops.Store) or store.template or store.indices != index:
        return None
    source = store.expression
    if not isinstance(source, loops.Load) or source.indices != index:
        return None
    return store.array, source.array, part.extent


def _touches(part: loops.Statement, whole: str, known: _Known) -> bool:
    """Tell whether a statement reads or writes an array, or looks at it."""
    return any(known.root(word) == whole for word in loops.words(part))


def _by_elements(part: loops.Statement, tape: str) -> bool:
    """Tell whether a statement uses an array one element at a time, if at all."""
    return all(
        type(inner) is loops.Loop
        or isinstance(inner, loops.Let | loops.Store | loops.Accumulate)
        or tape not in loops.words(inner)
        for inner in loops.every_statement([part])
    )
