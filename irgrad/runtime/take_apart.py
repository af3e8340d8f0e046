"""Pytrees of arguments taken apart again, by a function written for their structure.

The first call of a kind looks at every leaf. Later ones check containers and the leaves' types
only; where they differ, LookupError is raised and the call is looked at anew. Generated code does
that six times as fast as a general flattening, and ``struct`` packs floats three times as fast as
``np.array``; many floats in lists are collected by machine code.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.models import KINDS
from irgrad.runtime.collect import LEAST, collecting
from irgrad.runtime.objects import reading

_Part = tuple[np.dtype, Sequence[int]] | int
"""An argument of the compiled function: a leaf, or the dtype and the leaves of an array."""


def taking_apart(
    arguments: tuple[Any, ...],
    parts: Sequence[_Part],
    namespace: str,
) -> Callable[..., list[Any]]:
    """Return a function from arguments like these to what the compiled function takes.

    ``parts`` says of each of its arguments which leaf it is, or the dtype and the leaves of the
    array that it is. The leaves themselves are passed on as they are.
    """
    tree: Any = arguments
    leaves: list[Any]
    leaves, structure = optree.tree_flatten(tree, namespace=namespace)
    scope: dict[str, Any] = {"frombuffer": np.frombuffer}
    names = [f"a{position}" for position in range(len(arguments))]
    lines = [f"def take_apart({', '.join(names)}):"]
    found: list[str] = []
    kinds: list[type] = []
    places: dict[int, int] = {}  # of leaves among those that are looked at one by one
    results: dict[int, str] = {}
    first = 0
    for name, child, argument in zip(names, structure.children(), arguments, strict=True):
        members = range(first, first + child.num_leaves)
        first = members.stop
        whole = _part_of_floats(leaves, members, parts)
        collect = None if whole is None else collecting(child)
        if whole is not None and collect is not None:
            scope[f"collect{whole}"] = collect
            results[whole] = f"frombuffer(collect{whole}({name}))"
            continue
        places.update({member: len(kinds) + k for k, member in enumerate(members)})
        found += _leaves(name, child, argument, lines, scope, namespace)
        kinds += map(type, leaves[members.start : members.stop])
    scope["kinds"] = kinds
    if kinds:
        lines.append(f"    leaves = [{', '.join(found)}]")
        lines += ["    if list(map(type, leaves)) != kinds:", "        raise LookupError"]
    for number, part in enumerate(parts):
        if number not in results:
            own = places[part] if isinstance(part, int) else (part[0], [places[k] for k in part[1]])
            results[number] = _result(number, own, scope)
    if kinds and list(parts) == list(range(len(leaves))):
        lines.append("    return leaves")
    else:
        lines.append(f"    return [{', '.join(results[number] for number in range(len(parts)))}]")
    exec("\n".join(lines), scope)
    return scope["take_apart"]  # type: ignore[no-any-return]


def _part_of_floats(leaves: Sequence[Any], members: range, parts: Sequence[_Part]) -> int | None:
    """Return the number of the part that is all of these leaves, if they are many floats."""
    if len(members) < LEAST or any(type(leaves[member]) is not float for member in members):
        return None
    for number, part in enumerate(parts):
        if not isinstance(part, int) and part[0] == np.float64 and list(part[1]) == list(members):
            return number
    return None


def _result(number: int, part: _Part, scope: dict[str, Any]) -> str:
    """Return the expression of an argument of the compiled function."""
    if isinstance(part, int):
        return f"leaves[{part}]"
    dtype, members = part
    scope[f"dtype{number}"] = dtype
    scope[f"pack{number}"] = struct.Struct(f"{len(members)}{dtype.char}").pack
    first, last = members[0], members[-1] + 1
    chosen = f"leaves[{first}:{last}]"
    if len(members) != last - first:
        scope[f"members{number}"] = members
        chosen = f"[leaves[i] for i in members{number}]"
    return f"frombuffer(bytearray(pack{number}(*{chosen})), dtype{number})"


def _leaves(
    name: str, structure: Any, value: Any, lines: list[str], scope: dict[str, Any], namespace: str
) -> list[str]:
    """Return the expressions of the leaves of ``name``, and add the lines that check containers.

    ``value`` is what it is in the first call. Recursion as deep as the nesting.
    """
    kind = structure.type
    if kind is None and structure.num_leaves:
        return [name]
    number = len(lines)
    if kind in KINDS:
        numbers = reading(value, name, lines, scope)
        if numbers is not None:
            return [f"*{numbers}"]
    if kind not in (tuple, list, dict):
        scope["flatten"] = optree.tree_flatten
        scope[f"structure{number}"] = structure
        lines.append(f"    some{number}, found = flatten({name}, namespace={namespace!r})")
        lines += [f"    if found != structure{number}:", "        raise LookupError"]
        return [f"*some{number}"]
    children = structure.children()
    lines.append(f"    if type({name}) is not {kind.__name__} or len({name}) != {len(children)}:")
    lines.append("        raise LookupError")
    if kind is not dict and all(child.type is None and child.num_leaves for child in children):
        return [f"*{name}"]
    leaves: list[str] = []
    for entry, child in zip(structure.entries(), children, strict=True):
        key = repr(entry)
        if not isinstance(entry, int | str):
            key = f"key{len(scope)}"
            scope[key] = entry
        inner = f"{name}[{key}]"
        if child.type is not None or not child.num_leaves:
            variable = f"{name}_{len(lines)}"
            lines.append(f"    {variable} = {inner}")
            inner = variable
        leaves += _leaves(inner, child, value[entry], lines, scope, namespace)
    return leaves
