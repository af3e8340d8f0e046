"""Which sizes stay numbers and which become symbols, and the traces that result.

The first call keeps sizes up to ``SMALL`` as numbers, since short axes are unrolled; larger ones
become symbols, equal sizes sharing one. A later call that does not fit is traced again, with every
size that has been seen to vary a symbol, and sizes that have been seen to differ kept apart.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from irgrad.arguments import NAMESPACE, Call, Leaf, Signature, flatten
from irgrad.differentiate.context import depending_on
from irgrad.errors import ArgumentError, DifferentiationError, GradientWarning, IrgradError
from irgrad.inline.reverse import INDEPENDENT
from irgrad.ir import dims
from irgrad.ir.types import ArrayType
from irgrad.options import Options
from irgrad.pipeline import Compilation, compile_graph
from irgrad.reroll import reroll
from irgrad.runtime.call import Executable, executable
from irgrad.runtime.draws import Draws
from irgrad.runtime.watch import Watched, watch
from irgrad.schedule.bodies import has_loops_to_emit
from irgrad.trace.elements import elements
from irgrad.trace.origins import warn_here
from irgrad.trace.trace import InputSpec, Traced, run_traced

SMALL = 16
LONG = 300
"""Nodes from which a trace is searched for loops; shorter ones run faster written out."""
_LETTERS = ("n", "m", "p", "q", "r", "s")


@dataclass(eq=False)
class Specialisation:
    """One trace: the types it holds for, its compilation, and the functions it became."""

    types: tuple[ArrayType, ...]
    traced: Traced
    compilation: Compilation
    wanted: tuple[int, ...] | None
    complaint: IrgradError | None
    watched: Watched
    executables: dict[str, Executable] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fits(self, call: Call) -> bool:
        """Tell whether the arguments' sizes are those this trace holds for."""
        sizes: dict[str, int] = {}
        for type, leaf in zip(self.types, call.leaves, strict=False):
            for dim, number in zip(type.shape, leaf.shape, strict=True):
                if isinstance(dim, dims.Size):
                    if sizes.setdefault(str(dim), number) != number:
                        return False
                elif dim != number:
                    return False
        if not all(guard.holds(sizes) for guard in self.traced.graph.guards):
            return False
        return self.watched.unchanged()


def assign_sizes(
    leaves: Sequence[Leaf],
    seen: Sequence[tuple[tuple[int, ...], ...]] | None,
    taken: set[str],
) -> tuple[tuple[ArrayType, ...], dict[str, int]]:
    """Return the types of the arguments, and the numbers their symbols stand for.

    ``seen`` are the shapes of all calls so far with these ranks, the present one last; None keeps
    every size a number.
    """
    if seen is None:
        return tuple(ArrayType(leaf.dtype, leaf.shape) for leaf in leaves), {}
    groups: dict[tuple[int, ...], str] = {}
    hints: dict[str, int] = {}
    types = []
    for position, leaf in enumerate(leaves):
        shape: list[dims.Dim] = []
        for axis, number in enumerate(leaf.shape):
            if leaf.members is not None:  # as many as the structure says
                shape.append(number)
                continue
            history = tuple(shapes[position][axis] for shapes in seen)
            varied = len({size for size in history if size != 1}) > 1
            if number == 1 or (number <= SMALL and not varied):
                shape.append(number)
                continue
            name = groups.get(history)
            if name is None:
                name = groups[history] = _fresh(taken | set(hints))
                hints[name] = number
            shape.append(dims.symbol(name))
        types.append(ArrayType(leaf.dtype, tuple(shape)))
    return tuple(types), hints


def _fresh(taken: set[str]) -> str:
    for letter in _LETTERS:
        if letter not in taken:
            return letter
    count = 1
    while f"n_{count}" in taken:
        count += 1
    return f"n_{count}"


