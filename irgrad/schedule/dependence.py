"""Which trips of a loop need each other, by the elements that each reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim

SUM = "x + y"

Element = Callable[[str, tuple[Any, ...]], tuple[str, tuple[Any, ...]]]
"""From an element, as array and indices, to the one that takes its place."""


@dataclass(frozen=True, slots=True)
class Access:
    """An element that is read, set or added to, and the inner loops it is touched in."""

    array: str
    indices: tuple[Any, ...]
    kind: str
    inner: tuple[loops.Loop, ...]


def is_free(
    loop: loops.Loop,
    roots: Mapping[str, str],
    *,
    private: Collection[str] = (),
    totals: Collection[str] = (),
) -> bool:
    """Tell whether the trips of a loop may run in any order.

    ``roots`` says of views whose memory they show, ``private`` names arrays that each trip fills
    anew, ``totals`` scalars that the trips do nothing with but fold into them. Quadratic in the
    accesses of the loop.
    """
    if not _keeps_scalars(loop, totals):
        return False
    accesses = [
        access
        for access in _accesses(loop.body, ())
        if roots.get(access.array, access.array) not in private
    ]
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


def added_up(loop: loops.Loop) -> list[str]:
    """Return the arrays that a free loop adds to at places which different trips share."""
    found: dict[str, list[Access]] = {}
    for access in _accesses(loop.body, ()):
        if access.kind == "add":
            found.setdefault(access.array, []).append(access)
    return [
        array
        for array, own in found.items()
        if not all(_apart(a, b, loop) for place, a in enumerate(own) for b in own[: place + 1])
    ]


def cut_by(blocks: loops.Blocks) -> dict[str, int] | None:
    """Return for the arrays that are only ever cut by blocks the axis on which they are.

    None where the parts of different blocks overlap.
    """
    variable = dims.symbol(blocks.variable)
    axes: dict[str, int] = {}
    whole: set[str] = set()
    for part in loops.every_statement(blocks.body):
        cuts: list[tuple[str, Sequence[Any]]] = []
        if isinstance(part, loops.Slice):
            cuts = [(part.array, part.slices)]
        elif isinstance(part, loops.Call):
            cuts = [(p.array, p.leading) for p in part.arguments if isinstance(p, loops.Part)]
        elif not isinstance(part, loops.Loop):
            whole.update(loops.words(part))
        for array, places in cuts:
            starts = [p.start if isinstance(p, loops.AxisSlice) else 0 for p in places]
            if variable in starts:
                axes[array] = starts.index(variable)
            elif any(blocks.variable in dims.symbols(start) for start in starts):
                return None
            else:
                whole.add(array)
    return {array: axis for array, axis in axes.items() if array not in whole}


def added_in(blocks: loops.Blocks) -> dict[str, str] | None:
    """Return the arrays outside that blocks fold into, and how; None where in two ways."""
    own = {p.name for p in loops.every_statement(blocks.body) if isinstance(p, loops.Slice)}
    found: dict[str, str] = {}
    for part in loops.every_statement(blocks.body):
        if not isinstance(part, loops.Store) or not part.template or part.array in own:
            continue
        if found.setdefault(part.array, part.template) != part.template:
            return None
    return found


def reads_apart(statements: Sequence[loops.Statement], old: Collection[str], new: str) -> bool:
    """Tell whether statements read of ``old`` arrays only what they have not written of ``new``.

    And write nothing to the old ones. Quadratic in the accesses of these arrays.
    """
    told = loops.Let | loops.Accumulate | loops.Store | loops.Fill | loops.Copy | loops.Call
    writes: list[Access] = []
    for statement in statements:
        for part in loops.every_statement([statement]):
            named = not isinstance(part, told | loops.Loop) and loops.words(part)
            if named and not {*old, new}.isdisjoint(named):
                return False
        accesses = list(_accesses([statement], ()))
        writes += [access for access in accesses if access.array == new and access.kind != "read"]
        for access in accesses:
            if access.array in old and (
                access.kind != "read" or not all(_never_meet(access, write) for write in writes)
            ):
                return False
    return True


def _never_meet(one: Access, other: Access) -> bool:
    """Tell whether two accesses touch no common element, in whatever iterations of their loops."""
    return any(
        x and y and (dims.is_positive(x[0] - y[1]) or dims.is_positive(y[0] - x[1]))
        for x, y in zip(_bounds(one), _bounds(other), strict=False)
    )


def _bounds(access: Access) -> tuple[tuple[Dim, Dim] | None, ...]:
    """Return the least and the greatest index of an access along each axis, None where unknown."""
    found: list[tuple[Dim, Dim] | None] = []
    for index in access.indices:
        known = isinstance(index, int | dims.Size)
        low = high = index
        for loop in reversed(access.inner) if known else ():
            known &= type(loop) is loops.Loop or loop.variable not in dims.symbols(low - high)
            low = dims.extreme(low, loop.variable, loop.extent, highest=False)
            high = dims.extreme(high, loop.variable, loop.extent, highest=True)
        found.append((low, high) if known else None)
    return tuple(found)


def axes_of(loop: loops.Loop) -> dict[str, int]:
    """Return for arrays the axis on which each access is at the loop's variable itself."""
    variable = dims.symbol(loop.variable)
    axes: dict[str, set[int]] = {}
    for access in _accesses(loop.body, ()):
        own = {axis for axis, index in enumerate(access.indices) if index == variable}
        axes[access.array] = axes.get(access.array, own) & own
    return {array: min(found) for array, found in axes.items() if found}


