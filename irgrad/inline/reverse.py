"""``grad``, ``value_and_grad`` and ``vjp`` on traced values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import optree

from irgrad.arguments import flatten
from irgrad.differentiate.active import INDEPENDENT, depending_on
from irgrad.differentiate.reverse import REAL_REMEDY, pull_back
from irgrad.errors import ArgumentError, DifferentiationError, GradientWarning
from irgrad.inline.leaves import (
    added,
    fresh,
    leaf_name,
    lifted,
    matched,
    replaced,
    tangent_type,
    trace_of,
    zeros,
)
from irgrad.ir.graph import reachable
from irgrad.trace.origins import location_here, warn_here
from irgrad.trace.tracer import Trace, Tracer


@dataclass(slots=True)
class Run:
    """A function run on fresh arguments: what it was run on, and what came out.

    ``trees`` are the arguments that derivatives are taken by, ``wanted`` their leaves; ``outputs``
    the leaves of the result and ``structure`` its structure.
    """

    trace: Trace
    trees: list[Any]
    wanted: list[Tracer]
    outputs: list[Tracer]
    structure: Any
    value: Any
    aux: Any

    def in_structure(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return one value for each leaf of the arguments, in their structure."""
        rest = iter(leaves)
        return tuple(
            optree.tree_unflatten(structure, [next(rest) for _ in range(structure.num_leaves)])
            for structure in (flatten(tree)[1] for tree in self.trees)
        )


def numbers(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    """Return ``argnums`` as positions counted from the front.

    Raises: ArgumentError for a position that a call with ``count`` arguments doesn't have.
    """
    named = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)
    for position in named:
        if not -count <= position < count:
            raise ArgumentError(
                f"argnums names argument {position} of a call with {count}",
                remedy="count positional arguments from 0; keyword arguments have no number",
                location=location_here(),
            )
    return tuple(int(position) % count for position in named)


def run(
    function: Callable[..., Any],
    argnums: int | Sequence[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    purpose: str,
    has_aux: bool = False,
) -> Run:
    """Run ``function`` with the arguments ``argnums`` as fresh nodes.

    Raises: DifferentiationError for integer arguments; ArgumentError where ``has_aux`` promises
    a pair and there is none.
    """
    trace = trace_of((args, kwargs))
    positions = numbers(argnums, len(args))
    trees, wanted = [], []
    for position in positions:
        tree, leaves = fresh(trace, args[position], f"args[{position}]", purpose)
        trees.append(tree)
        wanted.extend(leaves)
    value = function(*replaced(args, positions, trees), **kwargs)
    aux = None
    if has_aux:
        if not isinstance(value, tuple) or len(value) != 2:
            raise ArgumentError(
                f"has_aux=True promises a pair (value, aux); the function returned {_shown(value)}",
                remedy="return exactly two values, or leave has_aux out",
                location=location_here(),
            )
        value, aux = value
    results, structure = flatten(value)
    return Run(trace, trees, wanted, [lifted(trace, r) for r in results], structure, value, aux)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return str(value) if isinstance(value, Tracer) else f"a {type(value).__name__}"


def cotangents(done: Run, seeds: Sequence[Tracer | None]) -> list[Tracer]:
    """Return the cotangents of the wanted leaves, given those of the outputs."""
    given: dict[Any, Tracer] = {}
    for output, seed in zip(done.outputs, seeds, strict=True):
        if seed is not None and output.type.inexact:
            added(given, output.node, seed)
    nodes = [leaf.node for leaf in done.wanted]
    found = pull_back(done.trace, given, nodes) if given else [None] * len(nodes)
    return [
        zeros(done.trace, node.array_type) if slope is None else slope
        for slope, node in zip(found, nodes, strict=True)
    ]


def inline_value_and_grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    has_aux: bool = False,
    holomorphic: bool = False,
) -> tuple[Any, Any]:
    """Return value and gradient of ``function`` at traced arguments, recorded in their trace.

    The value is a pair with ``has_aux``.

    Raises: DifferentiationError where the function returns no single real number, or, if it is
    said to be holomorphic, no complex one of complex arguments.
    """
    done = run(function, argnums, args, kwargs, "grad", has_aux)
    result = done.outputs[0] if len(done.outputs) == 1 else None
    if holomorphic:
        check_holomorphic(done, "grad")
    if result is None or result.type.shape or result.type.dtype.kind != "fc"[holomorphic]:
        kinds = ", ".join(
            f"{leaf_name(done.structure, i, 'result')} {output.type}"
            for i, output in enumerate(done.outputs)
        )
        raise DifferentiationError(
            f"grad needs a function that returns one {'complex' if holomorphic else 'real'} "
            f"number; this one returns {kinds or None}",
            remedy=REAL_REMEDY if result is not None and result.type.dtype.kind == "c"
            else "sum or average it, return other results by has_aux=True, or ask for a jacobian",
            location=_line_of(result) or location_here(),
        )
    one = Tracer(done.trace, done.trace.scalar(1.0, result.dtype))
    if done.wanted and not getattr(function, "is_derived", False):
        active = depending_on(reachable([result.node]), [leaf.node for leaf in done.wanted])
        if result.node not in active:
            warn_here(INDEPENDENT.format(getattr(function, "__name__", "it")), GradientWarning)
    gradients = done.in_structure(cotangents(done, [one]))
    value = (done.value, done.aux) if has_aux else done.value
    return value, gradients if isinstance(argnums, Sequence) else gradients[0]


def check_holomorphic(done: Run, purpose: str) -> None:
    """Check that a function said to be holomorphic takes and returns complex numbers.

    Raises: DifferentiationError.
    """
    for word, tracers in (("an argument", done.wanted), ("a result", done.outputs)):
        for tracer in tracers:
            if tracer.dtype.kind != "c":
                raise DifferentiationError(
                    f"{purpose} with holomorphic=True is for complex functions of complex "
                    f"numbers; {word} is {tracer.type}",
                    remedy="make it complex with .astype(complex), or leave holomorphic out",
                    location=_line_of(tracer) or location_here(),
                )


def _line_of(result: Tracer | None) -> Any:
    origin = result.node.origin if result is not None else None
    return origin.location() if origin else None


def inline_vjp(
    function: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool = False
) -> tuple[Any, Callable[[Any], tuple[Any, ...]], Any]:
    """Return value, pullback and auxiliary result of ``function`` at traced primals.

    The pullback maps cotangents in the structure of the value to a tuple, one for each primal.
    """
    done = run(function, tuple(range(len(primals))), primals, {}, "vjp", has_aux)
    types = [tangent_type(output.type) for output in done.outputs]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        """Return the cotangents of the primals, given that of the value."""
        seeds = matched(done.trace, cotangent, done.structure, types, "cotangent")
        return done.in_structure(cotangents(done, seeds))

    return done.value, pullback, done.aux
