"""Which sizes stay numbers and which become symbols, and the traces that result.

The first call keeps sizes up to ``SMALL`` as numbers, since short axes are unrolled; larger ones
become symbols, equal sizes sharing one. A later call that does not fit is traced again, with every
size that has been seen to vary a symbol, and sizes that have been seen to differ kept apart.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from irgrad.arguments import NAMESPACE, Call, Leaf, Signature, flatten
from irgrad.differentiate.active import INDEPENDENT, depending_on
from irgrad.errors import ArgumentError, DifferentiationError, GradientWarning, IrgradError
from irgrad.garbage import full_collections_put_off
from irgrad.ir import dims
from irgrad.ir.effort import effort
from irgrad.ir.graph import Graph
from irgrad.ir.module import EmittedModule
from irgrad.ir.types import ArrayType
from irgrad.ir.work import operations
from irgrad.options import LONG, Options
from irgrad.runtime.background import Job, begin
from irgrad.runtime.call import (
    Executable,
    Work,
    executable,
    is_likely_stored,
    plain_executable,
)
from irgrad.runtime.draws import Draws
from irgrad.runtime.failures import conditions, explaining
from irgrad.runtime.front import Layout, layouts_are_known
from irgrad.runtime.recall import recalled, remember, trace_key
from irgrad.runtime.watch import Watched, watch
from irgrad.stages import Stages
from irgrad.trace.elements import elements
from irgrad.trace.origins import warn_here
from irgrad.trace.trace import InputSpec, Traced, run_traced

if TYPE_CHECKING:
    from irgrad.ir.loops import Function, Program
    from irgrad.pipeline import Compilation

SMALL = 16
MANY = 600
"""Scalars from which those without a pattern are grouped: numba needs 8 ms for each."""
ENOUGH_TO_SHARE = 100_000
"""Operations of a value from which its loops, or its gradient's, may keep two threads busy."""
VALUE, GRADIENT, INTO = "value", "value_and_grad", "value_and_grad_into"
"""The functions that a specialisation becomes; the last one writes into arrays it is given."""
SIZE_LETTERS = ("n", "m", "p", "q", "r", "s")
"""Names of sizes, which no loop variable may have."""


