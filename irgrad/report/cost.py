"""What an emitted function computes and moves: operations, and bytes to and from memory.

The counts are of the Program, at given sizes. An array that a loop sweeps again and again is
counted once where everything that the loop touches fits the cache, and at each trip where not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from irgrad.ir import dims, loops

CACHE = 1 << 20
"""Bytes that stay close to a core: the second-level cache of most machines, or half of it."""
KERNEL_OPERATIONS = 20
"""Operations of a vector-math kernel such as ``exp``, about."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Operations on numbers, and bytes moved; ``unknown`` names calls whose work isn't counted."""

    operations: float = 0.0
    bytes: float = 0.0
    unknown: frozenset[str] = frozenset()

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.operations + other.operations,
            self.bytes + other.bytes,
            self.unknown | other.unknown,
        )


@dataclass(slots=True)
class _Scope:
    """Sizes and loop variables as numbers; arrays by name; the loops around, outermost first."""

    sizes: dict[str, int]
    shapes: dict[str, tuple[tuple[int, ...], int]]
    aliases: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    loops: list[tuple[str, int]] = field(default_factory=list)


def cost_of(function: loops.Function, sizes: dict[str, int]) -> tuple[Cost, list[Cost]]:
    """Return the cost of a call where the size symbols have ``sizes``: in all, and by statement.

    Loops that end on a condition are counted as one trip.
    """
    scope = _Scope(dict(sizes), {})
    for argument in (*function.arguments, *function.results):
        scope.shapes[argument.name] = (_numbers(argument.shape, scope), argument.dtype.itemsize)
    _note_arrays(function.body, scope)
    each = [_cost(statement, scope) for statement in function.body]
    return sum(each, Cost()), each


def _note_arrays(statements: Sequence[loops.Statement], scope: _Scope) -> None:
    """Note the shapes of what a function allocates; inside a loop, those of its middle trip."""
    for statement in statements:
        if isinstance(statement, loops.Allocate):
            shape = _numbers(statement.shape, scope)
            scope.shapes[statement.name] = (shape, statement.dtype.itemsize)
        elif isinstance(statement, loops.Loop):
            _enter(statement, scope)
            _note_arrays(statement.body, scope)


def _numbers(shape: Sequence[dims.Dim], scope: _Scope) -> tuple[int, ...]:
    return tuple(dims.evaluate(dim, scope.sizes) for dim in shape)


def _cost(statement: loops.Statement, scope: _Scope) -> Cost:
    moved = _moved(statement, scope)
    return Cost(_operations(statement, scope, 1.0), moved, frozenset(_uncounted(statement)))


def _uncounted(statement: loops.Statement) -> Iterator[str]:
    for part in loops.every_statement([statement]):
        if isinstance(part, loops.Call) and not _is_counted(part):
            yield part.function


def _is_counted(call: loops.Call) -> bool:
    return call.function == loops.PRODUCT or _fills(call)


def _fills(call: loops.Call) -> bool:
    """Tell whether a call is vector math over many elements: ``fill_sin(size, x, sine)``."""
    return call.function.startswith("fill_")


