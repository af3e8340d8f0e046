"""Unrolling of short innermost loops, and scratch that they turn into local variables.

A loop over three coordinates inside a loop over points keeps LLVM from vectorising the outer one:
the scratch between its short loops lives in memory. Written out, it lives in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from irgrad.ir import dims, loops

LONGEST = 4
"""Iterations up to which an innermost loop is written out."""
WIDEST = 24
"""Statements up to which writing out a loop keeps the source readable."""
REGISTERS = 16
"""Sums that a loop of vectors can keep in registers."""


def unroll(
    statements: Sequence[loops.Statement],
    returned: frozenset[str],
    fresh: Callable[[str], str],
) -> list[loops.Statement]:
    """Return the statements with short innermost loops written out.

    Scratch arrays whose every index is then a number become local variables; ``returned`` names
    the arrays that must stay; ``fresh`` makes names.
    """
    small = frozenset(
        part.name
        for part in statements
        if isinstance(part, loops.Allocate) and any(map(_is_short, part.shape))
    )
    unrolled = _unrolled(statements, small - returned, fresh, around=None)
    scratch = _scalar_arrays(unrolled, returned)
    if not scratch:
        return unrolled
    return _scalarised(unrolled, scratch, _aliases(unrolled, scratch))


def _is_short(extent: dims.Dim) -> bool:
    return isinstance(extent, int) and extent <= LONGEST


def _unrolled(
    statements: Sequence[loops.Statement],
    small: frozenset[str],
    fresh: Callable[[str], str],
    around: str | None,
) -> list[loops.Statement]:
    result: list[loops.Statement] = []
    for statement in statements:
        if not isinstance(statement, loops.Loop):
            result.append(statement)
            continue
        body = _unrolled(statement.body, small, fresh, statement.variable)
        extent = statement.extent
        if not body or extent == 0:
            continue
        short = isinstance(extent, int) and extent <= LONGEST and len(body) * extent <= WIDEST
        if around and ((short and _gains(body, small)) or _sums_in_registers(statement, around)):
            assert isinstance(extent, int)
            result.extend(_written_out(statement.variable, extent, body, fresh))
        else:
            result.append(replace(statement, body=tuple(body)))
    return result


def _sums_in_registers(loop: loops.Loop, around: str) -> bool:
    """Tell whether a loop adds to as many sums as there are registers, in a loop of vectors."""
    if not isinstance(loop.extent, int) or loop.extent > REGISTERS or len(loop.body) != 1:
        return False
    (part,) = loop.body
    if not isinstance(part, loops.Store) or not part.template:
        return False
    moving = [
        load
        for load in _parts([part])
        if isinstance(load, loops.Load) and _moves(load.indices, around)
    ]
    return (
        _moves(part.indices, loop.variable)
        and not _moves(part.indices, around)
        and bool(moving)
        and all(load.indices[-1] == dims.symbol(around) for load in moving)
    )


def _moves(indices: Sequence[Any], variable: str) -> bool:
    return any(
        isinstance(index, dims.Size) and variable in dims.symbols(index) for index in indices
    )


def _gains(body: Sequence[loops.Statement], small: frozenset[str]) -> bool:
    """Tell whether a body without loops folds numbers, or keeps some in short scratch."""
    if not all(isinstance(part, loops.Let | loops.Store | loops.Accumulate) for part in body):
        return False
    if any(isinstance(part, loops.Let) and part.again for part in body):
        return False
    return any(
        isinstance(part, loops.Accumulate)
        or (isinstance(part, loops.Load | loops.Store) and part.array in small)
        for part in _parts(body)
    )


def _written_out(
    variable: str,
    extent: int,
    body: Sequence[loops.Statement],
    fresh: Callable[[str], str],
) -> Iterator[loops.Statement]:
    names = [part.name for part in body if isinstance(part, loops.Let)]
    for number in range(extent):
        renamed = {name: loops.Name(fresh(f"{name}_{number}")) for name in names}
        for part in body:
            yield _mapped(part, variable, number, renamed)


def _mapped(
    statement: loops.Statement, variable: str, number: int, renamed: Mapping[str, loops.Name]
) -> loops.Statement:
    """Return a statement of one iteration."""

    def expression(part: Any) -> Any:
        if isinstance(part, loops.Name):
            return renamed.get(part.name, part)
        if isinstance(part, loops.Load):
            return replace(part, indices=tuple(expression(index) for index in part.indices))
        if isinstance(part, loops.Apply):
            return replace(part, operands=tuple(expression(operand) for operand in part.operands))
        if isinstance(part, loops.SizeValue):
            return replace(part, dim=dims.substitute(part.dim, {variable: number}))
        if isinstance(part, dims.Size):
            return dims.substitute(part, {variable: number})
        return part

    if isinstance(statement, loops.Let):
        return replace(
            statement,
            name=renamed[statement.name].name,
            expression=expression(statement.expression),
        )
    if isinstance(statement, loops.Store):
        return replace(
            statement,
            indices=tuple(expression(index) for index in statement.indices),
            expression=expression(statement.expression),
        )
    assert isinstance(statement, loops.Accumulate)
    name = renamed[statement.name].name if statement.name in renamed else statement.name
    return replace(statement, name=name, expression=expression(statement.expression))


def _parts(statements: Sequence[loops.Statement]) -> Iterator[Any]:
    """Yield every statement and every load in it."""
    stack: list[Any] = list(statements)
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, loops.Loop):
            stack.extend(part.body)
        elif isinstance(part, loops.Let | loops.Accumulate):
            stack.append(part.expression)
        elif isinstance(part, loops.Store):
            stack.extend((part.expression, *part.indices))
        elif isinstance(part, loops.Load):
            stack.extend(part.indices)
        elif isinstance(part, loops.Apply):
            stack.extend(part.operands)


def _scalar_arrays(
    statements: Sequence[loops.Statement], returned: frozenset[str]
) -> dict[str, tuple[int, ...]]:
    """Return the one-dimensional scratch arrays that are only indexed by numbers."""
    shapes = {
        part.name: part.shape
        for part in statements
        if isinstance(part, loops.Allocate)
        and len(part.shape) == 1
        and isinstance(part.shape[0], int)
        and part.shape[0] <= LONGEST
        and part.name not in returned
        and part.fill is None
    }
    for part in _parts(statements):
        if isinstance(part, loops.Load | loops.Store):
            if not all(isinstance(index, int) for index in part.indices):
                shapes.pop(part.array, None)
        elif isinstance(part, loops.Slice | loops.Rearrange):
            shapes.pop(part.array, None)
        elif isinstance(part, loops.Copy):
            shapes.pop(part.source, None)
            shapes.pop(part.target, None)
        elif isinstance(part, loops.Call):
            for argument in part.arguments:
                shapes.pop(argument.array if isinstance(argument, loops.Part) else argument, None)
    return shapes  # type: ignore[return-value]


def _aliases(
    statements: Sequence[loops.Statement], scratch: Mapping[str, tuple[int, ...]]
) -> dict[tuple[str, int], str]:
    """Return the elements of scratch that only ever hold a local variable, by array and index."""
    held: dict[tuple[str, int], list[str | None]] = {}
    carried = {p.name for p in _parts(statements) if isinstance(p, loops.Let) and p.again}
    for part in _parts(statements):
        if isinstance(part, loops.Store) and part.array in scratch:
            plain = (
                isinstance(part.expression, loops.Name)
                and not part.template
                and part.expression.name not in carried
            )
            held.setdefault((part.array, part.indices[0]), []).append(
                part.expression.name if plain else None  # type: ignore[union-attr]
            )
        elif isinstance(part, loops.Fill) and part.array in scratch:
            for index in range(scratch[part.array][0]):
                held.setdefault((part.array, index), []).append(None)
    return {place: names[0] for place, names in held.items() if len(names) == 1 and names[0]}


def _scalarised(
    statements: Sequence[loops.Statement],
    scratch: Mapping[str, tuple[int, ...]],
    aliases: Mapping[tuple[str, int], str],
) -> list[loops.Statement]:
    """Replace scratch arrays by one local variable for each element."""

    def local(array: str, indices: tuple[Any, ...]) -> str:
        place = (array, indices[0])
        return aliases.get(place) or f"{array}_at_{indices[0]}"

    def expression(part: Any) -> Any:
        if isinstance(part, loops.Load):
            if part.array in scratch:
                return loops.Name(local(part.array, part.indices))
            return replace(part, indices=tuple(expression(index) for index in part.indices))
        if isinstance(part, loops.Apply):
            return replace(part, operands=tuple(expression(operand) for operand in part.operands))
        return part

    result: list[loops.Statement] = []
    for part in statements:
        if isinstance(part, loops.Allocate) and part.name in scratch:
            continue
        if isinstance(part, loops.Fill) and part.array in scratch:
            result.extend(
                loops.Let(local(part.array, (index,)), loops.Literal(part.value, part.dtype))
                for index in range(scratch[part.array][0])
            )
        elif isinstance(part, loops.Loop):
            body = _scalarised(part.body, scratch, aliases)
            if body:
                result.append(replace(part, body=tuple(body)))
        elif isinstance(part, loops.Let | loops.Accumulate):
            result.append(replace(part, expression=expression(part.expression)))
        elif isinstance(part, loops.Store):
            indices = tuple(expression(index) for index in part.indices)
            value = expression(part.expression)
            if part.array in scratch:
                name = local(part.array, part.indices)
                if (part.array, part.indices[0]) in aliases:
                    continue
                if part.template:
                    dtype = np.dtype(np.float64)
                    result.append(
                        loops.Accumulate(name, part.template, value, dtype, part.nodes)
                    )
                else:
                    result.append(loops.Let(name, value, part.nodes))
            else:
                result.append(replace(part, indices=indices, expression=value))
        else:
            result.append(part)
    return result
