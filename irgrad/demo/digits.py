"""Handwritten digits: a network in plain NumPy, trained by its compiled gradient."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import irgrad
from irgrad.demo.exhibit import Exhibit
from irgrad.nn import Adam

HIDDEN = 64
BATCH = 32
LEAST_ACCURACY = 0.96


def loss(parameters, X, Y):  # type: ignore[no-untyped-def]  # as its reader would write it
    h = np.maximum(X @ parameters["W1"] + parameters["b1"], 0.0)
    z = h @ parameters["W2"] + parameters["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(z), axis=1))
    return np.mean(log_sum - np.sum(Y * z, axis=1))


def initial(generator: np.random.Generator, inputs: int, classes: int) -> dict[str, np.ndarray]:
    """Return weights whose sums keep the variance through relu.

    Reference: He, Zhang, Ren & Sun, Delving deep into rectifiers (2015), equation 10.
    """
    return {
        "W1": generator.normal(size=(inputs, HIDDEN)) * np.sqrt(2.0 / inputs),
        "b1": np.zeros(HIDDEN),
        "W2": generator.normal(size=(HIDDEN, classes)) * np.sqrt(2.0 / HIDDEN),
        "b2": np.zeros(classes),
    }


def accuracy(parameters: dict[str, np.ndarray], X: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows of X whose largest score is that of their label."""
    h = np.maximum(X @ parameters["W1"] + parameters["b1"], 0.0)
    chosen = np.argmax(h @ parameters["W2"] + parameters["b2"], axis=1)
    return float(np.mean(chosen == labels))


def show(exhibit: Exhibit, *, quick: bool) -> None:
    """Train, print the accuracy on images not trained on, draw the loss."""
    from sklearn.datasets import load_digits

    images = load_digits()
    exhibit.title(f"Handwritten digits: {len(images.data):,} images of 8 x 8")
    generator = np.random.default_rng(0)
    order = generator.permutation(len(images.data))
    X, labels = images.data[order] / 16.0, images.target[order]
    held_out = len(X) // 5
    X_test, labels_test = X[:held_out], labels[:held_out]
    X, labels = X[held_out:], labels[held_out:]
    Y = np.eye(10)[labels]

    compiled = irgrad.compile(loss)
    parameters = initial(generator, X.shape[1], 10)
    optimiser = Adam(learning_rate=0.003)
    epochs = 12 if quick else 40
    losses: list[float] = []
    start = time.perf_counter()
    with Progress(
        TextColumn("training"),
        BarColumn(),
        TextColumn("epoch {task.completed}/{task.total}, loss {task.fields[loss]:.4f}"),
        TimeElapsedColumn(),
        console=exhibit.console,
    ) as progress:
        task = progress.add_task("training", total=epochs, loss=float("nan"))
        for _ in range(epochs):
            shuffled = generator.permutation(len(X))
            for first in range(0, len(X), BATCH):
                batch = shuffled[first : first + BATCH]
                value, gradient = compiled.value_and_grad(parameters, X[batch], Y[batch])
                parameters = optimiser.step(parameters, gradient)
                losses.append(float(value))
            progress.update(task, advance=1, loss=float(np.mean(losses[-20:])))
    seconds = time.perf_counter() - start
    share = accuracy(parameters, X_test, labels_test)
    exhibit.console.print(
        f"{len(losses):,} steps in {seconds:.1f} s, compiling included; "
        f"[bold]{share:.1%}[/] of {held_out} images not trained on are right"
    )
    exhibit.check("the share of digits not recognised", max(0.0, LEAST_ACCURACY - share), 0.0, 0.0)
    compiled.save(exhibit.file("digits_gradient.py", "the emitted source of the digits' network"))
    _draw(exhibit, losses, len(losses) // epochs, share)


def _draw(exhibit: Exhibit, losses: list[float], steps: int, share: float) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.add_subplot()
    position = np.arange(1, len(losses) + 1) / steps
    axes.semilogy(position, losses, color="#9db7d5", linewidth=0.7, label="each batch")
    means = np.array(losses).reshape(-1, steps).mean(axis=1)
    middle = np.arange(len(means)) + 0.5
    axes.semilogy(middle, means, color="#1f4e79", linewidth=1.8, label="each epoch")
    axes.set(title=f"Handwritten digits: {share:.1%} right on test images",
             xlabel="epoch", ylabel="cross-entropy")  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(exhibit.file("digits_loss.png", "the loss while training"), dpi=130)
