"""Sizes of axes: whole numbers, or polynomials over the sizes of the inputs.

A ``Dim`` is an ``int`` or a ``Size``. A ``Size`` is a polynomial with whole coefficients over
*atoms*: size symbols (``n``) and floor quotients (``n // 2``). Two sizes are the same when their
normal forms are. Where the normal form can't tell (``n - 1`` against ``m``), the sizes of the
first call decide, and the answer is recorded as a guard that later calls must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Union

from irgrad.errors import InternalError, ShapeError

Dim = Union[int, "Size"]
Shape = tuple[Dim, ...]


@total_ordering
@dataclass(frozen=True, slots=True)
class Symbol:
    """The unknown size of an axis of an input, or a loop variable."""

    name: str

    def __lt__(self, other: Symbol | Quotient) -> bool:
        return isinstance(other, Quotient) or self.name < other.name

    def __str__(self) -> str:
        return self.name


@total_ordering
@dataclass(frozen=True, slots=True)
class Quotient:
    """``numerator // divisor``, opaque to the polynomial arithmetic around it."""

    numerator: Dim
    divisor: Dim

    def __lt__(self, other: Symbol | Quotient) -> bool:
        return isinstance(other, Quotient) and str(self) < str(other)

    def __str__(self) -> str:
        return f"({_operand(self.numerator)} // {_operand(self.divisor)})"


def _factor(dim: Dim) -> str:
    """Return a size as text that a product or quotient can take as it is."""
    text = str(dim)
    return text if text.isidentifier() or text.isdigit() or text.startswith("(") else f"({text})"


Atom = Symbol | Quotient
Monomial = tuple[Atom, ...]