@dataclass(eq=False)
class Specialisation:
    """One trace: the types it holds for, its compilation, and the functions it became.

    ``key`` names the trace in the cache, None where it has no place there; ``recalled`` is the
    module that it became in another process, with which the stages up to the text are put off.
    """

    types: tuple[ArrayType, ...]
    traced: Traced
    wanted: tuple[int, ...] | None
    complaint: IrgradError | None
    watched: Watched
    options: Options
    stages: Stages
    key: str | None = None
    recalled: EmittedModule | None = None
    executables: dict[str, Executable] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _joint: Graph | None = None
    _compilation: Compilation | None = None
    _into: tuple[Program, EmittedModule] | None = None

    @property
    def joint(self) -> Graph | None:
        """The graph of value and gradient, derived when first asked for; None: there is none.

        Raises: DifferentiationError.
        """
        with self.lock:
            if self._joint is None and self.wanted is not None:
                from irgrad.joint import differentiated

                with self.stages.stage("differentiate"):
                    self._joint = differentiated(self.traced.graph, self.wanted)
            return self._joint

    @property
    def compilation(self) -> Compilation:
        """Every stage up to the emitted text; run when first asked for."""
        with self.lock:
            if self._compilation is None:
                from irgrad.pipeline import compile_graph

                self._compilation = compile_graph(
                    self.traced.graph,
                    self.wanted,
                    self.options,
                    joint=self.joint,
                    stages=self.stages,
                )
                graphs = [graph for graph in (self.traced.graph, self.joint) if graph is not None]
                if self.key is not None and not any(conditions(graph) for graph in graphs):
                    remember(self.key, self._compilation.module)
            return self._compilation

    @property
    def module(self) -> EmittedModule:
        """The emitted text: recalled, or that of the compilation."""
        return self.compilation.module if self.recalled is None else self.recalled

    def work(self, kind: str) -> Work:
        """Return what the compiler has to do for the function of a kind."""
        if kind == INTO:
            assert self.wanted is not None
            with self.lock:
                if self._into is None:
                    from irgrad.pipeline import compile_into

                    self._into = compile_into(self.compilation, self.wanted, self.options)
            program, module = self._into
            types = [
                ArrayType(argument.dtype, argument.shape)
                for argument in program.functions[0].arguments
            ]
            return Work(module, module.functions[0], types)
        module = self.module
        return Work(module, module.functions[kind == GRADIENT], self.types)

    def function(self, kind: str) -> Function:
        """Return the function of a kind as it was scheduled."""
        if kind == INTO:
            self.work(kind)
            assert self._into is not None
            return self._into[0].functions[0]
        return self.compilation.program.functions[kind == GRADIENT]

    def pending(self) -> list[Job]:
        """Return the jobs in the background, over or not."""
        return list(self.jobs.values())

    def graph(self, gradient: bool) -> Graph:
        """Return the graph of the value, or of value and gradient, before it is simplified."""
        graph = self.joint if gradient else self.traced.graph
        assert graph is not None
        return graph

    def result_types(self, gradient: bool) -> list[ArrayType]:
        """Return the types of the value's leaves and, with ``gradient``, of the slopes."""
        slopes = (self.wanted or ()) if gradient else ()
        values = [node.array_type for node in self.traced.graph.outputs]
        return values + [self.types[position] for position in slopes]

    def explained(self, run: Callable[..., Any], gradient: bool) -> Callable[..., Any]:
        """Return ``run`` with failed conditions explained; what was recalled has none."""
        return run if self.recalled is not None else explaining(run, self.graph(gradient))

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
    for letter in SIZE_LETTERS:
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
    stages = Stages()
    with stages.stage("trace"):
        traced = run_traced(
            lambda *tracers: signature.call_with(call, tracers, elements),
            specs,
            flatten,
            hints=hints,
            name=name,
            max_nodes=options.max_nodes,
        )
        stages.nodes = len(traced.graph.nodes)
        draws.refuse()
    with stages.stage("reroll"):
        traced = with_loops(traced)
    if options.parallel:
        traced, options = alone_where_small(traced, options)
    wanted: tuple[int, ...] | None = None
    complaint: IrgradError | None = None
    if argnums:
        try:
            wanted = wanted_leaves(call, argnums)
        except DifferentiationError as error:
            complaint = error
    else:
        complaint = DifferentiationError(
            f"{name} was compiled for its value only", remedy="give argnums to irgrad.compile"
        )
    captured_types = tuple(
        node.array_type for node in traced.graph.inputs[len(types) :]
    )
    made = Specialisation(
        types + captured_types,
        traced,
        wanted,
        complaint,
        watch(signature.function, traced.captured),
        options,
        stages,
        trace_key(traced.graph, wanted, options) if options.jit else None,
    )
    if made.key is not None:
        made.recalled = recalled(made.key)
    if made.recalled is not None:
        return made
    try:
        made.joint  # noqa: B018 (what has no derivative is said when one is asked for)
    except DifferentiationError as error:
        made.complaint, made.wanted, made.key = error, None, None
    if options.tier != "auto":
        made.compilation  # noqa: B018 (what can't be lowered is said now, not at a later call)
    return made


def import_what_answers() -> None:
    """Import now what the first answer needs, which must not take long: no later stage."""
    with full_collections_put_off():
        from irgrad import joint, reroll  # noqa: F401


