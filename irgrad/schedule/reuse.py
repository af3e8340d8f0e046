"""Arrays in the memory of others that nothing reads any more.

A copy of an array that is not read again, or only where the copy is never written, becomes that
array. An array that is made after another
of its kind was read for the last time takes over its memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.schedule.dependence import reads_apart, terms_of

_LOOPS = (loops.Loop, loops.Blocks)
LEAST = 512
"""Elements from which an array takes over memory; smaller ones are not worth a line."""


def without_copies(
    statements: Sequence[loops.Statement], returned: frozenset[str]
) -> list[loops.Statement]:
    """Return the statements without copies of arrays that are not read again, or only elsewhere.

    The copy keeps the name of its source, unless it is returned. Linear, but for arrays that are
    read again.
    """
    made = {part.name: part for part in statements if isinstance(part, loops.Allocate)}
    looks_at = arrays_behind(statements)
    seen = set(looks_at.values())
    lives = lives_of(statements, looks_at)
    names: dict[str, str] = {}
    members: dict[str, set[str]] = {}
    dropped: set[int] = set()
    for place, part in enumerate(statements):
        copied = _copied(part)
        if copied is None:
            continue
        target, source, sizes = copied
        root = _named(source, names, returned)
        new, old = made.get(target), made.get(root)
        if new is None or old is None or new is old or source in returned:
            continue
        if (new.shape, new.dtype) != (old.shape, old.dtype) or sizes not in (None, new.shape):
            continue
        shared = members.setdefault(root, {root})
        if lives[target][0] < place:
            continue
        read_again = max(lives[name][1] for name in shared) > place
        if read_again and (
            not seen.isdisjoint({*shared, target})
            or not reads_apart(statements[place + 1 :], shared, target)
        ):
            continue
        dropped |= {place, id(new)}
        names[target] = source
        shared.add(target)
    kept = [
        part
        for place, part in enumerate(statements)
        if place not in dropped and id(part) not in dropped
    ]
    final = _final(names, returned)
    return [renamed(part, final) for part in kept] if final else kept


def _named(name: str, names: Mapping[str, str], returned: frozenset[str]) -> str:
    while name in names:
        name = names[name]
    return name


def _final(names: Mapping[str, str], returned: frozenset[str]) -> dict[str, str]:
    """Return what each array is called in the end: by its source, or by the result it becomes."""
    roots: dict[str, str] = {}
    for name in names:
        roots[name] = _named(name, names, returned)
    results = {root: name for name, root in roots.items() if name in returned}
    final = {name: results.get(root, root) for name, root in roots.items()}
    final |= results
    return {name: chosen for name, chosen in final.items() if name != chosen}


def _copied(part: loops.Statement) -> tuple[str, str, tuple[Dim, ...] | None] | None:
    """Return target, source and sizes of a statement that copies elements and does no more.

    The sizes are None where it copies the whole array whatever they are.
    """
    if isinstance(part, loops.Copy):
        return part.target, part.source, None
    variables: list[Dim] = []
    sizes: list[Dim] = []
    while type(part) is loops.Loop and len(part.body) == 1:
        variables.append(dims.symbol(part.variable))
        sizes.append(part.extent)
        part = part.body[0]
    if not isinstance(part, loops.Store) or not variables or part.template:
        return None
    load = part.expression
    if not isinstance(load, loops.Load) or not part.indices == load.indices == tuple(variables):
        return None
    return part.array, load.array, tuple(sizes)


def in_freed_memory(
    statements: Sequence[loops.Statement], returned: frozenset[str]
) -> list[loops.Statement]:
    """Return the statements with large arrays in the memory of those read for the last time.

    Also of one that is read for the last time element by element, just before the new one is set,
    and of scratch within a loop. Views of such an array follow it. Arrays that grow keep theirs,
    and so do results.
    """
    statements = _last_reads_first(_in_loops(statements))
    looks_at = arrays_behind(statements)
    lives = lives_of(statements, looks_at)
    bound = {looks_at.get(name, name) for name in returned}
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Grow):
            bound.update(part.arrays)
    views: dict[str, list[loops.Slice | loops.Rearrange]] = {}
    flat = {part.name: part.array for part in statements if loops.is_flat(part)}
    for part in statements:
        if isinstance(part, loops.Slice | loops.Rearrange):
            views.setdefault(looks_at[part.name], []).append(part)
    free: dict[tuple[tuple[Dim, ...], Any], list[tuple[int, str, str]]] = {}
    begun: dict[int, list[loops.Statement]] = {}
    taken: set[str] = set()
    made = [part for part in statements if isinstance(part, loops.Allocate)]
    for part in sorted(made, key=lambda part: lives.get(part.name, (0, 0))[0]):
        if not is_large(part.shape) or part.name not in lives:
            continue
        first, last = lives[part.name]
        waiting = free.setdefault((part.shape, part.dtype), [])
        usable = part.fill is None and part.name not in bound
        owner = None
        for last_read, _, holder in waiting if usable else ():
            at_once = last_read == first and _replaces(
                renamed(statements[first], flat), holder, part.name, looks_at
            )
            if last_read < first or at_once:
                owner = next(known for known in waiting if known[2] == holder)
                break
        memory = part.name
        if owner is not None:
            waiting.remove(owner)
            memory = owner[1]
            taken.add(part.name)
            own = [loops.Rearrange(part.name, memory), *views.get(part.name, ())]
            begun.setdefault(first, []).extend(own)
        if part.name not in bound:
            waiting.append((last, memory, part.name))
    result: list[loops.Statement] = []
    for place, statement in enumerate(statements):
        result.extend(begun.get(place, ()))
        moved = isinstance(statement, loops.Slice | loops.Rearrange) and (
            looks_at[statement.name] in taken
        )
        if not moved and not (isinstance(statement, loops.Allocate) and statement.name in taken):
            result.append(statement)
    return result


def _last_reads_first(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with calls that free an array before ones that begin another like it.

    Of two calls side by side that don't wait for one another, as the products with a cotangent are.
    """
    result = list(statements)
    made = {part.name: part for part in statements if isinstance(part, loops.Allocate)}
    looks_at = arrays_behind(statements)
    lives = lives_of(statements, looks_at)

    def kinds(words: Iterable[str], end: int, place: int) -> set[tuple[Any, Any]]:
        """Return shape and dtype of the large arrays that live from, or up to, a place."""
        arrays = {looks_at.get(word, word) for word in words}
        return {
            (made[name].shape, made[name].dtype)
            for name in arrays
            if name in made and lives[name][end] == place and is_large(made[name].shape)
        }

    for place in range(len(result) - 1):
        one, other = result[place : place + 2]
        if not (isinstance(one, loops.Call) and isinstance(other, loops.Call)):
            continue
        begun = kinds(loops.words(one.arguments[-1]), 0, place)
        freed = kinds(loops.words(other.arguments[:-1]), 1, place + 1)
        if begun & freed and not _waits(one, other, looks_at):
            result[place : place + 2] = other, one
    return result


