"""``explain``: what the compiler did with a function, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from irgrad.emit.expressions import size_text
from irgrad.ir import loops
from irgrad.ir.graph import Graph, Node
from irgrad.pipeline import Compilation
from irgrad.report.cost import Cost, cost_of
from irgrad.report.machine import machine
from irgrad.report.origins import lines_of, loops_found
from irgrad.runtime.estimate import compile_seconds

_SHOWN_LINES = 4


def explain(
    compilation: Compilation, statistics: Any, measured: Mapping[str, float] | None = None
) -> str:
    """Return a report on a compilation: graphs, loops, memory, guards, work, counts.

    ``measured`` are seconds a call by the name of the emitted function.
    """
    lines = [f"irgrad: {compilation.traced.name}", "", "Graphs"]
    lines.append(f"  recorded      {statistics.nodes:6d} nodes")
    lines.append(f"  in loops      {len(compilation.traced.nodes):6d} nodes")
    lines.append(f"  simplified    {len(compilation.primal.nodes):6d} nodes")
    if compilation.joint is not None:
        lines.append(f"  with gradient {len(compilation.joint.nodes):6d} nodes")
    found = loops_found(compilation.traced, statistics.nodes)
    if found:
        lines += ["", "Loops of the function", *found]
    graphs = [compilation.primal, compilation.joint]
    sizes = dict(compilation.traced.hints)
    for function, graph in zip(compilation.program.functions, graphs, strict=False):
        lines += ["", function.name]
        lines += _function(function, graph, sizes, measured or {})
        lines.append(f"  numba takes about {compile_seconds(function, compilation.module):.1f} s")
    counts = (statistics.traces, statistics.compiles, statistics.cache_hits)
    lines += ["", "traces {}, compiles {}, cache hits {}".format(*counts)]
    if statistics.seconds:
        each = (f"{name} {seconds:.3f}" for name, seconds in statistics.seconds.items())
        lines.append(f"seconds: {', '.join(each)}")
    return "\n".join(lines)


def _function(
    function: loops.Function,
    graph: Graph | None,
    sizes: dict[str, int],
    measured: Mapping[str, float],
) -> Iterator[str]:
    numbered = {} if graph is None else {number: n for n, number in graph.numbers().items()}
    total, each = cost_of(function, sizes)
    for statement, cost in zip(function.body, each, strict=True):
        yield from _loops(statement, 1, numbered, cost)
    arrays = [s for s in function.body if isinstance(s, loops.Allocate)]
    yield "  memory: " + (", ".join(_array(a) for a in arrays) or "no arrays")
    calls = [s for s in loops.every_statement(function.body) if isinstance(s, loops.Call)]
    yield "  calls: " + (", ".join(call.function for call in calls) or "none")
    for check in function.checks:
        yield f"  needs not ({check.left} {check.relation} {check.right})"
    yield from _work(total, sizes, measured.get(function.name))


def _work(total: Cost, sizes: Mapping[str, int], measured: float | None) -> Iterator[str]:
    at = ", ".join(f"{name} = {number:,}" for name, number in sizes.items())
    beyond = f", besides {', '.join(sorted(total.unknown))}" if total.unknown else ""
    yield (
        f"  work{f' at {at}' if at else ''}: {_amount(total.operations)} operations, "
        f"{_bytes(total.bytes)} moved{beyond}"
    )
    best = machine()
    roof = best.seconds(total.operations, total.bytes)
    bound = "memory" if total.bytes / best.bandwidth > roof * 0.999 else "arithmetic"
    yield (
        f"  roofline: {_time(roof)} at least, bound by {bound} (this machine at best: "
        f"{_amount(best.operations)} operations and {_bytes(best.bandwidth)} a second)"
    )
    if measured is not None:
        share = f", {roof / measured:.0%} of the roofline" if measured > 0 else ""
        yield f"  measured: {_time(measured)} a call{share}"


def _amount(number: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:.0f}"


def _bytes(number: float) -> str:
    amount = _amount(number)
    return f"{amount}B" if amount[-1].isalpha() else f"{amount} B"


def _time(seconds: float) -> str:
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e9:.0f} ns"


def _array(allocate: loops.Allocate) -> str:
    sizes = ", ".join(map(size_text, allocate.shape))
    return f"{allocate.name} {allocate.dtype.name}[{sizes}]"


def _loops(
    statement: loops.Statement, depth: int, numbered: Mapping[int, Node], cost: Cost | None
) -> Iterator[str]:
    if not isinstance(statement, loops.Loop):
        return
    numbers = sorted({n for s in statement.body for n in getattr(s, "nodes", ())})
    noted = " ".join(f"%{number}" for number in numbers)
    lines = lines_of(numbered[number] for number in numbers if number in numbered)
    if len(lines) > _SHOWN_LINES:
        lines = [*lines[:_SHOWN_LINES], "..."]
    note = f"  ({', '.join(lines)})" if lines else ""
    if cost is not None:
        note += f"  {_amount(cost.operations)} operations, {_bytes(cost.bytes)}"
    heading = _heading(statement)
    yield f"{'  ' * depth}{heading}: {noted}".rstrip(": ") + note
    for part in statement.body:
        yield from _loops(part, depth + 1, numbered, None)


def _heading(statement: loops.Loop) -> str:
    if isinstance(statement, loops.While):
        return "loop until a condition fails"
    if isinstance(statement, loops.When):
        return "where a condition holds"
    if isinstance(statement, loops.Share):
        return f"{size_text(statement.extent)} trips shared by threads"
    if isinstance(statement, loops.Blocks):
        return f"loop over {size_text(statement.extent)} in blocks of {statement.length}"
    return f"loop over {size_text(statement.extent)}"
