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
