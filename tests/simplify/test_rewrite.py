"""The driver: sharing, dead code, fixpoint, linear time; and random graphs keep their values."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.garbage import full_collections_put_off
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.text import graph_text
from irgrad.ir.types import ArrayType
from irgrad.ir.verify import verify
from irgrad.ops.control import branch, loop
from irgrad.ops.create import constant, input_
from irgrad.ops.elementwise import add, multiply, select, sin, subtract
from irgrad.simplify import simplify
from irgrad.trace.trace import InputSpec, run_traced

FLOAT = np.dtype(np.float64)


def graph_of(function, *types, hints=None):
    specs = [InputSpec(f"x{i}", type) for i, type in enumerate(types)]
    return run_traced(
        function, specs, lambda result: (list(result), None), hints=hints or {}, name="function"
    ).graph


def test_equal_expressions_are_computed_once(compare):
    def function(x, y):
        return np.exp(x * y) + np.exp(y * x) * np.sum(x * y)

    assert compare(function, x="m", y="m").ops == ["add", "exp", "multiply", "multiply", "sum"]


def test_maximum_is_not_commutative(compare, check):
    """np.maximum(0.0, -0.0) may have either sign, by the order of its operands."""
    compared = compare(lambda x, y: np.maximum(x, y) - np.maximum(y, x), x="m", y="m")
    assert compared.ops == ["maximum", "maximum", "subtract"]


def test_params_that_differ_keep_nodes_apart(compare):
    compared = compare(lambda x: x[1:4] * x[2:5] * x[1:4], x="m")
    assert compared.ops == ["multiply", "multiply", "strided", "strided"]


def test_constants_of_other_signs_of_zero_and_dtypes_stay_apart():
    def function(x):
        return np.arctan2(x, 0.0), np.arctan2(x, -0.0), x.astype(np.float32) * 0.0

    simple = simplify(graph_of(function, ArrayType(FLOAT, (3,))))
    values = [node.params["value"] for node in simple.nodes if node.op is constant]
    assert sorted((v.dtype.name, bool(np.signbit(v))) for v in values) == [
        ("float32", False), ("float64", False), ("float64", True),
    ]  # fmt: skip


def test_dead_nodes_are_dropped_and_inputs_kept():
    def function(x, y, z):
        np.exp(x)
        return (np.sin(z) + 0 * np.sum(z),)

    graph = graph_of(function, *[ArrayType(FLOAT, (3,))] * 3)
    simple = simplify(graph)
    assert simple.inputs == graph.inputs
    assert "exp" not in {node.op.name for node in simple.nodes}
    assert evaluate(simple, *np.ones((3, 3)))[0] == pytest.approx(np.sin(1))


def test_an_input_may_be_an_output_and_outputs_may_be_equal():
    graph = graph_of(lambda x, y: (y, x * 1, y + 0, x), *[ArrayType(FLOAT, (3,))] * 2)
    simple = simplify(graph)
    x, y = simple.inputs
    assert simple.outputs == (y, x, y, x)
    assert simple.nodes == (x, y)


def test_the_first_origin_stays():
    def function(x):
        first = np.exp(x)
        second = np.exp(x)
        return (first * second,)

    graph = graph_of(function, ArrayType(FLOAT, (3,)))
    first, _ = [node for node in graph.nodes if node.op.name == "exp"]
    (kept,) = [node for node in simplify(graph).nodes if node.op.name == "exp"]
    assert kept.origin is first.origin


def test_what_a_rule_makes_has_the_origin_of_what_it_replaces():
    def function(x, y):
        negated = -y
        return (x + negated,)

    graph = graph_of(function, *[ArrayType(FLOAT, (3,))] * 2)
    (total,) = graph.outputs
    (difference,) = simplify(graph).outputs
    assert difference.op.name == "subtract"
    assert difference.origin is total.origin


def test_guards_and_sizes_stay():
    n, m = dims.symbol("n"), dims.symbol("m")
    graph = graph_of(
        lambda x, y: (x + y * 1,), ArrayType(FLOAT, (n,)), ArrayType(FLOAT, (m,)),
        hints={"n": 20, "m": 20},
    )  # fmt: skip
    simple = simplify(graph)
    assert simple.guards == graph.guards != ()
    assert simple.hints == graph.hints
    verify(simple)


def test_a_rule_never_changes_a_type():
    """With n and m equal by a guard only, ``select(c, x, x)`` may not become another type."""
    n, m = dims.symbol("n"), dims.symbol("m")
    condition = ArrayType(np.dtype(bool), (n,))
    graph = graph_of(
        lambda c, x: (select(c, x, x),), condition, ArrayType(FLOAT, (m,)),
        hints={"n": 20, "m": 20},
    )  # fmt: skip
    simple = simplify(graph)
    assert simple.outputs[0].type == graph.outputs[0].type
    verify(simple)


def test_bodies_are_simplified_once_each_and_keep_their_outputs():
    def step(carry, x):
        double = carry * 1 + x[0] * x[0]
        return np.negative(-double) + 0.0, np.abs(x) + 0.0

    scalar, row = ArrayType(FLOAT), ArrayType(FLOAT, (2,))
    body = graph_of(step, scalar, row)
    params = {"index": "@0", "trips": 3, "reverse": False, "carries": 2, "tapes": 0}

    def function(x):
        first, _ = loop(np.sum(x), x, **params, body=body)
        second, _ = loop(first, x, **params, body=body)
        return (first + second,)

    graph = graph_of(function, row)
    verify(graph)
    simple = simplify(graph)
    verify(simple)
    first, second = [node.params["body"] for node in simple.nodes if node.op is loop]
    assert first is second
    names = [node.op.name for node in first.nodes]
    assert names == ["input", "input", "strided", "multiply", "add", "absolute"]
    assert first.outputs[1].inputs == (first.inputs[1],)
    values = np.array([2.0, 3.0])
    assert evaluate(simple, values) == evaluate(graph, values) == ((5 + 12) + (5 + 24),)


def test_branches_are_simplified_too():
    scalar = ArrayType(FLOAT)
    branches = graph_of(lambda x: (x * 1,), scalar), graph_of(lambda x: (x - 0,), scalar)

    def function(x):
        return branch((x > 0).astype(np.int64), x, branches=branches)

    simple = simplify(graph_of(function, scalar))
    verify(simple)
    (node,) = [node for node in simple.nodes if node.op is branch]
    assert [len(graph.nodes) for graph in node.params["branches"]] == [1, 1]


def test_the_old_graph_is_left_as_it_was(compare):
    compared = compare(lambda x: np.negative(-x) * 1 + np.exp(-x), x="m")
    text = graph_text(compared.before)
    simplify(compared.before)
    assert graph_text(compared.before) == text
    verify(compared.before)


def logistic_regression(w, x, y):
    scores = x @ w
    return (np.mean(np.logaddexp(0, scores) - y * scores),)


def test_logistic_regression_is_what_one_writes_by_hand():
    n, d = dims.symbol("n"), dims.symbol("d")
    graph = graph_of(
        logistic_regression, ArrayType(FLOAT, (d,)), ArrayType(FLOAT, (n, d)),
        ArrayType(FLOAT, (n,)), hints={"n": 100, "d": 30},
    )  # fmt: skip
    joint = value_and_gradient(graph, [0])
    simple = simplify(joint)
    verify(simple)
    of_rows = [node.op.name for node in simple.nodes[3:] if node.array_type.shape == (n,)]
    assert of_rows == ["contract", "softplus", "multiply", "subtract", "logistic", "subtract"]
    assert len([node for node in simple.nodes if node.inputs]) == 11
    random = np.random.default_rng(0)
    w, x, y = random.normal(size=5), random.normal(size=(7, 5)), random.random(7)
    value, gradient = evaluate(simple, w, x, y)
    scores = x @ w
    assert value == pytest.approx(np.mean(np.log1p(np.exp(scores)) - y * scores), rel=1e-14)
    np.testing.assert_allclose(gradient, x.T @ (1 / (1 + np.exp(-scores)) - y) / 7, rtol=1e-13)


def chain(length):
    """Return ``x = sin(x * 0.5 + 0.25) - 0.0`` over and over, ``length`` nodes in all."""
    scalar = ArrayType(FLOAT)
    x = Node(input_, (), {"name": "x", "type": scalar, "position": 0}, scalar)
    numbers = [Node(constant, (), {"value": np.float64(v)}, scalar) for v in (0.5, 0.25, 0.0)]
    half, quarter, zero = numbers
    nodes = [x, *numbers]
    value = x
    for _ in range(length // 4):
        scaled = Node(multiply, (value, half), {}, scalar)
        shifted = Node(add, (scaled, quarter), {}, scalar)
        turned = Node(sin, (shifted,), {}, scalar)
        value = Node(subtract, (turned, zero), {}, scalar)
        nodes += [scaled, shifted, turned, value]
    return Graph((x,), tuple(nodes), (value,))


def test_a_long_chain_takes_linear_time_and_no_recursion():
    seconds = {}
    for length in (10_000, 100_000):
        graph = chain(length)
        with full_collections_put_off():  # whose time is that of all other tests' garbage
            started = time.process_time()
            simple = simplify(graph)
            seconds[length] = time.process_time() - started
        assert len([node for node in simple.nodes if node.inputs]) == length * 3 // 4
    assert seconds[100_000] < 40 * seconds[10_000] + 1
    assert evaluate(simple, 0.3)[0] == evaluate(graph, 0.3)[0]


def test_a_long_chain_of_rules_settles():
    """Each negation meets the next: the rules fire thousands of times."""

    def function(x):
        for _ in range(2_000):
            x = -(x * 2.0) + 0.0
        return (x,)

    graph = graph_of(function, ArrayType(FLOAT, (3,)))
    simple = simplify(graph)
    factors = [node for node in simple.nodes if node.op is multiply]
    assert len(factors) == 2  # 2**2000 is no float64: two factors, each finite
    assert graph_text(simplify(simple)) == graph_text(simple)


# Random graphs. Elements are small whole numbers and factors powers of two, so that every order
# of summing and multiplying is exact, and so must be every rule.

UNARY = {
    "negative": lambda x: -x,
    "twice": lambda x: x + x,
    "times": lambda x: x * 2.0,
    "halved": lambda x: x / 2,
    "by -1": lambda x: x * -1,
    "by 1": lambda x: 1 * x,
    "plus 0": lambda x: 0.0 + x,
    "minus 0": lambda x: x - 0,
    "absolute": lambda x: abs(x),
    "one power": lambda x: x ** np.float64(1.0),
    "sum": lambda x: np.sum(x),
    "rows": lambda x: np.sum(x, axis=0) if x.ndim else x,
    "columns": lambda x: np.sum(x, axis=-1, keepdims=True) if x.ndim else x,
    "transpose": lambda x: x.T,
    "ravel": lambda x: np.ravel(x),
    "reversed": lambda x: x[::-1] if x.ndim else x,
    "front": lambda x: x[:2] if x.ndim else x,
    "first": lambda x: x[0] if x.ndim else x,
    "column": lambda x: x[..., None] if x.ndim < 3 else x,
    "zeros": lambda x: np.zeros_like(x),
    "ones": lambda x: np.ones_like(x),
    "spread": lambda x: np.broadcast_to(x, (2, *x.shape)) if x.ndim < 3 else x,
    "masked": lambda x: np.where(x > 0, x, 0.0),
    "unmasked": lambda x: np.where(~(x > 0), x, 2 * x),
    "joined": lambda x: np.concatenate([x, x])[1:] if x.ndim else x,
    "stacked": lambda x: np.stack([x, -x])[1] if x.ndim < 3 else x,
    "single": lambda x: x.astype(np.float32).astype(np.float64),
}


def _written(x, y):
    x = x + 0 * y
    if x.ndim:
        x[1:] += x[:-1]
        x[0] = 2.0
    return x


BINARY = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "product": lambda x, y: np.tensordot(x, y, 1) if x.ndim and y.ndim else x * y,
    "outer": lambda x, y: np.outer(x, y),
    "rows scaled": lambda x, y: np.sum(x * y[:, None], axis=-1) if y.ndim else x * y,
    "chosen": lambda x, y: np.where(x < y, x, y),
    "written": _written,
}
LARGEST = 2.0**40
ELEMENTS = 400


@st.composite
def programs(draw):
    """Draw steps (name of an operation, positions of its operands) over three inputs."""
    length = draw(st.integers(1, 9))
    steps = []
    for position in range(3, 3 + length):
        operand = st.integers(max(0, position - 4), position - 1) | st.integers(0, position - 1)
        name = draw(st.sampled_from([*UNARY, *BINARY]))
        steps.append((name, [draw(operand) for _ in range(2 if name in BINARY else 1)]))
    return steps


INPUTS = (
    np.float64(2.0),
    np.array([3.0, -1.0, 0.0, 2.0]),
    np.array(
        [[1.0, -2.0, 4.0, 0.0], [3.0, 1.0, -1.0, 2.0], [0.0, -3.0, 2.0, 1.0], [2.0, 2.0, 1.0, 1.0]]
    ),
)  # fmt: skip


def run(steps, *values):
    """Run a program; steps whose shapes do not fit, or that grow too large, are left out."""
    values = list(values)
    sizes = list(INPUTS)
    for name, operands in steps:
        function = UNARY.get(name) or BINARY[name]
        try:
            size = function(*[np.array(sizes[i]) for i in operands])
        except (ValueError, IndexError):
            size = None
        if size is None or np.size(size) > ELEMENTS or not np.all(np.abs(size) < LARGEST):
            values.append(values[operands[0]])
            sizes.append(sizes[operands[0]])
        else:
            values.append(function(*[values[i] for i in operands]))
            sizes.append(size)
    return values[-1]


@given(programs())
@settings(max_examples=300)
def test_random_graphs_keep_their_values(steps):
    types = [ArrayType(FLOAT, np.shape(x)) for x in INPUTS]
    graph = graph_of(lambda *xs: (np.sum(run(steps, *xs)), run(steps, *xs)), *types)
    verify(graph)
    for before in (graph, value_and_gradient(graph, range(3))):
        after = simplify(before)
        verify(after)
        assert graph_text(simplify(after)) == graph_text(after)
        assert after.inputs == before.inputs
        with np.errstate(all="ignore"):  # dead nodes, the logarithm of a power's base among them
            results = evaluate(before, *INPUTS), evaluate(after, *INPUTS)
        for wanted, value in zip(*results, strict=True):
            np.testing.assert_array_equal(np.asarray(value), np.asarray(wanted))
            assert np.asarray(value).dtype == np.asarray(wanted).dtype


def test_the_graph_may_be_empty():
    assert simplify(Graph((), (), ())).nodes == ()


def test_nodes_compare_by_identity_only():
    node = Node(constant, (), {"value": np.float64(1)}, ArrayType(FLOAT))
    other = Node(constant, (), {"value": np.float64(1)}, ArrayType(FLOAT))
    simple = simplify(Graph((), (node, other), (node, other)))
    assert simple.outputs[0] is simple.outputs[1]
