"""``Value``: numbers and arrays that remember how they were computed, and backpropagate.

The interpreted engine: every operation makes a node at once, and ``backward`` visits the nodes in
reverse, each sending its gradient to its operands by the derivative rule of its op.

Reference: Karpathy, micrograd (2020), for the shape of the class; Griewank & Walther, Evaluating
Derivatives (2008), chapter 3, for the method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from irgrad.errors import ConcreteValueError, DifferentiationError, UnsupportedCallError
from irgrad.interpret.arrays import as_data, inexact, plain, pull, settled
from irgrad.interpret.scalar import OUTSIDE, FloatRule, float_rule
from irgrad.ir.graph import NO_PARAMS
from irgrad.ir.op import Control, Op
from irgrad.ir.types import ArrayType
from irgrad.ops import elementwise as elementary
from irgrad.ops.create import item
from irgrad.ops.operand import NumPyOperand
from irgrad.ops.registry import METHODS, OPS

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "negative": "neg",
    "power": "**",
    "absolute": "abs",
    "logistic": "sigmoid",
    "contract": "@",
    "strided": "[]",
    "gather": "[]",
}

_RULES: dict[Op, FloatRule | None] = {}
"""What each op is on floats, found when it is first applied to them."""

_UNKNOWN: Any = object()


class Value(NumPyOperand):
    """A number or an array, its gradient, and the operation that made it.

    ``data``: a float or an ndarray; ``grad``: alike, the derivative of what ``backward`` was last
    called on; ``label``: a name for drawings. Python's operators, the methods ``tanh``, ``exp``,
    ``log``, ``relu``, ``sigmoid``, ``sqrt`` and NumPy's functions make new values.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> c = a * b + 10
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (4.0, -3.0, 2.0)
    """

    __slots__ = ("_function", "_grad", "_operands", "_params", "_pull", "_symbol", "data", "label")

    weak = False  # a Python number has no dtype of its own, but here it is no constant either

    data: Any
    label: str
    _grad: Any  # the float 0.0 until something is added
    _function: Op | None
    _operands: tuple[Any, ...]
    _params: Mapping[str, Any]
    _pull: Callable[[Any], None] | None
    _symbol: str

    def __init__(self, data: Any, label: str = "") -> None:
        """Make a leaf that holds a copy of ``data``: a number or anything NumPy makes an array of.

        Raises: ArgumentError where ``data`` holds no numbers.
        """
        self.data = data if type(data) is float else as_data(data)
        self.label = label
        self._grad = 0.0
        self._function = None
        self._operands = ()
        self._params = NO_PARAMS
        self._pull = None
        self._symbol = ""

    @property
    def grad(self) -> Any:
        """The derivative of the last root by this value: a float or an ndarray like ``data``."""
        gradient = self._grad
        if type(gradient) is float and isinstance(self.data, np.ndarray | np.generic):
            gradient = self._grad = settled(self.data, gradient)
        return gradient

    @grad.setter
    def grad(self, gradient: Any) -> None:
        self._grad = settled(self.data, gradient)

    @property
    def type(self) -> ArrayType:
        """The dtype and the shape."""
        return ArrayType(self.dtype, np.shape(self.data))

    @property
    def dtype(self) -> np.dtype:
        """The dtype; a float's is float64."""
        data = self.data
        return data.dtype if isinstance(data, np.ndarray | np.generic) else np.dtype(np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape; a float's is ``()``."""
        return np.shape(self.data)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return np.ndim(self.data)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.size(self.data))

    @property
    def T(self) -> Any:
        """The transpose."""
        return METHODS["transpose"](self)

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The values this one was computed from, each once."""
        values = {id(x): x for x in self._operands if isinstance(x, Value)}
        return tuple(values.values())

    @property
    def _op(self) -> str:
        """The operation that made this value, as people write it; empty for a leaf."""
        if self._function is None:
            return ""
        name = self._function.name
        symbol = self._symbol or _SYMBOLS.get(name, name)
        if name == "power" and not isinstance(self._operands[1], Value | np.ndarray):
            return f"**{self._operands[1]}"
        return symbol

    def bind(self, op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Apply ``op`` to values, arrays and numbers; what has no derivative is no ``Value``."""
        if not params:
            rule = _RULES.get(op, _UNKNOWN)
            if rule is _UNKNOWN:
                rule = _RULES[op] = float_rule(op, len(operands))
            if rule is not None:
                mask = 0
                bit = 1
                floats = []
                for operand in operands:
                    kind = type(operand)
                    if kind is Value:
                        operand = operand.data
                        if type(operand) is not float:
                            break
                        mask += bit
                    elif kind is int:
                        operand = float(operand)
                    elif kind is np.float64:  # keeps gradients floats, and is faster
                        return self.bind(op, _plain_floats(operands), params)
                    elif kind is not float and kind is not bool:
                        break
                    floats.append(operand)
                    bit += bit
                else:
                    try:
                        result = rule.forward(*floats)
                    except OUTSIDE:
                        return self._bind_arrays(op, operands, params)
                    if op.nondifferentiable:
                        return result
                    # Written out, since half the time of a scalar program is spent here.
                    value = _new(Value)
                    value.data = result if type(result) is float else float(result)
                    value.label = ""
                    value._grad = 0.0
                    value._function = op
                    value._operands = operands
                    value._params = NO_PARAMS
                    value._pull = rule.pulls[mask] or rule.pull(mask)
                    value._symbol = ""
                    return value
        return self._bind_arrays(op, operands, params)

    def _bind_arrays(self, op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Apply ``op`` as NumPy does, to arrays of any dtype.

        Raises: UnsupportedCallError where ``op`` is a loop or a branch over a graph.
        """
        if isinstance(op.lowering, Control):
            raise UnsupportedCallError(
                f"{op.name} does not run on a Value",
                remedy="write the loop or the branch in Python: a Value knows its number",
            )
        operands = tuple([_readied(operand) for operand in operands])
        result = op.evaluate(*[_data(operand) for operand in operands], **params)
        if isinstance(result, tuple):
            whole = _node(op, operands, params, tuple(map(plain, result)))
            return tuple(
                _node(item, (whole,), {"index": index}, part) if inexact(part) else part
                for index, part in enumerate(whole.data)
            )
        result = plain(result)
        if op.nondifferentiable or not inexact(result):
            return result
        return _node(op, operands, params, result)

    def tanh(self) -> Any:
        """Return the hyperbolic tangent."""
        return elementary.tanh(self)

    def exp(self) -> Any:
        """Return e to this power."""
        return elementary.exp(self)

    def log(self) -> Any:
        """Return the natural logarithm."""
        return elementary.log(self)

    def sqrt(self) -> Any:
        """Return the square root."""
        return elementary.sqrt(self)

    def sigmoid(self) -> Any:
        """Return the logistic function 1 / (1 + e^-x)."""
        return elementary.logistic(self)

    def relu(self) -> Any:
        """Return max(x, 0), whose derivative at 0 is 0."""
        result = METHODS["relu"](self)
        if isinstance(result, Value):
            result._symbol = "relu"
        return result

    def copy(self) -> Value:
        """Return this value: nothing writes into one, so it needs no second."""
        return self

    def lift(self, data: Any) -> Any:
        """Return ``data`` as an operand beside this value."""
        return data

    def backward(self) -> None:
        """Add the derivatives of this value, a scalar, to the ``grad`` of all it came from.

        Linear in the number of values; no recursion. Derivatives of a value used twice add up,
        and so do those of repeated calls until ``zero_grad``.

        Raises: DifferentiationError where this value is no real scalar, or was computed from a
        ``Value`` of whole numbers.
        """
        if self.shape != () or not inexact(self.data) or self.dtype.kind == "c":
            raise DifferentiationError(
                f"backward needs one real number to start from; this value is {self.type}",
                remedy="sum or average it first, and take a real part of complex numbers: "
                "np.sum(v).real.backward()",
            )
        order = self._order()
        before = [(v, v._grad) for v in order if type(v._grad) is not float or v._grad]
        for value, _ in before:
            value._grad = 0.0
        try:
            _propagate(self, order)
        except BaseException:
            for value in order:
                value._grad = 0.0
            raise
        finally:
            for value, gradient in before:
                value._grad = value._grad + gradient

    def zero_grad(self) -> None:
        """Set the gradient of this value, and of all it was computed from, to zero."""
        for value in self._order():
            value._grad = 0.0

    def _order(self) -> list[Value]:
        """Return this value and all it was computed from, operands before results."""
        order: list[Value] = []
        seen: set[int] = set()
        add, append = seen.add, order.append
        stack: list[Any] = [self]
        push = stack.append
        while stack:
            value = stack.pop()
            if value is None:  # the operands of the one below are done
                append(stack.pop())
                continue
            if id(value) in seen:
                continue
            add(id(value))
            push(value)
            push(None)
            for operand in value._operands[::-1]:
                if isinstance(operand, Value) and id(operand) not in seen:
                    push(operand)
        return order

    def __reduce__(self) -> Any:
        """Pickle the whole graph behind this value as a flat list: deep chains need no stack."""
        order = self._order()
        places = {id(value): place for place, value in enumerate(order)}
        records = [
            (
                value.data,
                value._grad,
                value.label,
                value._symbol,
                value._function and value._function.name,
                tuple(
                    (True, places[id(x)]) if isinstance(x, Value) else (False, x)
                    for x in value._operands
                ),
                dict(value._params),
            )
            for value in order
        ]
        return _restored, (records,)

    def __float__(self) -> float:
        raise ConcreteValueError(
            "float() of a Value would lose its gradient",
            remedy="v.data is the number; math.sin(v) becomes np.sin(v)",
        )

    def __int__(self) -> int:
        raise ConcreteValueError("int() of a Value would lose its gradient", remedy="int(v.data)")

    def __bool__(self) -> bool:
        return bool(self.data)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a scalar Value")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.shape:
            raise TypeError("iteration over a scalar Value")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return METHODS["__getitem__"](self, key)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Return an object array of this value's elements, for ``np.array([a, b])``."""
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise ConcreteValueError(
                f"an array of {np.dtype(dtype)} would lose the gradient of a Value",
                remedy="v.data is the array of numbers; join values with np.stack",
            )
        elements = np.empty(self.shape, object)
        for index in np.ndindex(*self.shape):
            elements[index] = self[index] if index else self
        return elements

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data!r}, grad={self.grad!r}{label})"


