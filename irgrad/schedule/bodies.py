"""Which bodies of loops and branches the back end can emit, and what they overwrite."""

from __future__ import annotations

from collections.abc import Collection

from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Control, Elementwise, Reduction, View, Write
from irgrad.ops import create
from irgrad.ops.control import branch, loop, repeat
from irgrad.ops.index import gather, scatter_add
from irgrad.ops.views import strided, strided_add, strided_set
from irgrad.schedule.arrays import computes

DEEPEST = 12
"""How many operations on arrays one expression may hold, one inside the other."""


def is_begin(node: Node) -> bool:
    """Tell whether an array is a fill with a constant, which needs no memory of its own."""
    return (
        node.op is create.full
        and bool(node.array_type.rank)
        and node.inputs[0].op is create.constant
    )


def has_loops_to_emit(graph: Graph) -> bool:
    """Tell whether the bodies of all loops of a graph can be lowered here."""
    stack = [(body, _states(node)) for node in graph.nodes for body in graphs_of(node)]
    while stack:
        body, states = stack.pop()
        for node in body.nodes:
            inner = graphs_of(node)
            stack.extend((held, _states(node)) for held in inner)
            if not inner and not can_be_emitted(node):
                return False
        if not _writes_last(body, states):
            return False
    return True


def _states(node: Node) -> int:
    """Return how many results of a body go on in the memory of its inputs: carries and tapes."""
    count: int = node.params.get("carries", 0) + node.params.get("tapes", 0)
    return count


def graphs_of(node: Node) -> list[Graph]:
    """Return the graphs that a control op holds."""
    if not isinstance(node.op.lowering, Control):
        return []
    if node.op is branch:
        return list(node.params["branches"])
    return [node.params[key] for key in ("condition", "body") if key in node.params]


def can_be_emitted(node: Node) -> bool:
    """Tell whether a node that holds no graphs can stand in the body of a loop."""
    op = node.op
    if op in (create.input_, create.constant, create.size, create.full, strided):
        return True
    if op is create.item:
        return isinstance(node.inputs[0].op.lowering, Control)
    if op in (strided_set, strided_add):
        return True
    if op is gather:
        return node.array_type.rank == 0 and all(map(_is_tabled, node.inputs[1:]))
    if op is scatter_add:
        return not node.inputs[1].array_type.rank and all(map(_is_tabled, node.inputs[2:]))
    return computes(node)


def _is_tabled(index: Node) -> bool:
    """Tell whether an index is the re-roller's own, of a table or alone: such ones are in range."""
    return index.op in (strided, create.constant) and index.origin is None


def _writes_last(body: Graph, states: int) -> bool:
    """Tell whether each version of an array is written at most once, after all reads of it."""
    position = {node: number for number, node in enumerate(body.nodes)}
    outputs = set(body.outputs)
    readers = body.consumers()
    for node in body.nodes:
        for target in overwritten(node):
            last = max(
                (
                    position[reader]
                    for reader in readers[target]
                    if reader.op is not strided or reader.array_type.rank
                ),
                default=0,
            )
            writers = [reader for reader in readers[target] if target in overwritten(reader)]
            if target in outputs:
                return False
            if is_begin(target):
                continue  # each of its writers fills an array of its own
            if len(writers) > 1 or last > position[node]:
                return False
            if node.inputs.count(target) > 1:
                return False
    return all(
        origin_of(end) in (start, None) or not end.array_type.rank
        for start, end in zip(body.inputs[:states], body.outputs, strict=False)
    )


def origin_of(node: Node) -> Node | None:
    """Return the input whose memory an array is in, None where it is none's."""
    while node.op is not create.input_:
        if isinstance(node.op.lowering, Write):
            node = node.inputs[0]
        elif node.op is create.item and _goes_on(node):
            node = node.inputs[0].inputs[node.params["index"]]
        else:
            return None
    return node


def overwritten(node: Node) -> list[Node]:
    """Return the arrays whose memory a node goes on writing."""
    if isinstance(node.op.lowering, Write):
        return [node.inputs[0]]
    if node.op in (loop, repeat):
        states = node.params["carries"] + node.params.get("tapes", 0)
        return [n for n in node.inputs[:states] if n.array_type.rank and n.op is not create.full]
    return []


def _goes_on(item: Node) -> bool:
    """Tell whether a result of a loop is a carry or a tape, in the memory it began in."""
    source, index = item.inputs[0], item.params["index"]
    return source.op in (loop, repeat) and index < source.params["carries"] + source.params.get(
        "tapes", 0
    )


def postponed(body: Graph, in_place: Collection[Node]) -> set[Node]:
    """Return the arrays that are never stored: computed where their one reader is.

    By then nothing they read may have been overwritten, neither by a write nor by a state's new
    value that is computed ``in_place``.
    """
    position = {node: number for number, node in enumerate(body.nodes)}
    readers = body.consumers()
    overwritten_at = {t: position[node] for node in body.nodes for t in overwritten(node)}
    ends = {body.inputs[body.outputs.index(end)]: position[end] for end in in_place}
    for node in body.nodes if ends else ():
        if node.op in (create.input_, create.item) or isinstance(node.op.lowering, Write):
            start = origin_of(node)
            if start in ends:
                overwritten_at.setdefault(node, ends[start])
    chosen: dict[Node, tuple[int, int]] = {}
    for node in reversed(body.nodes):
        if isinstance(node.type, tuple) or not node.type.shape or node in body.outputs:
            continue
        is_view = isinstance(node.op.lowering, View) and node.op is not create.full
        if len(readers[node]) != 1 or not (is_view or isinstance(node.op.lowering, Elementwise)):
            continue
        (reader,) = readers[node]
        if not _takes_elements(reader, node, is_view):
            continue
        at, depth = chosen.get(reader, (position[reader], 0))
        if depth < DEEPEST and all(overwritten_at.get(o, at + 1) > at for o in node.inputs):
            chosen[node] = (at, depth + 1)
    return set(chosen)


def _takes_elements(reader: Node, node: Node, is_view: bool) -> bool:
    """Tell whether a reader takes each element of ``node`` about once."""
    if reader.op in (strided_set, strided_add):
        return reader.inputs[0] is not node
    if isinstance(reader.type, tuple):
        return False
    if isinstance(reader.op.lowering, Reduction):
        return True
    same = reader.type.shape == node.array_type.shape
    return isinstance(reader.op.lowering, Elementwise) and (same or is_view)
