"""Models, taken apart and built by functions that are written for their classes.

The first call of a kind looks at every attribute of a model. Code written for what it found checks
the same things a dozen times as fast, and raises LookupError where a model differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree

from irgrad.models import KINDS, PLAIN, Skeleton, is_own, take_apart, unmarked

_HOOKS = ("__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__new__")
"""What a class may define to be copied in another way than by its attributes."""


class _OtherwiseMade(Exception):
    """There is something in a model that no code is written for."""


class _Reading:
    """The statements that take one model apart; ``places`` are those of its parameters by id."""

    def __init__(self, skeleton: Skeleton, name: str, scope: dict[str, Any]) -> None:
        self.places = {id(x): place for place, x in enumerate(skeleton.parameters)}
        self.name = name
        self.scope = scope
        self.found: list[int] = []
        self.lines: list[str] = []
        self.seen: set[int] = set()

    def constant(self, value: Any) -> str:
        """Return the name of an object that the code meets."""
        name = f"{self.name}_constant{len(self.scope)}"
        self.scope[name] = value
        return name

    def refuse_if(self, condition: str) -> None:
        """Let the code give up where a condition holds."""
        self.lines += [f"    if {condition}:", "        raise LookupError"]

    def variable(self, expression: str) -> str:
        """Return a new variable that is given a value."""
        name = f"{self.name}_{len(self.lines)}"
        self.lines.append(f"    {name} = {expression}")
        return name

    def walk(self, value: Any, expression: str) -> None:
        """Check that what ``expression`` says is like ``value``; as deep as the user's nesting."""
        place = self.places.get(id(value))
        if place is not None:
            self.found.append(place)
            self.lines.append(f"    {self.name}_found.append({expression})")
            return
        if isinstance(value, PLAIN):
            self._plain(unmarked(value), expression)
            return
        inside = is_own(value) or isinstance(value, list | tuple | dict)
        if not inside:
            self.refuse_if(f"{expression} is not {self.constant(value)}")
            return
        if id(value) in self.seen:
            raise _OtherwiseMade
        self.seen.add(id(value))
        if type(value) in (list, tuple):
            self._sequence(value, expression)
        elif type(value) is dict:
            name = self.variable(expression)
            keys = self.constant(list(value))
            self.refuse_if(f"type({name}) is not dict or list({name}) != {keys}")
            for key, part in value.items():
                self.walk(part, f"{name}[{self.constant(key)}]")
        elif isinstance(value, list | tuple | dict):
            raise _OtherwiseMade
        else:
            name = self.variable(expression)
            self.refuse_if(f"type({name}) is not {self.constant(type(value))}")
            held = self.variable(f"{name}.__dict__")
            self.refuse_if(f"len({held}) != {len(vars(value))}")
            for key, part in vars(value).items():
                self.walk(part, f"{held}[{key!r}]")

    def _plain(self, value: Any, expression: str) -> None:
        name, own = self.variable(expression), self.constant(value)
        kind = self.constant(type(value))
        self.refuse_if(f"{name} is not {own} and (type({name}) is not {kind} or {name} != {own})")

    def _sequence(self, value: Any, expression: str) -> None:
        name = self.variable(expression)
        kind = type(value).__name__
        self.refuse_if(f"type({name}) is not {kind} or len({name}) != {len(value)}")
        known = [self.places.get(id(part)) for part in value]
        if value and None not in known:
            self.found += [place for place in known if place is not None]
            self.lines.append(f"    {self.name}_found += {name}")
            return
        for place, part in enumerate(value):
            self.walk(part, f"{name}[{place}]")


