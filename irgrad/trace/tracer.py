"""The tracer: a stand-in for an array that records what is done to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import count, pairwise
from typing import Any

import numpy as np

from irgrad.errors import (
    ConcreteValueError,
    EscapedTracerError,
    IrgradError,
    MutationError,
    UnsupportedCallError,
)
from irgrad.ir import dims
from irgrad.ir.graph import NO_PARAMS, Node
from irgrad.ir.op import Op
from irgrad.ir.origin import Origin
from irgrad.ir.types import ArrayType
from irgrad.ops.create import constant, convert, input_, item, size
from irgrad.ops.masked import MaskMisusedError
from irgrad.ops.registry import METHODS
from irgrad.ops.views import Alias
from irgrad.trace.captures import Captures
from irgrad.trace.constants import number_of_sizes
from irgrad.trace.in_place import InPlaceOperators
from irgrad.trace.operands import WEAK_KINDS, WEAK_OPERATORS, as_node, dtype_or_weak, readied
from irgrad.trace.origins import is_subscript, located, location_here, origin_here, scipy_call
from irgrad.trace.plans import Plans
from irgrad.trace.size_limit import CHECKED, SizeCheck
from irgrad.trace.sizes import TracedSize

_ELEMENT_LIMIT = 4096
PythonType = type


class Trace:
    """A graph under construction.

    ``assumptions`` answer questions about sizes; ``origin`` is that of new nodes, if known.
    """

    def __init__(self, assumptions: dims.Assumptions) -> None:
        self.assumptions = assumptions
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []
        self.captures, self.open = Captures(self), True
        self.origin: Origin | None = None
        self.depth = 0
        """How many loops this trace is the body of."""
        self.inner: Trace | None = None
        """The body that is being traced inside this one."""
        self.replaced: dict[Node, Node] = {}
        """Nodes that ``finished`` is to leave out, and the nodes that compute as much and more."""
        self._scalars: dict[Any, Node] = {}
        self.conditions = count(1)  # numbers for what the function is to ensure
        self.plans, self.size_check = Plans(self), SizeCheck()

    def record(self, op: Op, inputs: tuple[Node, ...], params: Mapping[str, Any]) -> Node:
        """Append a node, its type inferred from its inputs'."""
        origin = self.origin or origin_here()
        try:
            type = op.infer(*[node.type for node in inputs], **params)
        except IrgradError as error:
            raise located(error, origin.location()) from None
        node = Node(op, inputs, params, type, origin)
        self.nodes.append(node)
        if not len(self.nodes) & CHECKED:
            self.size_check(self.nodes)
        return node

    def input(self, name: str, type: ArrayType, weak: type | None = None) -> Tracer:
        """Add an argument."""
        params = {"name": name, "type": type, "position": len(self.inputs)}
        node = Node(input_, (), params, type, self.origin)
        self.nodes.append(node)
        self.inputs.append(node)
        tracer = Tracer(self, node, weak)
        tracer.argument = name
        return tracer

    def scalar(self, value: Any, dtype: np.dtype) -> Node:
        """Return the node of a constant scalar, one a value and dtype."""
        array = np.asarray(value).astype(dtype)[()]
        key = (dtype, array.tobytes())
        node = self._scalars.get(key)
        if node is None:
            node = self._scalars[key] = self.record(constant, (), {"value": array})
        return node

    def size(self, dim: dims.Dim, dtype: Any = np.float64) -> Tracer:
        """Return a size as a traced number, as weak as the Python ``int`` it stands for."""
        node = self.record(size, (), {"dim": dim, "dtype": np.dtype(dtype)})
        return Tracer(self, node, weak=int)

    def enter(self, tracer: Any) -> Node:
        """Return the node through which a traced value from outside is seen.

        Raises: EscapedTracerError, but for the bodies of loops and branches.
        """
        raise EscapedTracerError(
            "traced values of two different functions meet",
            remedy="pass the value as an argument instead of storing it outside",
            location=location_here(),
        )

    def capture(self, array: np.ndarray) -> Node:
        """Return the input that carries an array of the user's that is no argument.

        Captured arrays are read again on every call, so a mutated one never goes stale.
        """
        return self.captures.node_of(array)


