"""Names in emitted code: they follow the graph, and never come unchecked from the user."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.schedule.units import VARIABLES

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}\Z")
_OURS = frozenset(
    [
        *("np", "njit", "numba", "prange"),
        *("LOOP", "SHARED", "EXACT", "STRICT", "CAREFUL"),
        *("check_index", "check_number", "rows"),
        *VARIABLES,
    ]
)


def is_safe(name: str) -> bool:
    """Tell whether a user's name can stand in emitted code as it is."""
    return (
        bool(_IDENTIFIER.match(name))
        and not keyword.iskeyword(name)
        and not keyword.issoftkeyword(name)
        and not hasattr(builtins, name)
        and name not in _OURS
    )


def letters(indices: Sequence[Any]) -> str:
    """Return what tells an element apart in a name: ``k0`` of the indices ``@k`` and 0."""
    names = ([str(index)] if isinstance(index, int) else dims.symbols(index) for index in indices)
    return "".join(n.removeprefix("@") for part in names for n in part if not n.isidentifier())


class Names:
    """The names of one function: arguments, values, locals, views."""

    def __init__(self, graph: Graph, numbers: Mapping[Node, int], reserved: frozenset[str]) -> None:
        self._numbers = numbers
        self._names: dict[Node, str] = {}
        self._parts: dict[tuple[Node, int], str] = {}
        self._locals: dict[Node, str] = {}
        self._taken: set[str] = set(reserved) | _OURS
        for symbol in graph.hints:
            self._taken.add(symbol)
        for position, node in enumerate(graph.inputs):
            wished = node.params["name"]
            usable = is_safe(wished) and wished not in self._taken
            self._names[node] = self.fresh(wished if usable else f"argument_{position}")

    def within(self, numbers: Mapping[Node, int]) -> Names:
        """Return the names of a graph inside this one: its own nodes, and no name that is taken."""
        inner = copy(self)
        inner._numbers, inner._names, inner._parts = numbers, {}, {}
        inner._locals = {}
        return inner

    def fresh(self, wished: str) -> str:
        """Return ``wished``, or it with a number where it is taken."""
        name, count = wished, 2
        while name in self._taken:
            name, count = f"{wished}_{count}", count + 1
        self._taken.add(name)
        return name

    def prefer(self, node: Node, wished: str) -> None:
        """Give a node a name of its own, if it has none yet."""
        if node not in self._names:
            self._names[node] = self.fresh(wished)

    def share(self, node: Node, name: str) -> None:
        """Let a node have the name of another whose memory it goes on using."""
        self._names[node] = name

    def of(self, node: Node) -> str:
        """Return the name of a node's value: the op and the node's number."""
        name = self._names.get(node)
        if name is None:
            name = self._names[node] = self.fresh(f"{node.op.name}_{self._numbers[node]}")
        return name

    def local(self, node: Node) -> str:
        """Return the name of the element of a node's array that a loop body works on."""
        if node not in self._locals:
            rank = max(node.array_type.rank, 1)
            self._locals[node] = self.fresh(f"{self.of(node)}_{''.join(VARIABLES[:rank])}")
        return self._locals[node]

    def part(self, node: Node, position: int) -> str:
        """Return the name of one of the several values of a node."""
        key = (node, position)
        if key not in self._parts:
            self._parts[key] = self.fresh(f"{self.of(node)}_{position}")
        return self._parts[key]

    def view(self, array: str) -> str:
        """Return a name for a view of an array."""
        return self.fresh(f"{array}_part")
