"""Loops over scalars whose iterations do not wait for one another, as operations on arrays.

Code over scalars, once its loops are found, is nests of loops that compute number by number. Where
no iteration reads what another one wrote, all can be done at once: what a body computes is mapped
over the iterations by the rules of ``vmap``, what it adds up becomes a sum, and reads and writes at
places that are affine in the loop's variable become views with one axis more. The array code that
remains is fused, vectorised and differentiated like any other.

Sums and products round in another order, as the emitted loops permit. A loop of which any part
does not fit stays as it is. Linear, but for the bodies.

Reference: R. Allen and K. Kennedy, Automatic translation of FORTRAN programs to vector form, ACM
TOPLAS 9 (1987).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from irgrad.inline.batch_rules import Batch
from irgrad.ir import dims
from irgrad.ir.dims import Dim, Shape
from irgrad.ir.graph import Graph, Node
from irgrad.ir.op import Elementwise, Op
from irgrad.ops.accesses import Bounds, apart, over_all_trips
from irgrad.ops.affine import Steps, affine, affine_set
from irgrad.ops.contract import contract
from irgrad.ops.control import loop
from irgrad.ops.create import full, input_, iota, item, size
from irgrad.ops.elementwise import add, multiply, subtract
from irgrad.ops.fixed import symbols_of
from irgrad.ops.reduce import sum_
from irgrad.ops.shape import broadcast, reshape, transpose
from irgrad.ops.views import strided, strided_set
from irgrad.trace.tracer import Trace

ADDING = (add, subtract)
"""What may be done to a carry. Not its maximum: where several are largest, a chain of maxima shares
the derivative out in another way than the maximum of all."""

MAPPED: set[Op] = {affine, broadcast, contract, full, reshape, strided, sum_, transpose}
"""What may differ between iterations, besides elementwise operations."""


class _Waits(Exception):
    """An iteration needs what another one computes, or something that has no array form."""


@dataclass(frozen=True, slots=True)
class Part:
    """Elements of an array: element ``i`` lies at ``offsets + steps @ i``."""

    shape: Shape
    offsets: Shape
    steps: Steps

    def bounds(self) -> Bounds:
        """Return the least and the greatest index along each axis."""
        found = []
        for low, row in zip(self.offsets, self.steps, strict=True):
            high = low
            for step, count in zip(row, self.shape, strict=True):
                reach = step * (count - 1)
                low, high = (low, high + reach) if step > 0 else (low + reach, high)
            found.append((low, high))
        return tuple(found)

    def over(self, index: str, trips: Dim, mapped: bool) -> Part:
        """Return the part that all iterations have together, those along a first axis.

        ``mapped`` tells whether the array has an axis for the iterations as well.
        """
        offsets: list[Dim] = [0] * mapped
        steps: list[tuple[int, ...]] = [(1, *(0 for _ in self.shape))] * mapped
        for offset, row in zip(self.offsets, self.steps, strict=True):
            begin = dims.substitute(offset, {index: 0})
            slope = dims.substitute(offset, {index: 1}) - begin
            if not isinstance(slope, int) or begin + slope * dims.symbol(index) != offset:
                raise _Waits
            offsets.append(begin)
            steps.append((slope, *row))
        return Part((trips, *self.shape), tuple(offsets), tuple(steps))

    def spelled(self) -> tuple[bool, dict[str, Any]]:
        """Return whether each axis follows one index in order, and the params that say the part."""
        found: list[tuple[Dim, int, bool]] = []
        following = 0
        for row in self.steps:
            places = [place for place, step in enumerate(row) if step]
            if not places:
                found.append((1, 1, True))
            elif places == [following]:
                found.append((self.shape[following], row[following], False))
                following += 1
            else:
                following = -1
                break
        if following != len(self.shape):
            params = {"shape": self.shape, "offsets": self.offsets, "steps": self.steps}
            return False, params
        return True, {
            "starts": self.offsets,
            "sizes": tuple(size for size, _, _ in found),
            "steps": tuple(step for _, step, _ in found),
            "dropped": tuple(axis for axis, (_, _, dropped) in enumerate(found) if dropped),
        }


def part_of(node: Node) -> Part:
    """Return what a strided or affine node reads or writes."""
    params = node.params
    if node.op is affine or node.op is affine_set:
        return Part(params["shape"], params["offsets"], params["steps"])
    axes = [axis for axis in range(len(params["starts"])) if axis not in params["dropped"]]
    steps = tuple(
        tuple(params["steps"][axis] * (axis == own) for own in axes)
        for axis in range(len(params["starts"]))
    )
    return Part(tuple(params["sizes"][axis] for axis in axes), params["starts"], steps)


def are_apart(one: Part, other: Part) -> bool:
    """Tell whether two parts surely have no element in common."""
    if apart(one.bounds(), other.bounds()):
        return True
    if not one.shape or not other.shape or one.shape[0] != other.shape[0]:
        return False
    # Iterations that step alike along an axis: stretches side by side within one step.
    rests = [Part(x.shape[1:], x.offsets, tuple(row[1:] for row in x.steps)) for x in (one, other)]
    for axis, (row, its) in enumerate(zip(one.steps, other.steps, strict=True)):
        (low, high), (its_low, its_high) = (rest.bounds()[axis] for rest in rests)
        if row[0] != its[0] or high == its_high:
            continue
        if dims.is_positive(low - its_high):
            low, high, its_low, its_high = its_low, its_high, low, high
        room = abs(row[0]) - (its_high - low)
        if dims.is_positive(its_low - high) and dims.is_positive(room):
            return True
    return False


def vectorised(graph: Graph) -> Graph:
    """Return the graph with its loops over scalars as operations on arrays, where they can be."""
    if not any(node.op is loop for node in graph.nodes):
        return graph
    assumptions = dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))
    with dims.assuming(assumptions):
        made = _vectorised(graph, assumptions, 0)
    return graph if made is None else replace(made, guards=tuple(assumptions.guards))


def _vectorised(graph: Graph, assumptions: dims.Assumptions, depth: int) -> Graph | None:
    """Return the graph in arrays; None where none of its loops has an array form."""
    trace = Trace(assumptions)
    became: dict[Node, Node] = {}
    results: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        operands = [became[x] for x in node.inputs if x not in results]
        trace.origin = node.origin
        if node.op is input_:
            became[node] = node
            trace.nodes.append(node)
        elif node.op is item and node.inputs[0] in results:
            became[node] = results[node.inputs[0]][node.params["index"]]
        elif node.op is loop:
            begin = len(trace.nodes)
            try:
                results[node] = Iterations(trace, node, operands, depth).results()
            except _Waits:
                del trace.nodes[begin:]
                became[node] = trace.record(loop, tuple(operands), node.params)
        elif node.op in (strided, affine):
            became[node] = read(trace, operands[0], part_of(node))
        else:
            became[node] = trace.record(node.op, tuple(operands), node.params)
    if not results:
        return None
    outputs = tuple(became[node] for node in graph.outputs)
    return replace(graph, nodes=tuple(trace.nodes), outputs=outputs)


def read(trace: Trace, array: Node, part: Part) -> Node:
    """Return a part of an array, or what was written to it last."""
    source = array
    while source.op in (affine_set, strided_set):
        written = part_of(source)
        if written == part:
            return source.inputs[1]
        if not are_apart(written, part):
            source = array
            break
        source = source.inputs[0]
    plain, params = part.spelled()
    return trace.record(strided if plain else affine, (source,), params)


class Iterations:
    """All iterations of a loop at once, recorded in ``trace``.

    ``became`` are the nodes that stand for those of the body; those in ``mapped`` have a first axis
    for the iterations.
    """

    def __init__(self, trace: Trace, node: Node, operands: Sequence[Node], depth: int) -> None:
        params = node.params
        self.trace = trace
        self.index: str = params["index"]
        self.trips: Dim = params["trips"]
        self.params: Mapping[str, Any] = params
        self.operands = operands
        self.depth = depth
        self.batch = Batch(trace, self.trips)
        if not isinstance(self.trips, int) or self.trips < 1 or params.get("recompute", False):
            raise _Waits
        self.body = self._without_loops(params["body"])
        self.became: dict[Node, Node] = dict(zip(self.body.inputs, operands, strict=True))
        self.mapped: set[Node] = set()
        self.carries = self.body.inputs[: params["carries"]]
        states = params["carries"] + params["tapes"]
        self.state = {x: k for k, x in enumerate(self.body.inputs[params["carries"] : states])}
        self.writes: list[Node] = []
        self.uses = Counter(x for node in self.body.nodes for x in node.inputs)
        self.uses.update(self.body.outputs)

    def _without_loops(self, body: Graph) -> Graph:
        """Return the body with the loops within it as operations on arrays.

        Only bodies that compute with scalars: arrays have operations of their own already.
        """
        for node in body.nodes:
            scalar = isinstance(node.type, tuple) or not node.array_type.shape
            if not scalar and node.op not in (input_, item, strided_set):
                raise _Waits
        if not any(node.op is loop for node in body.nodes):
            return body
        assumptions = self.trace.assumptions
        assumptions.loops[self.index] = self.trips
        try:
            made = _vectorised(body, assumptions, self.depth + 1)
        finally:
            del assumptions.loops[self.index]
        if made is None or any(node.op is loop for node in made.nodes):
            raise _Waits
        return made

    def results(self) -> list[Node]:
        """Return the carries after the last iteration, and the arrays written."""
        folds = [self._fold(k) for k in range(len(self.carries))]
        folded = {node for _, chain in folds for node in chain}
        for node in self.body.nodes:
            if node.op is input_ or node in folded:
                continue
            self.trace.origin = node.origin
            if node.op in (strided_set, affine_set) and node.inputs[0] in self.state:
                self.state[node] = self.state[node.inputs[0]]
                self.writes.append(node)
            elif node.op in (strided, affine) and node.inputs[0] in self.state:
                self._read_state(node)
            else:
                self._map(node)
        for write in self.writes:
            self._one(write.inputs[1])
        made = [
            self._folded(carry, terms)
            for carry, (terms, _) in zip(self.carries, folds, strict=True)
        ]
        count = len(self.carries)
        for number, end in enumerate(self.body.outputs[count:]):
            if self.state.get(end) != number:
                raise _Waits
            made.append(self._written(self.operands[count + number], number))
        return made

    def _fold(self, number: int) -> tuple[list[tuple[Op, Node]], set[Node]]:
        """Return what is added to a carry, or subtracted, and the nodes that do it."""
        carry, node = self.carries[number], self.body.outputs[number]
        depends = {carry}
        for x in self.body.nodes:
            if not depends.isdisjoint(x.inputs):
                depends.add(x)
        terms: list[tuple[Op, Node]] = []
        chain: set[Node] = set()
        while node is not carry:
            at = [place for place, x in enumerate(node.inputs) if x in depends]
            if node.op not in ADDING or len(at) != 1 or self.uses[node] > 1:
                raise _Waits
            if node.op is subtract and at == [1]:
                raise _Waits
            terms.append((node.op, node.inputs[1 - at[0]]))
            chain.add(node)
            node = node.inputs[at[0]]
        if self.uses[carry] > 1:
            raise _Waits
        return terms[::-1], chain

    def _folded(self, carry: Node, terms: Sequence[tuple[Op, Node]]) -> Node:
        total = self.became[carry]
        for op, term in terms:
            self.trace.origin = term.origin
            folded = self._summed(term)
            if folded.type != total.type:
                raise _Waits
            total = self.trace.record(op, (total, folded), {})
        return total

    def _summed(self, term: Node) -> Node:
        """Return the sum of a term over the iterations."""
        value = self._one(term)
        if term not in self.mapped:
            value = self.batch.stretched(value, False)
        elif self._is_product(term):
            x, y = (self.became[operand] for operand in term.inputs)
            sides = {"left": "a", "right": "a", "result": ""}
            return self.trace.record(contract, (x, y), sides)
        return self.trace.record(sum_, (value,), {"axes": (0,)})

    def _is_product(self, term: Node) -> bool:
        """Tell whether the sum of a term is an inner product: of what is read, within a loop."""
        if term.op is not multiply or not self.depth or term.array_type.dtype.kind not in "fc":
            return False
        one, other = term.inputs
        return one is not other and all(
            x in self.mapped and self.became[x].array_type.rank == 1 for x in term.inputs
        )

    def _one(self, node: Node) -> Node:
        """Return what stands for a node of the body."""
        made = self.became.get(node)
        if made is None or node in self.state or node in self.carries:
            raise _Waits
        return made

    def _map(self, node: Node) -> None:
        """Record what a node computes, for all iterations at once where they differ."""
        if isinstance(node.type, tuple):
            raise _Waits
        operands = [self._one(x) for x in node.inputs]
        flags = [x in self.mapped for x in node.inputs]
        varies = self.index in symbols_of(node)
        if not varies and not any(flags):
            self.became[node] = self.trace.record(node.op, tuple(operands), node.params)
            return
        self.mapped.add(node)
        if node.op in (strided, affine):
            part = part_of(node).over(self.index, self.trips, flags[0])
            self.became[node] = read(self.trace, operands[0], part)
        elif node.op is size:
            self.became[node] = self._counted(node)
        elif not varies and (isinstance(node.op.lowering, Elementwise) or node.op in MAPPED):
            self.became[node] = self.batch.apply(node, operands, flags)
        else:
            raise _Waits

    def _counted(self, node: Node) -> Node:
        """Return the values of a number that is affine in the loop's variable."""
        dim, dtype = node.params["dim"], node.params["dtype"]
        begin = dims.substitute(dim, {self.index: 0})
        slope = dims.substitute(dim, {self.index: 1}) - begin
        if begin + slope * dims.symbol(self.index) != dim:
            raise _Waits
        numbers = self.batch.record(iota, length=self.trips, dtype=dtype)
        first, step = (self.batch.record(size, dim=x, dtype=dtype) for x in (begin, slope))
        return self.batch.record(add, first, self.batch.record(multiply, step, numbers))

    def _read_state(self, node: Node) -> None:
        """Let a read of what this iteration has written be that, and no other reads wait."""
        part = part_of(node)
        source = node.inputs[0]
        while source not in self.body.inputs:
            written = part_of(source)
            if written == part:
                self.became[node] = self._one(source.inputs[1])
                if source.inputs[1] in self.mapped:
                    self.mapped.add(node)
                return
            if not are_apart(written, part):
                raise _Waits
            source = source.inputs[0]
        number = self.state[source]
        everywhere = over_all_trips(part.bounds(), self.params)
        for write in self.body.nodes:
            if write.op not in (strided_set, affine_set) or self._state_of(write) != number:
                continue
            if not apart(over_all_trips(part_of(write).bounds(), self.params), everywhere):
                raise _Waits
        whole = self.operands[len(self.carries) + number]
        if self.index not in symbols_of(node):
            self.became[node] = read(self.trace, whole, part)
            return
        self.mapped.add(node)
        self.became[node] = read(self.trace, whole, part.over(self.index, self.trips, False))

    def _state_of(self, write: Node) -> int | None:
        """Return which of the arrays written it is that a node writes to."""
        while write.op in (strided_set, affine_set):
            write = write.inputs[0]
        return self.state.get(write)

    def _written(self, array: Node, number: int) -> Node:
        """Return an array with what all iterations write to it."""
        for write in self.writes:
            if self.state[write] == number:
                self.trace.origin = write.origin
                update = self.became[write.inputs[1]]
                whole = self.batch.stretched(update, write.inputs[1] in self.mapped)
                part = part_of(write).over(self.index, self.trips, False)
                plain, params = part.spelled()
                op = strided_set if plain else affine_set
                array = self.trace.record(op, (array, whole), params)
        return array


__all__ = ["vectorised"]
