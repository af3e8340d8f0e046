"""Nests over all pairs whose two places add alike: which they are, and with which sign.

Over i and j from the same range, what is added at (j, i) is often what is added at (i, j), or its
opposite: distances are the same both ways, forces are opposite. It follows from the expression: a
difference of what i and j read alike changes its sign, an even function of what changes its sign
does not, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.schedule.dependence import SUM
from irgrad.schedule.nest import parts_of

FEWEST = 16
"""Elements of a range from which it is worth it."""
EVEN = frozenset({"x * x", "abs(x)", "np.cos(x)", "np.cosh(x)"})
"""Functions that are the same of the opposite."""
ODD = frozenset(
    {"np.sin(x)", "np.tan(x)", "np.arcsin(x)", "np.arctan(x)"}
    | {"np.sinh(x)", "np.tanh(x)", "np.arcsinh(x)", "np.cbrt(x)"}
)
"""Functions that are the opposite of the opposite."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What a pair adds to an element at one of its places: at i where ``own``, else at j.

    With i and j exchanged it is ``sign`` times that; ``direct``: not in a loop inside the nest.
    """

    store: loops.Store
    sign: int
    own: bool
    direct: bool


@dataclass
class Pairs:
    """A nest over all pairs, as far as it is understood: what it adds to, and with which sign."""

    i: Dim
    j: Dim
    extent: Dim
    body: tuple[loops.Statement, ...]
    signs: dict[str, int | None] = field(default_factory=dict)
    meanings: dict[str, Any] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    totals: list[loops.Accumulate] = field(default_factory=list)
    gains: list[Gain] = field(default_factory=list)
    costly: bool = False
    begun: dict[str, loops.Store] = field(default_factory=dict)
    """Of arrays that the nest sets to sums over j, the store that does."""

    def stores(self) -> set[int]:
        """Return which statements write what the nest adds to."""
        return {id(gain.store) for gain in self.gains} | {id(x) for x in self.begun.values()}


def pairs_of(
    part: loops.Statement, made: Mapping[str, loops.Allocate], roots: Mapping[str, str]
) -> Pairs | None:
    """Return the pairs that a nest runs over, where the two places of a pair add alike."""
    if type(part) is not loops.Loop or (isinstance(part.extent, int) and part.extent < FEWEST):
        return None
    inner, begun = _inner(part)
    if inner is None or inner.extent != part.extent:
        return None
    body = _with_stores(inner.body, {store.expression.name: store for store in begun})
    inner = replace(inner, body=body)
    pairs = Pairs(dims.symbol(part.variable), dims.symbol(inner.variable), part.extent, body)
    pairs.begun.update((store.array, store) for store in begun)
    if len(pairs.begun) != len(begun):
        return None
    if not _understood(pairs, inner.body, direct=True):
        return None
    written = {gain.store.array for gain in pairs.gains}
    summed = {total.name for total in pairs.totals}
    for load in _terms_in(inner.body):
        if isinstance(load, loops.Load) and roots.get(load.array, load.array) in written:
            return None
        if isinstance(load, loops.Name) and load.name in summed:
            return None
    known = all(array in made for array in written)
    return pairs if known and (pairs.costly or (pairs.totals and not pairs.gains)) else None


def _inner(nest: loops.Loop) -> tuple[loops.Loop | None, list[Any]]:
    """Return the loop in a nest, and the stores of the sums over it that follow it.

    No loop where there is anything else but the zeros that those sums begin with.
    """
    zeros: set[str] = set()
    stores: list[Any] = []
    inner: loops.Loop | None = None
    for part in nest.body:
        if isinstance(part, loops.Let) and inner is None:
            if not isinstance(part.expression, loops.Literal) or part.expression.value != 0:
                return None, []
            zeros.add(part.name)
        elif type(part) is loops.Loop and inner is None:
            inner = part
        elif isinstance(part, loops.Store) and inner is not None and not part.template:
            name = part.expression.name if isinstance(part.expression, loops.Name) else ""
            if name not in zeros:
                return None, []
            zeros.discard(name)
            stores.append(part)
        else:
            return None, []
    return (None if zeros else inner), stores


def _with_stores(
    body: Sequence[loops.Statement], sums: Mapping[str, loops.Store]
) -> tuple[loops.Statement, ...]:
    """Return a body that adds to the arrays where it has added to sums that are stored there."""
    result: list[loops.Statement] = []
    for part in body:
        if isinstance(part, loops.Loop):
            part = replace(part, body=_with_stores(part.body, sums))
        elif isinstance(part, loops.Accumulate) and part.name in sums:
            store = sums[part.name]
            part = loops.Store(store.array, store.indices, part.expression, part.nodes, SUM)
        result.append(part)
    return tuple(result)


def _terms_in(body: Sequence[loops.Statement]) -> Iterator[Any]:
    for part in loops.every_statement(body):
        if isinstance(part, loops.Let | loops.Accumulate | loops.Store):
            yield from parts_of(part.expression)


def _understood(pairs: Pairs, body: Sequence[loops.Statement], *, direct: bool) -> bool:
    """Note what a body adds to; tell whether both places of each pair add alike."""
    for part in body:
        if isinstance(part, loops.Let) and not part.again:
            pairs.signs[part.name] = _sign(pairs, part.expression)
            pairs.meanings[part.name] = part.expression
            if isinstance(part.expression, loops.Literal) and part.expression.value == 0:
                pairs.empty.add(part.name)
        elif isinstance(part, loops.Accumulate) and part.template == SUM:
            if not _added(pairs, part):
                return False
        elif isinstance(part, loops.Store) and part.template == SUM:
            if not _gained(pairs, part, direct):
                return False
        elif type(part) is loops.Loop and _sides(pairs, (part.extent,)) == (False, False):
            if not _understood(pairs, part.body, direct=False):
                return False
        else:
            return False
    return True


def _added(pairs: Pairs, part: loops.Accumulate) -> bool:
    sign = _sign(pairs, part.expression)
    if part.name not in pairs.signs:
        pairs.totals.append(part)
        return sign == 1
    pairs.meanings.pop(part.name, None)
    if part.name in pairs.empty:
        pairs.empty.discard(part.name)
        pairs.signs[part.name] = sign
    elif pairs.signs[part.name] != sign:
        pairs.signs[part.name] = None
    return True


def _gained(pairs: Pairs, part: loops.Store, direct: bool) -> bool:
    sign = _sign(pairs, part.expression)
    sides = _sides(pairs, part.indices)
    if sign is None or sides not in ((True, False), (False, True)):
        return False
    pairs.gains.append(Gain(part, sign, sides[0], direct))
    return True


def _sides(pairs: Pairs, indices: Sequence[Any]) -> tuple[bool, bool] | None:
    """Tell whether indices hold i, and whether they hold j; None where they are no plain ones."""
    names: set[str] = set()
    for index in indices:
        if not isinstance(index, int | dims.Size):
            return None
        names.update(dims.symbols(index))
    i, j = str(pairs.i), str(pairs.j)
    return i in names, j in names


def _sign(pairs: Pairs, expression: Any) -> int | None:
    """Return 1 where an expression is the same with i and j exchanged, -1 where it is the opposite.

    Recursion as deep as the expression.
    """
    if isinstance(expression, loops.Name):
        return pairs.signs.get(expression.name, 1)
    if isinstance(expression, loops.Literal):
        return 1
    if isinstance(expression, loops.SizeValue):
        return 1 if _sides(pairs, (expression.dim,)) == (False, False) else None
    if isinstance(expression, loops.Load):
        return 1 if _sides(pairs, expression.indices) == (False, False) else None
    template = expression.template
    pairs.costly |= expression.vector_math is not None or "/" in template or "sqrt" in template
    signs = [_sign(pairs, operand) for operand in expression.operands]
    if template == "-x" or template in ODD:
        return signs[0]
    if template in ("x + y", "x - y"):
        if signs[0] is not None and signs[0] == signs[1]:
            return signs[0]
        if _exchanged(pairs, *expression.operands):
            return 1 if template == "x + y" else -1
        return None
    if template in ("x * y", "x / y") and None not in signs:
        return int(np.prod(signs))  # type: ignore[arg-type]
    if template == "x * y" and _exchanged(pairs, *expression.operands):
        return 1
    if all(sign == 1 or (sign == -1 and template in EVEN) for sign in signs):
        return 1
    return None


def _exchanged(pairs: Pairs, one: Any, other: Any) -> bool:
    """Tell whether an expression is another one with i and j exchanged."""
    first, second = _meant(pairs, one), _meant(pairs, other)
    if any(
        isinstance(part, loops.Name) and pairs.signs.get(part.name, 1) != 1
        for part in (*parts_of(first), *parts_of(second))
    ):
        return False  # the result of a sum, which is another one at (j, i)
    return bool(loops.placed(first, swap(pairs)) == second)


def swap(pairs: Pairs) -> dict[str, Dim]:
    """Return what exchanges i and j."""
    return {str(pairs.i): pairs.j, str(pairs.j): pairs.i}


def _meant(pairs: Pairs, expression: Any) -> Any:
    """Return an expression with the names that the nest gives to others replaced by those."""
    if isinstance(expression, loops.Name) and expression.name in pairs.meanings:
        return _meant(pairs, pairs.meanings[expression.name])
    if isinstance(expression, loops.Apply):
        operands = tuple(_meant(pairs, operand) for operand in expression.operands)
        return replace(expression, operands=operands)
    return expression


__all__ = ["Gain", "Pairs", "pairs_of", "swap"]
