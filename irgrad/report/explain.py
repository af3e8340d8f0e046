"""``explain``: what the compiler did with a function, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from irgrad.emit.expressions import size_text
from irgrad.ir import loops
from irgrad.pipeline import Compilation


def explain(compilation: Compilation, statistics: Any) -> str:
    """Return a report on a compilation: graphs, loops, memory, guards, counts."""
    lines = [f"irgrad: {compilation.traced.name}", "", "Graphs"]
    lines.append(f"  traced        {len(compilation.traced.nodes):6d} nodes")
    lines.append(f"  simplified    {len(compilation.primal.nodes):6d} nodes")
    if compilation.joint is not None:
        lines.append(f"  with gradient {len(compilation.joint.nodes):6d} nodes")
    for function in compilation.program.functions:
        lines += ["", function.name, *_loops(function.body, 1)]
        arrays = [s for s in function.body if isinstance(s, loops.Allocate)]
        lines.append("  memory: " + (", ".join(_array(a) for a in arrays) or "no arrays"))
        calls = [s for s in _walk(function.body) if isinstance(s, loops.Call)]
        lines.append("  calls: " + (", ".join(call.function for call in calls) or "none"))
        lines += [
            f"  needs not ({check.left} {check.relation} {check.right})"
            for check in function.checks
        ]
    counts = (statistics.traces, statistics.compiles, statistics.cache_hits)
    lines += ["", "traces {}, compiles {}, cache hits {}".format(*counts)]
    return "\n".join(lines)


def _array(allocate: loops.Allocate) -> str:
    sizes = ", ".join(map(size_text, allocate.shape))
    return f"{allocate.name} {allocate.dtype.name}[{sizes}]"


def _loops(statements: tuple[loops.Statement, ...], depth: int) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, loops.Loop):
            nodes = sorted({n for s in statement.body for n in getattr(s, "nodes", ())})
            noted = " ".join(f"%{number}" for number in nodes)
            yield f"{'  ' * depth}loop over {size_text(statement.extent)}: {noted}".rstrip(": ")
            yield from _loops(statement.body, depth + 1)


def _walk(statements: tuple[loops.Statement, ...]) -> Iterator[loops.Statement]:
    for statement in statements:
        yield statement
        if isinstance(statement, loops.Loop):
            yield from _walk(statement.body)


