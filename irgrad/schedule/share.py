"""Outer loops whose trips several threads share (`parallel=True`).

A loop of the function whose trips may run in any order becomes a function of its own, which does
the trips from a first to a last one on parts of the arrays. Each part has its own scratch, and its
own copy of what the trips add up; the copies are added in the end. How many parts there are depends
on the sizes alone, so the results don't depend on how many threads there are; it is an even number,
since two threads would wait for one another otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.work import VECTOR_MATH
from irgrad.schedule.build import all_indices
from irgrad.schedule.dependence import (
    SUM,
    added_in,
    added_up,
    axes_of,
    cut_by,
    is_free,
    rewritten,
)
from irgrad.schedule.names import Names

LEAST_WORK = 200_000
"""Operations that a part has at least, some 25 µs; to set threads to work costs 5 to 10."""
LEAST_STATEMENT = 8
"""Operations below which a statement that adds nothing up waits for memory, not a processor."""
MOST_PARTS = 16
"""Parts into which a loop is cut at most."""
LEAST_BLOCKS = 2
"""Blocks of rows that a part has at least: what is left of a whole one takes nearly as long.

A mixture of 25 on 1,000 rows was faster by a fifth in 2 parts than in 6, of a block and a third
each *(measured)*."""
TOTAL_COST = 600
"""Operations that a part has at least for each element of a total.

To clear, fill and add one takes as long as 25: so the totals take a twenty-fourth of a thread's
time. All pairs of 500 points were faster by 3 % in 4 parts than in 8, a factorisation of 500 rows
by a third in 4 than in 16 *(measured)*."""

_CALL = 1_000


@dataclass(frozen=True)
class _Surroundings:
    """What stands around a loop: arrays, allocations, views and their arrays, names to give."""

    statements: Sequence[loops.Statement]
    shapes: Mapping[str, Shape]
    ranks: Mapping[str, int]
    allocated: Mapping[str, loops.Allocate]
    roots: Mapping[str, str]
    known: Sequence[str]
    names: Names
    task: str
    start: str
    end: str
    part: str
    parts: str


def share(
    statements: Sequence[loops.Statement],
    arguments: Mapping[str, Shape],
    sizes: Sequence[str],
    names: Names,
    function: str,
) -> list[loops.Statement]:
    """Return the statements with the outer loops that threads can share turned into ``Share``.

    ``arguments`` are the shapes of the parameters of the ``function``. Beside products of matrices
    none is: BLAS has threads of its own, and those of either keep the processors busy for a while
    after their work, waiting for more, when it is the other's turn.
    """
    allocated = {part.name: part for part in statements if isinstance(part, loops.Allocate)}
    views = [part for part in statements if isinstance(part, loops.Slice | loops.Rearrange)]
    roots: dict[str, str] = {}
    for view in views:
        roots[view.name] = roots.get(view.array, view.array)
    shapes = {**arguments, **{name: part.shape for name, part in allocated.items()}}
    ranks = {name: len(shape) for name, shape in shapes.items()}
    for view in views:
        ranks[view.name] = _rank(view, ranks)
    bound = (loops.Let, loops.Allocate, loops.Slice, loops.Rearrange)
    around = _Surroundings(
        statements,
        shapes,
        ranks,
        allocated,
        roots,
        [*arguments, *sizes, *(part.name for part in statements if isinstance(part, bound))],
        names,
        f"part_of_{function}",
        *(names.fresh(wish) for wish in ("start", "end", "part", "parts")),
    )
    if any(isinstance(part, loops.Call) and _is_product(part, ranks) for part in statements):
        return list(statements)
    shared: list[loops.Statement] = []
    taken: set[str] = set()
    for place, part in enumerate(statements):
        new = None
        if isinstance(part, loops.Blocks) or type(part) is loops.Loop:
            new = _shared(part, place, around)
        if new is not None:
            taken.update(
                inner.name
                for inner in new.body
                if isinstance(inner, loops.Allocate | loops.Slice | loops.Rearrange)
            )
        shared.append(new or part)
    return [
        part
        for part in shared
        if not (
            isinstance(part, loops.Allocate | loops.Slice | loops.Rearrange)
            and part.name in taken
        )
    ]


def _shared(loop: loops.Loop, place: int, around: _Surroundings) -> loops.Share | None:
    """Return a loop as threads share it, None where they can't or where it would not pay."""
    used = set(loops.words(loop))
    private = {
        name
        for name, part in around.allocated.items()
        if part.scratch and (name in used or any(around.roots.get(view) == name for view in used))
    }
    scalars = _scalar_totals(loop, place, around)
    if scalars is None or _waits_for_memory(loop):
        return None
    totals = [total.name for total in scalars]
    if isinstance(loop, loops.Blocks):
        free = cut_by(loop) is not None
    else:
        free = is_free(loop, around.roots, private=private, totals=totals)
    if not free:
        return None
    arrays = _array_totals(loop, private, around)
    if arrays is None:
        return None
    work = _work(loop, around.shapes)
    least: Dim = LEAST_WORK
    for total in arrays:
        least = least + TOTAL_COST * dims.product(total.shape)
    if isinstance(work, int) and isinstance(least, int) and work < 2 * least:
        return None
    return _task(loop, private, [*scalars, *arrays], work, least, around)


