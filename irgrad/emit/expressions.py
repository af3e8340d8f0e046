"""Expressions as Python text, with no more parentheses than Python needs.

Templates such as ``x * y`` are parsed once; operands take the places of ``x``, ``y`` and so on in
the syntax tree, and ``ast.unparse`` prints it.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import numpy as np

from irgrad.emit import library, vector_math
from irgrad.errors import InternalError
from irgrad.ir import dims, loops
from irgrad.ir.dims import Dim
from irgrad.ir.op import PLACES

_ARITHMETIC = ("x + y", "x - y", "x * y")
_DOUBLE = np.dtype(np.float64)
_NARROW = (np.dtype(np.float32), np.dtype(np.complex64))


def size_text(dim: Dim) -> str:
    """Return a size as Python text; loop variables lose their mark."""
    return dims.render(dim, lambda name: name.removeprefix("@"))


def literal(value: Any, dtype: np.dtype) -> str:
    """Return a constant as Python text that keeps its dtype when compiled."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return str(bool(value))
    if dtype.kind in "iu":
        return str(int(value)) if dtype == np.int64 else f"np.{dtype.name}({int(value)})"
    if dtype.kind == "c":
        text = _complex_text(complex(value))
        return text if dtype == np.complex128 else f"np.{dtype.name}({text})"
    text = _float_text(float(value))
    return text if dtype == np.float64 else f"np.{dtype.name}({text})"


def _float_text(value: float) -> str:
    if np.isnan(value):
        return "np.nan"
    if np.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def _complex_text(value: complex) -> str:
    text = repr(value)
    # Python has no literal of 1 - 0j, nor of an infinite part.
    exact = "n" not in text and repr(ast.literal_eval(text)) == text
    return text if exact else f"complex({_float_text(value.real)}, {_float_text(value.imag)})"


class Printer:
    """Prints expressions, noting which library functions they call."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}

    def text(self, expression: Any) -> str:
        """Return an expression, or an index, as Python text."""
        if isinstance(expression, int | dims.Size):
            return size_text(expression)
        return ast.unparse(self.tree(expression))

    def tree(self, expression: Any) -> ast.expr:
        """Return the syntax tree of an expression; as deep as one fused statement."""
        if isinstance(expression, loops.Name):
            return ast.Name(expression.name)
        if isinstance(expression, loops.Literal):
            return _parsed(literal(expression.value, expression.dtype))
        if isinstance(expression, loops.SizeValue):
            return _size_tree(expression)
        if isinstance(expression, loops.Load):
            return _parsed(f"{expression.array}[{', '.join(map(self.text, expression.indices))}]")
        if isinstance(expression, loops.Apply):
            return self._applied(expression)
        raise InternalError(f"no expression: {expression!r}")

    def _applied(self, expression: loops.Apply) -> ast.expr:
        template = expression.template
        operands = [self.tree(operand) for operand in _real_beside_complex(expression)]
        if expression.vector_math is not None:
            kernel = vector_math.kernel(expression.vector_math, expression.dtype.name)
            if kernel is not None:
                template = f"{kernel.function}({', '.join(PLACES[: len(operands)])})"
        self.used.update(dict.fromkeys(library.called(template)))
        tree = substituted(template, operands, expression.dtype)
        if expression.dtype.kind in "iu" and expression.dtype != np.int64:
            # numba computes small and unsigned integers in 64 bits; NumPy wraps around.
            return ast.Call(_parsed(f"np.{expression.dtype.name}"), [tree], [])
        return tree

    def fold(self, name: str, template: str, expression: Any) -> list[str]:
        """Return the lines of ``name = template(name, expression)``."""
        if template == "x + y":
            return [f"{name} += {self.text(expression)}"]
        if template == "x * y":
            return [f"{name} *= {self.text(expression)}"]
        target = _parsed(name)
        return [f"{name} = {ast.unparse(substituted(template, [target, self.tree(expression)]))}"]


def _real_beside_complex(expression: loops.Apply) -> list[Any]:
    """Return operands, one that is real though of a complex type without its conversion.

    Beside the other operand, Python and numba make it complex themselves.
    """
    operands = list(expression.operands)
    if expression.dtype == np.complex128 and expression.template in _ARITHMETIC:
        for place, operand in enumerate(operands):
            if isinstance(operand, loops.Apply) and operand.template == "np.complex128(x)":
                operands[place] = operand.operands[0]
                break
            if isinstance(operand, loops.Literal) and operand.value.imag == 0:
                operands[place] = loops.Literal(operand.value.real, np.dtype(np.float64))
                break
    return operands


def _size_tree(size: loops.SizeValue) -> ast.expr:
    text = size_text(size.dim)
    if size.dtype == np.int64:
        return _parsed(text)
    return _parsed(f"np.{size.dtype.name}({text})")


@cache
def _template(template: str, dtype: np.dtype) -> ast.expr:
    return _Choices(dtype).visit(_parsed(template))  # type: ignore[no-any-return]


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def substituted(
    template: str, operands: list[ast.expr], dtype: np.dtype = _DOUBLE
) -> ast.expr:
    """Return a template of a ``dtype`` with its places taken by ``operands``."""
    places = _Places(dict(zip(PLACES, operands, strict=False)))
    tree: ast.expr = places.visit(_copied(_template(template, dtype)))
    return tree


def _copied(tree: ast.expr) -> ast.expr:
    fields: dict[str, Any] = {
        name: (
            _copied(value)
            if isinstance(value, ast.expr)
            else [_copied(v) if isinstance(v, ast.expr) else v for v in value]
            if isinstance(value, list)
            else value
        )
        for name, value in ast.iter_fields(tree)
    }
    return type(tree)(**fields)


class _Choices(ast.NodeTransformer):
    """Gives numbers that an expression chooses a dtype of less precision than Python's."""

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        return ast.IfExp(node.test, self._choice(node.body), self._choice(node.orelse))

    def _choice(self, tree: ast.expr) -> ast.expr:
        if isinstance(tree, ast.Constant) and self._dtype in _NARROW:
            return _parsed(literal(tree.value, self._dtype))
        return self.visit(tree)  # type: ignore[no-any-return]


class _Places(ast.NodeTransformer):
    def __init__(self, operands: dict[str, ast.expr]) -> None:
        self._operands = operands

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._operands.get(node.id, node)
