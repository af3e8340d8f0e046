"""``verify`` accepts what is traced, derived and simplified, and names what is wrong elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.errors import InternalError
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.types import ArrayType
from irgrad.ir.verify import verify
from irgrad.ops.control import loop
from irgrad.ops.create import constant, input_
from irgrad.ops.elementwise import add, exp, multiply
from irgrad.ops.reduce import sum_
from irgrad.trace.trace import InputSpec, run_traced

FLOAT = np.dtype(np.float64)
VECTOR = ArrayType(FLOAT, (3,))


def argument(position, type=VECTOR):
    return Node(input_, (), {"name": f"x{position}", "type": type, "position": position}, type)


def traced(function, *types, hints=None):
    specs = [InputSpec(f"x{i}", type) for i, type in enumerate(types)]
    return run_traced(
        function, specs, lambda result: ([result], None), hints=hints or {}, name="function"
    ).graph


def failure(graph):
    with pytest.raises(InternalError) as caught:
        verify(graph)
    return str(caught.value)


def test_traced_and_derived_graphs_pass():
    n, d = dims.symbol("n"), dims.symbol("d")

    def function(w, x):
        x = x * 2
        x[1:] += np.maximum(x[:-1], 0)
        return np.sum(np.where(x @ w > 0, np.log1p(np.exp(x @ w)), 0.5) ** 3)

    graph = traced(
        function, ArrayType(FLOAT, (d,)), ArrayType(FLOAT, (n, d)), hints={"n": 30, "d": 20}
    )
    verify(graph)
    verify(value_and_gradient(graph, [0, 1]))


def test_an_operand_must_come_first():
    x = argument(0)
    first = Node(exp, (x,), {}, VECTOR)
    second = Node(add, (first, x), {}, VECTOR)
    verify(Graph((x,), (x, first, second), (second,)))
    message = failure(Graph((x,), (x, second, first), (second,)))
    assert "%1 (add)" in message
    assert "operand 0" in message


def test_a_node_may_stand_once():
    x = argument(0)
    assert "already stands at %0" in failure(Graph((x,), (x, x), (x,)))


def test_inputs_and_outputs_must_be_nodes():
    x, y = argument(0), argument(1)
    assert "input 1" in failure(Graph((x, y), (x,), (x,)))
    assert "output 0" in failure(Graph((x,), (x,), (y,)))
    assert "twice" in failure(Graph((x, x), (x,), (x,)))
    assert "%1 (input)" in failure(Graph((x,), (x, y), (x,)))


def test_the_type_must_be_the_inferred_one():
    x = argument(0)
    wrong = Node(sum_, (x,), {"axes": (0,)}, VECTOR)
    message = failure(Graph((x,), (x, wrong), (wrong,)))
    assert "%1 (sum)" in message
    assert "float64[3]" in message
    assert "float64[]" in message


def test_a_type_that_can_not_be_inferred_is_named():
    x, y = argument(0), argument(1, ArrayType(FLOAT, (4,)))
    wrong = Node(add, (x, y), {}, VECTOR)
    assert "can't be broadcast" in failure(Graph((x, y), (x, y, wrong), (wrong,)))
    odd = Node(sum_, (x,), {"axis": 0}, VECTOR)
    assert "can't be inferred" in failure(Graph((x,), (x, odd), (odd,)))


def test_dtypes_must_be_promoted():
    x, y = argument(0), argument(1, ArrayType(np.dtype(np.float32), (3,)))
    mixed = Node(add, (x, y), {}, VECTOR)
    message = failure(Graph((x, y), (x, y, mixed), (mixed,)))
    assert "operand 1 is float32, promotion makes it float64" in message


def test_params_must_compare():
    x = argument(0)
    odd = Node(sum_, (x,), {"axes": (0,), "more": {1, 2}}, ArrayType(FLOAT))
    assert "can't be compared" in failure(Graph((x,), (x, odd), (odd,)))


def test_guards_must_cover_what_types_rest_on():
    n, m = dims.symbol("n"), dims.symbol("m")
    graph = traced(
        lambda x, y: x + y, ArrayType(FLOAT, (n,)), ArrayType(FLOAT, (m,)),
        hints={"n": 20, "m": 20},
    )  # fmt: skip
    verify(graph)
    assert "n == m" in failure(replace(graph, guards=()))


def test_the_users_line_is_named():
    def function(x):
        return np.exp(x) * 2.0

    graph = traced(function, VECTOR)
    last = graph.nodes[-1]
    assert last.op is multiply
    wrong = Node(last.op, last.inputs, last.params, ArrayType(FLOAT), last.origin)
    message = failure(replace(graph, nodes=(*graph.nodes[:-1], wrong), outputs=(wrong,)))
    assert "np.exp(x) * 2.0" in message
    assert "test_verify.py" in message


def test_bodies_are_verified_too():
    (sample, *_) = loop.samples
    operands = [
        Node(constant, (), {"value": np.float64(1)}, ArrayType(FLOAT))
        if np.ndim(x) == 0 else argument(i, ArrayType(FLOAT, np.shape(x)))
        for i, x in enumerate(sample.operands)
    ]  # fmt: skip
    inputs = tuple(node for node in operands if node.op is input_)
    body = sample.params["body"]
    kind = loop.infer(*[node.type for node in operands], **sample.params)
    node = Node(loop, tuple(operands), sample.params, kind)
    verify(Graph(inputs, (*operands, node), (node,)))
    broken = replace(body, nodes=tuple(reversed(body.nodes)))
    node = Node(loop, tuple(operands), {**sample.params, "body": broken}, kind)
    assert "does not come before it" in failure(Graph(inputs, (*operands, node), (node,)))
