"""The chains of elementary functions in the body of a loop: which statement waits for how many.

A kernel of the vector math that works on another one's result is a link further down the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from irgrad.ir import loops
from irgrad.schedule.names import Names

SERVED = frozenset({"sin", "cos", "tan"})
"""Vector math that is fast for every argument only as a function over many elements."""
SERVED_BESIDE_SUMS = SERVED | {"exp"}
"""The same for loops that do nothing but add up several sums.

LLVM takes several trips of these at once, and their constants fit the registers no longer: of an
exponential and two to eight sums, passes took 0.80 to 0.88 of the time *(measured with AVX2)*, but
with one sum, or with results to be stored, 1.0 to 1.1."""

Simple = loops.Let | loops.Store | loops.Accumulate


@dataclass(frozen=True, slots=True)
class Link:
    """A statement, the length of the chain that ends in it, and whether it holds a kernel.

    ``served`` names the vector math that a function over many elements computes for it.
    """

    statement: Simple
    level: int
    own: bool = False
    served: str = ""

    @property
    def name(self) -> str:
        """The scalar it makes, or nothing."""
        return self.statement.name if isinstance(self.statement, loops.Let) else ""

    def reads(self) -> set[str]:
        """Return the names of the scalars it reads."""
        return {term.name for term in terms(self.statement) if isinstance(term, loops.Name)}

    def loads(self) -> bool:
        """Tell whether it gives a name to an element of an array and does nothing else."""
        is_load = isinstance(self.statement.expression, loops.Load)
        return isinstance(self.statement, loops.Let) and is_load and not self.reads()


def terms(part: Any) -> Iterator[Any]:
    """Yield a statement or an expression, and all expressions in it."""
    stack: list[Any] = [part]
    while stack:
        term = stack.pop()
        yield term
        if isinstance(term, Simple):
            stack.append(term.expression)
        if isinstance(term, loops.Load | loops.Store):
            stack.extend(term.indices)
        elif isinstance(term, loops.Apply):
            stack.extend(term.operands)


def links_of(loop: loops.Loop, names: Names, served: frozenset[str]) -> list[Link]:
    """Return the statements of a loop, with earlier links of their chains taken out of them.

    ``served`` is the vector math that a function over many elements computes.
    """
    chain = _Chain(names, served)
    for part in loop.body:
        if isinstance(part, loops.Let):
            chain.let(part.name, part.expression, part.nodes)
        else:
            assert isinstance(part, Simple)
            level = chain.level(part.expression)
            expression = chain.taken_apart(part.expression, level)
            chain.links.append(Link(replace(part, expression=expression), level))
    return chain.links


@dataclass
class _Chain:
    names: Names
    functions: frozenset[str]
    links: list[Link] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)

    def let(self, name: str, expression: Any, nodes: tuple[int, ...] = ()) -> loops.Name:
        """Add ``name = expression``; return the name as an expression."""
        level = self.levels[name] = self.level(expression)
        by = self.served(expression)
        if by:
            (operand,) = expression.operands
            expression = replace(expression, operands=(self._argument(operand),))
        else:
            expression = self.taken_apart(expression, level)
        own = any(isinstance(term, loops.Apply) and term.vector_math for term in terms(expression))
        self.links.append(Link(loops.Let(name, expression, nodes), level, own, by))
        return loops.Name(name)

    def level(self, expression: Any) -> int:
        """Return the length of the longest chain of kernels in an expression."""
        if isinstance(expression, loops.Name):
            return self.levels.get(expression.name, 0)
        if isinstance(expression, loops.Load):
            return max(map(self.level, expression.indices), default=0)
        if not isinstance(expression, loops.Apply):
            return 0
        before = max(map(self.level, expression.operands), default=0)
        return before + (expression.vector_math is not None)

    def taken_apart(self, expression: Any, level: int) -> Any:
        """Return an expression with kernels that are no last link of ``level`` named instead.

        Recursion as deep as one fused statement.
        """
        if isinstance(expression, loops.Load):
            indices = tuple(self.taken_apart(index, level) for index in expression.indices)
            return replace(expression, indices=indices)
        if not isinstance(expression, loops.Apply):
            return expression
        if expression.vector_math is not None and (
            self.served(expression) or self.level(expression) < level
        ):
            function, _, _ = expression.vector_math.partition("_")  # sin, of sin_small
            return self.let(self.names.fresh(f"inner_{function}"), expression)
        operands = tuple(self.taken_apart(operand, level) for operand in expression.operands)
        return replace(expression, operands=operands)

    def served(self, expression: Any) -> str:
        """Return the vector math that a function over many elements computes, or nothing."""
        if not isinstance(expression, loops.Apply) or expression.dtype != np.float64:
            return ""
        name = expression.vector_math
        return name if name is not None and name in self.functions else ""

    def _argument(self, operand: Any) -> loops.Name:
        """Return the argument of a served function as the name of a number made in the loop."""
        if isinstance(operand, loops.Name) and operand.name in self.levels:
            return operand
        if isinstance(operand, loops.Name):
            operand = loops.Apply("x", (operand,), np.dtype(np.float64))
        return self.let(self.names.fresh("argument"), operand)

