"""Backpropagation through one neuron: by hand, by finite differences, and automatically."""

import math

import numpy as np

import irgrad

numbers = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.7}


def neuron(x1, x2, w1, w2, b):
    return np.tanh(x1 * w1 + x2 * w2 + b)


def by_hand(x1, x2, w1, w2, b):
    o = math.tanh(x1 * w1 + x2 * w2 + b)
    n_bar = 1 - o * o  # the derivative of tanh
    # A sum hands its gradient on to each term, a product times the other factor.
    slopes = w1 * n_bar, w2 * n_bar, x1 * n_bar, x2 * n_bar, n_bar
    return dict(zip(numbers, slopes, strict=True))


def by_differences(h=1e-6):
    slopes = {}
    for name, number in numbers.items():
        above = neuron(**{**numbers, name: number + h})
        below = neuron(**{**numbers, name: number - h})
        slopes[name] = (above - below) / (2 * h)
    return slopes


def by_values():
    leaves = {name: irgrad.Value(number, label=name) for name, number in numbers.items()}
    neuron(**leaves).backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


def by_compiler():
    compiled = irgrad.compile(neuron, argnums=(0, 1, 2, 3, 4))
    gradient = compiled.grad(**numbers)
    return dict(zip(numbers, gradient, strict=True))


if __name__ == "__main__":
    ways = {
        "by hand": by_hand(**numbers),
        "differences": by_differences(),
        "Value": by_values(),
        "compiled": by_compiler(),
    }
    print("".join(f"{title:>14}" for title in ("", *ways)))
    for name in numbers:
        print(f"{name:>14}" + "".join(f"{way[name]:14.6f}" for way in ways.values()))