def _enter(loop: loops.Loop, scope: _Scope) -> int:
    """Return the trips of a loop, and let its variable be that of the middle one."""
    if isinstance(loop, loops.While | loops.When):
        return 1
    trips = max(0, dims.evaluate(loop.extent, scope.sizes))
    if isinstance(loop, loops.Share):  # the loop inside runs from first to last
        scope.sizes.update({loop.first: 0, loop.last: trips})
        return 1
    if isinstance(loop, loops.Blocks):
        elements, trips = trips, -(-trips // loop.length)
        scope.sizes[loop.size] = -(-elements // max(trips, 1))
    scope.sizes[loop.variable] = max(0, trips - 1) // 2  # of a triangle, the middle
    return trips


def _operations(statement: loops.Statement, scope: _Scope, times: float) -> float:
    if isinstance(statement, loops.Loop):
        trips = _enter(statement, scope)
        return sum(_operations(part, scope, times * trips) for part in statement.body)
    if isinstance(statement, loops.Call):
        return times * _called(statement, scope)
    expression = getattr(statement, "expression", None)
    if expression is None:
        return 0.0
    folds = isinstance(statement, loops.Accumulate) or bool(getattr(statement, "template", ""))
    return times * (_applied(expression) + folds)


def _applied(expression: Any) -> int:
    return sum(
        KERNEL_OPERATIONS if part.vector_math else 1
        for part in _parts(expression)
        if isinstance(part, loops.Apply)
    )


def _called(call: loops.Call, scope: _Scope) -> float:
    if _fills(call):
        size, _, *results = call.arguments
        return float(KERNEL_OPERATIONS * dims.evaluate(size, scope.sizes) * len(results))
    if call.function != loops.PRODUCT or len(call.arguments) < 2:
        return 0.0
    a, b = (_shape_of(argument, scope) for argument in call.arguments[:2])
    count = 2.0
    for size in a:
        count *= size
    return count * (b[-1] if len(b) > 1 else 1)


def _shape_of(argument: Any, scope: _Scope) -> tuple[int, ...]:
    if isinstance(argument, loops.Part):
        shape = _shape_of(argument.array, scope)
        cut = [part for part in argument.leading if isinstance(part, loops.AxisSlice)]
        rows = tuple(dims.evaluate(part.size, scope.sizes) for part in cut)
        shape = (*rows, *shape[len(argument.leading) :])
        return shape[::-1] if argument.transposed else shape
    name = scope.aliases.get(str(argument), (str(argument), frozenset()))[0]
    return scope.shapes.get(name, ((), 8))[0]


def _parts(expression: Any) -> Iterator[Any]:
    stack = [expression]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, loops.Apply):
            stack.extend(part.operands)
        elif isinstance(part, loops.Load):
            stack.extend(index for index in part.indices if isinstance(index, loops.Load))


def _touched(statement: loops.Statement, scope: _Scope) -> Iterator[tuple[str, bool, set[str]]]:
    """Yield the arrays that a statement reads or writes, and what their indices depend on."""
    for part in _parts(getattr(statement, "expression", None)):
        if isinstance(part, loops.Load):
            yield _place(part.array, part.indices, False, scope)
    if isinstance(statement, loops.Store):
        yield _place(statement.array, statement.indices, True, scope)
        if statement.template:
            yield _place(statement.array, statement.indices, False, scope)
    elif isinstance(statement, loops.Fill):
        yield statement.array, True, {"*"}
    elif isinstance(statement, loops.Copy):
        yield statement.target, True, {"*"}
        yield statement.source, False, {"*"}
    elif isinstance(statement, loops.Call):
        for argument in statement.arguments:
            if isinstance(argument, loops.Part | str):
                last = argument is statement.arguments[-1]
                name = argument if isinstance(argument, str) else argument.array
                yield scope.aliases.get(name, (name,))[0], last, {"*"}


def _place(
    array: str, indices: Sequence[Any], written: bool, scope: _Scope
) -> tuple[str, bool, set[str]]:
    base, names = scope.aliases.get(array, (array, frozenset()))
    found = set(names)
    for index in indices:
        if isinstance(index, loops.Load | loops.Apply | loops.Name):
            found.add("*")  # anywhere in the array
        else:
            found.update(dims.symbols(index))
    return base, written, found


def _look(view: loops.Slice | loops.Rearrange, scope: _Scope) -> None:
    """Note what a view looks at."""
    base, names = scope.aliases.get(view.array, (view.array, frozenset()))
    slices = view.slices if isinstance(view, loops.Slice) else ()
    starts = {s for part in slices if part for s in dims.symbols(part.start)}
    scope.aliases[view.name] = (base, names | starts)


def _moved(statement: loops.Statement, scope: _Scope) -> float:
    """Return the bytes that a statement moves between memory and the cache."""
    if isinstance(statement, loops.Slice | loops.Rearrange):
        _look(statement, scope)
        return 0.0
    if not isinstance(statement, loops.Loop):
        return _footprint([statement], scope, {})
    trips = _enter(statement, scope)
    if not trips:
        return 0.0
    extents = {statement.variable: trips}
    inside = _footprint(statement.body, scope, extents)
    parts = [_moved(part, scope) for part in statement.body]
    inner = any(isinstance(part, loops.Loop) for part in statement.body)
    if not inner or inside <= CACHE:
        return inside
    return trips * sum(parts)


def _footprint(
    statements: Sequence[loops.Statement], scope: _Scope, extents: dict[str, int]
) -> float:
    """Return the bytes that statements touch, reads and writes apart, each counted once."""
    most: dict[tuple[str, bool], float] = {}
    _collect(statements, scope, extents, most)
    return sum(most.values())


def _collect(
    statements: Sequence[loops.Statement],
    scope: _Scope,
    extents: dict[str, int],
    most: dict[tuple[str, bool], float],
) -> None:
    for statement in statements:
        if isinstance(statement, loops.Loop):
            trips = _enter(statement, scope)
            _collect(statement.body, scope, {**extents, statement.variable: trips}, most)
            continue
        if isinstance(statement, loops.Slice | loops.Rearrange):
            _look(statement, scope)
            continue
        for array, written, names in _touched(statement, scope):
            shape, itemsize = scope.shapes.get(array, ((), 0))
            whole = itemsize
            for size in shape:
                whole *= size
            part = float(itemsize)
            for name in names:
                part *= extents.get(name, 1)
            if "*" in names:
                part = float(whole)
            key = (array, written)
            most[key] = max(most.get(key, 0.0), min(part, float(whole)))