def _waits(one: loops.Call, other: loops.Call, looks_at: Mapping[str, str]) -> bool:
    """Tell whether one of two calls fills an array that the other one uses."""
    if one.function != other.function or one.function != loops.PRODUCT:
        return True  # which arguments a kernel fills isn't known here
    used = [
        {looks_at.get(word, word) for word in loops.words(call.arguments)} for call in (one, other)
    ]
    filled = [
        {looks_at.get(word, word) for word in loops.words(call.arguments[-1])}
        for call in (one, other)
    ]
    return not (filled[0].isdisjoint(used[1]) and filled[1].isdisjoint(used[0]))


def _in_loops(statements: Sequence[loops.Statement]) -> Sequence[loops.Statement]:
    """Return the statements with the scratch of loops in freed memory, loop by loop."""
    outside = [part for part in statements if type(part) not in _LOOPS]
    scratch = [p for p in outside if isinstance(p, loops.Allocate) and p.scratch and p.fill is None]
    lives = lives_of(statements, {}) if scratch else {}
    viewed = set(arrays_behind(outside).values())
    dropped: set[str] = set()
    result: list[loops.Statement] = []
    for place, part in enumerate(statements):
        if isinstance(part, loops.Share):  # a function of its own, its scratch inside
            part = replace(part, body=tuple(in_freed_memory(part.body, frozenset())))
        elif type(part) in _LOOPS and scratch:
            assert isinstance(part, loops.Loop)
            own = {
                array.name: array
                for array in scratch
                if lives.get(array.name) == (place, place) and array.name not in viewed
            }
            lean = in_freed_memory([*own.values(), *part.body], frozenset())
            left = {array.name for array in lean if isinstance(array, loops.Allocate)}
            dropped |= own.keys() - left
            body = [x for x in lean if not (isinstance(x, loops.Allocate) and x.name in own)]
            part = replace(part, body=tuple(body))
        result.append(part)
    return [x for x in result if not (isinstance(x, loops.Allocate) and x.name in dropped)]