def innermost(trace: Trace, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Trace:
    """Return the trace that an op belongs in: that of the innermost loop body it needs."""
    for operand in operands:
        other = operand.trace if isinstance(operand, TracedSize) else getattr(operand, "tape", None)
        if other is not None and other.depth > trace.depth:
            trace = other
    loops = trace.assumptions.loops
    if loops and params and trace.inner is not None:
        names = {name for value in params.values() for name in _symbols(value) if name in loops}
        depth = max((int(name[1:]) + 1 for name in names), default=0)
        while trace.depth < depth and trace.inner is not None:
            trace = trace.inner
    return trace


def _within(trace: Trace) -> Trace:
    """Return the innermost of the bodies that are being traced inside a trace."""
    while trace.inner is not None:
        trace = trace.inner
    return trace


def _symbols(value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        for part in value:
            yield from _symbols(part)
    elif isinstance(value, dims.Size):
        yield from dims.symbols(value)


class Tracer(InPlaceOperators):
    """A traced array or scalar.

    ``weak`` is the Python type of a scalar that takes the other operand's dtype (NEP 50), else
    None. ``alias`` says whose memory a view shares: a write into either is seen by both, since
    the owner of the memory, ``root``, counts the writes in ``version``. ``argument`` is the name
    of an argument of the function, which must not be written.
    """

    __slots__ = ("_node", "alias", "argument", "tape", "version", "weak")

    def __init__(self, trace: Trace, node: Node, weak: type | None = None) -> None:
        self.tape = trace
        self._node = node
        self.weak = weak
        self.version = 0
        self.alias: Alias | None = None
        self.argument: str | None = None

    @property
    def root(self) -> Tracer:
        """The tracer that owns the memory."""
        return self if self.alias is None else self.alias.root

    @property
    def node(self) -> Node:
        """The node that holds the present value."""
        if not self.tape.open:
            raise EscapedTracerError(
                "a traced value is used after the function that traced it has returned",
                remedy="return it from the function instead of storing it outside",
                location=location_here(),
            )
        alias = self.alias
        if alias is not None and alias.seen != alias.root.version:
            self._refresh()
        return self._node

    def _refresh(self) -> None:
        """Read a view again whose memory was written; without recursion, views may be chained."""
        version = self.root.version
        stale: list[tuple[Tracer, Alias]] = []
        tracer = self
        while tracer.alias is not None and tracer.alias.seen != version:
            stale.append((tracer, tracer.alias))
            tracer = tracer.alias.base
        for tracer, alias in reversed(stale):
            tracer._node = alias.read()._node
            alias.seen = version

    @property
    def type(self) -> ArrayType:
        """The dtype and the shape in the IR's sizes."""
        return self.node.array_type

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape; a symbolic size is a ``TracedSize``."""
        return tuple(
            TracedSize(dim, self.tape) if isinstance(dim, dims.Size) else dim
            for dim in self.type.shape
        )

    @property
    def dtype(self) -> np.dtype:
        """The dtype."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> Any:
        """The number of elements."""
        dim = self.type.size
        return TracedSize(dim, self.tape) if isinstance(dim, dims.Size) else dim

    @property
    def T(self) -> Any:
        """The transpose."""
        return METHODS["transpose"](self)

    @property
    def mT(self) -> Any:
        """The array with its last two axes swapped."""
        return METHODS["mT"](self)

    @property
    def flat(self) -> Any:
        """The elements in C order, as a view of one axis."""
        return METHODS["flat"](self)

    @flat.setter
    def flat(self, values: Any) -> None:
        METHODS["flat"](self)[...] = values

    def bind(self, op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Record ``op`` on ``operands``: tracers, arrays of the user's, Python numbers."""
        trace = self.tape
        if not params and trace.open:
            repeated = trace.plans.repeated(op, operands, Tracer)
            if repeated is not None:
                return Tracer(trace, *repeated)
        trace = innermost(trace, operands, params)
        try:
            if op.promote is not None:
                nodes, weak = self._promoted(trace, op, operands)
            else:
                nodes = tuple([as_node(trace, operand) for operand in operands])
                weak = None
        except MaskMisusedError as error:  # x[mask] is an operand: it goes on under its mask
            return error.masked.bind(op, operands, params)
        node = trace.record(op, nodes, params or NO_PARAMS)
        if isinstance(node.type, tuple):
            return tuple(
                Tracer(trace, trace.record(item, (node,), {"index": index}))
                for index in range(len(node.type))
            )
        trace.plans.remember(op, operands, params, Tracer, node, weak)
        return Tracer(trace, node, weak)

    def _promoted(
        self, trace: Trace, op: Op, operands: tuple[Any, ...]
    ) -> tuple[tuple[Node, ...], PythonType | None]:
        prepared = [readied(operand) for operand in operands]
        kinds = [dtype_or_weak(operand) for operand in prepared]
        assert op.promote is not None
        try:
            dtypes = op.promote(kinds)
        except IrgradError as error:
            raise located(error, location_here()) from None
        nodes = tuple(
            [
                as_node(trace, operand, dtype)
                for operand, dtype in zip(prepared, dtypes, strict=False)
            ]
        )
        of_numbers = op.name in WEAK_OPERATORS and all(isinstance(kind, type) for kind in kinds)
        return nodes, WEAK_KINDS.get(dtypes[-1].kind, int) if of_numbers else None

    def call_ufunc_with_options(
        self,
        ufunc: np.ufunc,
        meaning: Callable[..., Any],
        inputs: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Apply a ufunc called with ``out=``, ``where=`` or ``dtype=``."""
        out = options.pop("out", None)
        where = options.pop("where", True)
        dtype = options.pop("dtype", None)
        for neutral in ("casting", "order", "subok"):
            options.pop(neutral, None)
        if options and ufunc.signature is None:  # generalised ufuncs know axis=, axes=, keepdims=
            return super().call_ufunc_with_options(ufunc, meaning, inputs, options)
        if dtype is not None:
            inputs = tuple(convert(readied(x), dtype=np.dtype(dtype)) for x in inputs)
        result = meaning(*inputs, **options)
        target = out[0] if isinstance(out, tuple) else out
        if where is not True:
            if target is None:
                raise UnsupportedCallError(
                    f"np.{ufunc.__name__} with where= leaves elements undefined without out=",
                    remedy="use np.where on the result, or give out=",
                    location=location_here(),
                )
            result = np.where(where, result, target)
        if target is None:
            return result
        if not isinstance(target, Tracer):
            raise MutationError(
                f"np.{ufunc.__name__}(..., out=array) would write a traced value into a plain "
                "array",
                remedy="drop out= and use the result",
                location=location_here(),
            )
        target.assign(result)
        return target

    def lift(self, value: Any) -> Tracer:
        """Return an array or a number of the user's as a tracer of the same trace."""
        return Tracer(self.tape, as_node(self.tape, value))

    def lift_inside(self, value: Any) -> Tracer:
        """Return it as a tracer of the body that is being traced, which may write into it."""
        return Tracer(_within(self.tape), as_node(_within(self.tape), value))

    def assign(self, value: Any) -> None:
        """Replace all elements in place: ``a[...] = value``."""
        self[...] = value

    def rebind(self, node: Node) -> None:
        """Take on a new value, as a write in place does; views of the same memory follow."""
        chain: list[Tracer] = [self]
        while (alias := chain[-1].alias) is not None:
            if alias.write is None:
                raise MutationError(
                    "a write into a read-only view",
                    remedy="copy it first: v = v.copy()",
                    location=location_here(),
                )
            chain.append(alias.base)
        root = chain[-1]
        if root.argument is not None:
            raise MutationError(
                f"the function writes into its argument {root.argument!r}",
                remedy="copy it first: x = x.copy()",
                location=location_here(),
            )
        nodes = [node]
        for tracer, base in pairwise(chain):
            assert tracer.alias is not None
            assert tracer.alias.write is not None
            nodes.append(tracer.alias.write(base, Tracer(self.tape, nodes[-1])).node)
        root.version += 1
        for tracer, value in zip(chain, nodes, strict=True):
            tracer._node = value
            if tracer.alias is not None:
                tracer.alias.seen = root.version

    def view_of(
        self,
        base: Tracer,
        op: Op,
        operands: tuple[Any, ...],
        params: Mapping[str, Any],
        write: Callable[[Any, Any], Any] | None,
    ) -> None:
        """Make this tracer share the memory of ``base``; a number has none to share."""
        if base.alias is not None or base.type.shape:
            self.alias = Alias(base, op, operands, params, write)

    def __getitem__(self, key: Any) -> Any:
        return METHODS["__getitem__"](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        METHODS["__setitem__"](self, key, value)

    def is_number(self) -> bool:
        """Tell whether the value is a number, which Python replaces and never writes into."""
        return self.alias is None and not self.type.shape

    def __len__(self) -> Any:
        if not self.type.shape:
            raise TypeError("len() of a traced scalar")
        return dims.concrete(self.type.shape[0])

    def __iter__(self) -> Any:
        if not self.type.shape:
            raise TypeError("iteration over a traced scalar")
        return (self[i] for i in range(len(self)))

    def _refuse(self, action: str, remedy: str) -> ConcreteValueError:
        return ConcreteValueError(
            f"{action} needs the number of a traced value ({self._node.type}), which is only "
            "known when the compiled function runs",
            remedy=remedy,
            location=location_here(),
        )

    def __bool__(self) -> bool:
        number = number_of_sizes(self.node)
        if number is not None:
            return bool(number)
        raise self._refuse(
            "a truth test (if, while, and, or, not)",
            "select with np.where(condition, a, b); branch with irgrad.cond, loop with "
            "irgrad.while_loop; or name the argument in static_argnames. max(a, b) becomes "
            "np.maximum(a, b), and np.max([a, b]) becomes np.max(np.stack([a, b]))",
        )

    def __float__(self) -> float:
        number = number_of_sizes(self.node)
        if number is not None:
            return float(number)
        raise self._refuse(
            "float(), or a write into a plain array,",
            "leave it a traced value: math.sin(x) becomes np.sin(x); start an array that is to "
            "hold traced values with np.zeros_like(x), or np.stack them",
        )

    def __complex__(self) -> complex:
        raise self._refuse("complex()", "leave it a traced value")

    def __int__(self) -> int:
        number = number_of_sizes(self.node)
        if number is not None:
            return int(number)
        raise self._refuse("int()", "use np.floor or .astype(int), or a static argument")

    def __index__(self) -> int:
        raise self._refuse(
            "an index of a plain array or range()",
            "pass the array as an argument, or pick with np.take_along_axis; for range() use "
            "irgrad.fori_loop or a static argument",
        )

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Return an object array of this tracer's elements, for ``np.array([a, b])``.

        NumPy's array constructors see a traced value only so; ops understand such arrays.
        """
        called = scipy_call(sys._getframe(1))
        if called is not None:
            raise self._refuse(
                f"{called[0]}'s {called[1]}, which makes a plain array of its argument,",
                f"take it from irgrad.{called[0]}, the same on traced values: docs/scipy.md "
                "lists what is there",
            )
        if self.dtype.kind in "iub" and is_subscript(sys._getframe(1)):
            raise self._refuse(
                "indexing a plain array by a traced value",
                "pass the array as an argument, or pick with np.take_along_axis(array, index, 0)",
            )
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise self._refuse(
                f"np.array(..., dtype={np.dtype(dtype)}) or a write into a plain array",
                "leave the dtype out or use x.astype; join traced values with np.stack or "
                "np.concatenate, or start from np.zeros_like(x); draw random numbers outside "
                "and pass them in",
            )
        shape = tuple(map(dims.concrete, self.type.shape))
        if int(np.prod(shape)) > _ELEMENT_LIMIT:
            raise self._refuse(
                f"making a plain array of {int(np.prod(shape))} elements",
                "join traced arrays with np.stack or np.concatenate",
            )
        elements = np.empty(shape, object)
        for index in np.ndindex(*shape):
            elements[index] = self[index] if shape else self
        return elements

    def item(self, *index: Any) -> Any:
        """Return one element, traced, as weak as the Python number it stands for."""
        element = METHODS["item"](self, *index)
        return Tracer(element.tape, element.node, WEAK_KINDS.get(element.dtype.kind))

    def tolist(self) -> Any:
        """Return nested lists of traced scalars."""
        return [row.tolist() for row in self] if self.ndim else self.item()

    def __deepcopy__(self, memo: Any) -> Tracer:
        trace = _within(self.tape)  # the body of a loop may write into its own copy
        return Tracer(trace, as_node(trace, self), self.weak)

    def __repr__(self) -> str:
        return f"<traced {self._node.type} from {self._node.op.name}>"
