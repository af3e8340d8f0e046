"""Ops and their derivative rules on Python floats, written out as straight Python.

NumPy takes about a microsecond for one operation on one number, and a rule makes several. So each
elementwise op is run once on names instead of numbers: its own expression becomes a function of
floats, and its own derivative rule a function that adds to the gradients of its operands. Where a
result leaves the finite world of ``math`` (1 / 0, log(-1)), those functions raise, and the caller
falls back on NumPy.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.errors import IrgradError
from irgrad.ir.op import PLACES, Elementwise, Op
from irgrad.ir.types import ArrayType
from irgrad.ops.operand import NumPyOperand

OUTSIDE = (ArithmeticError, ValueError, TypeError)
"""What the written functions raise where Python's floats end before NumPy's do."""

FLOAT64 = np.dtype(np.float64)
BOOL = np.dtype(np.bool_)

_MATH: dict[str, Callable[..., float]] = {
    name: getattr(math, name)
    for name in (
        "exp expm1 log log1p log2 log10 tanh sinh cosh sin cos tan sqrt copysign hypot"
    ).split()
} | {
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "arctan2": math.atan2,
    "arcsinh": math.asinh,
    "arccosh": math.acosh,
    "arctanh": math.atanh,
}
"""The functions of ``math`` that compute what NumPy's do, where they do not raise."""


class _NotScalar(Exception):
    """An op or a rule that is more than arithmetic on floats."""


def _as_float(function: Callable[..., Any]) -> Callable[..., float]:
    return lambda *numbers: float(function(*numbers))


class _Expression(ast.NodeTransformer):
    """Puts operands for ``x``, ``y``, ``z`` and float functions for NumPy's in an expression."""

    def __init__(self, operands: Mapping[str, ast.expr], functions: dict[str, Any]) -> None:
        self.operands = operands
        self.functions = functions

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.operands:
            return self.operands[node.id]
        if node.id != "abs":
            raise _NotScalar
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        # A negative float to a fractional power is complex in Python, and an error in math.
        self.functions["pow"] = math.pow
        return ast.Call(ast.Name("pow", ast.Load()), [node.left, node.right], [])

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if not isinstance(node.value, ast.Name) or node.value.id not in ("np", "math"):
            raise _NotScalar
        name = node.attr
        module = np if node.value.id == "np" else math
        self.functions[name] = _MATH.get(name) or _as_float(getattr(module, name))
        return ast.Name(name, ast.Load())