def _keeps_scalars(loop: loops.Loop, totals: Collection[str]) -> bool:
    """Tell whether a trip hands no scalar to another, and holds only what ``_accesses`` reads."""
    known: set[str] = set()
    for part in loops.every_statement(loop.body):
        if isinstance(part, loops.Let):
            if part.again and part.name not in known:
                return False
            known.add(part.name)
        elif isinstance(part, loops.Accumulate):
            if part.name not in known and part.name not in totals:
                return False
        elif type(part) is not loops.Loop and not isinstance(
            part, loops.Store | loops.Fill | loops.Copy | loops.Call
        ):
            return False
        if totals and any(name in totals for name in _scalars_read(part)):
            return False
    return True


def _scalars_read(part: loops.Statement) -> Iterator[str]:
    for term in terms_of(getattr(part, "expression", None), *getattr(part, "indices", ())):
        if isinstance(term, loops.Name):
            yield term.name


def terms_of(*expressions: Any) -> Iterator[Any]:
    """Yield expressions and all that they are made of."""
    stack = list(expressions)
    while stack:
        term = stack.pop()
        yield term
        if isinstance(term, loops.Load):
            stack += term.indices
        elif isinstance(term, loops.Apply):
            stack += term.operands


def _accesses(
    statements: Sequence[loops.Statement], inner: tuple[loops.Loop, ...]
) -> Iterator[Access]:
    """Yield what statements do to arrays; the indices of a part or a whole lack the last axes."""
    for part in statements:
        if isinstance(part, loops.Loop):
            yield from _accesses(part.body, (*inner, part))
        elif isinstance(part, loops.Fill):
            yield Access(part.array, (), "set", inner)
        elif isinstance(part, loops.Copy):
            yield Access(part.target, (), "set", inner)
            yield Access(part.source, (), "read", inner)
        elif isinstance(part, loops.Call):
            yield from _accesses_of_call(part, inner)
        elif isinstance(part, loops.Let | loops.Accumulate | loops.Store):
            indices = part.indices if isinstance(part, loops.Store) else ()
            for term in terms_of(part.expression, *indices):
                if isinstance(term, loops.Load):
                    yield Access(term.array, term.indices, "read", inner)
            if isinstance(part, loops.Store):
                kind = {"": "set", SUM: "add"}.get(part.template, "set")
                yield Access(part.array, part.indices, kind, inner)
                if part.template not in ("", SUM):
                    yield Access(part.array, part.indices, "read", inner)


def _accesses_of_call(call: loops.Call, inner: tuple[loops.Loop, ...]) -> Iterator[Access]:
    """A product sets its last argument and reads the others; a kernel may set any."""
    for place, argument in enumerate(call.arguments):
        part = loops.Part(argument) if isinstance(argument, str) else argument
        if isinstance(part, loops.Part):
            last = place == len(call.arguments) - 1
            if last or call.function != loops.PRODUCT:
                yield Access(part.array, part.leading, "set", inner)
            if not last or call.function != loops.PRODUCT:
                yield Access(part.array, part.leading, "read", inner)


def _apart(a: Access, b: Access, loop: loops.Loop) -> bool:
    """Tell whether two accesses in different trips of a loop never touch one element."""
    return any(
        _axis_apart(x, y, a, b, loop) for x, y in zip(a.indices, b.indices, strict=False)
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
        if inner.variable not in dims.symbols(index):
            continue
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
    return loops.placed(part, {variable: place})


def rewritten(part: Any, size: Callable[[dims.Size], Dim], element: Element) -> Any:
    """Return a statement, an expression or an index with its sizes and elements replaced.

    Recursion as deep as the nests and expressions.
    """
    if isinstance(part, dims.Size):
        return size(part)
    if isinstance(part, loops.Loop):
        body = tuple(rewritten(inner, size, element) for inner in part.body)
        return replace(part, extent=rewritten(part.extent, size, element), body=body)
    if isinstance(part, loops.Store):
        array, indices = element(part.array, part.indices)
        expression = rewritten(part.expression, size, element)
        return replace(part, array=array, indices=indices, expression=expression)
    if isinstance(part, loops.Let | loops.Accumulate):
        return replace(part, expression=rewritten(part.expression, size, element))
    if isinstance(part, loops.Load):
        return loops.Load(*element(part.array, part.indices))
    if isinstance(part, loops.Apply):
        operands = tuple(rewritten(operand, size, element) for operand in part.operands)
        return replace(part, operands=operands)
    if isinstance(part, loops.SizeValue):
        return replace(part, dim=rewritten(part.dim, size, element))
    if isinstance(part, loops.Call):
        arguments = tuple(rewritten(argument, size, element) for argument in part.arguments)
        return replace(part, arguments=arguments)
    if isinstance(part, loops.Part):
        array, leading = element(part.array, part.leading)
        return replace(part, array=array, leading=leading)
    if isinstance(part, loops.Slice):
        array, slices = element(part.array, part.slices)
        return replace(part, array=array, slices=slices)
    if isinstance(part, loops.AxisSlice):
        return replace(part, start=rewritten(part.start, size, element))
    return part
