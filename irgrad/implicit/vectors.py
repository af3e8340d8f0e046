"""Pytrees of floating-point numbers as one vector, and its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten
from irgrad.errors import ArgumentError
from irgrad.inline.leaves import as_float, leaf_name
from irgrad.ir import dims
from irgrad.ir.types import ArrayType
from irgrad.trace.origins import location_here
from irgrad.trace.sizes import TracedSize
from irgrad.trace.tracer import Trace, Tracer


@dataclass(frozen=True)
class Packing:
    """How a pytree lies in a vector; a single number stays a number."""

    structure: Any
    types: tuple[ArrayType, ...]

    @property
    def is_number(self) -> bool:
        """Whether there is one number alone, which needs no vector."""
        return len(self.types) == 1 and not self.types[0].shape

    def pack(self, tree: Any, trace: Trace, what: str) -> Any:
        """Return the leaves of a pytree like this one, one behind the other.

        Raises: ArgumentError where its structure or a shape is another.
        """
        leaves, structure = flatten(tree)
        tracers = [as_float(trace, leaf) for leaf in leaves]
        alike = structure == self.structure and all(
            dims.same_shape(tracer.type.shape, type.shape)
            for tracer, type in zip(tracers, self.types, strict=False)
        )
        if not alike:
            kinds = ", ".join(
                f"{leaf_name(structure, k, '')} {tracer.type}" for k, tracer in enumerate(tracers)
            )
            raise ArgumentError(
                f"{what} returns {kinds} for an unknown of {', '.join(map(str, self.types))}",
                remedy="return as many numbers as there are unknowns, in the same structure",
                location=location_here(),
            )
        if self.is_number:
            return tracers[0]
        parts: list[Any] = [np.reshape(tracer, -1) for tracer in tracers]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def unpack(self, vector: Any) -> Any:
        """Return the pytree that a vector holds."""
        if self.is_number:
            return optree.tree_unflatten(self.structure, [vector])
        leaves = []
        start: Any = 0
        for type in self.types:
            size: Any = type.size
            part = vector if len(self.types) == 1 else vector[_slice(vector, start, size)]
            leaves.append(np.reshape(part, _shape(vector, type)))
            start = start + size
        return optree.tree_unflatten(self.structure, leaves)


def _slice(vector: Any, start: Any, size: Any) -> slice:
    return slice(_size(vector, start), _size(vector, start + size))


def _size(vector: Tracer, dim: Any) -> Any:
    return TracedSize(dim, vector.tape) if isinstance(dim, dims.Size) else dim


def _shape(vector: Tracer, type: ArrayType) -> tuple[Any, ...]:
    return tuple(_size(vector, dim) for dim in type.shape)


def packing(trace: Trace, tree: Any) -> tuple[Packing, Any]:
    """Return how a pytree packs, and its vector.

    Raises: ArgumentError where it holds no number.
    """
    leaves, structure = flatten(tree)
    if not leaves:
        raise ArgumentError(
            "there is nothing to solve for",
            remedy="give the unknown a starting value",
            location=location_here(),
        )
    types = tuple(as_float(trace, leaf).type for leaf in leaves)
    packed = Packing(structure, types)
    return packed, packed.pack(tree, trace, "x0")


def largest(vector: Any) -> Any:
    """Return the largest magnitude in a vector."""
    return np.max(np.abs(vector)) if np.ndim(vector) else np.abs(vector)


def dot(x: Any, y: Any) -> Any:
    """Return the inner product of two vectors."""
    return np.sum(x * y)
