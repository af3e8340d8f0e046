"""Gradient descent, with momentum, and Adam: on values, and on pytrees of arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import optree

from irgrad.errors import ArgumentError
from irgrad.interpret.value import Value

NAMESPACE = "irgrad"


class Optimiser(ABC):
    """Moves parameters against their gradients; remembers what its method needs between steps."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.steps = 0
        self._memories: list[tuple[Any, ...]] = []

    @abstractmethod
    def update(
        self, parameter: Any, gradient: Any, memory: tuple[Any, ...], step: int
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the new value of one parameter, a number or an array, and its new memory.

        ``memory`` is empty at first; ``step`` counts from 1.
        """

    def step(self, parameters: Any, gradients: Any = None) -> Any:
        """Return the parameters one step on.

        Without ``gradients``, ``parameters`` holds ``Value`` objects with gradients of their own,
        and their data is replaced. Otherwise both are pytrees of numbers or arrays, nested alike,
        and so is the result.

        Raises: ArgumentError where the trees are not alike, or not those of the last step.
        """
        leaves, structure = optree.tree_flatten(parameters, namespace=NAMESPACE)
        if gradients is None:
            if not all(isinstance(leaf, Value) for leaf in leaves):
                raise ArgumentError(
                    "step(parameters) without gradients needs Value parameters",
                    remedy="call step(parameters, gradients)",
                )
            numbers, slopes = [v.data for v in leaves], [v.grad for v in leaves]
        else:
            numbers = leaves
            slopes, other = optree.tree_flatten(gradients, namespace=NAMESPACE)
            if other != structure:
                raise ArgumentError(
                    f"gradients nested as {other}, parameters as {structure}",
                    remedy="pass the gradient by these parameters",
                )
        if self.steps and len(self._memories) != len(leaves):
            raise ArgumentError(
                f"{len(leaves)} parameters after {len(self._memories)} in the last step",
                remedy="use an optimiser for each model",
            )
        self.steps += 1
        memories = self._memories or [()] * len(leaves)
        moved = [
            self.update(number, slope, memory, self.steps)
            for number, slope, memory in zip(numbers, slopes, memories, strict=True)
        ]
        self._memories = [memory for _, memory in moved]
        if gradients is not None:
            return optree.tree_unflatten(structure, [number for number, _ in moved])
        for value, (number, _) in zip(leaves, moved, strict=True):
            value.data = number
        return parameters


class SGD(Optimiser):
    """Gradient descent: ``p - rate * g``."""

    def __init__(self, learning_rate: float = 0.01) -> None:
        super().__init__(learning_rate)

    def update(
        self, parameter: Any, gradient: Any, memory: tuple[Any, ...], step: int
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the parameter moved against its gradient."""
        return parameter - self.learning_rate * gradient, memory


class Momentum(Optimiser):
    """Gradient descent with a velocity: ``v = momentum * v - rate * g``, ``p + v``.

    Reference: Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum
    in deep learning (2013), equations 1 and 2; Polyak (1964).
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(learning_rate)
        self.momentum = momentum

    def update(
        self, parameter: Any, gradient: Any, memory: tuple[Any, ...], step: int
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the parameter moved by its velocity, and the velocity."""
        velocity = -self.learning_rate * gradient
        if memory:
            velocity = self.momentum * memory[0] + velocity
        return parameter + velocity, (velocity,)


class Adam(Optimiser):
    """Adaptive moments: steps of about the learning rate, whatever the gradient's scale.

    Reference: Kingma & Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        decay: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate)
        self.decay = decay
        self.epsilon = epsilon

    def update(
        self, parameter: Any, gradient: Any, memory: tuple[Any, ...], step: int
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the parameter moved by its scaled mean gradient, and the two moments."""
        first, second = self.decay
        mean, square = memory or (0.0, 0.0)
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient * gradient
        unbiased_mean = mean / (1 - first**step)
        unbiased_square = square / (1 - second**step)
        move = self.learning_rate * unbiased_mean / (unbiased_square**0.5 + self.epsilon)
        return parameter - move, (mean, square)