def _scalar_totals(
    loop: loops.Loop, place: int, around: _Surroundings
) -> list[loops.Total] | None:
    """Return the scalars that the trips fold together; None where one begins as who knows what."""
    made = {part.name for part in loops.every_statement(loop.body) if isinstance(part, loops.Let)}
    begun = {
        part.name: part.expression
        for part in around.statements[:place]
        if isinstance(part, loops.Let)
    }
    totals: dict[str, loops.Total] = {}
    for part in loops.every_statement(loop.body):
        if not isinstance(part, loops.Accumulate) or part.name in made:
            continue
        start = begun.get(part.name)
        initial = start.value if isinstance(start, loops.Literal) else None
        if part.template == SUM:
            initial = part.dtype.type(0)
        known = totals.get(part.name)
        if initial is None or (known is not None and known.template != part.template):
            return None
        if known is None:
            own = _names(part.name, around.names)
            totals[part.name] = loops.Total(part.name, *own, part.template, initial, part.dtype)
    return list(totals.values())


def _array_totals(
    loop: loops.Loop, private: set[str], around: _Surroundings
) -> list[loops.Total] | None:
    """Return the arrays that the trips add to; None where one is seen through a view."""
    totals = []
    if isinstance(loop, loops.Blocks):
        folded = added_in(loop)
    else:
        folded = dict.fromkeys(added_up(loop), SUM)
    if folded is None:
        return None
    for array, template in folded.items():
        if around.roots.get(array, array) in private:
            continue
        if template != SUM:
            return None
        memory = around.allocated.get(array)
        if memory is None:
            return None
        own = _names(array, around.names)
        zero = memory.dtype.type(0)
        totals.append(loops.Total(array, *own, SUM, zero, memory.dtype, memory.shape))
    return totals


def _names(total: str, names: Names) -> tuple[str, str]:
    return names.fresh(f"{total}_part"), names.fresh(f"{total}_parts")


