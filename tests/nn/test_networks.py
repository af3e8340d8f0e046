"""Neurons, layers and networks: the same code on values, on floats and compiled."""

import math

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError
from irgrad.nn import MLP, Layer, Neuron, cross_entropy, hinge, relu, squared_error, squared_norm
from irgrad.nn.neuron import ACTIVATIONS


def generator():
    return np.random.default_rng(0)


def test_neuron_computes_the_worked_example():
    neuron = Neuron(2, generator=generator())
    neuron.assign([[-3.0, 1.0], 6.7])
    x = [irgrad.Value(2.0), irgrad.Value(0.0)]
    o = neuron(x)
    o.backward()
    slope = 1 - math.tanh(0.7) ** 2
    assert o.data == pytest.approx(math.tanh(0.7), abs=1e-12)
    assert [w.grad for w in neuron.weights] == pytest.approx([2 * slope, 0.0], abs=1e-12)
    assert neuron.bias.grad == pytest.approx(slope, abs=1e-12)
    assert [element.grad for element in x] == pytest.approx([-3 * slope, slope], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("tanh", math.tanh(-0.3)), ("relu", 0.0), ("sigmoid", 1 / (1 + math.exp(0.3))),
     ("linear", -0.3)],
)  # fmt: skip
def test_activations_are_the_same_on_numbers_and_values(name, expected):
    activation = ACTIVATIONS[name]
    assert float(activation(-0.3)) == pytest.approx(expected, abs=1e-15)
    assert activation(irgrad.Value(-0.3)).data == pytest.approx(expected, abs=1e-15)
    np.testing.assert_allclose(activation(np.array([-0.3])), [expected], rtol=1e-14)


def test_relu_keeps_the_dtype_and_has_slope_zero_at_zero():
    assert relu(np.array([-1, 2], np.float32)).dtype == np.float32
    x = irgrad.Value(0.0)
    relu(x).backward()
    assert x.grad == 0.0


def test_seed_decides_the_weights_and_their_spread_is_that_of_the_reference():
    first, second = (MLP(3, [5, 2], generator=generator()).parameters_data() for _ in range(2))
    assert first == second
    weights = np.array(Neuron(10_000, generator=generator()).parameters_data()[0])
    assert np.var(weights) * 10_000 == pytest.approx(1.0, rel=0.05)
    assert np.max(np.abs(weights)) <= math.sqrt(3 / 10_000)


def test_parameters_are_listed_and_nested_as_the_model_is():
    model = MLP(2, [3, 1], generator=generator())
    assert len(model.parameters()) == 2 * 3 + 3 + 3 + 1
    tree = model.parameters_tree()
    assert [len(layer) for layer in tree] == [3, 1]
    assert tree[0][1] == [model.layers[0].neurons[1].weights, model.layers[0].neurons[1].bias]
    assert tree[1][0][1] is model.layers[1].neurons[0].bias
    layers = "Layer of 3 x Neuron(2, 'tanh'), Layer of 1 x Neuron(3, 'linear')"
    assert repr(model) == f"MLP of [{layers}]"


def numpy_forward(tree, x, last=lambda v: v):
    """Return the network's output by matrix products: an oracle of its own."""
    for number, layer in enumerate(tree):
        W = np.array([weights for weights, _ in layer])
        b = np.array([bias for _, bias in layer])
        x = W @ x + b
        x = np.tanh(x) if number < len(tree) - 1 else last(x)
    return x


def test_network_on_values_and_on_floats_is_the_matrix_product():
    model = MLP(3, [4, 2], generator=generator())
    x = [0.5, -1.0, 2.0]
    expected = numpy_forward(model.parameters_data(), np.array(x))
    np.testing.assert_allclose([v.data for v in model(x)], expected, rtol=1e-13)
    plain = model.with_parameters(model.parameters_data())
    np.testing.assert_allclose(plain(x), expected, rtol=1e-13)
    assert all(isinstance(v, irgrad.Value) for v in model.parameters())


def data():
    random = generator()
    X = random.normal(size=(3, 2)).tolist()
    return X, [1.0, -1.0, 1.0]


@pytest.mark.parametrize("jit", [False, True], ids=["plain", "jitted"])
@pytest.mark.parametrize("loss", [squared_error, hinge])
def test_compiled_network_agrees_with_the_interpreted_one(loss, jit):
    model = MLP(2, [3, 1], generator=generator())
    X, y = data()

    def objective(tree):
        twin = model.with_parameters(tree)
        return loss([twin(x) for x in X], y) + 0.1 * squared_norm(twin.parameters())

    root = objective(model.parameters_tree())
    root.backward()
    f = irgrad.compile(objective, jit=jit)
    value, gradient = f.value_and_grad(model.parameters_data())
    assert value == pytest.approx(root.data, rel=1e-12)
    expected = [parameter.grad for parameter in model.parameters()]
    compiled = [float(g) for layer in gradient for w, b in layer for g in [*w, b]]
    np.testing.assert_allclose(compiled, expected, rtol=1e-12, atol=1e-15)
    assert float(objective(model.parameters_data())) == pytest.approx(root.data, rel=1e-12)


def test_losses_are_their_formulas():
    assert squared_error([1.0, 2.0], [0.0, 4.0]) == pytest.approx((1 + 4) / 2)
    assert hinge([0.25, -2.0, 3.0], [1, -1, -1]) == pytest.approx((0.75 + 0 + 4) / 3)
    logits = [[1.0, 2.0, 0.5], [-1.0, 0.0, 3.0]]
    probabilities = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    expected = -np.mean(np.log(probabilities[[0, 1], [1, 0]]))
    assert cross_entropy(logits, [1, 0]) == pytest.approx(expected, rel=1e-14)
    assert squared_norm([3.0, 4.0]) == 25.0


def test_gradient_of_cross_entropy_is_softmax_less_the_class():
    logits = [irgrad.Value(z) for z in (1.0, 2.0, 0.5, -3.0)]
    cross_entropy([logits], [2]).backward()
    exponentials = np.exp([1.0, 2.0, 0.5, -3.0])
    expected = exponentials / exponentials.sum() - [0, 0, 1, 0]
    np.testing.assert_allclose([z.grad for z in logits], expected, rtol=1e-13)


def test_cross_entropy_survives_large_scores():
    logits = [irgrad.Value(1000.0), irgrad.Value(0.0)]
    loss = cross_entropy([logits], [1])
    loss.backward()
    assert loss.data == 1000.0
    assert [z.grad for z in logits] == [1.0, -1.0]


def test_wrong_shapes_are_refused():
    with pytest.raises(ArgumentError, match="3 inputs to a neuron of 2"):
        Neuron(2)([1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match="1 outputs and 2 targets"):
        hinge([1.0], [1.0, -1.0])
    with pytest.raises(ArgumentError, match="0 outputs"):
        squared_error([], [])
    with pytest.raises(ArgumentError, match="no activation 'gelu'"):
        Layer(2, 2, "gelu")
    with pytest.raises(ArgumentError, match="nested as"):
        Neuron(2).assign([[1.0], 2.0])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Layer(2, 2).with_parameters([[[1.0, 2.0], 0.0]])