_new = Value.__new__


def _node(op: Op, operands: tuple[Any, ...], params: Mapping[str, Any], data: Any) -> Value:
    value = _new(Value)
    value.data = data
    value.label = ""
    value._grad = 0.0
    value._function = op
    value._operands = operands
    value._params = params
    value._pull = None
    value._symbol = ""
    return value


def _propagate(root: Value, order: list[Value]) -> None:
    """Visit ``order`` backwards, each value adding to the gradients of its operands."""
    root._grad = settled(root.data, 1.0)
    masked = _masked(order)
    for value in reversed(order):
        function = value._pull
        if function is None:
            if value._function is not None:
                pull(value, id(value) in masked)
            continue
        if masked and value._grad == 0.0 and value._function.unbounded and id(value) in masked:  # type: ignore[union-attr]
            continue
        try:
            function(value)
        except OUTSIDE:
            pull(value, id(value) in masked)


def _masked(order: list[Value]) -> set[int]:
    """Return the values whose gradient may be zero because a choice (np.where, max) dropped it.

    They are of interest only where an op's partial derivatives may be infinite.
    """
    masked: set[int] = set()
    functions = {value._function for value in order if value._function is not None}
    if not any(op.selects for op in functions) or not any(op.unbounded for op in functions):
        return masked
    for value in reversed(order):
        op = value._function
        if op is not None and (op.selects or id(value) in masked):
            masked.update([id(x) for x in value._operands if isinstance(x, Value)])
    return masked


def _plain_floats(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([float(x) if type(x) is np.float64 else x for x in operands])


def _data(operand: Any) -> Any:
    return operand.data if isinstance(operand, Value) else operand


def _readied(operand: Any) -> Any:
    """Return an operand as a value, an ndarray or a number; arrays of values are stacked."""
    if isinstance(operand, Value | int | float | np.generic):
        return operand
    array = np.asarray(operand)
    if array.dtype != object or array.size == 0:
        return array
    return np.stack([_readied(row) for row in array]) if array.ndim else array[()]


def _restored(records: list[tuple[Any, ...]]) -> Value:
    """Rebuild the graph that ``Value.__reduce__`` wrote down."""
    values: list[Value] = []
    for data, grad, label, symbol, name, references, params in records:
        operands = tuple(values[x] if is_value else x for is_value, x in references)
        value = _node(OPS[name], operands, params, data) if name else Value(data)
        value._grad = grad
        value.label = label
        value._symbol = symbol
        values.append(value)
    return values[-1]
