"""A network of two hidden layers on two moons: node by node, and compiled from its array form."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import optree
from rich.table import Table

import irgrad
from irgrad.demo.exhibit import Exhibit
from irgrad.interpret.value import Value
from irgrad.nn import MLP, Momentum, hinge, squared_norm

PENALTY = 1e-4
SAMPLES = 100
WIDTHS = (16, 16, 1)


def loss(layers, X, y):  # type: ignore[no-untyped-def]  # as its reader would write it
    h = X
    penalty = 0.0
    for number, (W, b) in enumerate(layers):
        h = h @ W.T + b
        if number < len(layers) - 1:
            h = np.maximum(h, 0.0)
        penalty = penalty + np.sum(W * W) + np.sum(b * b)
    scores = h[:, 0]
    return np.mean(np.maximum(1.0 - y * scores, 0.0)) + PENALTY * penalty


def two_moons(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points X: (100, 2) on two interleaved half circles with noise, and y of -1 and 1."""
    half = SAMPLES // 2
    angle = np.linspace(0.0, np.pi, half)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    X = np.concatenate([upper, lower]) + 0.1 * generator.normal(size=(SAMPLES, 2))
    return X, np.repeat([-1.0, 1.0], half)


def arrays_of(tree: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a network's parameters as a pair (W, b) of arrays for each layer."""
    return [
        (np.array([weights for weights, _ in layer]), np.array([bias for _, bias in layer]))
        for layer in tree
    ]


def seconds_per_call(function: Callable[[], Any], least: float) -> float:
    """Return the fastest of the calls that fit into ``least`` seconds, two at the fewest."""
    times: list[float] = []
    while sum(times) < least or len(times) < 2:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def show(exhibit: Exhibit, *, quick: bool) -> None:
    """Compare both engines, train by the compiled gradient and draw what was learnt."""
    exhibit.title("Two moons: a network of 337 parameters, node by node and compiled")
    generator = np.random.default_rng(1337)
    X, y = two_moons(generator)
    model = MLP(2, WIDTHS, activation="relu", generator=generator)
    points, labels = X.tolist(), y.tolist()
    roots: list[Value] = []

    def node_by_node() -> None:
        model.zero_grad()
        root = hinge([model(x) for x in points], labels)
        root = root + PENALTY * squared_norm(model.parameters())
        root.backward()
        roots[:] = [root]

    interpreted_time = seconds_per_call(node_by_node, 0.0 if quick else 3.0)
    nodes = len(roots[0]._order())
    compiled = irgrad.compile(loss)
    layers = arrays_of(model.parameters_data())
    start = time.perf_counter()
    value, gradient = compiled.value_and_grad(layers, X, y)
    first_call = time.perf_counter() - start
    compiled_time = seconds_per_call(
        lambda: compiled.value_and_grad(layers, X, y), 0.1 if quick else 1.0
    )

    worst = exhibit.check("the compiled loss", value, roots[0].data, 1e-12)
    slopes = arrays_of(optree.tree_map(lambda v: v.grad, model.parameters_tree()))
    for number, (ours, theirs) in enumerate(zip(gradient, slopes, strict=True)):
        for got, expected in zip(ours, theirs, strict=True):
            difference = exhibit.check(f"the gradient of layer {number}", got, expected, 1e-12)
            worst = max(worst, difference)

    table = Table("", "loss and gradient", "a node", "times as fast")
    table.add_row(
        f"irgrad.Value, {nodes:,} nodes",
        f"{interpreted_time * 1e3:,.0f} ms",
        f"{interpreted_time / nodes * 1e6:.1f} µs",
        "1",
    )
    table.add_row(
        "irgrad.compile, array form",
        f"{compiled_time * 1e6:,.0f} µs",
        f"{compiled_time / nodes * 1e9:.2f} ns",
        f"{interpreted_time / compiled_time:,.0f}",
    )
    exhibit.console.print(table)
    exhibit.console.print(
        f"largest difference between the two: {worst:.1e}; first compiled call {first_call:.1f} s"
    )
    compiled.save(exhibit.file("two_moons_gradient.py", "the emitted source of the network"))
    _train(exhibit, compiled, layers, X, y)


def _train(exhibit: Exhibit, compiled: Any, layers: Any, X: np.ndarray, y: np.ndarray) -> None:
    optimiser = Momentum(learning_rate=0.05)
    losses = []
    for _ in range(500):
        value, gradient = compiled.value_and_grad(layers, X, y)
        layers = optimiser.step(layers, gradient)
        losses.append(float(value))
    correct = np.mean(np.sign(scores(layers, X)) == y)
    exhibit.console.print(
        f"trained 500 steps: loss {losses[0]:.3f} -> {losses[-1]:.3f}, {correct:.0%} right"
    )
    exhibit.check("the share of points told apart", correct, 1.0, 0.05)
    _draw(exhibit, layers, X, y)


def scores(layers: Any, X: np.ndarray) -> np.ndarray:
    """Return the network's score of each row of X."""
    h = X
    for W, b in layers[:-1]:
        h = np.maximum(h @ W.T + b, 0.0)
    W, b = layers[-1]
    result: np.ndarray = (h @ W.T + b)[:, 0]
    return result


def _draw(exhibit: Exhibit, layers: Any, X: np.ndarray, y: np.ndarray) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    columns = np.linspace(X[:, 0].min() - 0.4, X[:, 0].max() + 0.4, 160)
    rows = np.linspace(X[:, 1].min() - 0.4, X[:, 1].max() + 0.4, 120)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    heights = scores(layers, grid.reshape(-1, 2)).reshape(len(rows), len(columns))
    limit = float(np.max(np.abs(heights)))
    levels = np.linspace(-limit, limit, 21)
    axes.contourf(columns, rows, heights, levels=levels, cmap="RdBu", alpha=0.7)
    axes.contour(columns, rows, heights, levels=[0.0], colors="black", linewidths=1.2)
    for label, colour in ((-1.0, "#b2182b"), (1.0, "#2166ac")):
        horizontal, vertical = X[y == label].T
        axes.scatter(horizontal, vertical, s=22, color=colour, edgecolor="white", linewidth=0.6)
    axes.set(title="Two moons, told apart", xlabel="$x_1$", ylabel="$x_2$")
    figure.savefig(exhibit.file("two_moons.png", "the points and the border learnt"), dpi=130)
