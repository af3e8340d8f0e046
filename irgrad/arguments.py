"""Arguments as users pass them, taken apart into the flat leaves that graphs know."""

from __future__ import annotations

import dataclasses
import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import optree

from irgrad import models
from irgrad.errors import ArgumentError, PrecisionWarning
from irgrad.ir.graph import frozen
from irgrad.trace.origins import warn_here
from irgrad.trace.tracer import Tracer

NAMESPACE = "irgrad"


MANY = 64
"""Scalars of one kind in one argument from which they travel as an array."""

_PACKABLE: tuple[type, ...] = (float, int, np.float64, np.float32, np.int64)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is known of one argument of the graph before tracing.

    ``members`` are the positions, among the leaves of the user's argument, of the scalars that
    travel in it as one array; None where it is a leaf itself.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    weak: type | None
    members: tuple[int, ...] | None = None

    def rank_key(self) -> tuple[Any, ...]:
        """Return what must be equal for one compiled function to serve, sizes aside."""
        return (self.dtype, len(self.shape), self.weak, self.members)


@dataclass(frozen=True, slots=True)
class Call:
    """One call taken apart: leaves, their values, and how to build the arguments back.

    ``spans`` are, for each parameter, the leaves it holds.
    """

    leaves: tuple[Leaf, ...]
    values: tuple[Any, ...]
    structures: tuple[Any, ...]
    parameters: tuple[str, ...]
    static: tuple[tuple[str, Any], ...]
    spans: tuple[range, ...]

    def key(self) -> tuple[Any, ...]:
        """Return what a specialisation is looked up by: all but the sizes."""
        return (
            self.parameters,
            self.structures,
            tuple((name, _static_key(value)) for name, value in self.static),
            tuple(leaf.rank_key() for leaf in self.leaves),
        )

    def is_flat(self) -> bool:
        """Tell whether the arguments are the leaves, ready for the compiled code as they are."""
        return all(
            structure.num_nodes == 1 and structure.num_leaves == 1 for structure in self.structures
        )

    def places(self, parameter: int) -> list[tuple[int, int | None]]:
        """Return where the user's leaves of a parameter are: which leaf, which element of it."""
        places: list[tuple[int, int | None]] = [(0, None)] * self.structures[parameter].num_leaves
        own = iter([place for place, packed in enumerate(self._packed(parameter)) if not packed])
        for position in self.spans[parameter]:
            members = self.leaves[position].members
            if members is None:
                places[next(own)] = (position, None)
            else:
                for element, member in enumerate(members):
                    places[member] = (position, element)
        return places

    def parts(self) -> list[int | tuple[np.dtype, list[int]]]:
        """Return, for every leaf, which of all the user's leaves it is or is made of."""
        parts: list[int | tuple[np.dtype, list[int]]] = [0] * len(self.leaves)
        start = 0
        for parameter, structure in enumerate(self.structures):
            for place, (position, element) in enumerate(self.places(parameter)):
                leaf = self.leaves[position]
                if element is None:
                    parts[position] = start + place
                elif element == 0:
                    parts[position] = (leaf.dtype, [start + m for m in leaf.members or ()])
            start += structure.num_leaves
        return parts

    def _packed(self, parameter: int) -> list[bool]:
        """Tell which of the user's leaves of a parameter travel in an array."""
        packed = [False] * self.structures[parameter].num_leaves
        for position in self.spans[parameter]:
            for member in self.leaves[position].members or ():
                packed[member] = True
        return packed


def _static_key(value: Any) -> Any:
    """Return a hashable stand-in for a static argument, by content, so that a mutation shows."""
    stand_in = _frozen(value)
    try:
        hash(stand_in)
    except TypeError as error:
        raise ArgumentError(
            f"a static argument of type {type(value).__name__} can't be hashed",
            remedy="pass a number, a string, a tuple, a function or an array as static argument",
        ) from error
    return stand_in


def _frozen(value: Any) -> Any:
    if isinstance(value, dict | list | tuple | set | frozenset | np.ndarray):
        tree: Any = value
        leaves: list[Any]
        leaves, structure = optree.tree_flatten(tree, namespace=NAMESPACE)
        return (type(value), structure, tuple(map(frozen, leaves)))
    return (type(value), value)


def is_traced(tree: Any) -> bool:
    """Tell whether a tracer is among the leaves of ``tree``."""
    if isinstance(tree, Tracer):
        return True
    return any(isinstance(leaf, Tracer) for leaf in flatten(tree)[0])


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """Return the leaves and the structure of a pytree; dataclasses are understood too."""
    return optree.tree_flatten(register_dataclasses(tree), namespace=NAMESPACE)


