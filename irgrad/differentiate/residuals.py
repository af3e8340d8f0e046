"""What a loop keeps of each iteration for its derivative.

A value that the backward body reads is read from an invariant or a tape where it stands there,
computed again where that takes a few cheap operations on such values or on one kept value, or is
the same in all iterations, and kept otherwise. Masks and choices are kept or exact functions of
what is kept: computed again from rounded values, they could select differently.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Elementwise, View, Write
from irgrad.ir.types import ArrayType
from irgrad.ops.create import item
from irgrad.ops.custom import again
from irgrad.ops.elementwise import divide
from irgrad.ops.fixed import fixed_values
from irgrad.ops.views import strided, strided_set

Roots = frozenset[Node]
_NONE: Roots = frozenset()


@dataclass(slots=True)
class Residuals:
    """Values kept of each iteration; values found on the body's own tapes; versions of tapes."""

    kept: dict[Node, None] = field(default_factory=dict)
    taped: dict[Node, tuple[int, Node]] = field(default_factory=dict)
    versions: dict[Node, int] = field(default_factory=dict)

    def settled(self, node: Node) -> bool:
        """Tell whether the backward body reads the value instead of computing it."""
        return node in self.kept or node in self.taped or node in self.versions


def tape_versions(order: Iterable[Node], tapes: Mapping[Node, int]) -> dict[Node, int]:
    """Return the nodes that are a tape before or after some of its writes, and which tape."""
    versions = dict(tapes)
    for node in order:
        if isinstance(node.op.lowering, Write) and node.inputs[0] in versions:
            versions[node] = versions[node.inputs[0]]
        elif node.op is item and node.inputs[0].op.name == "loop":
            source = node.inputs[0].inputs[node.params["index"]]
            if source in versions:
                versions[node] = versions[source]
    return versions


def choose(
    order: Sequence[Node],
    body: Graph,
    carries: int,
    frontier: Sequence[Node],
    *,
    recompute: bool,
    size: Callable[[ArrayType], int],
    index: str = "",
    lasting: Sequence[int] = (),
) -> Residuals:
    """Choose what to keep so that every node of ``frontier`` is known in the backward body.

    What follows from an ``again`` is computed again whatever it costs, or everything if
    ``recompute``. ``index`` is the loop's variable, "" where values that no iteration changes are
    none the cheaper for it. ``order`` holds the body's nodes and those made from them alone, in
    order of evaluation. ``lasting`` carries are read as tapes are, which they precede: by numbers
    below 0.
    """
    numbers = (*lasting, *range(carries, len(body.outputs)))
    tapes = {body.inputs[number]: number - carries for number in numbers}
    chosen = Residuals(versions=tape_versions(order, tapes))
    for node in order:
        if node.op is strided_set and node in chosen.versions:
            chosen.taped.setdefault(node.inputs[1], (chosen.versions[node], node))
    roots: dict[Node, Roots] = dict.fromkeys(body.inputs, _NONE)
    for node in body.inputs[:carries]:
        roots[node] = frozenset((node,))
    states = len(body.outputs)
    fixed: set[Node] = set()
    if index:
        fixed.update(fixed_values(order, body.inputs[states:], index), body.inputs[states:])
    marked: set[Node] = set()
    for node in order:
        if node.op is again or not marked.isdisjoint(node.inputs):
            marked.add(node)
        if node not in roots:
            roots[node] = _roots(node, roots, chosen, fixed, recompute or node in marked)
    position = {node: number for number, node in enumerate(order)}
    for node in frontier:
        if chosen.settled(node) or not roots[node]:
            continue
        sources = roots[node]
        lean = len(sources) == 1 and _bytes(next(iter(sources)), size) <= _bytes(node, size)
        if lean or recompute or node in marked or _unsized(node):
            chosen.kept.update(dict.fromkeys(sorted(sources, key=position.__getitem__)))
        else:
            chosen.kept[node] = None
    return chosen


def _roots(
    node: Node,
    roots: dict[Node, Roots],
    chosen: Residuals,
    fixed: Collection[Node],
    recompute: bool,
) -> Roots:
    """Return the values to keep so that ``node`` can be computed again; none if it is free."""
    if node in chosen.versions or node in chosen.taped or not node.inputs or node in fixed:
        return _NONE
    sources = _NONE.union(*[roots[operand] for operand in node.inputs])
    if recompute or isinstance(node.type, tuple) or _unsized(node):
        return sources
    if not _cheap(node, fixed) or len(sources) > 1:
        return frozenset((node,))
    return sources


def _cheap(node: Node, fixed: Collection[Node]) -> bool:
    lowering = node.op.lowering
    if isinstance(lowering, View):
        return True
    if node.op is divide and node.inputs[1] in fixed:
        return True  # a product with the reciprocal, which is fixed
    if not isinstance(lowering, Elementwise) or lowering.vector_math is not None:
        return False
    if node.array_type.dtype.kind == "b":
        return all(_is_read(operand) for operand in node.inputs)
    return not any(mark in lowering.expression for mark in ("(", "/", "**"))


def _is_read(node: Node) -> bool:
    """Tell whether a value comes unrounded from an input."""
    return not node.inputs or (node.op is strided and not node.inputs[0].inputs)


def _bytes(node: Node, size: Callable[[ArrayType], int]) -> int:
    return size(node.array_type)


def _unsized(node: Node) -> bool:
    """Tell whether a size is known only once a ``while`` within the body has run."""
    return isinstance(node.type, ArrayType) and any(
        name.startswith("count") for dim in node.type.shape for name in dims.symbols(dim)
    )
