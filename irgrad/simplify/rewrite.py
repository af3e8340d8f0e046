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

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.dims import Dim
from irgrad.ir.graph import NO_PARAMS, Graph, Node
from irgrad.ir.op import Control, Elementwise, Op
from irgrad.ir.origin import Origin
from irgrad.ops.create import constant, full, size
from irgrad.simplify.clean import COMMUTATIVE, identity, live_uses, reads_first, without_dead
from irgrad.simplify.gathers import gathered
from irgrad.simplify.lean import lean
from irgrad.simplify.pulled import pulled
from irgrad.simplify.unread import without_unread

Rule = Callable[["Build", Node], Node | None]

_ALWAYS: dict[Op, list[Rule]] = {}
_WHEN: dict[Op, dict[Op, list[Rule]]] = {}
_ELEMENTWISE_WHEN: dict[Op, list[Rule]] = {}

_MOST_PASSES = 6
"""A bound only: the rules settle in one or two passes."""

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


class Table(NamedTuple):
    """What the driver knows of an op: the rules for it, and how equal nodes of it are found."""

    always: tuple[Rule, ...]
    when: dict[Op, tuple[Rule, ...]]
    commutative: bool


_tables: dict[Op, Table] = {}


def _table(op: Op) -> Table:
    """Return the rules for ``op``: those always tried, and those by the op of an operand."""
    when: dict[Op, list[Rule]] = {key: list(rules) for key, rules in _WHEN.get(op, {}).items()}
    if isinstance(op.lowering, Elementwise):
        for key, rules in _ELEMENTWISE_WHEN.items():
            when[key] = [*rules, *when.get(key, [])]
    table = Table(
        tuple(_ALWAYS.get(op, ())),
        {key: tuple(dict.fromkeys(rules)) for key, rules in when.items()},
        op in COMMUTATIVE,
    )
    _tables[op] = table
    return table


class Build:
    """A graph under construction, of nodes that are already simplified."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.shared: set[Node] = set()
        """Nodes that rules were told are read more than once."""
        self.deep = False
        """Whether rules were left out lest they run too deep inside one another."""
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
        if isinstance(dim, int):
            return self.constant(dim, dtype)
        return self(size, dim=dim, dtype=dtype)

    def filled(self, value: Any, like: Node) -> Node:
        """Return ``value`` everywhere, with the type of ``like``."""
        kind = like.array_type
        return self(full, self.constant(value, kind.dtype), shape=kind.shape)

    def uses(self, node: Node) -> int:
        """Return how often the graph being simplified reads what became ``node``."""
        count = self._uses.get(node, 1)
        if count > 1:
            self.shared.add(node)
        return count

    def memory(self, node: Node, find: Callable[[Node], Any]) -> Any:
        """Return ``find(node)``, computed once a node."""
        key = (find, node)
        if key not in self._memory:
            self._memory[key] = find(node)
        return self._memory[key]

    def take_input(self, node: Node, uses: int) -> None:
        """Take over an input."""
        self.nodes.append(node)
        self._uses[node] = uses

    def take(self, node: Node, inputs: tuple[Node, ...], uses: int) -> Node:
        """Return what stands for a node of the old graph, whose operands became ``inputs``."""
        if inputs != node.inputs:
            node = Node(node.op, inputs, node.params, node.type, node.origin)
        result = self.make(node)
        self._uses[result] = self._uses.get(result, 0) + uses
        return result

    def less_shared(self, uses: Mapping[Node, int]) -> bool:
        """Tell whether some node that held a rule back is read less often now."""
        return any(uses.get(node, 0) < self._uses[node] for node in self.shared)

    def make(self, node: Node) -> Node:
        """Return ``node``, an equal one that is there already, or what a rule makes of it."""
        op = node.op
        inputs = node.inputs
        table = _tables.get(op) or _table(op)
        key: Any
        if node.params:
            key = identity(op, inputs, node.params)
        elif table.commutative and id(inputs[0]) > id(inputs[1]):
            key = op, (inputs[1], inputs[0])
        else:
            key = op, inputs
        known = self._known.get(key)
        if known is not None and (known.type is node.type or known.type == node.type):
            return known
        result: Node | None = None
        if self._depth >= _DEEPEST:
            self.deep = True
        else:
            if table.always:
                result = self._try(table.always, node)
            when = table.when
            if result is None and when:
                for operand in inputs:
                    rules = when.get(operand.op)
                    if rules is not None:
                        result = self._try(rules, node)
                        if result is not None:
                            break
        if result is None:
            self.nodes.append(node)
            result = node
        self._known[key] = result
        return result

    def _try(self, rules: tuple[Rule, ...], node: Node) -> Node | None:
        """Return what the first rule that fits makes of ``node``."""
        origin, self._origin = self._origin, node.origin
        self._depth += 1
        result = None
        for candidate in rules:
            result = candidate(self, node)
            if result is not None:
                if result.type is node.type or result.type == node.type:
                    break
                result = None
        self._origin = origin
        self._depth -= 1
        return result


def rewritten(graph: Graph, bodies: Bodies) -> tuple[Graph, bool]:
    """Return the graph after one pass of rules, sharing and dead code; linear in the nodes.

    And whether another pass may do more. A rule has seen every node with its final operands, so
    only nodes that have meanwhile fewer readers, or rules left out, give it something to do.
    """
    build = Build()
    uses = live_uses(graph.nodes, graph.outputs)
    became: dict[Node, Node] = {}
    for node in graph.inputs:
        build.take_input(node, uses.get(node, 0))
        became[node] = node
    for node in graph.nodes:
        count = uses.get(node)
        if count is None or node in became:
            continue
        source = bodies.simplified(node) if isinstance(node.op.lowering, Control) else node
        inputs = tuple([became[operand] for operand in node.inputs])
        became[node] = build.take(source, inputs, count)
    outputs = tuple([became[node] for node in graph.outputs])
    live = live_uses(build.nodes, outputs)
    simple = without_dead(build.nodes, live, replace(graph, outputs=outputs))
    return simple, build.deep or build.less_shared(live)


class Bodies:
    """The graphs inside control ops: each is simplified once."""

    def __init__(self) -> None:
        self._known: dict[Graph, Graph] = {}

    def settled(self, graph: Graph) -> Graph:
        """Return ``graph`` after as many passes as it takes."""
        graph = self._rewritten(without_unread(graph))
        leaner = pulled(lean(without_unread(graph)))  # what derivatives read may be gone
        if leaner is not graph:
            graph = self._rewritten(leaner)
        return reads_first(graph)

    def _rewritten(self, graph: Graph) -> Graph:
        for _ in range(_MOST_PASSES):
            graph, again = rewritten(graph, self)
            if not again:
                break
        return graph

    def simplified(self, node: Node) -> Node:
        """Return ``node`` with the graphs among its params simplified."""
        params = {key: self._param(value) for key, value in node.params.items()}
        if all(params[key] is value for key, value in node.params.items()):
            return node
        return Node(node.op, node.inputs, params, node.type, node.origin)

    def _param(self, value: Any) -> Any:
        if isinstance(value, Graph):
            body = self._known.get(value)
            if body is None:
                body = self._known[value] = reads_first(gathered(self.settled(value)))
                self._known[body] = body
            return body
        if isinstance(value, tuple) and any(isinstance(item, Graph) for item in value):
            items = tuple(self._param(item) for item in value)
            return value if all(map(operator.is_, items, value)) else items
        return value
