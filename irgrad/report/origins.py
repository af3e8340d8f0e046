"""Which lines of the user's became which loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from irgrad.emit.expressions import size_text
from irgrad.errors import Location
from irgrad.group.op import program_of
from irgrad.ir.effort import ARRAY, effort
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Control
from irgrad.ops.control import loop
from irgrad.options import LONG
from irgrad.vectorise import vectorised

_SHOWN = 5
_REPEATED = 8
"""Nodes of one line, outside all loops, from which they look like a loop that wasn't found."""


def line_of(node: Node) -> Location | None:
    """Return the user's line that a node comes from."""
    return None if node.origin is None else node.origin.location()


def short(place: Location) -> str:
    """Return a line as ``file.py:12``."""
    name = place.filename.replace("\\", "/").rpartition("/")[2]
    return f"{name}:{place.line}"


def lines_of(nodes: Iterable[Node]) -> list[str]:
    """Return the user's lines that nodes come from, each once, in order."""
    places = [line_of(node) for node in nodes]
    return list(dict.fromkeys(short(place) for place in places if place is not None))


def loops_found(graph: Graph, recorded: int) -> list[str]:
    """Return what became of the loops of a function traced in ``recorded`` nodes, a line each.

    Loops with their trips and lines, iterations that stayed outside, and repetition left as it
    is, with the reason.
    """
    looped: set[str] = set()
    left = {id(node.params["body"]) for node in vectorised(graph).nodes if node.op is loop}
    found = list(_loops(graph, 1, looped, left))
    found.extend(_grouped(graph))
    outside: dict[str, list[Node]] = {}
    for node in graph.nodes:
        place = line_of(node)
        if place is not None and not isinstance(node.op.lowering, Control):
            outside.setdefault(short(place), []).append(node)
    peeled = [f"{line} ({len(nodes)} nodes)" for line, nodes in outside.items() if line in looped]
    if peeled:
        found.append(f"  beside them, written out: {', '.join(peeled)}")
    often = sorted(outside.items(), key=lambda pair: -len(pair[1]))[:_SHOWN]
    repeated = [
        (line, nodes) for line, nodes in often if line not in looped and len(nodes) >= _REPEATED
    ]
    if repeated:
        lines = ", ".join(f"{line} ({len(nodes)} nodes)" for line, nodes in repeated)
        found.append(f"  written out, no regular loop: {lines}: {_reason(graph, recorded)}")
    return found


def _reason(graph: Graph, recorded: int) -> str:
    """Return why operations that are repeated have not become a loop."""
    if recorded == len(graph.nodes) and effort(graph) < LONG:
        return (
            f"of {recorded} nodes in all; loops are looked for from {LONG} scalar operations or "
            f"{LONG // ARRAY} of arrays, since short code is faster without"
        )
    return "the iterations differ in their operations, or in how often inner loops run"


def _loops(graph: Graph, depth: int, looped: set[str], left: set[int] | None) -> Iterator[str]:
    """Yield a line for each loop; ``left``, if given, are the bodies of those that stay loops."""
    for node in graph.nodes:
        bodies = [value for value in node.params.values() if isinstance(value, Graph)]
        if not isinstance(node.op.lowering, Control) or not bodies:
            continue
        trips = node.params.get("trips")
        many = f" of {size_text(trips)} trips" if trips is not None else ""
        lines = list(dict.fromkeys(line for body in bodies for line in lines_of(body.nodes)))
        looped.update(lines)
        size = sum(len(body.nodes) for body in bodies)
        where = f": {', '.join(lines)}" if lines else ""
        in_arrays = left is not None and node.op is loop and id(node.params["body"]) not in left
        how = ", as operations on arrays" if in_arrays else ""
        yield f"{'  ' * depth}{node.op.name}{many}, {size} nodes{where}{how}"
        for body in bodies:
            yield from _loops(body, depth + 1, looped, None)


def _grouped(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        program = program_of(node.op)
        if program is None:
            continue
        runs = node.inputs[-2].array_type.shape[0]
        counts: Counter[str] = Counter()
        for origin, count in program.origins:
            place = origin.location()
            if place is not None:
                counts[short(place)] += count
        lines = ", ".join(f"{line} ({count} nodes)" for line, count in counts.most_common(4))
        yield (
            f"  grouped, no regular loop: {lines}: {sum(program.added)} scalars in {runs} runs of "
            f"{len(program.kinds)} operations, whose order repeats nowhere"
        )
