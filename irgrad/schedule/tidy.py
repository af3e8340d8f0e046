"""Reading an element once: repeated loads become locals, and invariant ones leave their loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.schedule.names import Names, letters


def tidy(statements: Sequence[loops.Statement], names: Names) -> list[loops.Statement]:
    """Return the statements with each element loaded once in the body that fixes its indices."""
    looks_at: dict[str, str] = {}
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Slice | loops.Rearrange):
            looks_at[part.name] = looks_at.get(part.array, part.array)
    return _tidy(list(statements), (), names, looks_at)


def _written(
    statements: Sequence[loops.Statement], looks_at: Mapping[str, str]
) -> frozenset[str]:
    """Return the arrays whose memory the statements change; for views, what they look at."""
    arrays: set[str] = set()
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Store | loops.Fill):
            arrays.add(part.array)
        elif isinstance(part, loops.Copy):
            arrays.add(part.target)
        elif isinstance(part, loops.Call):
            arrays.update(
                argument.array if isinstance(argument, loops.Part) else argument
                for argument in part.arguments
                if isinstance(argument, loops.Part | str)
            )
    return frozenset(looks_at.get(array, array) for array in arrays)


def _tidy(
    statements: list[loops.Statement],
    bound: tuple[str, ...],
    names: Names,
    looks_at: Mapping[str, str],
) -> list[loops.Statement]:
    written = _written(statements, looks_at)
    here = {id(statement) for statement in statements}
    anew = {  # a view that is taken anew within a loop has no elements outside it
        part.name
        for part in loops.every_statement(statements)
        if isinstance(part, loops.Slice | loops.Rearrange) and id(part) not in here
    }
    counts: dict[loops.Load, int] = {}
    if bound:
        for statement in statements:
            for load, nested in _loads(statement):
                root = looks_at.get(load.array, load.array)
                if root in written or load.array in anew or not _fixed(load, bound):
                    continue
                counts[load] = counts.get(load, 0) + (2 if nested else 1)
    known: dict[loops.Load, loops.Name] = {}
    result: list[loops.Statement] = []
    for statement in statements:
        for load, _ in _loads(statement):
            if counts.get(load, 0) < 2 or load in known:
                continue
            name = names.fresh(f"{load.array}_{letters(load.indices)}")
            known[load] = loops.Name(name)
            result.append(loops.Let(name, load))
        statement = _replaced(statement, known)
        if isinstance(statement, loops.Loop):
            inner = _tidy(list(statement.body), (*bound, statement.variable), names, looks_at)
            statement = replace(statement, body=tuple(inner))
        result.append(statement)
    return result


def _fixed(load: loops.Load, bound: tuple[str, ...]) -> bool:
    return all(
        isinstance(index, int | dims.Size)
        and all(not name.startswith("@") or name in bound for name in dims.symbols(index))
        for index in load.indices
    )


def _loads(statement: loops.Statement) -> Iterator[tuple[loops.Load, bool]]:
    """Yield the loads in a statement, and whether a loop stands between."""
    for inner in loops.every_statement([statement]):
        nested = inner is not statement
        stack: list[Any] = []
        if isinstance(inner, loops.Let | loops.Store | loops.Accumulate):
            stack.append(inner.expression)
        if isinstance(inner, loops.Store):
            stack.extend(inner.indices)
        while stack:
            part = stack.pop()
            if isinstance(part, loops.Load):
                yield part, nested
                stack.extend(part.indices)
            elif isinstance(part, loops.Apply):
                stack.extend(reversed(part.operands))


def _replaced(
    statement: loops.Statement, known: dict[loops.Load, loops.Name]
) -> loops.Statement:
    if not known:
        return statement
    if isinstance(statement, loops.Loop):
        return replace(statement, body=tuple(_replaced(inner, known) for inner in statement.body))
    if isinstance(statement, loops.Store):
        return replace(
            statement,
            expression=_substituted(statement.expression, known),
            indices=tuple(_substituted(index, known) for index in statement.indices),
        )
    if isinstance(statement, loops.Let | loops.Accumulate):
        return replace(statement, expression=_substituted(statement.expression, known))
    return statement


def _substituted(part: Any, known: dict[loops.Load, loops.Name]) -> Any:
    """Replace known loads in an expression; its depth is that of one fused statement, small."""
    if isinstance(part, loops.Load):
        if part in known:
            return known[part]
        return replace(part, indices=tuple(_substituted(index, known) for index in part.indices))
    if isinstance(part, loops.Apply):
        return replace(part, operands=tuple(_substituted(o, known) for o in part.operands))
    return part
