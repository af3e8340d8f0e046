"""The second IR, after scheduling: functions made of buffers, loops, assignments and calls.

Templates print these values; nothing is decided after them. Indices and sizes are ``Dim``s over
the names of sizes and loop variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeGuard

import numpy as np

from irgrad.ir import dims
from irgrad.ir.dims import Dim


@dataclass(frozen=True, slots=True)
class Name:
    """A local variable or an argument that holds a scalar, or an array as a whole."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number known now."""

    value: Any
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class SizeValue:
    """A size as a number of some dtype."""

    dim: Dim
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class Load:
    """An element of an array; an index is a ``Dim`` or an expression (indirect access)."""

    array: str
    indices: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """An expression template over ``x``, ``y``, ``z`` with its operands.

    ``vector_math`` names the vectorising kernel to use instead, where there is one.
    """

    template: str
    operands: tuple[Expression, ...]
    dtype: np.dtype
    vector_math: str | None = None


Expression = Name | Literal | SizeValue | Load | Apply


@dataclass(frozen=True, slots=True)
class Let:
    """``name = expression``; ``again`` where the variable has a value already."""

    name: str
    expression: Expression
    nodes: tuple[int, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """``array[indices] = expression``, or the fold of it with ``template`` over x and y."""

    array: str
    indices: tuple[Any, ...]
    expression: Expression
    nodes: tuple[int, ...] = ()
    template: str = ""


@dataclass(frozen=True, slots=True)
class Accumulate:
    """``name = template(name, expression)``."""

    name: str
    template: str
    expression: Expression
    dtype: np.dtype
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Loop:
    """``for variable in range(extent): body``; ``over`` names a view of ``extent`` elements."""

    variable: str
    extent: Dim
    body: tuple[Statement, ...]
    over: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Blocks(Loop):
    """``for variable in range(0, extent, length): body``; ``size`` names a block's elements."""

    size: str = field(default="", kw_only=True)
    length: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class While(Loop):
    """``while True: body``, which a ``Leave`` in the body ends; variable and extent say nothing."""


@dataclass(frozen=True, slots=True)
class When(Loop):
    """``if condition: body``; variable and extent say nothing."""

    condition: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """What the trips of a shared loop fold together: a scalar, or an array where it has a shape.

    ``part`` names what one call of the task finds, ``parts`` the array of what all of them find.
    """

    name: str
    part: str
    parts: str
    template: str
    initial: Any
    dtype: np.dtype
    shape: tuple[Dim, ...] = ()


@dataclass(frozen=True, slots=True)
class Share(Loop):
    """A loop of ``extent`` trips that threads share, part by part; ``variable`` counts the parts.

    The body is that of the function ``task``, which does the trips from ``first`` to ``last`` and
    gets ``parameters`` besides, whose sizes it asserts by ``checks``. There are as many ``parts``
    as ``work``, about the number of operations, has room for ``least``, ``most`` of them at most,
    and each does ``length`` trips at least. Where the trips have ever more to do, or less, the sign
    of ``slope`` says so, and parts of equal work are cut. Where there is more than one part,
    ``copies`` makes room for the totals of each, and ``sums`` folds those of one into them.
    """

    task: str = ""
    first: str = ""
    last: str = ""
    parts: str = ""
    parameters: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    totals: tuple[Total, ...] = ()
    copies: tuple[Statement, ...] = ()
    sums: tuple[Statement, ...] = ()
    work: Dim = 0
    least: Dim = 0
    most: int = 1
    length: int = 1
    slope: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the loop around, unless the variable ``condition`` is true."""

    condition: str


@dataclass(frozen=True, slots=True)
class Ensure:
    """``if not condition: raise ArithmeticError(problem, shown, number)``."""

    condition: str
    problem: str
    expression: Expression
    number: int


@dataclass(frozen=True, slots=True)
class Grow:
    """Double arrays of one length along the first axis where ``count`` has reached it."""

    arrays: tuple[str, ...]
    count: str


@dataclass(frozen=True, slots=True)
class Allocate:
    """A fresh contiguous array, filled with ``fill`` or left empty.

    ``scratch`` says that every trip of the outermost loop around its uses begins it anew.
    """

    name: str
    shape: tuple[Dim, ...]
    dtype: np.dtype
    fill: Any = None
    nodes: tuple[int, ...] = ()
    scratch: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """``array[...] = value`` for a scratch array that is used again."""

    array: str
    value: Any
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class AxisSlice:
    """``start : start + step * size : step`` along an axis, or with step 0 the index ``start``.

    Where it isn't ``bounded``, the loop over the view says how far it is read.
    """

    start: Dim
    size: Dim
    step: int
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """``name = array[slices]``: a view."""

    name: str
    array: str
    slices: tuple[AxisSlice | None, ...]


@dataclass(frozen=True, slots=True)
class Rearrange:
    """``name = array.reshape(shape)``, ``array.transpose(axes)`` or ``array``: the same memory."""

    name: str
    array: str
    shape: tuple[Dim, ...] | None = None
    axes: tuple[int, ...] | None = None
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """``array[leading]`` or its transpose, as an argument of a call."""

    array: str
    leading: tuple[Dim | AxisSlice, ...] = ()
    transposed: bool = False


PRODUCT = "np.dot"
"""The routine that multiplies matrices into its last argument."""


@dataclass(frozen=True, slots=True)
class Call:
    """``function(*arguments)``: a library routine or a kernel that fills its last arguments.

    ``in_place`` are an argument it reads and one it fills where these may share memory.
    """

    function: str
    arguments: tuple[Any, ...]
    nodes: tuple[int, ...] = ()
    in_place: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """``target[...] = source``: whole arrays of the same shape."""

    target: str
    source: str
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """``one, other = other, one``: two arrays of a kind change places."""

    one: str
    other: str


Statement = (
    Let | Store | Accumulate | Loop | Allocate | Fill | Slice | Rearrange | Call | Copy | Leave
    | Grow | Ensure | Exchange
)


def is_another_name(part: Statement) -> TypeGuard[Rearrange]:
    """Tell whether a statement calls an array by another name, and does no more."""
    return isinstance(part, Rearrange) and part.shape is None and part.axes is None


def is_flat(part: Statement) -> TypeGuard[Rearrange]:
    """Tell whether a statement takes a view of an array as one row."""
    return isinstance(part, Rearrange) and part.shape == (-1,)


def every_statement(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield statements in order, each loop before what stands in it."""
    stack = list(reversed(statements))
    while stack:
        statement = stack.pop()
        yield statement
        if isinstance(statement, Loop):
            stack.extend(reversed(statement.body))


def members(value: Any) -> tuple[str, ...]:
    """Return the names of what a statement or an expression holds; of anything else, none."""
    kind: Any = type(value)
    return _fields(kind)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def words(value: Any) -> Iterator[str]:
    """Yield every word in a statement, among them all names of variables, arrays and sizes."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dims.Size):
            yield from dims.symbols(part)
        elif isinstance(part, tuple | list):
            stack.extend(part)
        else:
            stack.extend([getattr(part, name) for name in members(part)])


def with_members(part: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tuple, a statement or an expression with all that it holds changed."""
    if isinstance(part, tuple):
        return tuple(map(change, part))
    held = {name: getattr(part, name) for name in members(part)}
    changed = {name: new for name, old in held.items() if (new := change(old)) is not old}
    return replace(part, **changed) if changed else part


def placed(part: Any, values: Mapping[str, Dim]) -> Any:
    """Return a statement, an expression or an index with symbols replaced by sizes.

    A loop over one of them counts with the symbol that replaces it.
    """
    # Recursion as deep as the nests and expressions.
    if isinstance(part, dims.Size):
        return dims.substitute(part, values)
    changed = with_members(part, lambda inner: placed(inner, values))
    if isinstance(part, Loop) and part.variable in values:
        return replace(changed, variable=next(iter(dims.symbols(values[part.variable]))))
    return changed


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of an emitted function: its name, dtype and sizes."""

    name: str
    dtype: np.dtype
    shape: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """A size symbol and where its number is read: ``name = array.shape[axis]``."""

    name: str
    array: str
    axis: int


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on sizes that a call must meet: ``left relation right``, all Python text."""

    left: str
    relation: str
    right: str


@dataclass(frozen=True, slots=True)
class Function:
    """One emitted function."""

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]
    sizes: tuple[Size, ...]
    checks: tuple[Check, ...]
    body: tuple[Statement, ...]
    kernels: tuple[tuple[str, str], ...] = ()
    """Opaque kernels the body calls: (function name, source)."""


@dataclass(frozen=True, slots=True)
class Program:
    """What becomes one emitted module."""

    functions: tuple[Function, ...]
