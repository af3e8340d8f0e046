"""Sums over all pairs that visit each pair once.

Where the two places of a pair add alike, the sum runs over the pairs with i < j and adds what both
places get, and the diagonal by itself. The order of the sums changes, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from irgrad.ir import loops
from irgrad.schedule.copies import copy_nest
from irgrad.schedule.dependence import SUM
from irgrad.schedule.reuse import arrays_behind, renamed
from irgrad.schedule.symmetry import Pairs, pairs_of, swap

Fresh = Callable[[str], str]
Twins = dict[str, tuple[str, int, np.dtype]]
"""The arrays whose elements are those of another one, by a sign, and their dtype."""


@dataclass
class _Function:
    """The function that the pairs stand in: its statements, its arrays, and the twins found."""

    statements: Sequence[loops.Statement]
    made: Mapping[str, loops.Allocate]
    roots: Mapping[str, str]
    returned: frozenset[str]
    fresh: Fresh
    twins: Twins = field(default_factory=dict)


def each_pair_once(
    statements: Sequence[loops.Statement], returned: frozenset[str], fresh: Fresh
) -> list[loops.Statement]:
    """Return the statements with such nests rewritten; linear, for each nest of two loops.

    Of two sums that are the same, or opposite, one is taken, unless the other is ``returned``.
    """
    made = {
        part.name: part
        for part in loops.every_statement(statements)
        if isinstance(part, loops.Allocate)
    }
    function = _Function(statements, made, arrays_behind(statements), returned, fresh)
    rewritten = list(_rewritten(statements, function))
    twins = function.twins
    return [
        _by_twins(part, twins)
        for part in rewritten
        if not (isinstance(part, loops.Allocate | loops.Fill) and _target(part) in twins)
    ]


def _target(part: loops.Allocate | loops.Fill) -> str:
    return part.name if isinstance(part, loops.Allocate) else part.array


def _by_twins(part: Any, twins: Twins) -> Any:
    """Return a statement that reads the twins of arrays; recursion as deep as nests and terms."""
    if isinstance(part, loops.Load) and part.array in twins:
        twin, sign, dtype = twins[part.array]
        load = loops.Load(twin, part.indices)
        return load if sign > 0 else loops.Apply("-x", (load,), dtype)
    return loops.with_members(part, lambda inner: _by_twins(inner, twins))


def _rewritten(
    body: Sequence[loops.Statement], function: _Function
) -> Iterator[loops.Statement]:
    """Yield the statements of a body; recursion as deep as the nests."""
    for part in body:
        pairs = pairs_of(part, function.made, function.roots)
        if pairs is not None and not any(
            _changed(function.statements, array, pairs.stores()) for array in pairs.begun
        ):
            assert isinstance(part, loops.Loop)
            yield from _once(pairs, part, function)
        elif isinstance(part, loops.Loop) and not isinstance(part, loops.Share):
            yield replace(part, body=tuple(_rewritten(part.body, function)))
        else:
            yield part


def _once(pairs: Pairs, nest: loops.Loop, function: _Function) -> list[loops.Statement]:
    """Return the diagonal, the nest over the pairs with i < j, and what follows from their sums.

    Those that need not be written, since what they are can be read from others, go to the twins.
    """
    everything, made, fresh = function.statements, function.made, function.fresh
    place = next((k for k, part in enumerate(everything) if part is nest), None)
    mirrored = _mirrored(pairs, everything, made, once=place is not None)
    names = {name: fresh(name) for name in pairs.signs}
    halves = {total.name: fresh(f"{total.name}_half") for total in pairs.totals}
    dropped = {id(gain.store) for gain in pairs.gains if gain.store.array in mirrored}
    kept = _without(pairs.body, dropped)
    diagonal = renamed(loops.placed(kept, {str(pairs.j): pairs.i}), names)
    own: dict[int, str] = {
        id(gain.store): fresh(f"{gain.store.array}_own")
        for gain in pairs.gains
        if gain.own and gain.direct and id(gain.store) not in dropped
    }
    body = _halved(pairs, pairs.body, dropped, own, halves, made)
    further = {str(pairs.j): pairs.i + pairs.j + 1}
    above: tuple[loops.Statement, ...] = loops.placed(tuple(body), further)
    inner = next(part for part in nest.body if isinstance(part, loops.Loop))
    begun = [
        loops.Let(name, _zero(made[gain.store.array].dtype))
        for gain in pairs.gains
        if (name := own.get(id(gain.store)))
    ]
    ended = [
        replace(gain.store, expression=loops.Name(name))
        for gain in pairs.gains
        if (name := own.get(id(gain.store)))
    ]
    after = replace(inner, extent=pairs.extent - pairs.i - 1, body=above)
    rows: tuple[loops.Statement, ...] = (*begun, after, *ended)
    result: list[loops.Statement] = [
        loops.Fill(array, 0.0, made[array].dtype) for array in pairs.begun
    ]
    result.append(replace(nest, body=tuple(diagonal)))
    result += [loops.Let(halves[total.name], _zero(total.dtype)) for total in pairs.totals]
    result.append(replace(nest, body=rows))
    for total in pairs.totals:
        two = loops.Literal(total.dtype.type(2), total.dtype)
        twice = loops.Apply("x * y", (two, loops.Name(halves[total.name])), total.dtype)
        result.append(replace(total, expression=twice))
    for array, (source, sign) in mirrored.items():
        if place is None or array in function.returned or _read(everything[:place], array):
            result.append(_mirror(made[array], source, sign))
        else:
            function.twins[array] = source, sign, made[array].dtype
    return result


def _read(statements: Sequence[loops.Statement], array: str) -> bool:
    return any(
        array in loops.words(part) for part in statements if not isinstance(part, loops.Allocate)
    )


def _zero(dtype: np.dtype) -> loops.Literal:
    return loops.Literal(dtype.type(0), dtype)


def _without(
    body: Sequence[loops.Statement], dropped: set[int]
) -> tuple[loops.Statement, ...]:
    return tuple(
        replace(part, body=_without(part.body, dropped)) if isinstance(part, loops.Loop) else part
        for part in body
        if id(part) not in dropped
    )


def _halved(
    pairs: Pairs,
    body: Sequence[loops.Statement],
    dropped: set[int],
    own: Mapping[int, str],
    halves: Mapping[str, str],
    made: Mapping[str, loops.Allocate],
) -> list[loops.Statement]:
    """Return a body that adds what both places of a pair add; recursion as deep as the nest."""
    gains = {id(gain.store): gain for gain in pairs.gains}
    result: list[loops.Statement] = []
    for part in body:
        gain = gains.get(id(part))
        if isinstance(part, loops.Loop):
            inside = _halved(pairs, part.body, dropped, own, halves, made)
            result.append(replace(part, body=tuple(inside)))
        elif gain is None:
            if isinstance(part, loops.Accumulate) and part.name in halves:
                part = replace(part, name=halves[part.name])
            result.append(part)
        elif id(part) not in dropped:
            store = gain.store
            there = loops.placed(store.indices, swap(pairs))
            value = store.expression
            dtype = made[store.array].dtype
            if gain.sign < 0:
                value = loops.Apply("-x", (value,), dtype)
            name = own.get(id(store))
            result.append(
                loops.Accumulate(name, SUM, store.expression, dtype, store.nodes)
                if name is not None
                else store
            )
            result.append(replace(store, indices=there, expression=value))
    return result


def _mirrored(
    pairs: Pairs,
    everything: Sequence[loops.Statement],
    made: Mapping[str, loops.Allocate],
    *,
    once: bool,
) -> dict[str, tuple[str, int]]:
    """Return the arrays of zeros that get what another one gets, or the opposite, and which one.

    What i gets is what j gets with i and j exchanged, so one of the two sums tells the other. A sum
    that begins anew each time is what another one is only where the nest runs ``once``.
    """
    found: dict[str, set[tuple[str, int]]] = {}
    for gain in pairs.gains:
        if gain.own:
            continue
        place = loops.placed(gain.store.indices, swap(pairs))
        twins = {
            (other.store.array, gain.sign)
            for other in pairs.gains
            if other.own
            and other.store.indices == place
            and other.store.expression == gain.store.expression
        }
        known = found.get(gain.store.array)
        found[gain.store.array] = twins if known is None else known & twins
    here = pairs.stores()

    def sums_up(name: str) -> bool:
        zero = made[name].fill == 0 or (once and name in pairs.begun)
        return zero and not _changed(everything, name, here)

    result: dict[str, tuple[str, int]] = {}
    for array, twins in found.items():
        for source, sign in sorted(twins):
            alike = made[array].shape == made[source].shape
            if alike and array != source and sums_up(array) and sums_up(source):
                result[array] = source, sign
    return result


def _changed(everything: Sequence[loops.Statement], array: str, here: set[int]) -> bool:
    """Tell whether something else than stores ``here`` may write an array, or look at it."""
    for part in loops.every_statement(everything):
        if isinstance(part, loops.Allocate) or id(part) in here:
            continue
        if isinstance(part, loops.Let | loops.Accumulate):
            continue
        if isinstance(part, loops.Store):
            if part.array == array:
                return True
        elif not isinstance(part, loops.Loop) and array in set(loops.words(part)):
            return True
    return False


def _mirror(made: loops.Allocate, source: str, sign: int) -> loops.Statement:
    """Return what sets an array to another one, or to its opposite."""
    nest = copy_nest(loops.Copy(made.name, source), made.shape, 0)
    return nest if sign > 0 else _opposite(nest, made.dtype)


def _opposite(part: loops.Statement, dtype: np.dtype) -> loops.Statement:
    if isinstance(part, loops.Loop):
        return replace(part, body=tuple(_opposite(inner, dtype) for inner in part.body))
    assert isinstance(part, loops.Store)
    return replace(part, expression=loops.Apply("-x", (part.expression,), dtype))


__all__ = ["each_pair_once"]
