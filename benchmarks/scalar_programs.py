"""The engine problems written one number at a time, as one writes them for `irgrad.Value`.

Each takes the problem's own arguments, wraps the differentiated ones in `Value`, computes with
Python loops and operators, calls `backward`, and returns the value and the gradient in the
problem's shapes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problem import Arguments, ValueAndGradient
from benchmarks.problems import two_moons


def wrapped(Value: Any, array: np.ndarray) -> Any:
    """Return an array's elements as nested lists of values."""
    if np.ndim(array) == 0:
        return Value(float(array))
    return [wrapped(Value, part) for part in array]


def gradient(values: Any) -> np.ndarray:
    """Return the gradients of nested lists of values as an array."""

    def collect(part: Any) -> Any:
        return [collect(inner) for inner in part] if isinstance(part, list) else part.grad

    return np.array(collect(values), dtype=np.float64)


def neuron(Value: Any, arguments: Arguments) -> ValueAndGradient:
    """Run the neuron on five values."""
    x1, x2, w1, w2, b = leaves = [Value(argument) for argument in arguments]
    output = (x1 * w1 + x2 * w2 + b).tanh()
    output.backward()
    return output.data, tuple(leaf.grad for leaf in leaves)


def rosenbrock(Value: Any, arguments: Arguments) -> ValueAndGradient:
    """Run Rosenbrock's function on a list of values."""
    x = wrapped(Value, arguments[0])
    total = 0.0
    for here, after in itertools.pairwise(x):
        total = total + 100.0 * (after - here**2) ** 2 + (1.0 - here) ** 2
    total.backward()
    return total.data, gradient(x)


def logistic(Value: Any, arguments: Arguments) -> ValueAndGradient:
    """Run logistic regression row by row; log(1 + exp(z)) as written, for moderate scores."""
    w, X, y = wrapped(Value, arguments[0]), arguments[1].tolist(), arguments[2].tolist()
    total = 0.0
    for row, label in zip(X, y, strict=True):
        score = 0.0
        for weight, feature in zip(w, row, strict=True):
            score = score + weight * feature
        total = total + (1.0 + score.exp()).log() - label * score
    total = total / len(X)
    total.backward()
    return total.data, gradient(w)


def _layer(inputs: list[Any], W: list[list[Any]], biases: list[Any]) -> list[Any]:
    units = []
    for unit, bias in enumerate(biases):
        total = bias
        for value, row in zip(inputs, W, strict=True):
            total = total + value * row[unit]
        units.append(total.relu())
    return units


def moons(Value: Any, arguments: Arguments) -> ValueAndGradient:
    """Run the micrograd demo's network, neuron by neuron and sample by sample."""
    W1, b1, W2, b2, w3, b3 = parameters = [wrapped(Value, part) for part in arguments[:6]]
    X, y = arguments[6].tolist(), arguments[7].tolist()
    hinge = 0.0
    for point, label in zip(X, y, strict=True):
        hidden = _layer(_layer(point, W1, b1), W2, b2)
        score = b3
        for value, weight in zip(hidden, w3, strict=True):
            score = score + value * weight
        hinge = hinge + (1.0 - label * score).relu()
    penalty = 0.0
    for leaf in _flat(parameters):
        penalty = penalty + leaf * leaf
    loss = hinge / len(X) + two_moons.PENALTY * penalty
    loss.backward()
    return loss.data, tuple(gradient(part) for part in parameters)


def _flat(values: Any) -> list[Any]:
    if not isinstance(values, list):
        return [values]
    return [leaf for part in values for leaf in _flat(part)]


def gaussian_mixture(Value: Any, arguments: Arguments) -> ValueAndGradient:
    """Run the mixture sample by sample, component by component, one triangle of Q each."""
    alphas, means, log_diagonal, lower = parameters = [
        wrapped(Value, part) for part in arguments[:4]
    ]
    X = arguments[4].tolist()
    total = 0.0
    for row in log_diagonal:
        for entry in row:
            total = total + 0.5 * (2.0 * entry).exp()
    for component in lower:
        for i, row in enumerate(component):
            for entry in row[:i]:
                total = total + 0.5 * entry**2
    diagonals = [[entry.exp() for entry in row] for row in log_diagonal]
    constants = []
    for alpha, row in zip(alphas, log_diagonal, strict=True):
        for entry in row:
            alpha = alpha + entry
        constants.append(alpha)
    for x in X:
        terms = []
        for k, constant in enumerate(constants):
            moved = [value - mean for value, mean in zip(x, means[k], strict=True)]
            squares = 0.0
            for i, offset in enumerate(moved):
                z = diagonals[k][i] * offset
                for j in range(i):
                    z = z + lower[k][i][j] * moved[j]
                squares = squares + z**2
            terms.append(constant - 0.5 * squares)
        top = max(term.data for term in terms)  # a constant shift, so it needs no gradient
        mass = 0.0
        for term in terms:
            mass = mass + (term - top).exp()
        total = total + mass.log() + top
    weights = 0.0
    for alpha in alphas:
        weights = weights + alpha.exp()
    total = total - len(X) * weights.log()
    total.backward()
    return total.data, tuple(gradient(part) for part in parameters)


PROGRAMS: dict[str, Callable[[Any, Arguments], ValueAndGradient]] = {
    "neuron": neuron,
    "rosenbrock": rosenbrock,
    "logistic": logistic,
    "two_moons": moons,
    "gaussian_mixture": gaussian_mixture,
}
