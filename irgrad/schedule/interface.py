"""The outside of an emitted function: what it takes and checks, allocates, and returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from irgrad.ir import dims, loops
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.build import Memory
from irgrad.schedule.names import Names
from irgrad.schedule.reading import fold_depth, is_fold
from irgrad.schedule.storage import Place
from irgrad.schedule.units import Kernel, Routine, Unit


class Context(Protocol):
    """The part of the lowering that is needed here."""

    graph: Graph
    names: Names
    places: Mapping[Node, Place]
    memory: Mapping[Node, Memory]
    maker: Mapping[Node, Unit]
    allocations: list[loops.Statement]


def results(
    lowering: Context, wishes: Sequence[str]
) -> tuple[tuple[loops.Argument, ...], list[loops.Statement]]:
    """Return what the function returns, copied where two results would share memory."""
    results: list[loops.Argument] = []
    extra: list[loops.Statement] = []
    seen: set[str] = set()
    inputs = {lowering.names.of(node) for node in lowering.graph.inputs}
    for node, wish in zip(lowering.graph.outputs, wishes, strict=True):
        place = lowering.places.get(node)
        name = lowering.names.of(place.root if place is not None else node)
        type = node.array_type
        shares = place is not None and lowering.maker[node].__class__ is Routine and (
            lowering.maker[node].kind == "reshape"  # type: ignore[union-attr]
        )
        if type.rank and (name in seen or name in inputs or shares):
            copy = lowering.names.fresh(wish)
            lowering.allocations.append(loops.Allocate(copy, type.shape, type.dtype))
            extra.append(loops.Copy(copy, name))
            name = copy
        seen.add(name)
        results.append(loops.Argument(name, type.dtype, type.shape))
    return tuple(results), extra


def allocations(lowering: Context, units: Sequence[Unit]) -> list[loops.Statement]:
    """Return the allocations of everything that lasts, and of scratch, in order of need."""
    statements: list[loops.Statement] = []
    done: set[Node] = set()
    for unit in units:
        node = unit.node
        place = lowering.places[node]
        if node in done or place.scalar or place.root is not node or isinstance(node.type, tuple):
            continue
        if isinstance(unit, Routine) and unit.kind in (
            "reshape", "item", "bounds", "loop_item", "ensure"
        ):
            continue
        done.add(node)
        type = node.array_type
        fill: Any = None
        memory = lowering.memory.get(node)
        if memory is not None and memory.fill is not None:
            fill = memory.fill.value
        elif isinstance(unit, Kernel) and is_fold(unit) and fold_depth(unit) is None:
            fill = None if place.path else unit.initial
        statements.append(
            loops.Allocate(
                lowering.names.of(node),
                place.shape(type.shape),
                type.dtype,
                fill,
                scratch=bool(place.path),
            )
        )
    return statements


def sizes_and_checks(
    graph: Graph, names: Names
) -> tuple[tuple[loops.Size, ...], tuple[loops.Check, ...]]:
    """Return where every size is read, and what the sizes must satisfy."""
    sizes: dict[str, loops.Size] = {}
    checks: list[loops.Check] = []
    for node in graph.inputs:
        array = names.of(node)
        for axis, dim in enumerate(node.array_type.shape):
            text = dims.render(dim)
            if isinstance(dim, dims.Size) and text not in sizes and text in graph.hints:
                sizes[text] = loops.Size(text, array, axis)
            else:
                checks.append(loops.Check(f"{array}.shape[{axis}]", "!=", text))
    opposite = {"==": "!=", ">=": "<", "<": ">="}
    checks.extend(
        loops.Check(dims.render(guard.left), opposite[guard.relation], dims.render(guard.right))
        for guard in graph.guards
    )
    return tuple(sizes.values()), tuple(checks)
