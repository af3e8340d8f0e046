"""The driver: builds a graph anew, node by node, applying local rules as each node is made.

A rule is a function ``rule(build, node)`` that returns the node to stand for ``node``, or None. It
is registered for an op and, mostly, for the ops of operands it needs, so that a node no rule can
match costs a few dictionary look-ups. Rules make nodes by calling ``build(op, *operands,
**params)``, which applies the rules to those in turn; a result whose type differs from the node's
is dropped, so no rule can change a type.

What rules may change: the order of rounding in sums and products (the emitted loops permit
reassociation), and the sign of a zero (they permit that too). What they may not: NaN and infinities
at finite scalars, unless a rule's comment says where. Rounding aside, each rule's comment says
what is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import InternalError
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ir.graph import NO_PARAMS, Graph, Node
from irgrad.ir.op import Elementwise, Op
from irgrad.ir.origin import Origin
from irgrad.ops.create import constant, full, input_, size
from irgrad.simplify.clean import identity, live_uses, without_dead

Rule = Callable[["Build", Node], Node | None]

_ALWAYS: dict[Op, list[Rule]] = {}
_WHEN: dict[Op, dict[Op, list[Rule]]] = {}
_ELEMENTWISE_WHEN: dict[Op, list[Rule]] = {}

_DEEPEST = 24
"""How many rules may be at work inside one another; deeper, nodes are made as they stand."""


def rule(op: Op, *operands: Op) -> Callable[[Rule], Rule]:
    """Register a rule for nodes of ``op`` that read a node of one of ``operands`` (none: all)."""

    def register(function: Rule) -> Rule:
        if not operands:
            _ALWAYS.setdefault(op, []).append(function)
        for operand in operands:
            _WHEN.setdefault(op, {}).setdefault(operand, []).append(function)
        return function

    return register


def elementwise_rule(*operands: Op) -> Callable[[Rule], Rule]:
    """Register a rule for every elementwise op that reads a node of one of ``operands``."""

    def register(function: Rule) -> Rule:
        for operand in operands:
            _ELEMENTWISE_WHEN.setdefault(operand, []).append(function)
        return function

    return register


Table = tuple[tuple[Rule, ...], dict[Op, tuple[Rule, ...]]]
_tables: dict[Op, Table] = {}


def _table(op: Op) -> Table:
    """Return the rules for ``op``: those always tried, and those by the op of an operand."""
    when: dict[Op, list[Rule]] = {key: list(rules) for key, rules in _WHEN.get(op, {}).items()}
    if isinstance(op.lowering, Elementwise):
        for key, rules in _ELEMENTWISE_WHEN.items():
            when[key] = [*rules, *when.get(key, [])]
    table = (
        tuple(_ALWAYS.get(op, ())),
        {key: tuple(dict.fromkeys(rules)) for key, rules in when.items()},
    )
    _tables[op] = table
    return table


class Build:
    """A graph under construction, of nodes that are already simplified."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.fired = 0
        self._known: dict[Any, Node] = {}
        self._uses: dict[Node, int] = {}
        self._memory: dict[Any, Any] = {}
        self._origin: Origin | None = None
        self._depth = 0

    def __call__(self, op: Op, *inputs: Node, **params: Any) -> Node:
        """Return a node of ``op``, its type inferred, or the simpler one that stands for it."""
        type = op.infer(*[node.type for node in inputs], **params)
        return self.make(Node(op, inputs, params or NO_PARAMS, type, self._origin))

    def constant(self, value: Any, dtype: np.dtype) -> Node:
        """Return a scalar constant."""
        return self(constant, value=np.asarray(value).astype(dtype)[()])

    def size(self, dim: Dim, dtype: np.dtype) -> Node:
        """Return a size as a number."""
        return self.constant(dim, dtype) if isinstance(dim, int) else self(size, dim=dim, dtype=dtype)

    def filled(self, value: Any, like: Node) -> Node:
        """Return ``value`` everywhere, with the type of ``like``."""
        kind = like.array_type
        return self(full, self.constant(value, kind.dtype), shape=kind.shape)

    def uses(self, node: Node) -> int:
        """Return how often the graph being simplified reads what became ``node``."""
        return self._uses.get(node, 1)

    def memory(self, node: Node, find: Callable[[Node], Any]) -> Any:
        """Return ``find(node)``, computed once a node."""
        key = (find, node)
        if key not in self._memory:
            self._memory[key] = find(node)
        return self._memory[key]

    def input(self, node: Node) -> None:
        """Take over an input."""
        self.nodes.append(node)

    def make(self, node: Node) -> Node:
        """Return ``node``, an equal one that is there already, or what a rule makes of it."""
        op = node.op
        inputs = node.inputs
        key = identity(op, inputs, node.params)
        known = self._known.get(key)
        if known is not None and (known.type is node.type or known.type == node.type):
            return known
        result: Node | None = None
        if self._depth < _DEEPEST:
            always, when = _tables.get(op) or _table(op)
            if always:
                result = self._try(always, node)
            if result is None and when:
                tried = None
                for operand in inputs:
                    rules = when.get(operand.op)
                    if rules is not None and rules is not tried:
                        result = self._try(rules, node)
                        if result is not None:
                            break
                        tried = rules
        if result is None:
            self.nodes.append(node)
            result = node
        self._known[key] = result
        return result

    def _try(self, rules: tuple[Rule, ...], node: Node) -> Node | None:
        """Return what the first rule that fits makes of ``node``."""
        origin, self._origin = self._origin, node.origin
        self._depth += 1
        try:
            for candidate in rules:
                result = candidate(self, node)
                if result is not None and (result.type is node.type or result.type == node.type):
                    self.fired += 1
                    return result
        finally:
            self._origin = origin
            self._depth -= 1
        return None

    def take(self, node: Node, inputs: tuple[Node, ...], uses: int) -> Node:
        """Return what stands for a node of the old graph, whose operands became ``inputs``."""
        if inputs != node.inputs:
            node = Node(node.op, inputs, node.params, node.type, node.origin)
        result = self.make(node)
        self._uses[result] = self._uses.get(result, 0) + uses
        return result


def rewritten(graph: Graph) -> tuple[Graph, int]:
    """Return ``graph`` after one pass of rules, sharing and dead code; and how many rules fired.

    Linear in the nodes.
    """
    assumptions = dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))
    build = Build()
    uses = live_uses(graph.nodes, graph.outputs)
    became: dict[Node, Node] = {}
    for node in graph.inputs:
        build.input(node)
        became[node] = node
    with dims.assuming(assumptions):
        for node in graph.nodes:
            count = uses.get(node)
            if count is None or node in became:
                continue
            if node.op is input_:
                raise InternalError(f"{node} is no input of the graph")
            inputs = tuple([became[operand] for operand in node.inputs])
            became[node] = build.take(node, inputs, count)
    outputs = tuple(became[node] for node in graph.outputs)
    guarded = Graph(
        graph.inputs, (), outputs, graph.hints, tuple(assumptions.guards), graph.name
    )
    return without_dead(build.nodes, guarded, outputs), build.fired
