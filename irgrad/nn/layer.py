"""Neurons side by side."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.nn.module import Module
from irgrad.nn.neuron import Neuron


class Layer(Module):
    """``n_outputs`` neurons that read the same inputs."""

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        activation: str = "tanh",
        generator: np.random.Generator | None = None,
    ) -> None:
        generator = generator if generator is not None else np.random.default_rng()
        self.neurons = [Neuron(n_inputs, activation, generator) for _ in range(n_outputs)]

    def __call__(self, x: Sequence[Any]) -> list[Any]:
        """Return the neurons' outputs."""
        return [neuron(x) for neuron in self.neurons]

    def parameters_tree(self) -> Any:
        """Return the neurons' trees."""
        return [neuron.parameters_tree() for neuron in self.neurons]

    def with_parameters(self, tree: Any) -> Layer:
        """Return the same layer with the parameters in ``tree``."""
        twin = copy.copy(self)
        twin.neurons = [
            neuron.with_parameters(part) for neuron, part in zip(self.neurons, tree, strict=True)
        ]
        return twin

    def __repr__(self) -> str:
        return f"Layer of {len(self.neurons)} x {self.neurons[0]!r}"
