"""New values of a loop's carries, computed where the old ones stand.

At the end of its body a loop copies what it has computed to where the next trip reads it. Where
the old value is read for the last time before the new one is written, or element by element while
it is, the new one can be written there at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from irgrad.ir import dims, loops
from irgrad.schedule.dependence import SUM
from irgrad.schedule.nest import parts_of
from irgrad.schedule.reuse import arrays_behind, renamed


def in_place(
    statements: Sequence[loops.Statement], returned: frozenset[str]
) -> list[loops.Statement]:
    """Return the statements without the copies of new values that can be computed in place.

    ``returned`` arrays stay. Linear in the statements, for each loop and each of its copies.
    """
    made = {
        part.name: part
        for part in loops.every_statement(statements)
        if isinstance(part, loops.Allocate)
    }
    roots = arrays_behind(statements)
    uses = Counter(loops.words(tuple(statements)))
    rewriter = _Rewriter(made, roots, uses, returned | frozenset(roots.values()), set())
    result = rewriter.rewritten(statements)
    return [part for part in result if not rewriter.drops(part)]


class _Rewriter:
    def __init__(
        self,
        made: Mapping[str, loops.Allocate],
        roots: Mapping[str, str],
        uses: Mapping[str, int],
        bound: frozenset[str],
        dropped: set[str],
    ) -> None:
        self.made = made
        self.roots = roots
        self.uses = uses
        self.bound = bound
        self.dropped = dropped

    def drops(self, part: loops.Statement) -> bool:
        """Tell whether a statement allocates an array that is not used any more."""
        return isinstance(part, loops.Allocate) and part.name in self.dropped

    def rewritten(self, statements: Sequence[loops.Statement]) -> list[loops.Statement]:
        """Return statements with the bodies of loops rewritten; recursion as deep as the nests."""
        result: list[loops.Statement] = []
        for part in statements:
            if isinstance(part, loops.Loop):
                body = self.rewritten(part.body)
                if type(part) is loops.Loop:
                    body = self._without_copies(body)
                part = replace(part, body=tuple(body))
            result.append(part)
        return result

    def _without_copies(self, body: list[loops.Statement]) -> list[loops.Statement]:
        place = 0
        while place < len(body):
            part = body[place]
            if isinstance(part, loops.Copy) and self._can_stand_in(body, place, part):
                self.dropped.add(part.source)
                body = [
                    _as_sum(renamed(other, {part.source: part.target}), part.target)
                    for other in (*body[:place], *body[place + 1 :])
                    if not (isinstance(other, loops.Allocate) and other.name == part.source)
                ]
            else:
                place += 1
        return body

    def _can_stand_in(
        self, body: Sequence[loops.Statement], place: int, copy: loops.Copy
    ) -> bool:
        """Tell whether the source of a copy can be computed where the target stands."""
        new, old = self.made.get(copy.source), self.made.get(copy.target)
        if new is None or old is None or copy.source in self.bound:
            return False
        if (new.shape, new.dtype) != (old.shape, old.dtype):
            return False
        inside = Counter(loops.words(tuple(body)))[copy.source]
        outside = 1 if not any(part is new for part in body) else 0  # its allocation
        if self.uses[copy.source] != inside + outside:
            return False
        first = next(p for p, part in enumerate(body) if self._uses(part, copy.source))
        later = [part for part in body[place + 1 :] if self._uses(part, copy.source)]
        if first >= place or not all(_copies_from(part, copy.source) for part in later):
            return False
        if any(self._uses(part, copy.target) for part in body[first + 1 : place]):
            return False
        return self._fills(body[first], new, copy.target)

    def _uses(self, part: loops.Statement, array: str) -> bool:
        if isinstance(part, loops.Slice | loops.Rearrange | loops.Allocate):
            return False
        return any(self.roots.get(word, word) == array for word in loops.words(part))

    def _fills(self, part: loops.Statement, new: loops.Allocate, old: str) -> bool:
        """Tell whether a statement writes all of an array, and reads ``old`` only just before."""
        if isinstance(part, loops.Call):
            last = part.arguments[-1]
            whole = last == new.name or last == loops.Part(new.name)
            return whole and not self._uses(part, old)
        if isinstance(part, loops.Fill):
            return True
        stores = [
            (store, around)
            for store, around in _stores(part, ())
            if store.array == new.name
        ]
        if len(stores) != 1 or not isinstance(part, loops.Loop):
            return False
        ((store, around),) = stores
        extents = {dims.symbol(loop.variable): loop.extent for loop in around}
        if store.template or sorted(map(str, extents)) != sorted(
            str(index) for index in store.indices if not isinstance(index, int)
        ):
            return False
        covered = tuple(
            1 if index == 0 else extents.get(index) for index in store.indices
        )
        return covered == new.shape and self._read_before(part, store, old)

    def _read_before(self, nest: loops.Loop, store: loops.Store, old: str) -> bool:
        """Tell whether a nest reads of ``old`` only the element that it is about to store."""
        stored = False
        for part in loops.every_statement(nest.body):
            if isinstance(part, loops.Loop) or not self._uses(part, old):
                stored |= part is store
                continue
            if stored or not isinstance(part, loops.Let | loops.Store | loops.Accumulate):
                return False
            if isinstance(part, loops.Store) and self.roots.get(part.array, part.array) == old:
                return False
            for load in _loads(part):
                if self.roots.get(load.array, load.array) == old and load != loops.Load(
                    old, store.indices
                ):
                    return False
            stored |= part is store
        return True


def _as_sum(part: loops.Statement, array: str) -> loops.Statement:
    """Return ``array[i] = array[i] + x`` as ``array[i] += x``, wherever it stands in a nest."""
    if isinstance(part, loops.Loop):
        return replace(part, body=tuple(_as_sum(inner, array) for inner in part.body))
    if not isinstance(part, loops.Store) or part.array != array or part.template:
        return part
    value = part.expression
    if isinstance(value, loops.Apply) and value.template == SUM:
        old = loops.Load(part.array, part.indices)
        for one, other in (value.operands, value.operands[::-1]):
            if one == old and old not in parts_of(other):
                return replace(part, expression=other, template=SUM)
    return part


def _copies_from(part: loops.Statement, array: str) -> bool:
    return isinstance(part, loops.Copy) and part.source == array


def _stores(
    part: loops.Statement, around: tuple[loops.Loop, ...]
) -> Iterator[tuple[loops.Store, tuple[loops.Loop, ...]]]:
    """Yield the stores in a statement, with the loops around each."""
    if isinstance(part, loops.Store):
        yield part, around
    elif isinstance(part, loops.Loop):
        for inner in part.body:
            yield from _stores(inner, (*around, part))


def _loads(part: loops.Let | loops.Store | loops.Accumulate) -> Iterator[loops.Load]:
    stack = [part.expression, *(part.indices if isinstance(part, loops.Store) else ())]
    while stack:
        term = stack.pop()
        if isinstance(term, loops.Load):
            yield term
            stack.extend(term.indices)
        elif isinstance(term, loops.Apply):
            stack.extend(term.operands)


__all__ = ["in_place"]
