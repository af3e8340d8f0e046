"""The limit to the size of a trace, and the word to whoever waits for a long one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from irgrad.errors import Location, TraceSizeError
from irgrad.ir.graph import Node
from irgrad.options import MAX_NODES
from irgrad.stages import LONG_SECONDS, notice

CHECKED = 2**16 - 1
"""Nodes less one between two looks at the size; asking at each would cost as much as a node."""
_SAMPLED = 2**20
_SHARE = 0.4
"""What tracing takes of all the time up to the emitted text."""


class SizeCheck:
    """A look at the size of a trace, its bodies included."""

    def __init__(self, most: int = MAX_NODES) -> None:
        self.most = most
        self._began = time.monotonic()
        self._told = False

    def __call__(self, nodes: Sequence[Node]) -> None:
        """Stop a trace of too many nodes; say, once, that one takes long.

        Raises: TraceSizeError, with the line that recorded the most nodes.
        """
        if len(nodes) > self.most:
            raise _too_long(nodes, self.most)
        elapsed = time.monotonic() - self._began
        if not self._told and elapsed > _SHARE * LONG_SECONDS:
            self._told = True
            notice(
                f"tracing: {len(nodes):,} nodes in {elapsed:.0f} s so far. What follows will take "
                "longer still; loops written with irgrad.scan or fori_loop, or on whole arrays, "
                "are traced once."
            )


def _too_long(nodes: Sequence[Node], most: int) -> TraceSizeError:
    place, share = hottest(nodes)
    return TraceSizeError(
        f"the trace has more than {len(nodes) - 1:,} nodes, and max_nodes is {most:,}: "
        f"{share:.0%} of them were recorded by the line shown",
        remedy="write the loop around that line with irgrad.scan or fori_loop, which trace their "
        "body once, or compute on arrays instead of numbers; or raise the limit, at about 1 KB a "
        "node: irgrad.compile(..., max_nodes=...) or IRGRAD_MAX_NODES",
        location=place,
    )


def hottest(nodes: Sequence[Node]) -> tuple[Location | None, float]:
    """Return the user's line that recorded the most nodes, and its share of them.

    Looks at about a million of the nodes at most.
    """
    counts: Counter[tuple[str, int]] = Counter()
    # By identity: origins are unique, and hashing one hashes code objects.
    looked_at = nodes[:: 1 + len(nodes) // _SAMPLED]
    origins = {id(node.origin): node.origin for node in looked_at}
    places: dict[tuple[str, int], Location] = {}
    for identity, count in Counter(id(node.origin) for node in looked_at).items():
        origin = origins[identity]
        place = None if origin is None else origin.location()
        if place is not None:
            key = (place.filename, place.line)
            counts[key] += count
            places[key] = place
    if not counts:
        return None, 0.0
    ((key, count),) = counts.most_common(1)
    return places[key], count / len(looked_at)