class _Writer:
    """Writes down the operations of a rule, a line each, and the functions they call."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, ast.expr]] = []
        self.functions: dict[str, Any] = {"inf": math.inf, "nan": math.nan}

    def record(self, op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> _Name:
        """Write a line that computes ``op`` and return the name of its result."""
        if not isinstance(op.lowering, Elementwise) or params:
            raise _NotScalar
        named = dict(zip(PLACES, map(_text, operands), strict=False))
        tree = ast.parse(op.lowering.expression, mode="eval").body
        expression = _Expression(named, self.functions).visit(tree)
        name = f"t{len(self.lines)}"
        self.lines.append((name, expression))
        return _Name(self, name, BOOL if op.nondifferentiable else FLOAT64)

    def body(self, results: Sequence[ast.expr]) -> list[str]:
        """Return the lines that ``results`` depend on, in order."""
        needed = set().union(*map(_names, results))
        kept = []
        for name, expression in reversed(self.lines):
            if name in needed:
                kept.append(f"{name} = {ast.unparse(expression)}")
                needed |= _names(expression)
        return kept[::-1]

    def function(self, header: str, body: Sequence[str]) -> Any:
        """Compile ``header`` and ``body`` to a function."""
        source = "\n    ".join([header, *body])
        namespace = dict(self.functions)
        exec(compile(source, "<float rule>", "exec"), namespace)
        return namespace[header[len("def ") : header.index("(")]]


class _Name(NumPyOperand):
    """A float that a rule computes with: a name in the text being written."""

    __slots__ = ("dtype", "name", "writer")
    type = ArrayType(FLOAT64)
    shape = ()
    ndim = 0
    size = 1
    weak = None

    def __init__(self, writer: _Writer, name: str, dtype: np.dtype = FLOAT64) -> None:
        self.writer = writer
        self.name = name
        self.dtype = dtype

    def bind(self, op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> _Name:
        """Write ``op`` down."""
        return self.writer.record(op, operands, params)


def _names(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def _text(operand: Any) -> ast.expr:
    if isinstance(operand, _Name):
        return ast.Name(operand.name, ast.Load())
    if isinstance(operand, bool | int | float | np.generic):
        number = operand.item() if isinstance(operand, np.generic) else operand
        if isinstance(number, float) and not math.isfinite(number):
            return ast.parse(repr(number), mode="eval").body  # inf, -inf, nan: names
        return ast.Constant(number)
    raise _NotScalar


class FloatRule:
    """An op on floats: ``forward(*floats)``, and ``pull(node)`` by which operands are values.

    ``pull`` reads the gradient of ``node`` and adds to those of its operands.
    """

    __slots__ = ("arity", "forward", "op", "pulls")

    def __init__(self, op: Op, arity: int) -> None:
        self.op = op
        self.arity = arity
        writer = _Writer()
        parameters = PLACES[:arity]
        result = _text(writer.record(op, [_Name(writer, p) for p in parameters], {}))
        self.forward: Callable[..., Any] = writer.function(
            f"def forward({', '.join(parameters)}):",
            [*writer.body([result]), f"return {ast.unparse(result)}"],
        )
        self.pulls: list[Callable[[Any], None] | None] = [None] * (1 << arity)

    def pull(self, mask: int) -> Callable[[Any], None]:
        """Return the function that adds to the operands whose bit in ``mask`` is set."""
        known = self.pulls[mask]
        if known is None:
            known = self.pulls[mask] = _written_pull(self.op, self.arity, mask)
        return known


def _written_pull(op: Op, arity: int, mask: int) -> Callable[[Any], None]:
    writer = _Writer()
    out, cotangent = _Name(writer, "out"), _Name(writer, "g")
    parameters = [_Name(writer, name) for name in PLACES[:arity]]
    contributions = {
        k: text
        for k, text in _contributions(op, cotangent, out, parameters)
        if mask >> k & 1  # the operand is a value
    }
    lines = writer.body(list(contributions.values()))
    # All sums are computed before any is stored: one that raises leaves the gradients alone.
    lines += [f"d{k} = {ast.unparse(text)}" for k, text in contributions.items()]
    read = set().union(*(_names(ast.parse(line)) for line in lines))  # type: ignore[arg-type]
    operands = "".join(f"{letter}_, " for letter in PLACES[:arity])
    start = [f"{operands}= node._operands"]
    start += ["g = node._grad"] if "g" in read else []
    start += ["out = node.data"] if "out" in read else []
    start += [
        f"{letter} = {letter}_.data" if mask >> k & 1 else f"{letter} = {letter}_"
        for k, letter in enumerate(PLACES[:arity])
        if letter in read
    ]
    end = [f"{PLACES[k]}_._grad += d{k}" for k in contributions]
    return writer.function("def pull(node):", [*start, *lines, *end])  # type: ignore[no-any-return]


def _contributions(
    op: Op, cotangent: _Name, out: _Name, operands: Sequence[_Name]
) -> list[tuple[int, ast.expr]]:
    """Return the operands' numbers with what the cotangent contributes to them, zeros left out."""
    if op.pullback is not None:
        products = op.pullback(cotangent, out, *operands)
    else:
        assert op.partials is not None
        products = tuple(
            _scaled(cotangent, partial) for partial in op.partials(out, *operands)
        )
    return [
        (k, _text(product))
        for k, product in enumerate(products)
        if product is not None and not (isinstance(product, int | float) and product == 0)
    ]


def _scaled(cotangent: _Name, partial: Any) -> Any:
    if isinstance(partial, int | float):
        if partial == 0:
            return None
        if partial == 1:
            return cotangent
        if partial == -1:
            return -cotangent
    return cotangent * partial


def float_rule(op: Op, arity: int) -> FloatRule | None:
    """Return the rule of ``op`` on floats, None where it is more than arithmetic on them."""
    if not isinstance(op.lowering, Elementwise) or arity > len(PLACES) or op.refused:
        return None
    try:
        rule = FloatRule(op, arity)
        if op.differentiable:
            rule.pull((1 << arity) - 1)
    except (_NotScalar, IrgradError, AttributeError, TypeError):
        return None
    return rule