def specialise(
    signature: Signature,
    call: Call,
    seen: Sequence[tuple[tuple[int, ...], ...]] | None,
    argnums: tuple[int, ...],
    options: Options,
    name: str,
) -> Specialisation:
    """Trace and compile for one call.

    Raises: TracingError, DifferentiationError.
    """
    names = {leaf.name for leaf in call.leaves}
    types, hints = assign_sizes(call.leaves, seen, names)
    specs = [
        InputSpec(leaf.name, type, leaf.weak if leaf.members is None else None)
        for leaf, type in zip(call.leaves, types, strict=True)
    ]
    draws = Draws(signature.function, (value for _, value in call.static))
    traced = run_traced(
        lambda *tracers: signature.call_with(call, tracers, elements),
        specs,
        flatten,
        hints=hints,
        name=name,
    )
    draws.refuse()
    traced = with_loops(traced)
    wanted: tuple[int, ...] | None = None
    complaint: IrgradError | None = None
    compilation: Compilation | None = None
    if argnums:
        try:
            wanted = wanted_leaves(call, argnums)
            compilation = compile_graph(traced.graph, wanted, options)
        except DifferentiationError as error:
            complaint, wanted = error, None
    else:
        complaint = DifferentiationError(
            f"{name} was compiled for its value only", remedy="give argnums to irgrad.compile"
        )
    if compilation is None:
        compilation = compile_graph(traced.graph, None, options)
    captured_types = tuple(
        node.array_type for node in traced.graph.inputs[len(types) :]
    )
    return Specialisation(
        types + captured_types,
        traced,
        compilation,
        wanted,
        complaint,
        watch(signature.function, traced.captured),
    )


def with_loops(traced: Traced) -> Traced:
    """Return a long trace with its loops put back, where the back end can emit them."""
    rolled = reroll(traced.graph, least=LONG)
    if not rolled.loops or not has_loops_to_emit(rolled.graph):
        return traced
    return replace(traced, graph=rolled.graph, captured=(*traced.captured, *rolled.tables))


def wanted_leaves(call: Call, argnums: tuple[int, ...]) -> tuple[int, ...]:
    """Return the leaves of the arguments to differentiate by.

    Raises: ArgumentError for a missing argument; DifferentiationError for integers.
    """
    wanted: list[int] = []
    for argument in argnums:
        if not -len(call.parameters) <= argument < len(call.parameters):
            raise ArgumentError(
                f"argnums names argument {argument} of a call with {len(call.parameters)}",
                remedy="count the arguments from 0, static ones left out",
            )
        number = argument % len(call.parameters)
        for position in call.spans[number]:
            leaf = call.leaves[position]
            if leaf.dtype.kind not in "fc":
                first = [where for where, _ in call.places(number)].index(position)
                path = call.structures[number].accessors()[first]
                place = path.codify(call.parameters[number])
                raise DifferentiationError(
                    f"can't differentiate by {place}: its dtype is {leaf.dtype}, and a "
                    "derivative needs a floating-point one",
                    remedy="pass it as floats (x.astype(float), 2.0 for 2), or leave it out of "
                    "argnums",
                )
            wanted.append(position)
    return tuple(wanted)


def warn_of_independence(specialisation: Specialisation, name: str) -> None:
    """Warn where no path leads from the result to what it is differentiated by."""
    graph, wanted = specialisation.traced.graph, specialisation.wanted
    if not wanted:
        return
    active = depending_on(graph.nodes, [graph.inputs[position] for position in wanted])
    if graph.outputs[0] not in active:
        warn_here(INDEPENDENT.format(name), GradientWarning)


def prepared(specialisation: Specialisation, gradient: bool, options: Options) -> Executable:
    """Return the compiled function of a specialisation, compiling it at most once."""
    kind = "value_and_grad" if gradient else "value"
    ready = specialisation.executables.get(kind)
    if ready is not None:
        return ready
    with specialisation.lock:
        ready = specialisation.executables.get(kind)
        if ready is None:
            module = specialisation.compilation.module
            name = module.functions[1 if gradient else 0]
            ready = executable(module, name, specialisation.types, jit=options.jit)
            specialisation.executables[kind] = ready
    return ready


__all__ = [
    "NAMESPACE",
    "Specialisation",
    "assign_sizes",
    "prepared",
    "specialise",
    "warn_of_independence",
]