_registered: set[type] = set()


def register_dataclasses(tree: Any) -> Any:
    """Let optree see inside the dataclasses and the models in ``tree``; returns it."""
    stack = [tree]
    while stack:
        value = stack.pop()
        kind = type(value)
        if kind in _BUILTIN_LEAVES:
            continue
        if isinstance(value, list | tuple):
            stack.extend(value)
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif dataclasses.is_dataclass(kind):
            if kind not in _registered:
                _registered.add(kind)
                names = tuple(field.name for field in dataclasses.fields(kind))
                optree.register_pytree_node(
                    cast(Any, kind), *_taken_apart(kind, names), namespace=NAMESPACE
                )
            stack.extend(getattr(value, field.name) for field in dataclasses.fields(kind))
        elif kind not in _registered and models.is_model(value):
            _registered.add(kind)
            models.KINDS.add(kind)
            optree.register_pytree_node(
                cast(Any, kind), models.take_apart, cast(Any, models.build), namespace=NAMESPACE
            )
    return tree


def _taken_apart(
    kind: type, names: tuple[str, ...]
) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]:
    """Return how optree takes a dataclass apart, and how it builds one back."""

    def flatten_fields(item: Any) -> Any:
        return tuple(getattr(item, name) for name in names), None, names

    def build(_: Any, children: Any) -> Any:
        return _rebuilt(kind, names, children)

    return flatten_fields, build


def _rebuilt(kind: type, names: Sequence[str], children: Sequence[Any]) -> Any:
    """Return a dataclass with given fields, without running its constructor."""
    item: Any = object.__new__(kind)
    for name, child in zip(names, children, strict=True):
        object.__setattr__(item, name, child)
    return item


_BUILTIN_LEAVES = (float, int, complex, bool, np.ndarray, np.float64, np.float32, str, type(None))


