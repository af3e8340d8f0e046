"""Where on its tape each value that is kept stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from irgrad.ir.types import ArrayType
from irgrad.reroll.instances import fitted
from irgrad.reroll.resolve import Kept, Resolver, Tape, Taped


def lay_out(resolver: Resolver) -> dict[ArrayType, Tape]:
    """Return the tapes, laid out so that places are affine in the loops wherever they can be."""
    groups: dict[ArrayType, list[Kept]] = {}
    nodes = resolver.records.nodes
    for kept in resolver.taped.values():
        groups.setdefault(nodes[kept.statement.first].array_type, []).append(kept)
    tapes: dict[ArrayType, Tape] = {}
    for type, group in groups.items():
        reads = [
            read for read in resolver.tape_reads if nodes[int(read.made[0])].array_type == type
        ]
        tapes[type] = _best(type, group, reads, len(nodes))
    return tapes


def _best(type: ArrayType, group: Sequence[Kept], reads: Sequence[Taped], count: int) -> Tape:
    tape = None
    for address in _layouts(group, count):
        tape = Tape(type, int(address.max()) + 1, address)
        if all(fitted(address[s.ordinals], s.indices) is not None for s in group) and all(
            fitted(address[read.made], read.indices) is not None for read in reads
        ):
            break
    assert tape is not None
    return tape


def _layouts(group: Sequence[Kept], count: int) -> Iterator[np.ndarray]:
    """Yield places for the values to keep, the leanest way first.

    The last way gives each statement a block of its own with an axis for each loop, so that a
    write at least is always affine.
    """
    kept = np.sort(np.concatenate([values.ordinals for values in group]))
    dense = np.full(count, -1, np.int64)
    dense[kept] = np.arange(len(kept))
    yield dense
    yield np.arange(count) - kept[0]
    padded = np.full(count, -1, np.int64)
    start = 0
    for values in group:
        bounds = [int(index.max()) + 1 for index in values.indices]
        place = np.zeros(len(values.ordinals), np.int64)
        for index, bound in zip(values.indices, bounds, strict=True):
            place = place * bound + index
        padded[values.ordinals] = start + place
        start += int(np.prod(bounds, dtype=np.int64))
    yield padded
