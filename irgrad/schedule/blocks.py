"""Loops over chains of elementary functions, run as short passes over blocks of elements.

One trip of such a loop is some hundred instructions that each wait for the one before, more than a
processor looks ahead. In a pass that holds one link of the chain it works on many elements at once,
and the numbers handed from pass to pass stay in the first-level cache: of ten functions in a chain,
18 ns an element as one loop, 6.5 ns as passes *(measured with eight elements to a register)*.

A pass also has room for a function over the whole block: sines and the like take the kernel for
arguments of moderate size there, and the few others are computed one by one. So do exponentials
where a loop only adds up sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from irgrad.ir import dims, loops
from irgrad.schedule.dependence import moved
from irgrad.schedule.links import SERVED, SERVED_BESIDE_SUMS, Link, Simple, links_of, terms
from irgrad.schedule.names import Names
from irgrad.schedule.rows import elements_of, is_simple, row, step_of, with_elements

LENGTH = 512
"""Elements of a block: a dozen blocks of float64 fill the first-level cache."""
LEAST = 2
"""Links from which a chain is cut."""


def in_blocks(
    statements: Sequence[loops.Statement], names: Names, hints: Mapping[str, int]
) -> list[loops.Statement]:
    """Return the statements with such loops rewritten. Linear.

    ``hints`` are the sizes of the first call, by which loops count as short.
    """
    looks_at: dict[str, str] = {}
    for part in loops.every_statement(statements):
        if isinstance(part, loops.Slice | loops.Rearrange):
            looks_at[part.name] = looks_at.get(part.array, part.array)
    scratch: list[loops.Statement] = []
    rewritten = _rewritten(statements, names, looks_at, scratch, hints)
    return [*scratch, *rewritten]


def _rewritten(
    statements: Sequence[loops.Statement],
    names: Names,
    looks_at: Mapping[str, str],
    scratch: list[loops.Statement],
    hints: Mapping[str, int] | None,
) -> list[loops.Statement]:
    """Return a body, and add the memory it needs to ``scratch``; recursion as deep as the nests.

    ``hints`` are None in a nest, whose inner loops are too often short.
    """
    result: list[loops.Statement] = []
    for part in statements:
        if type(part) is loops.Loop and is_simple(part):
            if _may_be_cut(part, looks_at):
                sums = hints is not None and _only_sums(part) and _is_long(part, hints)
                part = _cut(part, names, scratch, SERVED_BESIDE_SUMS if sums else SERVED)
        elif isinstance(part, loops.Loop):
            apart = isinstance(part, loops.Share)  # a function of its own, with its own memory
            own: list[loops.Statement] = [] if apart else scratch
            body = _rewritten(part.body, names, looks_at, own, hints if apart else None)
            if apart:
                body = [*own, *body]
            part = replace(part, body=tuple(body))
        result.append(part)
    return result


def has_vector_math(loop: loops.Loop) -> bool:
    """Tell whether an innermost loop computes elementary functions."""
    return any(
        getattr(term, "vector_math", None) for part in loop.body for term in terms(part)
    )


def _may_be_cut(loop: loops.Loop, looks_at: Mapping[str, str]) -> bool:
    """Tell whether all trips may do their first statements before any does its last ones."""
    loaded: set[str] = set()
    read: set[str] = set()
    for term in chain.from_iterable(map(terms, loop.body)):
        if isinstance(term, loops.Load):
            loaded.add(looks_at.get(term.array, term.array))
        elif isinstance(term, loops.Name):
            read.add(term.name)
    folds: dict[str, str] = {}
    for part in loop.body:
        if isinstance(part, loops.Let) and part.again:
            return False
        if isinstance(part, loops.Accumulate) and part.name in read:
            return False
        if isinstance(part, loops.Store):
            root = looks_at.get(part.array, part.array)
            alike = root not in folds or (part.template and part.template == folds[root])
            if root in loaded or not alike:
                return False
            folds[root] = part.template
    return True


def _only_sums(loop: loops.Loop) -> bool:
    """Tell whether a loop adds up several sums and stores nothing."""
    sums = sum(isinstance(part, loops.Accumulate) for part in loop.body)
    return sums > 1 and not any(isinstance(part, loops.Store) for part in loop.body)


def _is_long(loop: loops.Loop, hints: Mapping[str, int]) -> bool:
    """Tell whether a loop has a block of trips, or so many that threads share them."""
    known = hints.keys() >= set(dims.symbols(loop.extent))
    return not known or dims.evaluate(loop.extent, hints) >= LENGTH


def _cut(
    loop: loops.Loop, names: Names, scratch: list[loops.Statement], served: frozenset[str]
) -> loops.Loop:
    """Return a loop as passes over blocks, where its chains are long or a function is served."""
    if not has_vector_math(loop):
        return loop
    links = links_of(loop, names, served)
    long = max(link.level for link in links) >= LEAST
    if not long and not any(link.served for link in links):
        return loop
    if not all(link.loads() or _dtype(link) for link in links if link.name):
        return loop
    return _Cut(loop, links, names).passes(scratch)


def _dtype(link: Link) -> np.dtype | None:
    return getattr(link.statement.expression, "dtype", None)


class _Cut:
    """A loop being cut: where each link runs, and the numbers handed from pass to pass."""

    def __init__(self, loop: loops.Loop, links: Sequence[Link], names: Names) -> None:
        self.extent, self.names = loop.extent, names
        self.variable = dims.symbol(loop.variable)
        self.start, self.size = names.fresh("start"), names.fresh("size")
        self.slices, self.links = self._on_blocks(loop, links)
        self.loads = self._loads()
        self.places = self._places()
        self.handed = self._handed()
        self.arrays: dict[str, str] = {}

    def _on_blocks(
        self, loop: loops.Loop, links: Sequence[Link]
    ) -> tuple[list[loops.Statement], list[Link]]:
        """Return views of the block, and the links reading and writing through them."""
        place = dims.symbol("@" + self.start) + self.variable
        slices: list[loops.Statement] = []
        views: dict[loops.Load, loops.Load] = {}
        for element in elements_of(loop):
            here = moved(element, loop.variable, place)
            if here in views or step_of(element, loop.variable) != 1:
                continue
            view = self.names.fresh(f"{element.array}_block")
            slices.append(
                loops.Slice(view, element.array, row(here, loop.variable, LENGTH, bounded=True))
            )
            views[here] = loops.Load(view, (self.variable,))
        return slices, [
            replace(
                link, statement=with_elements(moved(link.statement, loop.variable, place), views)
            )
            for link in links
        ]

    def _loads(self) -> dict[str, loops.Load]:
        """Return the elements that each pass reads anew rather than be handed."""
        arguments = {name for link in self.links if link.served for name in link.reads()}
        return {
            link.name: link.statement.expression
            for link in self.links
            if link.loads()
            and isinstance(link.statement.expression, loops.Load)
            and (
                link.name not in arguments
                or link.statement.expression.indices == (self.variable,)
            )
        }

    def _places(self) -> list[int]:
        """Return the pass of each link: kernels early, what is cheap where it is first read."""
        places = [max(link.level, 1) for link in self.links]
        needed: dict[str, int] = {}
        for number in reversed(range(len(self.links))):
            link = self.links[number]
            if link.name and not link.own:
                places[number] = needed.get(link.name, link.level)
            before = places[number] - bool(link.served)
            for name in link.reads():
                needed[name] = min(needed.get(name, before), before)
        return places

    def _handed(self) -> dict[str, tuple[int, int]]:
        """Return the first and the last pass of each number that passes hand on."""
        made: dict[str, int] = {}
        handed: dict[str, tuple[int, int]] = {}
        for link, place in zip(self.links, self.places, strict=True):
            for name in link.reads() & made.keys():
                if place > made[name] or name in handed:
                    handed[name] = (made[name], max(place, handed.get(name, (0, 0))[1]))
            if link.name and link.name not in self.loads:
                made[link.name] = place
                if link.served:
                    handed[link.name] = (place, place)
        return handed

    def passes(self, scratch: list[loops.Statement]) -> loops.Loop:
        """Return the passes, and add the memory they need to ``scratch``."""
        scratch += self._memory()
        body = list(self.slices)
        for number in range(max(self.places) + 1):
            here = [
                link for link, place in zip(self.links, self.places, strict=True)
                if place == number and link.name not in self.loads
            ]  # fmt: skip
            body += self._served([link for link in here if link.served])
            body += self._pass([link for link in here if not link.served], number)
        return loops.Blocks(
            "@" + self.start, self.extent, tuple(body), size="@" + self.size, length=LENGTH
        )

    def _memory(self) -> list[loops.Statement]:
        """Name an array for each number that is handed on; return what makes those arrays.

        They are rows of one array for each dtype; a row is used again once nobody reads it.
        """
        dtypes = {link.name: _dtype(link) or np.dtype(np.float64) for link in self.links}
        memory: dict[np.dtype, str] = {}
        rows: dict[np.dtype, list[int]] = {}
        views: list[loops.Statement] = []
        for name, (first, last) in sorted(self.handed.items(), key=lambda item: item[1][0]):
            dtype = dtypes[name]
            if dtype not in memory:
                memory[dtype] = self.names.fresh("scratch")
            own = rows.setdefault(dtype, [])
            number = next((n for n, end in enumerate(own) if end < first), len(own))
            own[number : number + 1] = [last]
            self.arrays[name] = self.names.fresh(f"{name}_block")
            place = (loops.AxisSlice(number, 1, 0), None)
            views.append(loops.Slice(self.arrays[name], memory[dtype], place))
        made = [
            loops.Allocate(memory[dtype], (len(own), LENGTH), dtype, scratch=True)
            for dtype, own in rows.items()
        ]
        return [*made, *views]

    def _served(self, links: Sequence[Link]) -> list[loops.Statement]:
        """Return the calls of functions over the block."""
        by_argument: dict[str, dict[str, Link]] = {}
        for link in links:
            (name,) = link.reads()
            by_argument.setdefault(name, {})[link.served] = link
        calls: list[loops.Statement] = []
        size = dims.symbol("@" + self.size)
        for argument, wanted in by_argument.items():
            read = self.loads[argument].array if argument in self.loads else self.arrays[argument]
            both = ("sin", "cos") if wanted.keys() >= {"sin", "cos"} else ()
            groups = [both, *((name,) for name in wanted if name not in both)]
            for group in filter(None, groups):
                filled = [self.arrays[wanted[name].name] for name in group]
                nodes = [node for name in group for node in wanted[name].statement.nodes]
                function = f"fill_{''.join(group)}"
                calls.append(loops.Call(function, (size, read, *filled), tuple(nodes)))
        return calls

    def _pass(self, links: Sequence[Link], number: int) -> list[loops.Statement]:
        """Return the loop of a pass over the block."""
        if not links:
            return []
        local = {link.name for link in links}
        reads = Counter(
            term.name for link in links for term in terms(link.statement)
            if isinstance(term, loops.Name)
        )  # fmt: skip
        body: list[loops.Statement] = []
        once: dict[str, Any] = {}
        for name in reads:
            source: Any = self.loads.get(name)
            if name in self.arrays and name not in local:
                source = loops.Load(self.arrays[name], (self.variable,))
            if source is not None and reads[name] > 1:
                body.append(loops.Let(name, source))
            elif source is not None:
                once[name] = source
        for link in links:
            statement = _with_names(link.statement, once)
            handed = self.arrays.get(link.name)
            if handed is None or reads[link.name]:
                body.append(statement)
            if handed is not None:
                value = loops.Name(link.name) if reads[link.name] else statement.expression
                nodes = () if reads[link.name] else statement.nodes
                body.append(loops.Store(handed, (self.variable,), value, nodes))
        name = next(iter(dims.symbols(self.variable)))
        return [loops.Loop(name, dims.symbol("@" + self.size), tuple(body))]


def _with_names(part: Any, known: Mapping[str, Any]) -> Any:
    """Return a statement or an expression with what is known in the place of names."""
    if isinstance(part, loops.Name):
        return known.get(part.name, part)
    if isinstance(part, loops.Load | loops.Store):
        part = replace(part, indices=tuple(_with_names(index, known) for index in part.indices))
    if isinstance(part, Simple):
        return replace(part, expression=_with_names(part.expression, known))
    if isinstance(part, loops.Apply):
        return replace(part, operands=tuple(_with_names(o, known) for o in part.operands))
    return part
