"""``Value`` against closed forms, finite differences, NumPy's dtypes, and very deep graphs."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

from irgrad.errors import (
    ArgumentError,
    ConcreteValueError,
    DifferentiationError,
    UnsupportedCallError,
)
from irgrad.interpret.scalar import float_rule
from irgrad.interpret.value import Value
from irgrad.ir.op import Control
from irgrad.ops import OPS

DIFFERENTIABLE = [
    (name, number)
    for name, op in OPS.items()
    if op.differentiable and not isinstance(op.lowering, Control)
    for number, sample in enumerate(op.samples)
    if sample.differentiable
    and all(np.asarray(x).dtype == np.float64 for x in sample.operands)
    and sample.operands
]


def weighted(result, weights):
    results = result if isinstance(result, tuple) else (result,)
    total = sum(
        np.sum(part * np.resize(weights, np.shape(part.data if isinstance(part, Value) else part)))
        for part in results
    )
    return np.real((1 - 0.5j) * total) if total.dtype.kind == "c" else total


@pytest.mark.parametrize(("name", "number"), DIFFERENTIABLE)
def test_gradient_of_every_op_is_its_finite_difference(name, number):
    op, sample = OPS[name], OPS[name].samples[number]
    if sample.params.get("dtype") == np.float32:
        return
    weights = np.array([0.7, -1.3, 0.4, 2.1, -0.6])
    values = [Value(x) for x in sample.operands]
    root = weighted(op(*values, **sample.params), weights)
    expected = weighted(op.evaluate(*sample.operands, **sample.params), weights)
    assert isinstance(root, Value)
    np.testing.assert_allclose(root.data, expected, rtol=1e-14)
    root.backward()
    step = 1e-6
    for position, value in enumerate(values):
        gradient = np.atleast_1d(value.grad)
        operand = np.atleast_1d(np.asarray(sample.operands[position]))
        assert gradient.shape == operand.shape
        for index in np.ndindex(operand.shape):
            ends = []
            for move in (step, -step):
                moved = operand.copy()
                moved[index] += move
                operands = list(sample.operands)
                operands[position] = moved.reshape(np.shape(sample.operands[position]))
                ends.append(weighted(op.evaluate(*operands, **sample.params), weights))
            difference = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(gradient[index], difference, rtol=2e-6, atol=2e-8)


def neuron():
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.7, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    return o, n, {"x1": x1, "x2": x2, "w1": w1, "w2": w2, "b": b}


def test_worked_neuron_has_the_gradients_of_its_closed_form():
    o, n, leaves = neuron()
    o.backward()
    slope = 1 - math.tanh(0.7) ** 2
    assert o.data == pytest.approx(math.tanh(0.7), abs=1e-12)
    assert n.grad == pytest.approx(slope, abs=1e-12)
    expected = {"x1": -3 * slope, "x2": slope, "w1": 2 * slope, "w2": 0.0, "b": slope}
    for name, value in leaves.items():
        assert value.grad == pytest.approx(expected[name], abs=1e-12), name
    rounded = {name: round(value.grad, 3) for name, value in leaves.items()}
    assert rounded == {"x1": -1.904, "x2": 0.635, "w1": 1.269, "w2": 0.0, "b": 0.635}


def test_slope_exercise_has_slope_one_in_c():
    h = 1e-4
    a, b, c = 2.0, -3.0, 10.0
    below = Value(a) * Value(b) + Value(c)
    above = Value(a) * Value(b) + (Value(c) + h)
    assert (above.data - below.data) / h == pytest.approx(1.0, abs=1e-9)
    leaf = Value(c)
    (Value(a) * b + leaf).backward()
    assert leaf.grad == 1.0


def test_numbers_mix_on_both_sides_and_stay_floats():
    x = Value(4.0)
    cases = {
        x + 1: (5.0, 1.0), 1 + x: (5.0, 1.0), x - 1: (3.0, 1.0), 1 - x: (-3.0, -1.0),
        x * 3: (12.0, 3.0), 3 * x: (12.0, 3.0), x / 2: (2.0, 0.5), 2 / x: (0.5, -0.125),
        x**2: (16.0, 8.0), 2**x: (16.0, 16 * math.log(2)), -x: (-4.0, -1.0), +x: (4.0, 1.0),
        abs(x): (4.0, 1.0), x**-1: (0.25, -1 / 16), np.float64(2.0) * x: (8.0, 2.0),
    }  # fmt: skip
    for result, (data, slope) in cases.items():
        x.zero_grad()
        result.backward()
        assert type(result.data) is float
        assert type(x.grad) is float
        assert (result.data, x.grad) == pytest.approx((data, slope), abs=1e-12)


def test_value_used_twice_and_repeated_calls_add_up():
    a = Value(3.0)
    b = a + a
    c = b * b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (24.0, 12.0, 1.0)
    c.backward()
    assert (a.grad, b.grad, c.grad) == (48.0, 24.0, 2.0)
    c.zero_grad()
    assert (a.grad, b.grad, c.grad) == (0.0, 0.0, 0.0)
    c.backward()
    assert a.grad == 24.0


def test_gradients_of_two_roots_add_up_in_what_they_share():
    x = Value(np.array([1.0, 2.0]))
    np.sum(x * x).backward()
    np.sum(3 * x).backward()
    np.testing.assert_array_equal(x.grad, [5.0, 7.0])


def test_operations_have_the_tutorials_symbols():
    x, y = Value(2.0), Value(3.0)
    operations = [x + y, x - y, x * y, x / y, x**2, x**0.5, x**y, x.tanh(), x.exp(), x.relu(),
                  x.sigmoid(), np.sin(x)]  # fmt: skip
    symbols = ["+", "-", "*", "/", "**2", "**0.5", "**", "tanh", "exp", "relu", "sigmoid", "sin"]
    assert [operation._op for operation in operations] == symbols
    assert x._op == ""
    assert (x + y)._prev == (x, y)
    assert (x + x)._prev == (x,)
    assert (x + 1)._prev == (x,)


@pytest.mark.parametrize(("x", "slope"), [(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0)])
def test_relu_has_derivative_zero_at_zero(x, slope):
    scalar, array = Value(x), Value(np.array([x]))
    scalar.relu().backward()
    np.sum(array.relu()).backward()
    assert scalar.grad == slope
    np.testing.assert_array_equal(array.grad, [slope])


def test_ties_share_the_gradient():
    a, b = Value(2.0), Value(2.0)
    np.maximum(a, b).backward()
    assert (a.grad, b.grad) == (0.5, 0.5)
    x = Value(np.array([1.0, 3.0, 3.0, 3.0]))
    np.max(x).backward()
    np.testing.assert_allclose(x.grad, [0.0, 1 / 3, 1 / 3, 1 / 3])


def test_dead_branch_with_an_infinite_derivative_gives_a_finite_gradient():
    for x in (Value(0.0), Value(np.array([0.0, 4.0]))):
        safe = np.where(x.data > 0, np.sqrt(x), 0.0)
        np.sum(safe).backward()
        np.testing.assert_array_equal(x.grad, np.where(x.data > 0, 0.25, 0.0))


def test_outside_of_the_reals_the_results_are_numpys():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        zero = Value(0.0)
        assert (1 / zero).data == math.inf
        assert np.log(zero).data == -math.inf
        assert math.isnan((Value(-8.0) ** (1 / 3)).data)
        assert Value(1e4).exp().data == math.inf
        root = np.sqrt(zero)
        root.backward()
        assert zero.grad == math.inf
    assert Value(-1e4).sigmoid().data == 0.0
    base = Value(-2.0)
    (base**2).backward()
    assert base.grad == -4.0
    still = Value(0.0)
    (still**0).backward()
    assert still.grad == 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_numpys_forward_and_in_the_gradient(dtype):
    data = np.array([0.5, 1.5], dtype)
    x, scale = Value(data), Value(2.0)
    y = np.sum(np.tanh(x * 2.0 + 1) * scale + x.relu() / 3)
    assert y.dtype == np.sum(np.tanh(data * 2.0 + 1) * 2.0 + data / 3).dtype == dtype
    y.backward()
    assert x.grad.dtype == dtype
    assert type(scale.grad) is float
    tanh = np.tanh(data * 2 + 1)
    np.testing.assert_allclose(x.grad, 4 * (1 - tanh**2) + 1 / 3, rtol=1e-5)
    single = Value(np.float32(2))
    assert (single * 3.0).data.dtype == np.float32


def test_whole_numbers_have_no_derivative():
    counts = Value(np.array([1, 2, 3]))
    assert counts.dtype == np.array([1, 2, 3]).dtype
    np.testing.assert_array_equal(counts // 2, [0, 1, 1])
    np.testing.assert_array_equal(counts % 2, [1, 0, 1])
    np.testing.assert_array_equal(Value(np.array([-1, 2])).relu(), [0, 2])
    with pytest.raises(DifferentiationError, match="has no derivative"):
        np.sum(counts * 0.5).backward()
    with pytest.raises(DifferentiationError, match="one real number"):
        counts.backward()
    assert type(Value(3).data) is float


def test_failed_backward_leaves_the_gradients_as_they_were():
    x, counts = Value(np.array([1.0, 2.0])), Value(np.array([1, 2]))
    np.sum(x).backward()
    with pytest.raises(DifferentiationError):
        np.sum(x * counts).backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])


def test_backward_needs_a_scalar():
    with pytest.raises(DifferentiationError, match=r"float64\[2\]"):
        Value(np.array([1.0, 2.0])).backward()


def test_nothing_swallows_a_value_silently():
    x = Value(0.5)
    with pytest.raises(ConcreteValueError, match=r"np\.sin"):
        math.sin(x)
    with pytest.raises(ConcreteValueError):
        int(x)
    with pytest.raises(ConcreteValueError):
        np.asarray(x, dtype=float)
    with pytest.raises((ConcreteValueError, ValueError)):
        np.zeros(2)[0] = x
    with pytest.raises(ArgumentError):
        Value(x)
    with pytest.raises(ArgumentError, match="holds numbers"):
        Value("0.5")
    with pytest.raises(DifferentiationError, match="real part"):
        Value(1j).backward()


def test_complex_values_go_through_the_same_rules():
    """Cotangents are df/dx - i df/dy; of real values the real part counts."""
    a, z = Value(2.0), Value(np.array([1 + 2j, -0.5j]))
    np.sum(np.abs(a * z * z) ** 2 + np.conj(z).imag).backward()
    size = np.abs(z.data)
    assert a.grad == pytest.approx(np.sum(2 * a.data * size**4))
    expected = 4 * a.data**2 * size**2 * np.conj(z.data) * np.array(1) + 1j
    np.testing.assert_allclose(z.grad, expected, rtol=1e-13)


def test_comparisons_are_plain_truth_values():
    x = Value(2.0)
    assert (x > 1) is True
    assert (x < Value(1.0)) is False
    assert (x == 2.0) is True
    assert {x: "kept by identity"}[x]
    np.testing.assert_array_equal(Value(np.array([1.0, 3.0])) > x, [False, True])


def test_caller_keeps_the_array_to_himself():
    data = np.array([1.0, 2.0])
    data.flags.writeable = False
    x = Value(data)
    x.data[0] = 7.0
    np.testing.assert_array_equal(data, [1.0, 2.0])
    np.sum(x).backward()
    first = x.grad
    np.sum(x).backward()
    np.testing.assert_array_equal(first, [1.0, 1.0])


@pytest.mark.parametrize(
    "data",
    [
        np.arange(12.0).reshape(3, 4)[::-1, ::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.broadcast_to(np.arange(3.0), (2, 3)),
        np.zeros((0, 3)),
        np.array(2.5),
        np.frombuffer(b"\0" + np.arange(3.0).tobytes(), np.float64, offset=1),
    ],
    ids=["strided", "fortran", "broadcast", "empty", "0-d", "misaligned"],
)
def test_layouts_do_not_matter(data):
    x = Value(data)
    y = np.sum(np.tanh(x) * x)
    assert y.data == pytest.approx(np.sum(np.tanh(data) * data), rel=1e-14)
    y.backward()
    np.testing.assert_allclose(
        x.grad, np.tanh(data) + data * (1 - np.tanh(data) ** 2), rtol=1e-12
    )


def test_arrays_matrices_and_slices_agree_with_finite_differences():
    random = np.random.default_rng(0)
    W, x, b = random.normal(size=(3, 4)), random.normal(size=4), random.normal(size=3)
    rows = np.array([2, 0, 2])

    def function(W, x, b):
        h = np.tanh(W @ x + b)
        return np.sum(h[1:] * h[:-1]) + np.mean(W[rows] ** 2) + np.max(b) + np.sum(W.T[1] * b)

    values = [Value(W), Value(x), Value(b)]
    root = function(*values)
    assert root.data == pytest.approx(function(W, x, b), rel=1e-14)
    root.backward()
    for position, value in enumerate(values):
        for index in np.ndindex(value.shape):
            ends = []
            for move in (1e-6, -1e-6):
                arrays = [W.copy(), x.copy(), b.copy()]
                arrays[position][index] += move
                ends.append(function(*arrays))
            assert value.grad[index] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)


def test_slices_add_to_one_gradient_in_place():
    x = Value(np.zeros(20_000))
    total = x[0]
    for i in range(1, 2_000):
        total = total + x[i]
    total.backward()
    np.testing.assert_array_equal(x.grad, np.arange(20_000) < 2_000)


def test_object_arrays_of_values_are_understood():
    w = [Value(1.0), Value(2.0)]
    root = np.array(w) @ np.array([3.0, 4.0]) + np.sum(np.stack(w) * np.array([10.0, 20.0]))
    root.backward()
    assert [v.grad for v in w] == [13.0, 24.0]


DEPTH = 100_000


def test_chain_of_a_hundred_thousand_needs_no_recursion():
    x = Value(1.0)
    y = x
    for _ in range(DEPTH):
        y = y + 1e-5
    (y * y).backward()
    assert y.data == pytest.approx(2.0)
    assert x.grad == pytest.approx(4.0)

    again = pickle.loads(pickle.dumps(y))
    assert (again.data, again.grad) == (y.data, y.grad)
    del y, again  # and none when it's thrown away


def test_copy_of_a_deep_graph_stands_on_its_own():
    x = Value(1.0)
    y = x
    for _ in range(DEPTH // 10):
        y = y + 1e-5
    twin = copy.deepcopy(y)
    twin.backward()
    assert (twin.grad, y.grad, x.grad) == (1.0, 0.0, 0.0)


def test_pickled_graph_backpropagates_again():
    a = Value(np.array([1.0, 2.0]), label="a")
    root = np.sum(np.where(a > 1.5, a**2, a.relu()))
    root.backward()
    again = pickle.loads(pickle.dumps(root))
    assert again.data == root.data
    again.backward()
    (leaf,) = [value for value in again._order() if value.label == "a"]
    np.testing.assert_array_equal(leaf.grad, 2 * a.grad)
    np.testing.assert_array_equal(a.grad, [1.0, 4.0])


def test_float_rules_are_the_ops_own():
    random = np.random.default_rng(3)
    written = 0
    for op in OPS.values():
        for sample in op.samples[:1]:
            rule = float_rule(op, len(sample.operands))
            floats = all(np.asarray(x).dtype == np.float64 for x in sample.operands)
            if rule is None or not floats or sample.params or op.nondifferentiable:
                continue
            numbers = [float(random.choice(np.ravel(x))) for x in sample.operands]
            assert rule.forward(*numbers) == pytest.approx(float(op.evaluate(*numbers)), rel=1e-14)
            written += 1
    assert written > 30


def test_loops_over_graphs_are_refused():
    op = OPS["loop"]
    state, *rest = op.samples[0].operands
    with pytest.raises(UnsupportedCallError, match="in Python"):
        op(Value(state), *rest, **op.samples[0].params)
