"""Results of compiled functions as the user's structure, by a function written for the purpose.

The emitted function returns a number, an array or a flat tuple of them. Numbers come back as
Python's; NumPy's dtype is put back, and the leaves into tuples, lists and dicts, by generated code:
a general unflattening costs ten times as much as the call of a small compiled function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.ir.types import ArrayType
from irgrad.runtime.collect import LEAST
from irgrad.runtime.distribute import distributing
from irgrad.runtime.front import Container, Part, Results
from irgrad.runtime.objects import building


def assembled(
    jitted: Callable[..., Any],
    arguments: int,
    types: Sequence[ArrayType],
    structure: Any,
    plain: Sequence[bool],
    places: Sequence[tuple[int, int | None]],
) -> Callable[..., Any]:
    """Return ``jitted`` with its results, of ``types``, in the pytree ``structure``.

    ``arguments`` is how many flat arguments it takes; ``plain`` marks results that stay numbers
    of Python; ``places`` are, for each leaf of the structure, the result that it is, or that it
    is an element of.
    """
    if len(types) == 1 and types[0].rank and structure.num_nodes == 1:
        return jitted
    scope: dict[str, Any] = {"jitted": jitted}
    results = ["r" if len(types) == 1 else f"r[{place}]" for place in range(len(types))]
    leaves = []
    for position, element in places:
        type = types[position]
        if element is not None:
            leaves.append(f"e{position}[{element}]")
        elif type.rank == 0:
            own = type.dtype.type
            kind = own if not plain[position] else complex if type.dtype.kind == "c" else float
            scope[kind.__name__] = kind
            leaves.append(f"{kind.__name__}({results[position]})")
        else:
            leaves.append(results[position])
    parameters = ", ".join(f"a{position}" for position in range(arguments))
    whole = {
        f"e{position}": (results[position], type.shape[0])
        for position, type in enumerate(types)
        if type.rank == 1 and plain[position] and type.dtype == np.float64
    }
    value = _structured(structure, leaves, scope, whole)
    lines = [f"def call({parameters}):", f"    r = jitted({parameters})"]
    for position in sorted({place for place, element in places if element is not None}):
        result = results[position]
        numbers = f"{result}.tolist()" if plain[position] else f"list({result})"
        if f"e{position}[" in value:
            lines.append(f"    e{position} = {numbers}")
    exec("\n".join([*lines, f"    return {value}"]), scope)
    return scope["call"]  # type: ignore[no-any-return]


def parts(
    types: Sequence[ArrayType],
    structure: Any,
    plain: Sequence[bool],
    places: Sequence[tuple[int, int | None]],
) -> Results:
    """Return how machine code puts results together as ``assembled`` does; None: it can't."""
    leaves = []
    for position, element in places:
        if element is not None:
            return None
        type = types[position]
        kind = None if type.rank or plain[position] else type.dtype.type
        leaves.append(Part(None if len(types) == 1 else position, kind))
    return _part(structure, leaves)


def _part(structure: Any, leaves: Sequence[Part]) -> Results:
    """Return the part that a structure is; recursion as deep as the user's nesting."""
    kind = structure.type
    if kind is None:
        return leaves[0] if leaves else None
    if kind not in (tuple, list, dict):
        return None
    children = []
    start = 0
    for child in structure.children():
        part = _part(child, leaves[start : start + child.num_leaves])
        if part is None:
            return None
        children.append(part)
        start += child.num_leaves
    return Container(kind, tuple(children), tuple(structure.entries()) if kind is dict else ())


_Whole = Mapping[str, tuple[str, Any]]
"""Arrays of floats whose elements are leaves: what they are called, the result, and its length."""


def _structured(
    structure: Any, leaves: Sequence[str], scope: dict[str, Any], whole: _Whole
) -> str:
    """Return the expression that builds ``structure``; recursion as deep as the user's nesting."""
    kind = structure.type
    if kind is None:
        return leaves[0] if structure.num_leaves else "None"
    if len(leaves) >= LEAST:
        name, _, _ = leaves[0].partition("[")
        result, length = whole.get(name, ("", 0))
        if length == len(leaves) and _run(leaves):
            distribute = distributing(structure)
            if distribute is not None:
                scope[f"distribute_{name}"] = distribute
                return f"distribute_{name}({result})"
    if kind is list and structure.num_nodes == 1 + len(leaves) and leaves:
        run = _run(leaves)
        if run:
            return run
    parts = []
    start = 0
    for child in structure.children():
        parts.append(_structured(child, leaves[start : start + child.num_leaves], scope, whole))
        start += child.num_leaves
    if kind is tuple:
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if kind is list:
        return f"[{', '.join(parts)}]"
    if kind is dict and all(isinstance(key, str | int) for key in structure.entries()):
        entries = zip(structure.entries(), parts, strict=True)
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in entries) + "}"
    name = f"build_{len(scope)}"
    scope[name] = building(structure) or _builder(structure)
    run = _run(leaves)
    return f"{name}({run})" if run else f"{name}([{', '.join(leaves)}])"


def _run(leaves: Sequence[str]) -> str:
    """Return elements of one list that follow each other as a slice of it, else nothing."""
    if not leaves:
        return ""
    whole, _, number = leaves[0].removesuffix("]").partition("[")
    if not whole.startswith("e") or not number.isdecimal():
        return ""
    last = int(number) + len(leaves)
    expected = [f"{whole}[{place}]" for place in range(int(number), last)]
    return f"{whole}[{number}:{last}]" if list(leaves) == expected else ""


def _builder(structure: Any) -> Callable[[list[Any]], Any]:
    return lambda leaves: optree.tree_unflatten(structure, leaves)


def joined(structures: Sequence[Any]) -> Any:
    """Return the structure of a tuple of pytrees of ``structures``."""
    return optree.treespec_tuple(structures, namespace="irgrad")
