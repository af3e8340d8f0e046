"""Units of work: every node that computes, in index notation.

A ``Kernel`` is ``target[write] (op)= expression`` over a domain of loop axes; the axis at depth t
is always the variable ``VARIABLES[t]``. A ``Routine`` works on whole arrays: BLAS, a sort, a
reshape. Nodes that move no number (views) are no units: reads go through them to their operand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Node
from irgrad.ir.op import PLACES

VARIABLES = ("i", "j", "k", "l", *(f"l{letter}" for letter in "abcdefghijklmno"))
"""Loop variables by depth, in alphabetical order; sizes have other names."""


ROWS = dims.symbol("rows")
"""How many elements a block has of the axis that it is a part of."""


def variable(depth: int) -> dims.Size:
    """Return the loop variable at ``depth`` as an index."""
    return dims.symbol("@" + VARIABLES[depth])


def moves(index: Any, depth: int) -> bool:
    """Tell whether an index moves with the loop at ``depth``."""
    return isinstance(index, dims.Size) and not set(dims.symbols(index)).isdisjoint(
        dims.symbols(variable(depth))
    )


@dataclass(frozen=True, slots=True)
class Read:
    """An element of a node's value; an index is a ``Dim`` or itself a term (indirect)."""

    node: Node
    indices: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: Any
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class SizeNumber:
    """A size, or a loop variable, as a number."""

    dim: Dim
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class Term:
    """An expression template applied to terms; ``vector_math`` names its vectorising kernel."""

    template: str
    operands: tuple[Any, ...]
    dtype: np.dtype
    vector_math: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One assignment or fold over a domain."""

    node: Node
    domain: Shape
    write: tuple[Any, ...]
    term: Any
    fold: str | None = None
    initial: Any = None
    inplace: Node | None = None
    """The node whose memory it goes on writing, for writes into a part of an array."""
    first: Any = None
    """A term that a fold into a scalar begins with, instead of ``initial``."""

    def reads(self) -> Iterator[Read]:
        """Yield what it reads, indirect indices included."""
        stack = [self.term, self.first, *(index for index in self.write if not is_dim(index))]
        while stack:
            term = stack.pop()
            if isinstance(term, Read):
                yield term
                stack.extend(index for index in term.indices if not is_dim(index))
            elif isinstance(term, Term):
                stack.extend(term.operands)

    def uses(self) -> Iterator[tuple[Node, int]]:
        """Yield the nodes it reads, and how often the expression around repeats each."""
        times = occurrences(self.fold, 1) if self.fold else 1
        stack: list[tuple[Any, int]] = [(self.term, times), (self.first, 1)]
        while stack:
            term, times = stack.pop()
            if isinstance(term, Read):
                yield term.node, times
                stack.extend((index, 1) for index in term.indices if not is_dim(index))
            elif isinstance(term, Term):
                stack.extend(
                    (operand, times * occurrences(term.template, place))
                    for place, operand in enumerate(term.operands)
                )


@cache
def occurrences(template: str, place: int) -> int:
    """Return how often a template names its operand ``place``, as `PLACES` spells it."""
    return len(re.findall(rf"\b{PLACES[place]}\b", template))


@dataclass(frozen=True, eq=False, slots=True)
class Routine:
    """Work on whole arrays: a BLAS product, an opaque kernel, a reshape, a copy.

    It may run once for every point of a ``domain`` of leading axes, on the parts of its operands
    at that point: ``places`` are the leading indices of each operand, ``write`` those of the
    result.
    """

    node: Node
    kind: str
    operands: tuple[Node, ...]
    detail: Any = None
    domain: Shape = ()
    places: tuple[tuple[Dim, ...], ...] = ()
    write: tuple[Dim, ...] = ()
    rows: tuple[bool, ...] = ()
    """Of the operands and the result, which have the rows of a block as their next axis."""

    def reads(self) -> Iterator[Read]:
        """Yield what it reads; the indices name the leading axes alone."""
        for position, operand in enumerate(self.operands):
            yield Read(operand, self.places[position] if self.places else ())


Unit = Kernel | Routine

Copies = dict[Node, tuple[Node, str]]
"""Nodes that scheduling makes: of which node each holds the values, or what of them."""


def is_dim(index: Any) -> bool:
    """Tell whether an index is a size polynomial, not an indirect one."""
    return isinstance(index, int | dims.Size)


def reading(unit: Unit, copies: Mapping[Node, Node]) -> Unit:
    """Return a kernel that reads copies of nodes instead of them; others stay."""
    if not isinstance(unit, Kernel):
        return unit

    def changed(term: Any) -> Any:
        if isinstance(term, Read):
            indices = tuple(changed(index) for index in term.indices)
            return Read(copies.get(term.node, term.node), indices)
        if isinstance(term, Term):
            return replace(term, operands=tuple(changed(operand) for operand in term.operands))
        return term

    return replace(unit, term=changed(unit.term))
