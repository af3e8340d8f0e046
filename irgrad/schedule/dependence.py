"""Which trips of a loop need each other, by the elements that each reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim

SUM = "x + y"


@dataclass(frozen=True, slots=True)
class Access:
    """An element that is read, set or added to, and the inner loops it is touched in."""

    array: str
    indices: tuple[Any, ...]
    kind: str
    inner: tuple[loops.Loop, ...]


def is_free(loop: loops.Loop, roots: Mapping[str, str]) -> bool:
    """Tell whether the trips of a loop may run in any order.

    ``roots`` says of views whose memory they show. Quadratic in the accesses of the loop.
    """
    if not _keeps_scalars(loop):
        return False
    accesses = list(_accesses(loop.body, ()))
    for place, access in enumerate(accesses):
        if access.kind == "set" and not _apart(access, access, loop):
            return False
        for other in accesses[:place]:
            if access.kind == other.kind != "set":
                continue
            if access.array != other.array:
                if roots.get(access.array, access.array) == roots.get(other.array, other.array):
                    return False
            elif not _apart(access, other, loop):
                return False
    return True


def _keeps_scalars(loop: loops.Loop) -> bool:
    """Tell whether a trip hands no scalar to another, and holds only arithmetic and loops."""
    known: set[str] = set()
    for part in loops.every_statement(loop.body):
        if isinstance(part, loops.Let):
            if part.again and part.name not in known:
                return False
            known.add(part.name)
        elif isinstance(part, loops.Accumulate):
            if part.name not in known:
                return False
        elif not isinstance(part, loops.Store) and type(part) is not loops.Loop:
            return False
    return True


def _accesses(
    statements: Sequence[loops.Statement], inner: tuple[loops.Loop, ...]
) -> Iterator[Access]:
    for part in statements:
        if isinstance(part, loops.Loop):
            yield from _accesses(part.body, (*inner, part))
            continue
        stack: list[Any] = [part.expression]  # type: ignore[union-attr]
        if isinstance(part, loops.Store):
            kind = {"": "set", SUM: "add"}.get(part.template, "set")
            yield Access(part.array, part.indices, kind, inner)
            if part.template not in ("", SUM):
                yield Access(part.array, part.indices, "read", inner)
            stack += part.indices
        while stack:
            term = stack.pop()
            if isinstance(term, loops.Load):
                yield Access(term.array, term.indices, "read", inner)
                stack += term.indices
            elif isinstance(term, loops.Apply):
                stack += term.operands


def _apart(a: Access, b: Access, loop: loops.Loop) -> bool:
    """Tell whether two accesses in different trips of a loop never touch one element."""
    return any(
        _axis_apart(x, y, a, b, loop) for x, y in zip(a.indices, b.indices, strict=True)
    )


def _axis_apart(x: Any, y: Any, a: Access, b: Access, loop: loops.Loop) -> bool:
    if not isinstance(x, int | dims.Size) or not isinstance(y, int | dims.Size):
        return False
    if not isinstance(loop.extent, int):
        return x == y and _moves_alone(x, loop.variable)
    first, second = _spread(x, a, loop), _spread(y, b, loop)
    if first is None or second is None:
        return False
    (start, step, low, high), (other, other_step, other_low, other_high) = first, second
    distance = start - other
    if not isinstance(distance, int):
        return False
    # start + step * t + [low, high] against other + other_step * u + [other_low, other_high]
    least, most = distance + low - other_high, distance + high - other_low
    trips = loop.extent - 1
    if step == other_step:  # t - u runs over -trips .. trips without 0
        reach = abs(step)
        return all(
            not least + sign * reach * k <= 0 <= most + sign * reach * k
            for sign in (-1, 1)
            for k in (range(1, trips + 1) if trips < 64 else (1, trips))
        ) and (trips < 64 or reach > max(abs(least), abs(most)))
    ends = [step * t - other_step * u for t in (0, trips) for u in (0, trips)]
    return least + min(ends) > 0 or most + max(ends) < 0


def _moves_alone(index: Dim, variable: str) -> bool:
    """Tell whether an index is another one in every trip, and the same within a trip."""
    return variable in dims.symbols(index) and not any(
        name.startswith("@") and name > variable for name in dims.symbols(index)
    )


def _spread(
    index: Dim, access: Access, loop: loops.Loop
) -> tuple[Dim, int, int, int] | None:
    """Split an index into its start, its step a trip, and how far inner loops take it."""
    low = high = 0
    for inner in access.inner:
        split = affine(index, inner.variable)
        if split is None or not isinstance(inner.extent, int):
            return None
        index, step = split
        reach = step * max(inner.extent - 1, 0)
        low, high = low + min(reach, 0), high + max(reach, 0)
    split = affine(index, loop.variable)
    return None if split is None else (*split, low, high)


def affine(index: Dim, variable: str) -> tuple[Dim, int] | None:
    """Return the start and the step of an index in one variable, None where it isn't affine."""
    start: Dim = dims.substitute(index, {variable: 0})
    step: Dim = dims.substitute(index, {variable: 1}) - start
    if not isinstance(step, int) or start + step * dims.symbol(variable) != index:
        return None
    return start, step


def accesses_of(loop: loops.Loop) -> list[Access]:
    simple = loops.Let | loops.Accumulate | loops.Store
    parts = list(loops.every_statement(loop.body))
    if not all(isinstance(part, simple) or type(part) is loops.Loop for part in parts):
        return []
    return list(_accesses(loop.body, ()))


def moved(part: Any, variable: str, place: Dim) -> Any:
    """Return a statement, an expression or an index with a loop variable replaced."""
    if isinstance(part, dims.Size):
        return dims.substitute(part, {variable: place})
    if isinstance(part, loops.Loop):
        body = tuple(moved(inner, variable, place) for inner in part.body)
        return replace(part, extent=moved(part.extent, variable, place), body=body)
    if isinstance(part, loops.Store):
        indices = tuple(moved(index, variable, place) for index in part.indices)
        return replace(part, indices=indices, expression=moved(part.expression, variable, place))
    if isinstance(part, loops.Let | loops.Accumulate):
        return replace(part, expression=moved(part.expression, variable, place))
    if isinstance(part, loops.Load):
        return replace(part, indices=tuple(moved(i, variable, place) for i in part.indices))
    if isinstance(part, loops.Apply):
        return replace(part, operands=tuple(moved(o, variable, place) for o in part.operands))
    if isinstance(part, loops.SizeValue):
        return replace(part, dim=moved(part.dim, variable, place))
    return part
