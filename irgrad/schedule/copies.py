"""Copies of whole arrays as loops: ``target[...] = source`` takes numba two seconds to compile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from irgrad.ir import dims, loops
from irgrad.ir.dims import Shape
from irgrad.schedule.units import variable


def copies_as_loops(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with every copy into an array of known shape written out."""
    shapes = {
        part.name: part.shape
        for part in loops.every_statement(statements)
        if isinstance(part, loops.Allocate)
    }
    return list(_written_out(statements, shapes, 0))


def _written_out(
    statements: Sequence[loops.Statement], shapes: dict[str, Shape], depth: int
) -> tuple[loops.Statement, ...]:
    """Return a body at a depth of loops; recursion as deep as the nests."""
    written: list[loops.Statement] = []
    for part in statements:
        if isinstance(part, loops.Loop):
            written.append(replace(part, body=_written_out(part.body, shapes, depth + 1)))
        elif isinstance(part, loops.Copy) and shapes.get(part.target):
            written.append(copy_nest(part, shapes[part.target], depth))
        else:
            written.append(part)
    return tuple(written)


def copy_nest(copy: loops.Copy, shape: Shape, depth: int) -> loops.Statement:
    """Return a copy at a depth of loops as loops over the elements."""
    indices = tuple(variable(depth + axis) for axis in range(len(shape)))
    source = loops.Load(copy.source, indices)
    statement: loops.Statement = loops.Store(copy.target, indices, source, copy.nodes)
    for axis in reversed(range(len(shape))):
        name = next(iter(dims.symbols(indices[axis])))
        statement = loops.Loop(name, shape[axis], (statement,))
    return statement
