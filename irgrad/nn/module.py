"""What neurons, layers and networks have in common: their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import optree

from irgrad.errors import ArgumentError


class Module(ABC):
    """A model whose parameters are nested lists of scalars.

    The scalars are ``Value`` objects when a model is made. ``with_parameters`` gives the same model
    with others in their place, floats or what a compiled function is traced with, so that one
    ``__call__`` serves them all.
    """

    @abstractmethod
    def __call__(self, x: Any) -> Any:
        """Return the output for one input, a sequence of scalars."""

    @abstractmethod
    def parameters_tree(self) -> Any:
        """Return the parameters as nested lists."""

    @abstractmethod
    def with_parameters(self, tree: Any) -> Module:
        """Return the same model with the parameters in ``tree``, nested as ``parameters_tree``."""

    def parameters(self) -> list[Any]:
        """Return the parameters in one list."""
        return optree.tree_leaves(self.parameters_tree())

    def parameters_data(self) -> Any:
        """Return the parameters' numbers as nested lists of floats."""
        return optree.tree_map(lambda value: getattr(value, "data", value), self.parameters_tree())

    def assign(self, tree: Any) -> None:
        """Give the parameters, values all of them, the numbers in ``tree``.

        Raises: ArgumentError where ``tree`` is not nested as the parameters are.
        """
        numbers, structure = optree.tree_flatten(tree)
        expected = optree.tree_structure(self.parameters_tree())
        if structure != expected:
            raise ArgumentError(
                f"parameters nested as {structure}, expected {expected}",
                remedy="pass what parameters_tree() returns, with other numbers in it",
            )
        for parameter, number in zip(self.parameters(), numbers, strict=True):
            parameter.data = float(number)

    def zero_grad(self) -> None:
        """Set the gradients of the parameters to zero."""
        for parameter in self.parameters():
            parameter.grad = 0.0
