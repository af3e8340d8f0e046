"""Models as arguments: objects, whoever wrote them, whose ``parameters()`` hold numbers.

A class in the manner of micrograd keeps its parameters as objects with ``data``, or as numbers, in
lists and attributes, and computes with operators and with methods like ``relu``. Such an object is
taken apart into the numbers, and built back as a copy in which other things, traced values or
derivatives, stand where the parameters stood.
"""

from __future__ import annotations

import copy
import numbers
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from irgrad.errors import ArgumentError

KINDS: set[type] = set()
"""The classes whose objects are taken apart as models."""

_SHARED = (type, types.FunctionType, types.MethodType, types.ModuleType)
PLAIN = (str, bytes, int, float, complex, bool, type(None))
"""Types of values that two models have alike where they are equal."""


class _MarkedFloat(float):
    """A number in a copy of a model: one object for each place, so that places can be told apart.

    Python has one object for many equal numbers.
    """

    number: Any


class _MarkedInt(int):
    """The same for whole numbers, which may be sizes and counts too."""

    number: Any


_MARKED = (_MarkedFloat, _MarkedInt)


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
    return isinstance(parameter, numbers.Real) or isinstance(
        getattr(parameter, "data", None), numbers.Real
    )


def take_apart(model: Any) -> tuple[tuple[Any, ...], Skeleton]:
    """Return the numbers in a model's parameters, and the rest; linear in the model's objects.

    Raises: ArgumentError for a parameter that no attribute or list of the model holds.
    """
    parameters = tuple(model.parameters())
    kind = type(model).__name__
    if any(isinstance(parameter, numbers.Real) for parameter in parameters):
        model = _marked(model, {})
        parameters = tuple(model.parameters())
    places = {id(parameter): place for place, parameter in enumerate(parameters)}
    likeness = _likeness(model, places, {})
    held = set(_places(likeness))
    for place, parameter in enumerate(parameters):
        if places[id(parameter)] not in held:
            raise ArgumentError(
                f"parameter {place} of a {kind} is in none of its attributes, lists and dicts",
                remedy="keep each parameter as a number or an object there, not in an array, "
                "or pass the numbers as an argument",
            )
    children = tuple(_number_of(parameter) for parameter in parameters)
    return children, Skeleton(model, parameters, likeness)


def unmarked(value: Any) -> Any:
    """Return what stood in the model itself."""
    return value.number if isinstance(value, _MARKED) else value


def _number_of(parameter: Any) -> Any:
    """Return the number that a parameter is or holds."""
    return unmarked(parameter) if isinstance(parameter, numbers.Real) else parameter.data


def build(skeleton: Skeleton, children: Iterable[Any]) -> Any:
    """Return a copy of the model with ``children`` in the places of its parameters."""
    replaced = {
        id(old): new for old, new in zip(skeleton.parameters, children, strict=True)
    }
    return _copied(skeleton.model, replaced)


def _likeness(value: Any, places: dict[int, int], seen: dict[int, int]) -> Any:
    """Return what is hashable and tells two models apart; as deep as the user's nesting."""
    place = places.get(id(value))
    if place is not None:
        return ("parameter", place)
    if isinstance(value, PLAIN):
        value = unmarked(value)
        return (type(value), value)
    if id(value) in seen:
        return ("again", seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, list | tuple):
        known = tuple(map(places.get, map(id, value)))
        if None not in known:  # weights, most of a model
            return (type(value), "parameters", known)
        return (type(value), *(_likeness(part, places, seen) for part in value))
    if isinstance(value, dict):
        return (dict, *((key, _likeness(part, places, seen)) for key, part in value.items()))
    if is_own(value):
        return (type(value), _likeness(vars(value), places, seen))
    return (type(value), id(value))


def _places(likeness: Any) -> Iterator[int]:
    """Yield the places of the parameters in a likeness."""
    stack = [likeness]
    while stack:
        part = stack.pop()
        if not isinstance(part, tuple):
            continue
        if len(part) == 2 and isinstance(part[0], str) and part[0] == "parameter":
            yield part[1]
        elif len(part) == 3 and isinstance(part[1], str) and part[1] == "parameters":
            yield from part[2]
        else:
            stack.extend(part)


def _marked(value: Any, known: dict[int, Any]) -> Any:
    """Return a copy of a model with a number of its own in each place of one."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        kind: Any = _MarkedInt if isinstance(value, numbers.Integral) else _MarkedFloat
        mark = kind(value)
        mark.number = value
        return mark
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, list | tuple):
        parts = [_marked(part, known) for part in value]
        known[id(value)] = _alike(value, parts)
    elif isinstance(value, dict):
        known[id(value)] = {key: _marked(part, known) for key, part in value.items()}
    elif is_own(value):
        twin = known[id(value)] = copy.copy(value)
        for name, part in vars(value).items():
            object.__setattr__(twin, name, _marked(part, known))
    else:
        return value
    return known[id(value)]


def _alike(value: Any, parts: list[Any]) -> Any:
    """Return a list or tuple of the kind of another."""
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _copied(value: Any, replaced: dict[int, Any]) -> Any:
    """Return a value with some objects replaced by others; what holds none is shared."""
    if id(value) in replaced:
        return replaced[id(value)]
    if isinstance(value, _MARKED):
        return value.number
    if isinstance(value, list | tuple):
        keys = list(map(id, value))
        if replaced.keys() >= set(keys):  # weights, most of a model
            parts = [replaced[key] for key in keys]
        else:
            parts = [_copied(part, replaced) for part in value]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return _alike(value, parts)
    if isinstance(value, dict):
        return {key: _copied(part, replaced) for key, part in value.items()}
    if is_own(value):
        twin = copy.copy(value)
        replaced[id(value)] = twin
        for name, part in vars(value).items():
            object.__setattr__(twin, name, _copied(part, replaced))
        return twin
    return value


def is_own(value: Any) -> bool:
    """Tell whether an object keeps its state in attributes, as those of users' classes do."""
    return hasattr(value, "__dict__") and not isinstance(value, _SHARED)
