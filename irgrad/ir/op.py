"""What an op is, and what the back end may know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir.dims import Dim
from irgrad.ir.intervals import Interval, Rule
from irgrad.ir.types import ValueType

PLACES = "xyzuv"
"""The names of an elementwise op's operands in its expression, first to last."""


class Operand:
    """A value that ops act on by building or recording something: a tracer, an eager ``Value``."""

    __slots__ = ()

    def bind(self, op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Apply ``op`` to ``operands``, of which this is one."""
        raise NotImplementedError(type(self).__name__)  # pragma: no cover - abstract


@dataclass(frozen=True, slots=True)
class Elementwise:
    """One expression per element over operands named as in `PLACES`, in Python's grammar.

    ``vector_math`` names the kernel of the vector-math library that computes it in loops;
    ``narrow`` names cheaper ones with the interval in which the operand must be known to lie, the
    cheapest first, for float64.
    ``literal_x`` and ``literal_y`` are simpler expressions for where that operand is a number
    known to be no NaN; ``complex_numbers`` is the expression for a complex result, if another.
    """

    expression: str
    vector_math: str | None = None
    literal_x: str | None = None
    literal_y: str | None = None
    complex_numbers: str | None = None
    narrow: tuple[tuple[str, Interval], ...] = ()

    def kernel_for(self, operand: Callable[[], Interval], dtype: np.dtype) -> str | None:
        """Return the kernel to use where ``operand()`` is the interval of the only operand."""
        if not self.narrow or dtype != np.float64:
            return self.vector_math
        low, high = operand()
        for kernel, (least, most) in self.narrow:
            if least <= low and high <= most:
                return kernel
        return self.vector_math

    def expression_for(self, operands: Sequence[float | None], dtype: np.dtype) -> str:
        """Return the expression of a ``dtype``; ``operands`` are the numbers that are known."""
        if dtype.kind == "c" and self.complex_numbers is not None:
            return self.complex_numbers
        known = [operand is not None and operand == operand for operand in operands]
        is_number = known[1:] == [True] or dtype.kind in "iu"
        if len(known) == 2 and is_number and self.literal_y is not None:
            return self.literal_y
        if len(known) == 2 and known[0] and self.literal_x is not None:
            return self.literal_x
        return self.expression


@dataclass(frozen=True, slots=True)
class Reduction:
    """Folds the axes in ``params["axes"]``: ``x`` the accumulator, ``y`` the next element."""

    expression: str
    initial: Callable[[np.dtype], Any]


@dataclass(frozen=True, slots=True)
class View:
    """Moves no number: an element of the result is one of the operand.

    ``index(type, indices, **params)`` gives the operand's indices, from its type and the result's
    indices, which are sizes over loop variables; or None where they are no such polynomials.
    """

    index: Callable[..., tuple[Dim, ...] | None]


@dataclass(frozen=True, slots=True)
class Write:
    """Copies its first operand but for the elements that the second one sets or adds to.

    ``index(indices, **params)`` says where element ``indices`` of the second operand goes; where
    it is None, the further operands are index arrays for the axes ``params["axes"]``.
    """

    accumulate: bool
    index: Callable[..., tuple[Dim, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Contraction:
    """A sum of products over shared indices."""


@dataclass(frozen=True, slots=True)
class Source:
    """A leaf or a fill: the back end knows these ops by name."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function of its own in the emitted file: ``function(*operands, *results, *arguments)``.

    ``source`` is its text: a plain ``def`` over contiguous arrays that fills the results in place,
    in the Python that numba compiles. ``arguments`` names the params that the text needs. ``{p}``
    in either stands for LAPACK's letter of the precision: ``s`` for float32, ``d`` for float64,
    ``c`` and ``z`` for complex numbers.
    """

    function: str
    source: str
    arguments: tuple[str, ...] = ()
    core: int = 1
    """How many trailing axes it acts on; the leading ones are collapsed into one batch axis."""
    batched: bool = False
    """Whether all operands and results share the leading axes, however many axes follow."""
    whole: bool = False
    """Whether it takes arrays as they are, without a batch axis in front."""
    in_place: int | None = None
    """The operand whose memory the result may be, each element read before it is filled."""


@dataclass(frozen=True, slots=True)
class Control:
    """Holds graphs in its params; lowered by rules of its own."""


Lowering = Elementwise | Reduction | View | Write | Contraction | Source | Kernel | Control


@dataclass(frozen=True, slots=True)
class Sample:
    """Operands and params on which every test tries an op.

    ``differentiable`` is False at points where the derivative is one of convention.
    """

    operands: tuple[Any, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    differentiable: bool = True


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Op:
    """One primitive operation and everything irgrad knows of it.

    Rules are plain NumPy, so the same rule runs on ndarrays and floats (interpreted engine, tests)
    and on tracers (adjoint graph):

    - ``evaluate(*arrays, **params)``: the reference semantics, on ndarrays.
    - ``infer(*types, **params)``: the type of the result; raises ``ShapeError``.
    - ``partials(y, *xs, **params)``: for elementwise ops, the partial derivative by each operand.
    - ``pullback(cotangent, y, *xs, **params)``: the cotangent of each operand, or None for zero.
    - ``promote(dtypes)``: the dtypes the operands are converted to before the op (NEP 50);
      a dtype may be the Python type ``int``, ``float``, ``complex`` or ``bool`` of a weak scalar.
    """

    name: str
    evaluate: Callable[..., Any]
    infer: Callable[..., ValueType]
    lowering: Lowering
    partials: Callable[..., tuple[Any, ...]] | None = None
    pullback: Callable[..., tuple[Any, ...]] | None = None
    nondifferentiable: str = ""
    refused: Mapping[int, str] = field(default_factory=dict)
    """Operands by which a derivative is an error instead of zero, each with the reason."""
    promote: Callable[[Sequence[Any]], tuple[np.dtype, ...]] | None = None
    samples: tuple[Sample, ...] = ()
    spellings: tuple[str, ...] = ()
    reference: str = ""
    convention: str = ""
    linear: bool = False
    """Linear over the reals: no partial is infinite, so what it flows from needs no masking."""
    unbounded: bool = False
    """Partials may be infinite or NaN where the op's own cotangent is zero (log, sqrt, divide)."""
    selects: bool = False
    """Passes on some elements of an operand and drops others, so cotangents may be masked."""
    jumps: bool = False
    """Takes steps: the last bit of an operand may decide on the result, as in rounding."""
    range: Rule | None = None
    """Where the results lie, from where the operands do, and the params."""

    def __post_init__(self) -> None:
        rules = [self.partials is not None, self.pullback is not None, bool(self.nondifferentiable)]
        if sum(rules) != 1:
            raise InternalError(
                f"op {self.name} needs exactly one of partials, pullback, nondifferentiable"
            )

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Apply the op: recorded where an operand is traced, else evaluated at once."""
        for operand in operands:
            if isinstance(operand, Operand):
                return operand.bind(self, operands, params)
        return self.evaluate(*operands, **params)

    @property
    def differentiable(self) -> bool:
        """Whether the op has a derivative rule."""
        return not self.nondifferentiable

    def __repr__(self) -> str:
        return f"Op({self.name})"