def _replaces(
    part: loops.Statement, old: str, new: str, looks_at: Mapping[str, str]
) -> bool:
    """Tell whether each element of an array is set after the last read of that of another."""
    if isinstance(part, loops.Call):
        return _fills_in_place(part, old, new, looks_at)
    if any(looks_at.get(word) in (old, new) for word in loops.words(part)):
        return False
    around: set[str] = set()
    while type(part) is loops.Loop:
        around.add(part.variable)
        place = next((k for k, p in enumerate(part.body) if _stores(p, new)), None)
        inner = next((p for p in part.body if isinstance(p, loops.Loop)), None)
        if place is None:
            outside = [p for p in part.body if p is not inner]
            if inner is None or not {old, new}.isdisjoint(loops.words(outside)):
                return False
            part = inner
            continue
        store, before = part.body[place], part.body[: place + 1]
        assert isinstance(store, loops.Store)
        read = [
            term
            for statement in before
            if isinstance(statement, loops.Let | loops.Accumulate | loops.Store)
            for term in terms_of(statement.expression)
            if isinstance(term, loops.Load) and term.array == old
        ]
        words = Counter(loops.words(part.body))
        places = [str(index) for index in store.indices if index != 0]
        return (
            not store.template
            and words[new] == 1
            and words[old] == len(read)
            and all(load.indices == store.indices for load in read)
            and len(set(places)) == len(places)
            and set(places) == around
        )
    return False


def _fills_in_place(
    call: loops.Call, old: str, new: str, looks_at: Mapping[str, str]
) -> bool:
    """Tell whether a kernel may fill one array in the memory of another, which it reads once."""
    used = [looks_at.get(word, word) for word in loops.words(call.arguments)]
    shared = call.in_place and tuple(looks_at.get(name, name) for name in call.in_place)
    return shared == (old, new) and used.count(old) == used.count(new) == 1


def _stores(part: loops.Statement, array: str) -> bool:
    return isinstance(part, loops.Store) and part.array == array


def is_large(shape: Sequence[Dim]) -> bool:
    """Tell whether an array is worth a line, as all are whose size isn't known."""
    size = dims.product(shape)
    return bool(shape) and (not isinstance(size, int) or size >= LEAST)


def arrays_behind(statements: Sequence[loops.Statement]) -> dict[str, str]:
    """Return the array behind each view."""
    looks_at: dict[str, str] = {}
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Slice | loops.Rearrange):
            looks_at[part.name] = looks_at.get(part.array, part.array)
    return looks_at


def lives_of(
    statements: Sequence[loops.Statement], looks_at: Mapping[str, str]
) -> dict[str, tuple[int, int]]:
    """Return the first and the last statement that each array is used in, views counted."""
    lives: dict[str, tuple[int, int]] = {}
    for place, statement in enumerate(statements):
        if isinstance(statement, loops.Allocate | loops.Slice | loops.Rearrange):
            continue
        for name in set(loops.words(statement)):
            root = looks_at.get(name, name)
            lives[root] = (lives.get(root, (place, place))[0], place)
    return lives


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a statement with arrays called by other names; recursion as deep as the nests."""
    if isinstance(value, str):
        return names.get(value, value)
    return loops.with_members(value, lambda part: renamed(part, names))


__all__ = [
    "arrays_behind",
    "in_freed_memory",
    "is_large",
    "lives_of",
    "renamed",
    "without_copies",
]
