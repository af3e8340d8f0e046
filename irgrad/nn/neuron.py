"""One neuron, and the functions it may apply to its sum."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError
from irgrad.interpret.value import Value
from irgrad.ir.op import Operand
from irgrad.nn.module import Module
from irgrad.ops import elementwise as elementary


def relu(x: Any) -> Any:
    """Return max(x, 0) of a value, a traced value, a number or an array; derivative 0 at 0."""
    if isinstance(x, Operand):
        return x.relu()  # type: ignore[attr-defined]  # found by name
    return np.maximum(x, 0.0)


def _linear(x: Any) -> Any:
    return x


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": elementary.tanh,
    "relu": relu,
    "sigmoid": elementary.logistic,
    "linear": _linear,
}


class Neuron(Module):
    """A weighted sum of its inputs plus a bias, and a function of that.

    Weights are drawn evenly from ±sqrt(3 / n_inputs), so that the sum of inputs of variance one
    has variance one; the bias is 0.

    Reference: LeCun, Bottou, Orr & Müller, Efficient BackProp (1998), section 4.6.
    """

    def __init__(
        self,
        n_inputs: int,
        activation: str = "tanh",
        generator: np.random.Generator | None = None,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ArgumentError(
                f"no activation {activation!r}", remedy=f"choose one of {', '.join(ACTIVATIONS)}"
            )
        generator = generator if generator is not None else np.random.default_rng()
        bound = float(np.sqrt(3.0 / n_inputs))
        weights = generator.uniform(-bound, bound, n_inputs).tolist()
        self.activation = activation
        self.weights: list[Any] = [Value(w, label=f"w{i}") for i, w in enumerate(weights, 1)]
        self.bias: Any = Value(0.0, label="b")

    def __call__(self, x: Sequence[Any]) -> Any:
        """Return the activation of ``sum(w * x) + b`` for ``n_inputs`` scalars."""
        if len(x) != len(self.weights):
            raise ArgumentError(
                f"{len(x)} inputs to a neuron of {len(self.weights)}",
                remedy="pass as many scalars as the neuron has weights",
            )
        total = self.bias
        for weight, element in zip(self.weights, x, strict=True):
            total = total + weight * element
        return ACTIVATIONS[self.activation](total)

    def parameters_tree(self) -> Any:
        """Return ``[[w1, w2, ...], b]``."""
        return [list(self.weights), self.bias]

    def with_parameters(self, tree: Any) -> Neuron:
        """Return the same neuron with the weights and the bias in ``tree``."""
        twin = copy.copy(self)
        twin.weights, twin.bias = tree
        return twin

    def __repr__(self) -> str:
        return f"Neuron({len(self.weights)}, {self.activation!r})"
