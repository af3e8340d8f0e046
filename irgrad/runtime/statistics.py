"""What a compiled function has cost so far, and who answers its calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from irgrad.stages import ORDER, Stages


@dataclass(slots=True)
class Statistics:
    """What a compiled function has cost so far.

    traces: times the function was traced; nodes: the operations they recorded; compiles: emitted
    functions compiled by numba in this process; cache_hits: those loaded from the cache on disk
    instead; evaluated: calls answered by evaluating the graph, and plain: by the emitted text as
    plain Python, while a compilation in the background was not ready; tier: what answers now,
    "evaluated", "plain" or "compiled".
    """

    traces: int = 0
    compiles: int = 0
    cache_hits: int = 0
    evaluated: int = 0
    plain: int = 0
    tier: str = "compiled"
    stages: list[Stages] = field(default_factory=list, repr=False)

    @property
    def nodes(self) -> int:
        """The operations that all traces recorded."""
        return sum(stages.nodes for stages in self.stages)

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds that each stage took, over all traces."""
        each = [stages.seconds for stages in self.stages]
        return {
            name: sum(seconds.get(name, 0.0) for seconds in each)
            for name in ORDER
            if any(name in seconds for seconds in each)
        }
