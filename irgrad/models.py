"""Models as arguments: objects, whoever wrote them, whose ``parameters()`` hold numbers.

A class in the manner of micrograd keeps its parameters as objects with ``data``, in lists and
attributes, and computes with operators and with methods like ``relu``. Such an object is taken
apart into the numbers, and built back as a copy in which other things, traced values or
derivatives, stand where the parameters stood.
"""

from __future__ import annotations

import copy
import numbers
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SHARED = (type, types.FunctionType, types.MethodType, types.ModuleType)
_PLAIN = (str, bytes, int, float, complex, bool, type(None))


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """A model without its parameters; equal where the rest of two models is alike."""

    model: Any
    parameters: tuple[Any, ...]
    likeness: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and self.likeness == other.likeness

    def __hash__(self) -> int:
        return hash(self.likeness)


def is_model(value: Any) -> bool:
    """Tell whether an object has ``parameters()`` that hold one number each."""
    if isinstance(value, type) or not callable(getattr(value, "parameters", None)):
        return False
    if not hasattr(value, "__dict__"):
        return False
    try:
        found = list(value.parameters())
    except TypeError:  # a method that wants arguments is another one
        return False
    return bool(found) and all(_is_number(parameter) for parameter in found)


def _is_number(parameter: Any) -> bool:
    return isinstance(getattr(parameter, "data", parameter), numbers.Real)


def take_apart(model: Any) -> tuple[tuple[Any, ...], Skeleton]:
    """Return the numbers in a model's parameters, and the rest; linear in the model's objects."""
    parameters = tuple(model.parameters())
    places = {id(parameter): place for place, parameter in enumerate(parameters)}
    likeness = _likeness(model, places, set())
    children = tuple(getattr(parameter, "data", parameter) for parameter in parameters)
    return children, Skeleton(model, parameters, likeness)


def build(skeleton: Skeleton, children: Iterable[Any]) -> Any:
    """Return a copy of the model with ``children`` in the places of its parameters."""
    replaced = {
        id(old): new for old, new in zip(skeleton.parameters, children, strict=True)
    }
    return _copied(skeleton.model, replaced)


def _likeness(value: Any, places: dict[int, int], seen: set[int]) -> Any:
    """Return what is hashable and tells two models apart; as deep as the user's nesting."""
    place = places.get(id(value))
    if place is not None:
        return ("parameter", place)
    if isinstance(value, _PLAIN):
        return (type(value), value)
    if id(value) in seen:
        return ("again", id(value))
    seen.add(id(value))
    if isinstance(value, list | tuple):
        known = tuple(map(places.get, map(id, value)))
        if None not in known:  # weights, most of a model
            return (type(value), "parameters", known)
        return (type(value), *(_likeness(part, places, seen) for part in value))
    if isinstance(value, dict):
        return (dict, *((key, _likeness(part, places, seen)) for key, part in value.items()))
    if _is_own(value):
        return (type(value), _likeness(vars(value), places, seen))
    return (type(value), id(value))


def _copied(value: Any, replaced: dict[int, Any]) -> Any:
    """Return a value with some objects replaced by others; what holds none is shared."""
    if id(value) in replaced:
        return replaced[id(value)]
    if isinstance(value, list | tuple):
        keys = list(map(id, value))
        if replaced.keys() >= set(keys):  # weights, most of a model
            parts = [replaced[key] for key in keys]
        else:
            parts = [_copied(part, replaced) for part in value]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {key: _copied(part, replaced) for key, part in value.items()}
    if _is_own(value):
        twin = copy.copy(value)
        replaced[id(value)] = twin
        for name, part in vars(value).items():
            object.__setattr__(twin, name, _copied(part, replaced))
        return twin
    return value


def _is_own(value: Any) -> bool:
    """Tell whether an object keeps its state in attributes, as those of users' classes do."""
    return hasattr(value, "__dict__") and not isinstance(value, _SHARED)
