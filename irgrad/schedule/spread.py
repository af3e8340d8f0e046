"""Scratch whose rows do not all fall on the same places of the cache.

A cache keeps lines that are a multiple of some kilobytes apart in the same few places, so loops
that read one element of each of many such rows would push each row out by the next: a table of
16 rows of 512 float64 was slower by a factor of 2.3 than one whose rows are 528 apart *(measured)*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from irgrad.ir import dims, loops

PERIOD = 2048
"""Bytes: rows a multiple of it apart share few places of a first-level cache."""
GAP = 128
"""Bytes between the rows then: two lines, which processors fetch together."""


def spread_out(statements: Sequence[loops.Statement]) -> list[loops.Statement]:
    """Return the statements with a gap between the rows of such scratch; linear.

    Arrays that a routine, a copy, or another function takes whole stay as they are.
    """
    whole = set(_taken_whole(statements))
    for part in reversed(list(loops.every_statement(statements))):
        if loops.is_another_name(part) and part.name in whole:
            whole.add(part.array)
    return list(_spread(statements, whole))


def _spread(
    statements: Sequence[loops.Statement], whole: set[str]
) -> Iterator[loops.Statement]:
    """Yield the statements of a body; recursion as deep as the nests."""
    for part in statements:
        if isinstance(part, loops.Loop):
            yield replace(part, body=tuple(_spread(part.body, whole)))
        elif isinstance(part, loops.Allocate) and part.name not in whole and _clashes(part):
            *rows, width = part.shape
            gap = GAP // part.dtype.itemsize
            yield replace(part, shape=(*rows, width + gap))
        else:
            yield part


def _clashes(part: loops.Allocate) -> bool:
    if not part.scratch or len(part.shape) < 2 or not isinstance(part.shape[-1], int):
        return False
    one_row = dims.product(part.shape[:-1]) == 1
    return not one_row and part.shape[-1] * part.dtype.itemsize % PERIOD == 0


def _taken_whole(statements: Sequence[loops.Statement]) -> Iterator[str]:
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Copy):
            yield from (part.target, part.source)
        elif isinstance(part, loops.Rearrange) and not loops.is_another_name(part):
            yield from (part.name, part.array)
        elif isinstance(part, loops.Call):
            yield from loops.words(part.arguments)
        elif isinstance(part, loops.Share):  # but for what is the other function's own
            yield from loops.words(replace(part, body=()))


__all__ = ["spread_out"]
