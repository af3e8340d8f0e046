"""Layers one after the other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.nn.layer import Layer
from irgrad.nn.module import Module


class MLP(Module):
    """A multi-layer perceptron: ``MLP(2, [16, 16, 1])`` has two hidden layers and one output.

    Hidden layers apply ``activation``, the last one ``output_activation``.
    """

    def __init__(
        self,
        n_inputs: int,
        sizes: Sequence[int],
        activation: str = "tanh",
        output_activation: str = "linear",
        generator: np.random.Generator | None = None,
    ) -> None:
        generator = generator if generator is not None else np.random.default_rng()
        widths = [n_inputs, *sizes]
        last = len(sizes) - 1
        self.layers = [
            Layer(
                widths[i], widths[i + 1], output_activation if i == last else activation, generator
            )
            for i in range(len(sizes))
        ]

    def __call__(self, x: Sequence[Any]) -> Any:
        """Return the outputs for one input; the output itself where there is one."""
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x

    def parameters_tree(self) -> Any:
        """Return the layers' trees."""
        return [layer.parameters_tree() for layer in self.layers]

    def with_parameters(self, tree: Any) -> MLP:
        """Return the same network with the parameters in ``tree``."""
        twin = copy.copy(self)
        twin.layers = [
            layer.with_parameters(part) for layer, part in zip(self.layers, tree, strict=True)
        ]
        return twin

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"