class Signature:
    """The parameters of a function, static ones told apart."""

    def __init__(self, function: Callable[..., Any], static_names: tuple[str, ...]) -> None:
        self.function = function
        self.static_names = static_names
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self._signature = None
        parameters = {} if self._signature is None else self._signature.parameters
        self._names = frozenset(parameters)
        kinds = {parameter.kind for parameter in parameters.values()}
        self._takes_any = inspect.Parameter.VAR_KEYWORD in kinds
        if self._signature is not None:
            unknown = set(static_names) - set(self._signature.parameters)
            if unknown:
                raise ArgumentError(
                    f"static_argnames {sorted(unknown)} are no parameters of the function",
                    remedy=f"its parameters are {', '.join(self._signature.parameters)}",
                )

    def takes(self, name: str) -> bool:
        """Tell whether there is a parameter of this name, or one for any keywords."""
        return self._takes_any or name in self._names

    def take_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return a call's leaves, their values and structures.

        Raises: ArgumentError where the arguments do not fit the function or are no numbers.
        """
        names, values = self._bound(args, kwargs)
        static = tuple(
            (name, value) for name, value in zip(names, values, strict=True)
            if name in self.static_names
        )  # fmt: skip
        dynamic = [
            (name, value) for name, value in zip(names, values, strict=True)
            if name not in self.static_names
        ]  # fmt: skip
        leaves: list[Leaf] = []
        ready: list[Any] = []
        structures = []
        spans = []
        for name, value in dynamic:
            parts, structure = flatten(value)
            structures.append(structure)
            start = len(leaves)
            many: dict[type, list[int]] = {}
            if len(parts) >= MANY:
                many = _many(parts)
                for kind, members in many.items():
                    own = name if len(many) == 1 else f"{name}_{kind.__name__}s"
                    array = np.array([parts[member] for member in members], _DTYPES[kind])
                    weak = kind if kind in (float, int) else None
                    ready.append(array)
                    leaves.append(Leaf(own, array.dtype, array.shape, weak, tuple(members)))
            for position, part in enumerate(parts):
                if many and type(part) in many:
                    continue
                own = name if len(parts) == 1 else f"{name}_{position}"
                number = as_number(part, name)
                ready.append(number)
                leaves.append(_leaf(own, number))
            spans.append(range(start, len(leaves)))
        return Call(
            tuple(leaves),
            tuple(ready),
            tuple(structures),
            tuple(n for n, _ in dynamic),
            static,
            tuple(spans),
        )

    def _bound(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[str], list[Any]]:
        if self._signature is None:
            if kwargs:
                raise ArgumentError("keyword arguments need a function with a signature")
            return [f"argument_{i}" for i in range(len(args))], list(args)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(
                f"{getattr(self.function, '__name__', 'the function')}: {error}",
                remedy=f"its parameters are {self._signature}",
            ) from None
        names: list[str] = []
        values: list[Any] = []
        for name, value in bound.arguments.items():
            kind = self._signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                names.extend(f"{name}_{i}" for i in range(len(value)))
                values.extend(value)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                names.extend(value)
                values.extend(value.values())
            else:
                names.append(name)
                values.append(value)
        return names, values

    def call_with(
        self, call: Call, leaves: Sequence[Any], elements: Callable[[Any, int, Any], Sequence[Any]]
    ) -> Any:
        """Call the function with the leaves of ``call`` replaced.

        ``elements(leaf, count, weak)`` gives the scalars that travel in a leaf.
        """
        arguments: dict[str, Any] = dict(call.static)
        inside = {
            position: elements(leaves[position], len(leaf.members), leaf.weak)
            for position, leaf in enumerate(call.leaves)
            if leaf.members is not None
        }
        for number, (name, structure) in enumerate(
            zip(call.parameters, call.structures, strict=True)
        ):
            parts = [
                leaves[position] if element is None else inside[position][element]
                for position, element in call.places(number)
            ]
            arguments[name] = optree.tree_unflatten(structure, parts)
        if self._signature is None:
            return self.function(*arguments.values())
        return self._call_by_name(arguments)

    def _call_by_name(self, arguments: dict[str, Any]) -> Any:
        assert self._signature is not None
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        gap = False
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                count = 0
                while f"{name}_{count}" in arguments:
                    positional.append(arguments.pop(f"{name}_{count}"))
                    count += 1
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                keywords.update(arguments)
                arguments = {}
            elif name not in arguments:  # not given: the function's own default
                gap = True
            elif gap or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                keywords[name] = arguments.pop(name)
            else:
                positional.append(arguments.pop(name))
        return self.function(*positional, **keywords)


def as_number(value: Any, name: str) -> Any:
    """Return a leaf as what emitted code takes: a contiguous array or a scalar.

    float16 becomes float32, with a warning: no emitted code computes in float16.

    Raises: ArgumentError where it is no number.
    """
    if isinstance(value, bool | int | float | complex):
        return value
    if isinstance(value, np.generic):
        if value.dtype == np.float16:
            _warn_of_half(name)
            return np.float32(value)
        if value.dtype.kind in "buifc":
            return value
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype == np.float16:
            _warn_of_half(name)
            array = array.astype(np.float32)
        if array.dtype.kind in "buifc" and array.dtype.itemsize <= 16:
            if not array.dtype.isnative:
                array = array.astype(array.dtype.newbyteorder("="))
            if array.ndim == 0:
                return array[()]
            return np.require(array, requirements=["C", "A", "W"])
    raise ArgumentError(
        f"argument {name!r} holds a {type(value).__name__}, which is no number",
        remedy="pass numbers, arrays of numbers, or containers of them; name anything else in "
        "static_argnames",
    )


def _warn_of_half(name: str) -> None:
    """Say that float16 is computed in float32; Python shows a warning once for each line."""
    warn_here(
        f"argument {name!r} is float16: irgrad computes it, and returns results, in float32. "
        "Convert the argument with .astype(np.float32) to do so knowingly.",
        PrecisionWarning,
    )


_DTYPES: dict[type, np.dtype] = {kind: np.dtype(kind) for kind in _PACKABLE}


def _many(parts: Sequence[Any]) -> dict[type, list[int]]:
    """Return the places of the scalars of which there are many of one kind."""
    counts = Counter(map(type, parts))
    many: dict[type, list[int]] = {
        kind: [] for kind in _PACKABLE if counts.get(kind, 0) >= MANY
    }
    if many:
        for place, part in enumerate(parts):
            members = many.get(type(part))
            if members is not None:
                members.append(place)
    return many


def _leaf(name: str, value: Any) -> Leaf:
    if isinstance(value, np.ndarray | np.generic):
        return Leaf(name, value.dtype, value.shape, None)
    kind = type(value)
    dtype = np.dtype(bool) if kind is bool else np.asarray(value).dtype
    return Leaf(name, dtype, (), None if kind is bool else kind)
