"""What is known of the parts of a complex number is not computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.interpret.evaluate import evaluate
from irgrad.ops.complex_numbers import complex_of
from irgrad.simplify import simplify
from tests.ops.contracts import traced

X = np.array([0.5, -2.0, 3.0])
Z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.2j])

CASES: list[tuple[str, Callable[..., Any], tuple[Any, ...], list[str]]] = [
    ("real of a real", lambda x: np.real(x.astype(complex)), (X,), []),
    ("imag of a real", lambda x: np.imag(x.astype(complex)), (X,), ["full"]),
    ("conj of a real", lambda x: np.conj(x.astype(complex)), (X,), ["convert"]),
    ("conj of a conj", lambda z: np.conj(np.conj(z)), (Z,), []),
    ("real of a conj", lambda z: np.real(np.conj(z)), (Z,), ["real"]),
    ("imag of a conj", lambda z: np.imag(np.conj(z)), (Z,), ["imag", "negative"]),
    ("real of parts", lambda x: np.real(complex_of(x, x * x)), (X,), []),
    ("imag of parts", lambda x: np.imag(complex_of(x, x * x)), (X,), ["multiply"]),
    ("real of scaled", lambda x, z: np.real(x * z), (X, Z), ["multiply", "real"]),
    ("imag of scaled", lambda x, z: np.imag(z * x), (X, Z), ["imag", "multiply"]),
    ("real of a sum", lambda x, z: np.real(x - z), (X, Z), ["real", "subtract"]),
    ("no logistic", lambda z: 1 / (1 + np.exp(-z)), (Z,), ["add", "divide", "exp", "negative"]),
]


@pytest.mark.parametrize(
    ("function", "operands", "left"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_rule(function: Callable[..., Any], operands: tuple[Any, ...], left: list[str]) -> None:
    graph = traced(function, operands).graph
    simple = simplify(graph)
    ops = sorted(n.op.name for n in simple.nodes if n.op.name not in ("input", "constant"))
    assert ops == left
    np.testing.assert_array_equal(evaluate(simple, *operands), evaluate(graph, *operands))