def with_loops(traced: Traced) -> Traced:
    """Return a long trace with its loops put back, and scalars without a pattern grouped."""
    if len(traced.graph.nodes) < LONG and effort(traced.graph) < LONG:
        return traced
    from irgrad.reroll import reroll

    rolled = reroll(traced.graph, least=LONG, most=MANY)
    if rolled.loops:
        captured = (*traced.captured, *rolled.tables)
        traced = replace(traced, graph=rolled.graph, captured=captured)
    if len(traced.graph.nodes) < MANY:
        return traced
    from irgrad.group import group

    grouped = group(traced.graph, least=MANY)
    return replace(traced, graph=grouped.graph, captured=(*traced.captured, *grouped.tables))


def alone_where_small(traced: Traced, options: Options) -> tuple[Traced, Options]:
    """Return what one thread does best without parts to share, and up to which sizes it is so."""
    graph = traced.graph
    work = operations(graph)
    if work is None or dims.evaluate(work, graph.hints) >= ENOUGH_TO_SHARE:
        return traced, options
    if isinstance(work, dims.Size):
        varying, fixed = dims.apart(work)
        limit = dims.Guard(varying, "<", ENOUGH_TO_SHARE - fixed)
        traced = replace(traced, graph=replace(graph, guards=(*graph.guards, limit)))
    return traced, replace(options, parallel=False)


def layouts_of(leaves: Sequence[Leaf]) -> tuple[Layout | None, ...] | None:
    """Return what arguments must be for compiled code to take them as they are, with no other look.

    A Python float is a double whatever happens (None); arrays must be looked at. None altogether
    where there are other arguments, or no knowing how arrays are laid out in memory.
    """
    found: list[Layout | None] = []
    for leaf in leaves:
        if leaf.weak is float:
            found.append(None)
        elif leaf.weak is None and leaf.shape and leaf.members is None and layouts_are_known():
            found.append(Layout(np.dtype(leaf.dtype.type), len(leaf.shape)))
        else:
            return None
    return tuple(found)


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


def begun(specialisation: Specialisation, kind: str) -> Job:
    """Return the job that compiles a function in the background, starting it at most once."""
    job = specialisation.jobs.get(kind)
    if job is not None and not job.lost():
        return job  # without the lock, which the job holds while it lowers the graph
    with specialisation.lock:
        job = specialisation.jobs.get(kind)
        if job is None or job.lost():

            def make() -> tuple[Work, bool]:
                work = specialisation.work(kind)
                if specialisation.recalled is not None:
                    return work, False
                from irgrad.ir.loops import Call as KernelCall
                from irgrad.ir.loops import Loop, every_statement

                parts = every_statement(specialisation.function(kind).body)
                return work, not any(isinstance(part, Loop | KernelCall) for part in parts)

            job = specialisation.jobs[kind] = begin(make, specialisation.stages)
        return job


def prepared(specialisation: Specialisation, kind: str) -> Executable:
    """Return the compiled function of a specialisation, compiling it at most once."""
    ready = specialisation.executables.get(kind)
    if ready is not None:
        return ready
    if specialisation.options.tier == "auto" and specialisation.options.jit:
        job = begun(specialisation, kind)
        job.wait()
        assert job.ready is not None
        ready = specialisation.executables[kind] = job.ready
        return ready
    with specialisation.lock:
        ready = specialisation.executables.get(kind)
        if ready is None:
            work = specialisation.work(kind)
            if specialisation.options.jit:
                with specialisation.stages.stage("numba"):
                    if not is_likely_stored(work):
                        from irgrad.runtime.estimate import announce

                        name = specialisation.traced.graph.name
                        announce(name, specialisation.function(kind), work.module)
                    ready = executable(work)
            else:
                ready = plain_executable(work)
            specialisation.executables[kind] = ready
    return ready


__all__ = [
    "GRADIENT",
    "INTO",
    "NAMESPACE",
    "VALUE",
    "Specialisation",
    "assign_sizes",
    "begun",
    "import_what_answers",
    "prepared",
    "specialise",
    "warn_of_independence",
]
