"""A loop over blocks that makes one trip: its body, which works on whole arrays."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir import loops
from irgrad.schedule.reuse import renamed


def without_loop(blocks: loops.Blocks) -> Sequence[loops.Statement]:
    """Return the statements of a loop over blocks; those of its body where one holds all rows."""
    if not isinstance(blocks.extent, int) or blocks.extent > blocks.length:
        return [blocks]
    sizes = {blocks.variable: 0, blocks.size: blocks.extent}
    body: Sequence[loops.Statement] = loops.placed(blocks.body, sizes)
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


__all__ = ["without_loop"]
