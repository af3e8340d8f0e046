"""Models as arguments: those of irgrad.nn, and those that others wrote for other engines."""

import itertools
import math
import random

import numpy as np
import pytest

import irgrad
from irgrad.nn import MLP


class Scalar:
    """A scalar as tutorials write it: data, and a gradient filled in by hand."""

    def __init__(self, data):
        self.data = data
        self.grad = 0.0


class Unit:
    def __init__(self, inputs, nonlinear, source):
        self.w = [Scalar(source.uniform(-1, 1)) for _ in range(inputs)]
        self.b = Scalar(0.0)
        self.nonlinear = nonlinear

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.relu() if self.nonlinear else act

    def parameters(self):
        return [*self.w, self.b]


class Net:
    def __init__(self, widths, source):
        sizes = list(itertools.pairwise(widths))
        self.layers = [
            [Unit(inputs, k + 1 < len(sizes), source) for _ in range(outputs)]
            for k, (inputs, outputs) in enumerate(sizes)
        ]

    def __call__(self, x):
        for layer in self.layers:
            x = [unit(x) for unit in layer]
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for unit in layer for p in unit.parameters()]


INPUTS = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]


def loss(model):
    return sum((model(x) - 1.0) ** 2 for x in INPUTS) + 0.1 * (model(INPUTS[0]) * 0.2).exp()


def numbers(model):
    return [getattr(p, "data", p) for p in model.parameters()]


@pytest.mark.parametrize("widths", [[2, 3, 1], [2, 9, 8, 1]])
def test_the_gradient_is_a_model_of_derivatives(widths):
    model = Net(widths, random.Random(0))
    value, gradient = irgrad.compile(loss, jit=False).value_and_grad(model)
    assert type(gradient) is Net
    assert len(gradient.layers) == len(model.layers)

    values = [irgrad.Value(number) for number in numbers(model)]
    fresh = iter(values)
    for layer in model.layers:
        for unit in layer:
            unit.w = [next(fresh) for _ in unit.w]
            unit.b = next(fresh)
    root = loss(model)
    root.backward()
    assert math.isclose(value, root.data)
    np.testing.assert_allclose(numbers(gradient), [v.grad for v in values], rtol=1e-12)


def test_parameters_are_read_anew_and_attributes_are_watched():
    model = Net([2, 2, 1], random.Random(1))
    compiled = irgrad.compile(lambda m: m([1.0, 2.0]), jit=False, argnums=())
    first = compiled(model)
    model.layers[1][0].b.data += 1.0
    assert compiled(model) == pytest.approx(first + 1.0)
    assert compiled.stats.traces == 1
    model.layers[1][0].b.data -= 100.0
    model.layers[1][0].nonlinear = True
    assert compiled(model) == 0.0
    assert compiled.stats.traces == 2
    compiled(Net([2, 2, 1], random.Random(2)))
    assert compiled.stats.traces == 2, "a model of the same make needs no trace"


def test_the_network_of_this_project():
    model = MLP(2, [4, 1], generator=np.random.default_rng(0))
    gradient = irgrad.compile(loss, jit=False).grad(model)
    direct = loss(model)
    direct.backward()
    np.testing.assert_allclose(gradient.parameters(), [p.grad for p in model.parameters()])


class Plain:
    """A unit whose parameters are numbers."""

    def __init__(self, w, b, size=2):
        self.w, self.b, self.size = w, b, size

    def parameters(self):
        return [*self.w[: self.size], self.b]


class PlainNet:
    def __init__(self, units):
        self.units = units

    def parameters(self):
        return [p for unit in self.units for p in unit.parameters()]


def weighted(net):
    terms = [
        unit.w[0] * 2.0 + unit.w[1] * 3.0 + (k + 1.0) * unit.b for k, unit in enumerate(net.units)
    ]
    return sum(terms)


def test_equal_numbers_are_parameters_of_their_own():
    zero = 0.0
    net = PlainNet([Plain([0.5, 0.5], zero), Plain([0.5, 0.25], zero)])
    compiled = irgrad.compile(weighted, jit=False)
    for _ in range(3):
        value, gradient = compiled.value_and_grad(net)
        assert value == weighted(net)
        slopes = [(unit.w, unit.b) for unit in gradient.units]
        assert slopes == [([2.0, 3.0], 1.0), ([2.0, 3.0], 2.0)]
        assert gradient.units[0].size == 2
        net.units[1].b += 0.5
    assert compiled.stats.traces == 1


def test_a_parameter_that_is_nowhere_in_the_model_is_refused():
    class Hidden:
        def __init__(self):
            self.w = np.array([0.5, 0.25])

        def parameters(self):
            return [float(number) for number in self.w]

    with pytest.raises(irgrad.errors.ArgumentError, match="parameter 0 of a Hidden"):
        irgrad.compile(lambda m: m.w[0] * 2.0, jit=False).grad(Hidden())


def test_what_differs_in_a_model_is_noticed_after_many_calls():
    model = Net([2, 3, 1], random.Random(0))
    compiled = irgrad.compile(loss, jit=False)

    def check(traces):
        values = [irgrad.Value(number) for number in numbers(model)]
        fresh = iter(values)
        twin = Net([2, len(model.layers[0]), 1], random.Random(0))
        for layer, others in zip(twin.layers, model.layers, strict=True):
            for unit, other in zip(layer, others, strict=True):
                unit.w = [next(fresh) for _ in unit.w]
                unit.b = next(fresh)
                unit.nonlinear = other.nonlinear
        root = loss(twin)
        root.backward()
        for _ in range(3):
            value, gradient = compiled.value_and_grad(model)
            assert math.isclose(value, root.data)
            np.testing.assert_allclose(numbers(gradient), [v.grad for v in values], rtol=1e-12)
            assert type(gradient.layers[0][0]) is Unit
        assert compiled.stats.traces == traces

    check(1)
    model.layers[0][1].w[0].data = 0.75
    check(1)
    model.layers[0][2].w[1] = Scalar(-0.5)
    check(1)
    model.layers[1][0].nonlinear = True
    check(2)
    model.layers[0].append(Unit(2, True, random.Random(5)))
    model.layers[1][0].w.append(Scalar(0.3))
    check(3)


def test_a_parameter_in_two_places_has_one_derivative():
    model = Net([2, 2, 1], random.Random(3))
    compiled = irgrad.compile(loss, jit=False)
    compiled.grad(model)
    compiled.grad(model)
    model.layers[0][1].b = model.layers[0][0].b
    model.parameters = lambda: list(dict.fromkeys(Net.parameters(model)))
    gradient = compiled.grad(model)
    shared = gradient.layers[0][0].b
    assert gradient.layers[0][1].b == shared
    step = 1e-6
    model.layers[0][0].b.data += step
    above = compiled(model)
    model.layers[0][0].b.data -= 2 * step
    assert shared == pytest.approx((above - compiled(model)) / (2 * step), rel=1e-6)