def reading(model: Any, name: str, lines: list[str], scope: dict[str, Any]) -> str | None:
    """Add statements that take the model ``name`` apart; return the list of its numbers.

    They check whatever ``take_apart`` compares. None where no code is written for such a model.
    """
    children, skeleton = take_apart(model)
    count = len(skeleton.parameters)
    code = _Reading(skeleton, name, scope)
    code.lines.append(f"    {name}_found = []")
    try:
        code.walk(skeleton.model, name)
    except _OtherwiseMade:
        return None
    if sorted(code.found) != list(range(count)):
        return None  # a parameter in two places
    found = f"{name}_found"
    bare = [number is unmarked(x) for number, x in zip(children, skeleton.parameters, strict=True)]
    if not any(bare):
        kinds = code.constant([type(skeleton.parameters[place]) for place in code.found])
        code.refuse_if(f"list(map(type, {found})) != {kinds}")
        code.refuse_if(f"len(set(map(id, {found}))) != {count}")
        code.lines.append(f"    {found} = [x.data for x in {found}]")
    elif not all(bare):
        return None
    if code.found != list(range(count)):
        order = [code.found.index(place) for place in range(count)]
        places = code.constant(order)
        code.lines.append(f"    {found} = [{found}[place] for place in {places}]")
    lines += code.lines
    return found


class _Place:
    """A leaf in an example of a structure."""

    def __init__(self, number: int) -> None:
        self.number = number


def building(structure: Any) -> Callable[[Sequence[Any]], Any] | None:
    """Return a function from leaves to the model that a pytree ``structure`` describes.

    None where no code is written for such a model.
    """
    if structure.type not in KINDS:
        return None
    example = optree.tree_unflatten(structure, [_Place(k) for k in range(structure.num_leaves)])
    scope: dict[str, Any] = {"made": _made}
    try:
        text = _expression(example, scope, set())
    except _OtherwiseMade:
        return None
    exec(f"def build(leaves):\n    return {text}", scope)
    built: Callable[[Sequence[Any]], Any] = scope["build"]
    return built


def _made(kind: type, attributes: dict[str, Any]) -> Any:
    """Return an object of a class with these attributes, without running its constructor."""
    item: Any = object.__new__(kind)
    item.__dict__.update(attributes)
    return item


def _expression(value: Any, scope: dict[str, Any], seen: set[int]) -> str:
    """Return the expression that builds a value; recursion as deep as the user's nesting."""
    if isinstance(value, _Place):
        return f"leaves[{value.number}]"
    own = is_own(value) and not isinstance(value, list | tuple | dict)
    if not own and type(value) not in (list, tuple, dict):
        name = f"c{len(scope)}"
        scope[name] = value
        return name
    if id(value) in seen:
        raise _OtherwiseMade
    seen.add(id(value))
    if type(value) is list or type(value) is tuple:
        run = _run(value)
        parts = [f"*{run}"] if run else [_expression(part, scope, seen) for part in value]
        if type(value) is list:
            return run or f"[{', '.join(parts)}]"
        return f"({''.join(f'{part}, ' for part in parts)})"
    pairs = vars(value) if own else value
    if own and not _is_copied_by_attributes(type(value)):
        raise _OtherwiseMade
    entries = []
    for key, part in pairs.items():
        name = repr(key)
        if not isinstance(key, str):
            name = f"c{len(scope)}"
            scope[name] = key
        entries.append(f"{name}: {_expression(part, scope, seen)}")
    whole = "{" + ", ".join(entries) + "}"
    if not own:
        return whole
    kind = f"c{len(scope)}"
    scope[kind] = type(value)
    return f"made({kind}, {whole})"


def _run(value: Sequence[Any]) -> str:
    """Return the slice of the leaves that a sequence is, nothing where it is none."""
    if not value or not all(isinstance(part, _Place) for part in value):
        return ""
    numbers = [part.number for part in value]
    first, last = numbers[0], numbers[-1] + 1
    return f"leaves[{first}:{last}]" if numbers == list(range(first, last)) else ""


def _is_copied_by_attributes(kind: type) -> bool:
    hooks = all(getattr(kind, name, None) is getattr(object, name, None) for name in _HOOKS)
    return hooks and not any(vars(base).get("__slots__") for base in kind.__mro__)


__all__ = ["building", "reading"]
