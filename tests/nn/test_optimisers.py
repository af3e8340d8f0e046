"""Optimisers against their published formulas, on values and on pytrees."""

import math

import numpy as np
import pytest

from irgrad.errors import ArgumentError
from irgrad.interpret.value import Value
from irgrad.nn import MLP, SGD, Adam, Momentum, hinge


def values(*pairs):
    made = [Value(data) for data, _ in pairs]
    for value, (_, grad) in zip(made, pairs, strict=True):
        value.grad = grad
    return made


def test_sgd_moves_against_the_gradient():
    a, b = values((1.0, 2.0), (3.0, -4.0))
    returned = SGD(0.1).step([a, b])
    assert (a.data, b.data) == pytest.approx((0.8, 3.4))
    assert returned[0] is a
    assert type(a.data) is float


def test_momentum_follows_its_recurrence():
    optimiser = Momentum(0.1, momentum=0.5)
    position, velocity = 1.0, 0.0
    for gradient in (2.0, -1.0, 0.5):
        velocity = 0.5 * velocity - 0.1 * gradient
        position += velocity
    (value,) = values((1.0, 2.0))
    for gradient in (2.0, -1.0, 0.5):
        value.grad = gradient
        optimiser.step([value])
    assert value.data == pytest.approx(position, rel=1e-14)


def test_adam_follows_the_published_algorithm():
    gradients = [3.0, -1.0, 0.5, 0.5]
    m = v = 0.0
    expected = 1.0
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g * g
        step = 0.05 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.99**t)) + 1e-8)
        expected -= step
    optimiser = Adam(0.05, decay=(0.9, 0.99))
    tree = {"w": [1.0]}
    for g in gradients:
        tree = optimiser.step(tree, {"w": [g]})
    assert tree["w"][0] == pytest.approx(expected, rel=1e-14)
    assert optimiser.steps == 4


@pytest.mark.parametrize("make", [SGD, Momentum, Adam])
def test_values_floats_and_arrays_move_alike(make):
    numbers, slopes = [1.0, -2.0, 0.5], [0.3, 0.0, -1.5]
    made = values(*zip(numbers, slopes, strict=True))
    on_values, on_floats, on_arrays = make(0.1), make(0.1), make(0.1)
    floats, arrays = list(numbers), {"p": (np.array(numbers),)}
    for _ in range(3):
        on_values.step(made)
        floats = on_floats.step(floats, slopes)
        arrays = on_arrays.step(arrays, {"p": (np.array(slopes),)})
    np.testing.assert_array_equal([value.data for value in made], floats)
    np.testing.assert_allclose(arrays["p"][0], floats, rtol=1e-14)


@pytest.mark.parametrize("make", [SGD, Momentum, Adam])
def test_step_keeps_dtype_and_leaves_the_callers_arrays_alone(make):
    parameter, gradient = np.ones(3, np.float32), np.full(3, 0.5, np.float32)
    optimiser = make(0.1)
    moved = optimiser.step(optimiser.step(parameter, gradient), gradient)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(parameter, np.ones(3))
    np.testing.assert_array_equal(gradient, np.full(3, 0.5))
    value = Value(np.ones(2))
    value.grad = 1.0
    before = value.data
    make(0.1).step([value])
    np.testing.assert_array_equal(before, np.ones(2))
    assert np.all(value.data < 1.0)


def test_mismatched_trees_are_refused():
    with pytest.raises(ArgumentError, match="nested as"):
        SGD().step([1.0, 2.0], [1.0])
    with pytest.raises(ArgumentError, match="needs Value"):
        SGD().step([1.0, 2.0])
    optimiser = Adam()
    optimiser.step([1.0], [1.0])
    with pytest.raises(ArgumentError, match="2 parameters after 1"):
        optimiser.step([1.0, 2.0], [1.0, 2.0])


@pytest.mark.parametrize("make", [lambda: SGD(0.1), lambda: Momentum(0.02), lambda: Adam(0.02)])
def test_training_separates_two_classes(make):
    model = MLP(2, [4, 1], generator=np.random.default_rng(1))
    X = [[0.0, 0.0], [0.2, 0.1], [1.0, 1.0], [0.9, 1.1]]
    y = [-1.0, -1.0, 1.0, 1.0]
    optimiser = make()
    for _ in range(100):
        loss = hinge([model(x) for x in X], y)
        model.zero_grad()
        loss.backward()
        optimiser.step(model.parameters())
    assert all(label * model(x).data > 0 for x, label in zip(X, y, strict=True))
    assert loss.data < 0.3
