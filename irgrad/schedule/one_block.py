"""A loop over blocks that makes one trip: its body, which works on whole arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.schedule.reuse import renamed


def without_loop(blocks: loops.Blocks) -> Sequence[loops.Statement]:
    """Return the statements of a loop over blocks; those of its body where one holds all rows."""
    if not isinstance(blocks.extent, int) or blocks.extent > blocks.length:
        return [blocks]
    sizes = {blocks.variable: 0, blocks.size: blocks.extent}
    body: Sequence[loops.Statement] = _numbered(blocks.body, sizes)
    whole = {
        part.name: part.array
        for part in body
        if isinstance(part, loops.Slice) and all(map(_is_from_the_start, part.slices))
    }
    statements: Sequence[loops.Statement] = renamed(
        tuple(
            part for part in body if not (isinstance(part, loops.Slice) and part.name in whole)
        ),
        whole,
    )
    return statements


def _is_from_the_start(part: loops.AxisSlice | None) -> bool:
    return part is None or (part.start == 0 and part.step == 1)


def _numbered(value: Any, sizes: Mapping[str, Dim]) -> Any:
    """Return a statement with numbers for size symbols; recursion as deep as the nests."""
    if isinstance(value, dims.Size):
        return dims.substitute(value, sizes)
    if isinstance(value, tuple):
        return tuple(_numbered(part, sizes) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: _numbered(getattr(value, field.name), sizes)
            for field in fields(value)
            if isinstance(getattr(value, field.name), tuple | dims.Size)
            or is_dataclass(getattr(value, field.name))
        }
        return replace(value, **changed)
    return value


__all__ = ["without_loop"]
