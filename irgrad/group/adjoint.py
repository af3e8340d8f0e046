"""The pullback of a program over cells, which is a program over cells."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from irgrad.differentiate.reverse import extended, pull_back
from irgrad.group.programs import Kind, Place, Program
from irgrad.ir import dims
from irgrad.ir.graph import Node
from irgrad.simplify import simplify
from irgrad.trace.trace import finished, substituted
from irgrad.trace.tracer import Tracer


@cache
def adjoint(program: Program) -> Program:
    """Return the program that pulls cotangents of the written banks back to all banks.

    Its fixed banks are all banks of ``program``, those written in their final state, which is the
    state in which every cell is read: a cell is read only once all has been put in it. It writes
    the cotangents of the banks that are no constants.
    """
    bars: dict[int, int] = {}
    for bank in range(program.banks):
        if bank not in program.constant:
            bars[bank] = program.banks + len(bars)
    return Program(
        name=f"{program.name}_pullback",
        names=_with_bars(program.names, list(bars)),
        kinds=tuple(_adjoint_kind(kind, bars, program) for kind in program.kinds),
        fixed=program.banks,
        added=(0,) * len(bars),
        constant=program.constant,
        own=program.own,
        backward=not program.backward,
        careful=program.careful,
        dtype=program.dtype,
        origins=program.origins,
    )


def _with_bars(names: tuple[str, ...], banks: list[int]) -> tuple[str, ...]:
    """Return the names of banks and of the cotangents of some of them, all different."""
    every = list(names)
    for bank in banks:
        name = f"{names[bank]}_bar"
        number = 2
        while name in every:
            name, number = f"{names[bank]}_bar_{number}", number + 1
        every.append(name)
    return tuple(every)


def _adjoint_kind(kind: Kind, bars: dict[int, int], program: Program) -> Kind:
    trace = extended(kind.graph)
    with dims.assuming(trace.assumptions):
        outs: dict[Node, Node] = {}
        reads = list(kind.reads)
        for node, place in zip(kind.graph.outputs, kind.writes, strict=True):
            if not place.added and node not in outs and node not in kind.graph.inputs:
                outs[node] = trace.input(f"y{len(outs)}", node.array_type).node
                reads.append(Place(place.bank, place.column))
        silent = len(trace.inputs)
        seeds: dict[Node, Tracer] = {}
        for node, place in zip(kind.graph.outputs, kind.writes, strict=True):
            seed = trace.input(f"c{len(seeds)}", node.array_type)
            reads.append(Place(bars[place.bank], place.column))
            seeds[node] = seeds[node] + seed if node in seeds else seed
        wanted = [
            (node, place)
            for node, place in zip(kind.graph.inputs, kind.reads, strict=True)
            if place.bank in bars and node.array_type.inexact
        ]
        found = pull_back(trace, seeds, [node for node, _ in wanted])
        ends = [
            (slope.node, Place(bars[place.bank], place.column, True))
            for slope, (_, place) in zip(found, wanted, strict=True)
            if slope is not None
        ]
        graph = finished(trace, tuple(end for end, _ in ends), kind.graph.name)
        nodes, outputs = substituted(graph.nodes, outs, graph.outputs)
    bare = simplify(replace(graph, nodes=tuple(nodes), outputs=outputs))
    return _pruned(Kind(bare, tuple(reads), tuple(place for _, place in ends), silent))


def _pruned(kind: Kind) -> Kind:
    """Drop the inputs, but for cotangents, that nothing reads."""
    used = {operand for node in kind.graph.nodes for operand in node.inputs}
    used |= set(kind.graph.outputs)
    kept = [
        position
        for position, node in enumerate(kind.graph.inputs)
        if node in used or position >= kind.silent
    ]
    inputs = tuple(kind.graph.inputs[position] for position in kept)
    dropped = set(kind.graph.inputs) - set(inputs)
    nodes = tuple(node for node in kind.graph.nodes if node not in dropped)
    graph = replace(kind.graph, inputs=inputs, nodes=nodes)
    reads = tuple(kind.reads[position] for position in kept)
    silent = sum(position < kind.silent for position in kept)
    return Kind(graph, reads, kind.writes, silent)
