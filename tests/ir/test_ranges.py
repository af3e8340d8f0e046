"""What is known of nodes of graphs, whatever the inputs."""

import math

import numpy as np
import pytest

import irgrad
from irgrad.ir.graph import Node
from irgrad.ir.intervals import EVERYWHERE, Interval
from irgrad.ir.ranges import Ranges
from irgrad.ir.types import ArrayType
from irgrad.ops import create, elementwise


def of_result(function, *arguments) -> Interval:
    compiled = irgrad.compile(function, jit=False)
    compiled.lower(*arguments)
    graph = compiled.graph
    return Ranges(graph.inputs).of(graph.outputs[0])


x = np.linspace(-2.0, 2.0, 6)


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (np.sin, -1.0, 1.0),
        (lambda x: np.exp(np.sin(x)), math.exp(-1), math.e),
        (lambda x: np.log1p(np.exp(np.tanh(x))), math.log1p(1 / math.e), math.log1p(math.e)),
        (lambda x: 2.0 - np.cos(x) * 0.5, 1.5, 2.5),
        (lambda x: np.cosh(np.arctan(x)), 1.0, math.cosh(math.pi / 2)),
        (lambda x: 1.0 / (1.0 + x * x), 0.0, 1.0),
        (lambda x: np.where(x > 0, np.sin(x), 3.0), -1.0, 3.0),
        (lambda x: np.clip(x, -0.5, 0.25), -0.5, 0.25),
        (lambda x: np.maximum(x, 0.0), 0.0, math.inf),
        (lambda x: np.abs(np.sin(x))[None, :].T[::2], 0.0, 1.0),
        (lambda x: (x > 0.0) * 1.0, 0.0, 1.0),
        (lambda x: np.sqrt(x), 0.0, math.inf),
    ],
)
def test_the_range_of_a_result(function, low: float, high: float) -> None:
    found = of_result(function, x)
    assert found[0] <= low
    assert high <= found[1]
    assert found == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x,
        lambda x: np.sum(np.sin(x)),
        lambda x: np.exp(x) * x,
        lambda x: np.sin(x.astype(np.float32)),
        lambda x: 1.0 / np.sin(x),
    ],
)
def test_where_nothing_is_known(function) -> None:
    low, high = of_result(function, x)
    assert (low, high) == EVERYWHERE


def test_a_bound_that_may_be_no_number_bounds_nothing() -> None:
    def function(x):
        bound = np.sin(x)  # NaN at infinity, where the next line returns x
        return np.where(x < bound, bound, x)

    low, high = of_result(function, x)
    assert (low, high) == EVERYWHERE
    assert of_result(lambda x: np.where(x < np.nan, 0.0, x), x) == EVERYWHERE


def test_inputs_are_unknown_whatever_made_them() -> None:
    compiled = irgrad.compile(lambda x: np.exp(np.sin(x)), jit=False)
    compiled.lower(x)
    exp = compiled.graph.outputs[0]
    (sine,) = exp.inputs
    assert Ranges([sine]).of(exp) == (0.0, math.inf)


def test_a_long_chain_is_followed_without_recursion() -> None:
    type = ArrayType(np.dtype(np.float64), (3,))
    node = Node(elementwise.sin, (Node(create.input_, (), {}, type),), {}, type)
    for _ in range(20_000):
        node = Node(elementwise.tanh, (node,), {}, type)
    low, high = Ranges().of(node)
    assert -0.02 < low < high < 0.02  # tanh(tanh(...)) of 1 falls like sqrt(1.5 / n)
