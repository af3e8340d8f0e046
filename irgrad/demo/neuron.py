"""One neuron: its gradient by hand, by ``Value``, and compiled."""

from __future__ import annotations

import math

import numpy as np
from rich.table import Table

import irgrad
from irgrad.demo.exhibit import Exhibit
from irgrad.interpret.draw import draw_graph
from irgrad.interpret.value import Value

NUMBERS = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.7}
TOLERANCE = 1e-12


def neuron(x1, x2, w1, w2, b):  # type: ignore[no-untyped-def]  # as its reader would write it
    return np.tanh(x1 * w1 + x2 * w2 + b)


def by_hand() -> dict[str, float]:
    """Return the output and the gradient by the chain rule: do/dn = 1 - tanh(n)²."""
    x1, x2, w1, w2, b = NUMBERS.values()
    o = math.tanh(x1 * w1 + x2 * w2 + b)
    n_bar = 1 - o * o
    return {
        "o": o, "n": n_bar, "x1": w1 * n_bar, "x2": w2 * n_bar, "w1": x1 * n_bar,
        "w2": x2 * n_bar, "b": n_bar,
    }  # fmt: skip


def interpreted() -> tuple[Value, dict[str, float]]:
    """Return the output as a ``Value`` and the same numbers by backpropagation through it."""
    leaves = {name: Value(number, label=name) for name, number in NUMBERS.items()}
    x1, x2, w1, w2, b = leaves.values()
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    n = x1w1 + x2w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    o.backward()
    return o, {"o": o.data, "n": n.grad} | {name: leaf.grad for name, leaf in leaves.items()}


def slope(h: float = 1e-4) -> float:
    """Return the slope of d = a*b + c in c at (2, -3, 10), by a small step."""
    a, b, c = 2.0, -3.0, 10.0
    return ((a * b + (c + h)) - (a * b + c)) / h


def show(exhibit: Exhibit) -> None:
    """Print the gradient three ways, check them against the closed form, draw the graphs."""
    exhibit.title("One neuron, backpropagated three ways")
    exact = by_hand()
    root, by_value = interpreted()
    columns = {"by hand": exact, "irgrad.Value": by_value}
    names = tuple(NUMBERS)
    for title, jit in (("emitted Python", False), ("jitted", True)):
        compiled = irgrad.compile(neuron, argnums=tuple(range(len(names))), jit=jit)
        value, gradient = compiled.value_and_grad(*NUMBERS.values())
        columns[title] = {"o": float(value)} | dict(zip(names, map(float, gradient), strict=True))
    table = Table("", *columns)
    worst = 0.0
    for name, expected in exact.items():
        row = []
        for title, numbers in columns.items():
            if name not in numbers:
                row.append("")
                continue
            worst = max(
                worst, exhibit.check(f"{name} in {title}", numbers[name], expected, TOLERANCE)
            )
            row.append(f"{numbers[name]:.4f}")
        table.add_row(name if name == "o" else f"do/d{name}", *row)
    exhibit.console.print(table)
    exhibit.console.print(f"largest difference from the closed form: {worst:.1e}")
    step = slope()
    exhibit.check("the slope in c", step, 1.0, 1e-9)
    exhibit.console.print(f"slope of d = a*b + c in c, by a step of 1e-4: {step:.6f}")
    draw_graph(root).render(exhibit.file("neuron.svg", "the neuron, values and gradients"))
    compiled.draw(adjoint=True, limit=1000).render(
        exhibit.file("neuron_adjoint.svg", "the graph of value and gradient the compiler works on")
    )
    compiled.save(exhibit.file("neuron_gradient.py", "the emitted source: value and gradient"))
