"""The stages of irgrad in order; read this first.

    fn -trace-> Graph -differentiate-> Graph -simplify-> Graph -schedule-> Program -emit-> text

Each stage is a pure function from one frozen value to the next. Sizes that the trace has fixed are
numbers (``with_numbers``), and loops whose iterations don't wait for one another
are operations on arrays (``vectorised``), from differentiation on. A ``Compilation`` keeps all of
it: reports, tests and ``explain`` read only that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from irgrad.emit import library
from irgrad.emit.emit import emit
from irgrad.ir import dims, loops
from irgrad.ir.graph import Graph
from irgrad.ir.module import EmittedModule
from irgrad.ir.op import Kernel
from irgrad.ir.rename import with_numbers
from irgrad.ir.text import digest, graph_text
from irgrad.ir.verify import verify
from irgrad.joint import differentiated
from irgrad.ops import OPS
from irgrad.options import Options
from irgrad.schedule.into import into
from irgrad.schedule.lower import lower_function
from irgrad.schedule.names import is_safe
from irgrad.simplify import simplify
from irgrad.stages import Stages
from irgrad.vectorise import vectorised


@dataclass(frozen=True, eq=False)
class Compilation:
    """Every artefact of compiling one function for one set of argument types.

    ``primal`` is the traced graph, ``joint`` the graph of value and gradient, both simplified.
    ``seconds`` are what the stages up to the emitted text took.
    """

    traced: Graph
    primal: Graph
    joint: Graph | None
    program: loops.Program
    module: EmittedModule
    seconds: Mapping[str, float] = field(default_factory=dict)


def compile_graph(
    traced: Graph,
    wanted: Sequence[int] | None,
    options: Options,
    *,
    verified: bool = True,
    joint: Graph | None = None,
    stages: Stages | None = None,
) -> Compilation:
    """Run the stages after tracing; ``wanted`` are the inputs to differentiate by, None: none.

    ``joint`` is the graph of value and gradient where it has been derived already.

    Raises: DifferentiationError, InternalError.
    """
    stages = stages or Stages()
    if wanted is not None and joint is None:
        with stages.stage("differentiate"):
            joint = differentiated(traced, wanted, verified=verified)
    with stages.stage("simplify"):
        if joint is not None:
            joint = simplify(joint)
        primal = simplify(vectorised(with_numbers(traced)))
        if verified:
            verify(primal)
            if joint is not None:
                verify(joint)
    return _emitted(traced, primal, joint, wanted or (), options, stages)


def compile_into(
    compilation: Compilation, wanted: Sequence[int], options: Options
) -> tuple[loops.Program, EmittedModule]:
    """Return a module whose function writes the gradient into arrays that it is given.

    It takes them after its arguments, and returns the value and those slopes that are numbers.
    """
    function = compilation.program.functions[-1]
    name = function.name.replace("value_and_grad", "value_and_grad_into", 1)
    program = loops.Program((into(function, name, len(wanted)),))
    shown = compilation.traced.name if is_safe(compilation.traced.name) else "function"
    notes = _notes(program.functions[0], options)
    title = f"{shown}: value, and gradient written into arrays that are given."
    source = emit(program, title=title, notes=notes, fastmath=options.fastmath)
    return program, EmittedModule(source, digest(source), (name,))


def _emitted(
    traced: Graph,
    primal: Graph,
    joint: Graph | None,
    wanted: Sequence[int],
    options: Options,
    stages: Stages,
) -> Compilation:
    with stages.stage("schedule"):
        title, program = _scheduled(traced, primal, joint, wanted, options)
    with stages.stage("emit"):
        notes = _notes(program.functions[-1], options)
        source = emit(program, title=title, notes=notes, fastmath=options.fastmath)
    names = tuple(function.name for function in program.functions)
    module = EmittedModule(source, digest(source), names)
    return Compilation(traced, primal, joint, program, module, stages.seconds)


def _scheduled(
    traced: Graph, primal: Graph, joint: Graph | None, wanted: Sequence[int], options: Options
) -> tuple[str, loops.Program]:
    """Return what the emitted file is called, and what stands in it."""
    texts = [graph_text(primal), options.key()]
    if joint is not None:
        texts.insert(1, graph_text(joint))
    key = digest("\n".join(texts))
    reserved = _reserved_names()
    outputs = len(traced.outputs)
    values = ["value"] if outputs == 1 else [f"value_{position}" for position in range(outputs)]
    shown = traced.name if is_safe(traced.name) else "function"
    functions = [
        _lowered(primal, f"value_{key}", f"Return the value of {shown}.", values, reserved, options)
    ]
    title = f"{shown}: value."
    if joint is not None:
        arguments = [argument.name for argument in functions[0].arguments]
        bars = [f"{arguments[position]}_bar" for position in wanted]
        title = f"{shown}: value, and gradient with respect to " + ", ".join(
            arguments[position] for position in wanted
        ) + "."  # fmt: skip
        functions.append(
            _lowered(
                joint,
                f"value_and_grad_{key}",
                f"Return the value of {shown}, and its gradient.",
                [*values, *bars],
                reserved,
                options,
            )
        )
    return title, loops.Program(tuple(functions))


def _lowered(
    graph: Graph,
    name: str,
    summary: str,
    wishes: Sequence[str],
    reserved: frozenset[str],
    options: Options,
) -> loops.Function:
    """Lower a graph; questions about sizes were answered, and recorded, when it was made."""
    with dims.assuming(dims.Assumptions(graph.hints, dict.fromkeys(graph.guards))):
        return lower_function(
            graph, name, summary, wishes, reserved, parallel=options.parallel
        )


def _notes(function: loops.Function, options: Options) -> list[str]:
    sizes = ", ".join(size.name for size in function.sizes)
    notes = [f"Sizes: any {sizes}." if sizes else "Sizes: fixed."]
    if options.fastmath:
        notes.append("Compiled with fastmath: no value may be NaN or infinite.")
    return notes


def _reserved_names() -> frozenset[str]:
    kernels = frozenset(
        op.lowering.function for op in OPS.values() if isinstance(op.lowering, Kernel)
    )
    return kernels | library.names()