def _task(
    loop: loops.Loop,
    private: set[str],
    totals: Sequence[loops.Total],
    work: Dim,
    least: Dim,
    around: _Surroundings,
) -> loops.Share:
    variable = dims.symbol(loop.variable)
    start = dims.symbol(around.start)
    trips = dims.symbol(around.end) - start
    cut = (cut_by(loop) if isinstance(loop, loops.Blocks) else axes_of(loop)) or {}
    apart = {
        array: axis
        for array, axis in cut.items()
        if around.roots.get(array, array) not in private
    }
    parts = {array: around.names.view(array) for array in apart}

    def size(dim: dims.Size) -> Dim:
        return dims.substitute(dim, {loop.variable: start + variable})

    def element(array: str, indices: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        axis = apart.get(array)
        return parts.get(array, array), tuple(
            index if place == axis else rewritten(index, size, element)
            for place, index in enumerate(indices)
        )

    inner = tuple(rewritten(part, size, element) for part in loop.body)
    body: list[loops.Statement] = [
        part
        for part in around.statements
        if (isinstance(part, loops.Allocate) and part.name in private)
        or (
            isinstance(part, loops.Slice | loops.Rearrange)
            and around.roots[part.name] in private
        )
    ]
    body += [
        loops.Slice(parts[array], array, _part(axis, start, trips, around.ranks[array]))
        for array, axis in apart.items()
    ]
    body += [
        loops.Let(total.name, loops.Literal(total.initial, total.dtype))
        for total in totals
        if not total.shape
    ]
    body.append(replace(loop, extent=trips, body=inner))
    defined = {around.start, around.end} | {
        part.name
        for part in loops.every_statement(body)
        if isinstance(part, loops.Let | loops.Allocate | loops.Slice | loops.Rearrange)
    }
    used = set(loops.words(body))
    part = f"@{around.part}"
    parameters = tuple(
        dict.fromkeys(name for name in around.known if name in used and name not in defined)
    )
    return loops.Share(
        part,
        loop.extent,
        tuple(body),
        task=around.names.fresh(around.task),
        first=around.start,
        last=around.end,
        parts=around.parts,
        parameters=parameters,
        checks=tuple(_checks(parameters, around.shapes)),
        totals=tuple(totals),
        copies=tuple(_copies(total, around.parts) for total in totals),
        sums=tuple(_summed(total, part) for total in totals),
        work=work,
        least=least,
        most=min(loop.extent, MOST_PARTS) if isinstance(loop.extent, int) else MOST_PARTS,
        length=LEAST_BLOCKS * loop.length if isinstance(loop, loops.Blocks) else 1,
        slope=_slope(loop),
    )


def _slope(loop: loops.Loop) -> int:
    """Tell whether later trips of a loop have more to do (1), less (-1), or as much (0)."""
    for part in loops.every_statement(loop.body):
        if isinstance(part, loops.Loop) and isinstance(part.extent, dims.Size):
            first, second = (dims.substitute(part.extent, {loop.variable: k}) for k in (0, 1))
            change = second - first
            if isinstance(change, int) and change:
                return 1 if change > 0 else -1
    return 0


def _checks(parameters: Sequence[str], shapes: Mapping[str, Shape]) -> Iterator[loops.Check]:
    """Yield what the task is to say of sizes that are numbers: LLVM needs to know strides."""
    for name in parameters:
        for axis, size in enumerate(shapes.get(name, ())):
            if axis and isinstance(size, int):
                yield loops.Check(f"{name}.shape[{axis}]", "!=", str(size))


def _is_product(call: loops.Call, ranks: Mapping[str, int]) -> bool:
    """Tell whether a call multiplies two matrices."""
    if call.function != loops.PRODUCT:
        return False
    result = call.arguments[-1]
    part = result if isinstance(result, loops.Part) else loops.Part(result)
    single = sum(not isinstance(place, loops.AxisSlice) for place in part.leading)
    return ranks.get(part.array, 0) - single == 2


def _copies(total: loops.Total, parts: str) -> loops.Statement:
    """Return the allocation of a total for each part."""
    fill = total.initial if total.shape else None
    return loops.Allocate(total.parts, (dims.symbol(parts), *total.shape), total.dtype, fill)


def _summed(total: loops.Total, part: str) -> loops.Statement:
    """Return the statement that folds what a part has found into the total."""
    axes = all_indices(total.shape)
    found = loops.Load(total.parts, (dims.symbol(part), *axes))
    if not total.shape:
        return loops.Accumulate(total.name, total.template, found, total.dtype)
    statement: loops.Statement = loops.Store(total.name, axes, found, (), total.template)
    for index, size in reversed(list(zip(axes, total.shape, strict=True))):
        if isinstance(index, dims.Size):
            statement = loops.Loop(str(index), size, (statement,))
    return statement


def _rank(view: loops.Slice | loops.Rearrange, ranks: Mapping[str, int]) -> int:
    if isinstance(view, loops.Slice):
        return sum(part is None or part.step != 0 for part in view.slices)
    shape = view.axes if view.axes is not None else view.shape
    return ranks[view.array] if shape is None else len(shape)


def _part(axis: int, start: Dim, trips: Dim, rank: int) -> tuple[loops.AxisSlice | None, ...]:
    return tuple(
        loops.AxisSlice(start, trips, 1, bounded=True) if place == axis else None
        for place in range(rank)
    )


def _waits_for_memory(loop: loops.Loop) -> bool:
    """Tell whether a loop does little with each element that it reads and writes."""
    return not any(
        isinstance(part, loops.Accumulate | loops.Call)
        or (isinstance(part, loops.Store) and part.template)
        or _weight(part) >= LEAST_STATEMENT
        for part in loops.every_statement(loop.body)
        if not isinstance(part, loops.Loop)
    )


def _work(part: loops.Statement, shapes: Mapping[str, Shape]) -> Dim:
    """Return about how many operations a statement takes, loops in full."""
    if isinstance(part, loops.Loop):
        inner: Dim = 0
        for statement in part.body:
            inner = inner + _work(statement, shapes)
        if isinstance(inner, dims.Size) and part.variable in dims.symbols(inner):
            middle = dims.floor_divide(part.extent, 2)
            inner = dims.substitute(inner, {part.variable: middle})
        if isinstance(part, loops.Blocks):  # the work of a block follows its elements
            inner = dims.substitute(inner, {part.size: 1})
        return part.extent * inner
    if isinstance(part, loops.Call):
        return _product(part, shapes)
    return _weight(part)


def _weight(part: loops.Statement) -> int:
    return sum(VECTOR_MATH if heavy else 1 for heavy in _operations(part))


def _operations(part: loops.Statement) -> Iterator[bool]:
    """Yield for every operation whether it is one of many instructions."""
    stack: list[Any] = [getattr(part, "expression", None), *getattr(part, "indices", ())]
    yield False
    while stack:
        term = stack.pop()
        if isinstance(term, loops.Apply):
            yield term.vector_math is not None or "(" in term.template
            stack += term.operands
        elif isinstance(term, loops.Load):
            stack += term.indices


def _product(call: loops.Call, shapes: Mapping[str, Shape]) -> Dim:
    """Return the work of a call; a product takes half an operation for each multiplication."""
    if call.function != loops.PRODUCT:
        return _CALL
    sizes = []
    for argument in call.arguments[:2]:
        part = loops.Part(argument) if isinstance(argument, str) else argument
        shape = shapes.get(part.array)
        if shape is None:
            return _CALL
        rows = [place.size for place in part.leading if isinstance(place, loops.AxisSlice)]
        shape = (*rows, *shape[len(part.leading) :])
        sizes.append(shape[::-1] if part.transposed else shape)
    columns = sizes[1][1:]
    return dims.product([*sizes[0], *columns]) // 2


__all__ = ["share"]