class Size:
    """A polynomial over atoms that is not a constant."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Dim) -> Dim:
        return _polynomial([*self.terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return _polynomial([(monomial, -factor) for monomial, factor in self.terms])

    def __sub__(self, other: Dim) -> Dim:
        return self + (-other)

    def __rsub__(self, other: int) -> Dim:
        return (-self) + other

    def __mul__(self, other: Dim) -> Dim:
        return _polynomial(
            [
                (tuple(sorted((*a, *b))), p * q)
                for a, p in self.terms
                for b, q in _terms(other)
            ]
        )

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return floor_divide(self, other)

    def __rfloordiv__(self, other: int) -> Dim:
        return floor_divide(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return self - floor_divide(self, other) * other

    def __str__(self) -> str:
        words: list[str] = []
        for monomial, factor in sorted(self.terms, key=lambda term: (-len(term[0]), term[0])):
            names = "*".join(map(str, monomial))
            size = abs(factor)
            word = str(size) if not names else names if size == 1 else f"{size}*{names}"
            if words:
                words.append(" - " if factor < 0 else " + ")
            elif factor < 0:
                words.append("-")
            words.append(word)
        return "".join(words)

    def __repr__(self) -> str:
        return f"Size({self})"


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    if isinstance(dim, Size):
        return dim.terms
    return (((), int(dim)),) if dim else ()


def _polynomial(terms: Iterable[tuple[Monomial, int]]) -> Dim:
    sums: dict[Monomial, int] = {}
    for monomial, factor in terms:
        sums[monomial] = sums.get(monomial, 0) + factor
    kept = sorted((item for item in sums.items() if item[1]), key=lambda item: item[0])
    if not kept:
        return 0
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    return Size(tuple(kept))


def symbol(name: str) -> Size:
    """Return the size that is the symbol ``name``."""
    return Size((((Symbol(name),), 1),))


def _operand(dim: Dim) -> str:
    """Return a size as text that binds as tightly as a name does."""
    if isinstance(dim, Size):
        ((monomial, factor), *others) = dim.terms
        single = not others and factor == 1 and len(monomial) == 1
        return str(dim) if single else f"({dim})"
    return str(dim) if dim >= 0 else f"({dim})"


def floor_divide(numerator: Dim, divisor: Dim) -> Dim:
    """Return ``numerator // divisor``, exact where every coefficient divides."""
    if isinstance(numerator, int) and isinstance(divisor, int):
        return numerator // divisor
    if divisor == 1:
        return numerator
    if numerator == divisor:
        return 1
    if isinstance(divisor, int) and all(factor % divisor == 0 for _, factor in _terms(numerator)):
        return _polynomial([(m, factor // divisor) for m, factor in _terms(numerator)])
    exact = _exact_monomial_quotient(numerator, divisor)
    if exact is not None:
        return exact
    return Size((((Quotient(numerator, divisor),), 1),))


def _exact_monomial_quotient(numerator: Dim, divisor: Dim) -> Dim | None:
    """Divide every term by a one-term divisor, or return None where one does not divide."""
    divisor_terms = _terms(divisor)
    if len(divisor_terms) != 1:
        return None
    ((wanted, by),) = divisor_terms
    quotient: list[tuple[Monomial, int]] = []
    for monomial, factor in _terms(numerator):
        rest = list(monomial)
        for atom in wanted:
            if atom not in rest:
                return None
            rest.remove(atom)
        if factor % by:
            return None
        quotient.append((tuple(rest), factor // by))
    return _polynomial(quotient)


def product(shape: Iterable[Dim]) -> Dim:
    """Return the number of elements of ``shape``."""
    total: Dim = 1
    for dim in shape:
        total = total * dim
    return total


def symbols(dim: Dim) -> Iterator[str]:
    """Yield the names of the symbols in ``dim``, with repeats."""
    if isinstance(dim, Size):
        for monomial, _ in dim.terms:
            for atom in monomial:
                if isinstance(atom, Symbol):
                    yield atom.name
                else:
                    yield from symbols(atom.numerator)
                    yield from symbols(atom.divisor)


def substitute(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """Return ``dim`` with symbols replaced by ``values``; symbols not named there stay."""
    if not isinstance(dim, Size):
        return dim
    total: Dim = 0
    for monomial, factor in dim.terms:
        term: Dim = factor
        for atom in monomial:
            if isinstance(atom, Symbol):
                term = term * values.get(atom.name, Size((((atom,), 1),)))
            else:
                term = term * floor_divide(
                    substitute(atom.numerator, values), substitute(atom.divisor, values)
                )
        total = total + term
    return total


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """Return the number that ``dim`` is where its symbols have ``values``."""
    result = substitute(dim, values)
    if isinstance(result, Size):
        raise InternalError(f"the size {dim} has a symbol without a value in {dict(values)}")
    return result


def render(dim: Dim, name: Callable[[str], str] = lambda symbol: symbol) -> str:
    """Return ``dim`` as a Python expression, symbols spelled by ``name``."""
    return str(substitute(dim, {s: symbol(name(s)) for s in set(symbols(dim))}))


@dataclass(frozen=True, slots=True)
class Guard:
    """``left relation right``, true on the first call and required of every later one."""

    left: Dim
    relation: str  # "==" or ">=" or "<"
    right: Dim

    def holds(self, values: Mapping[str, int]) -> bool:
        """Tell whether the guard is true where the symbols have ``values``."""
        left, right = evaluate(self.left, values), evaluate(self.right, values)
        if self.relation == "==":
            return left == right
        return left >= right if self.relation == ">=" else left < right

    @property
    def slack(self) -> Dim:
        """What an inequality says is not negative."""
        return self.left - self.right if self.relation == ">=" else self.right - self.left - 1

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


def apart(dim: Dim) -> tuple[Dim, int]:
    """Return a size without its constant term, and that."""
    number = dim if isinstance(dim, int) else dict(dim.terms).get((), 0)
    return dim - number, number


def _as_bound(guard: Guard) -> tuple[Dim, int]:
    """Return an inequality as ``polynomial without constant term >= number``."""
    varying, constant = apart(guard.slack)
    return varying, -constant


def _bound(varying: Dim, number: int) -> Guard:
    """Return ``varying >= number``, the other way round where all of it is taken away."""
    if all(factor < 0 for _, factor in _terms(varying)):
        return Guard(-varying, "<", 1 - number)
    return Guard(varying, ">=", number)


def _fixed(guards: Iterable[Guard]) -> dict[str, Dim]:
    """Return the symbols that guards fix to numbers."""
    return {
        str(guard.left): guard.right
        for guard in guards
        if guard.relation == "==" and isinstance(guard.right, int)
    }


def strongest(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return guards that say as much as ``guards``, bounds that others imply left out."""
    equalities: list[Guard] = []
    bounds: dict[Dim, int] = {}
    for guard in guards:
        if guard.relation == "==":
            equalities.append(guard)
        else:
            varying, bound = _as_bound(guard)
            bounds[varying] = max(bounds.get(varying, bound), bound)
    fixed = _fixed(equalities)
    return (
        *equalities,
        *(
            _bound(varying, bound)
            for varying, bound in bounds.items()
            if isinstance(substitute(varying, fixed), Size)  # else the equalities decide it
        ),
    )


@dataclass(slots=True)
class Assumptions:
    """The sizes of the first call, and what has been concluded from them."""

    hints: Mapping[str, int] = field(default_factory=dict)
    guards: dict[Guard, None] = field(default_factory=dict)
    loops: dict[str, Dim] = field(default_factory=dict)
    """The loop variables about, and the trips of their loops."""
    _bounds: dict[Dim, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for guard in self.guards:
            self._note(guard)

    def _note(self, guard: Guard) -> bool:
        """Take note of an inequality; tell whether it says anything new."""
        if guard.relation == "==":
            return True
        varying, bound = _as_bound(guard)
        known = self._bounds.get(varying)
        if known is not None and known >= bound:
            return False
        if not isinstance(substitute(varying, _fixed(self.guards)), Size):
            return False
        self._bounds[varying] = bound
        return True

    def conclude(self, left: Dim, relation: str, right: Dim) -> bool:
        """Answer ``left relation right`` by the hints, recording the answer as a guard.

        Raises: ShapeError where some iterations of a loop would answer yes and others no.
        """
        if not self.loops.keys().isdisjoint(symbols(left - right)):
            return self._conclude_for_all_iterations(left, relation, right)
        guard = Guard(left, relation, right)
        answer = guard.holds(self.hints)
        if not answer:
            if relation == "==":
                return False
            guard = Guard(left, "<" if relation == ">=" else ">=", right)
        if guard not in self.guards and self._note(guard):
            self.guards[guard] = None
        return answer

    def _conclude_for_all_iterations(self, left: Dim, relation: str, right: Dim) -> bool:
        lowest = highest = left - right
        for name, trips in reversed(self.loops.items()):
            lowest = extreme(lowest, name, trips, highest=False)
            highest = extreme(highest, name, trips, highest=True)
        if relation == ">=":
            if at_least(lowest, 0):
                return True
            if at_least(-1, highest):
                return False
        elif at_least(lowest, 1) or at_least(-1, highest):
            return False
        raise ShapeError(
            f"whether {left} {relation} {right} differs between the iterations of a loop",
            remedy="let the loop start later or end earlier, so that indices stay in range",
        )


def extreme(dim: Dim, name: str, trips: Dim, *, highest: bool) -> Dim:
    """Return a bound of ``dim`` while the loop variable ``name`` runs from 0 to ``trips - 1``.

    It is attained where the variable occurs in one term, to any power.
    """
    if not isinstance(dim, Size):
        return dim
    total: Dim = 0
    for monomial, factor in dim.terms:
        term = Size(((monomial, factor),)) if monomial else factor
        if name in symbols(term):
            term = substitute(term, {name: trips - 1 if (factor > 0) == highest else 0})
        total = total + term
    return total


def is_positive(dim: Dim) -> bool:
    """Tell whether a number is positive whatever its symbols are, which are never below 0."""
    if isinstance(dim, int):
        return dim > 0
    return dict(dim.terms).get((), 0) > 0 and all(factor > 0 for _, factor in dim.terms)


_assumptions: ContextVar[Assumptions | None] = ContextVar("assumptions", default=None)


@contextmanager
def assuming(assumptions: Assumptions) -> Iterator[Assumptions]:
    """Let size questions inside the block be answered by ``assumptions``."""
    token = _assumptions.set(assumptions)
    try:
        yield assumptions
    finally:
        _assumptions.reset(token)


def _conclude(left: Dim, relation: str, right: Dim) -> bool:
    assumptions = _assumptions.get()
    if assumptions is None:
        raise InternalError(f"whether {left} {relation} {right} was asked outside a trace")
    return assumptions.conclude(left, relation, right)


def same(left: Dim, right: Dim) -> bool:
    """Tell whether two sizes are equal, by their normal forms or by the first call."""
    if left == right:
        return True
    if isinstance(left, int) and isinstance(right, int):
        return False
    if isinstance(left - right, int):  # they differ by a constant whatever the symbols are
        return False
    return _conclude(left, "==", right)


def same_shape(left: Shape, right: Shape) -> bool:
    """Tell whether two shapes are equal, axis by axis."""
    return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))


def at_least(left: Dim, right: Dim) -> bool:
    """Tell whether ``left >= right``, by their difference or by the first call."""
    difference = left - right
    if isinstance(difference, int):
        return difference >= 0
    terms = difference.terms
    constant = dict(terms).get((), 0)
    if constant >= 0 and all(factor > 0 for _, factor in terms):
        return True  # sizes are never negative
    return _conclude(left, ">=", right)


def concrete(dim: Dim) -> int:
    """Fix ``dim`` to its number on the first call, which later calls must repeat."""
    if isinstance(dim, int):
        return dim
    assumptions = _assumptions.get()
    if assumptions is None:
        raise InternalError(f"the number of the size {dim} was asked outside a trace")
    if not assumptions.loops.keys().isdisjoint(symbols(dim)):
        raise ShapeError(
            "a loop variable has no number while the loop's body is traced",
            remedy="index traced arrays and compute with it; a NumPy array from outside has to be "
            "passed as an argument to be indexed; for a shape or range() that depends on it, "
            "write a Python loop",
        )
    number = evaluate(dim, assumptions.hints)
    assumptions.conclude(dim, "==", number)
    return number


def broadcast_shapes(*shapes: Shape) -> Shape | None:
    """Return the shape NumPy broadcasts ``shapes`` to, or None where they do not fit."""
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    rank = max(map(len, shapes))
    result: list[Dim] = []
    for axis in range(-rank, 0):
        size: Dim = 1
        for shape in shapes:
            dim = shape[axis] if -axis <= len(shape) else 1
            if dim == 1 or dim == size:
                continue
            if size == 1:
                size = dim
            elif not same(size, dim):
                return None
            elif isinstance(dim, int):
                size = dim  # the more definite of two sizes that agree
        result.append(size)
    return tuple(result)
