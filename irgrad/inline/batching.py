"""``vmap`` on traced values: the function is run once, on one element, and replayed on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.arguments import NAMESPACE, flatten
from irgrad.errors import ArgumentError, ShapeError
from irgrad.inline.batch_rules import Batch, replay
from irgrad.inline.leaves import leaf_name, lifted, placeholder, trace_of
from irgrad.ir import dims
from irgrad.ir.dims import Dim
from irgrad.ops.shape import transpose
from irgrad.trace.origins import location_here
from irgrad.trace.tracer import Trace, Tracer

Axes = Any
"""An axis, None, or a container of them: a prefix of the pytree it says something about."""


def spread(axes: Axes, tree: Any, name: str) -> list[int | None]:
    """Return one axis for each leaf of ``tree``, of which ``axes`` is a prefix.

    Raises: ArgumentError where it isn't.
    """
    count = len(flatten(tree)[0])
    if axes is None or isinstance(axes, int | np.integer):
        return [None if axes is None else int(axes)] * count
    given: list[Any]
    parts: list[Any]
    try:
        given = optree.tree_flatten_one_level(axes, namespace=NAMESPACE)[0]
        parts = optree.tree_flatten_one_level(tree, namespace=NAMESPACE)[0]
    except ValueError:
        given, parts = [], [None]
    same_kind = isinstance(axes, tuple | list) == isinstance(tree, tuple | list)
    if not same_kind or len(given) != len(parts):
        raise ArgumentError(
            f"{name}={axes!r} doesn't fit what it describes: {flatten(tree)[1]}",
            remedy=f"give {name} as an axis, None, or a container like the one it describes",
            location=location_here(),
        )
    pairs = zip(given, parts, strict=True)
    return [axis for own, part in pairs for axis in spread(own, part, name)]


def inline_vmap(
    function: Callable[..., Any],
    in_axes: Axes,
    out_axes: Axes,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Return ``function`` mapped over an axis of its traced arguments, recorded in their trace.

    Keyword arguments are mapped over their first axis.

    Raises: ArgumentError for axes that do not fit; ShapeError where batch sizes disagree.
    """
    trace = trace_of((args, kwargs))
    if isinstance(in_axes, list | tuple) and len(in_axes) != len(args):
        raise ArgumentError(
            f"vmap: in_axes has {len(in_axes)} entries, and the call {len(args)} arguments",
            remedy="give one axis, or None, for each",
            location=location_here(),
        )
    shared = in_axes is None or isinstance(in_axes, int | np.integer)
    axes = [
        axis
        for position, argument in enumerate(args)
        for axis in spread(in_axes if shared else in_axes[position], argument, "in_axes")
    ]
    leaves, structure = flatten((args, kwargs))
    axes += [0] * (len(leaves) - len(axes))
    tracers = [lifted(trace, leaf) for leaf in leaves]
    names = [leaf_name(structure, i, "") for i in range(len(leaves))]
    size = _batch_size(tracers, axes, names)
    start = len(trace.nodes)
    singles: list[Tracer] = []
    mapped = {}
    for tracer, axis in zip(tracers, axes, strict=True):
        if axis is None:
            singles.append(tracer)
            continue
        front = first(trace, tracer, axis)
        single = placeholder(trace, tracer.type.with_shape(front.type.shape[1:]))
        singles.append(single)
        mapped[single.node] = front.node
    own_args, own_kwargs = optree.tree_unflatten(structure, singles)
    value = function(*own_args, **own_kwargs)
    results, result_structure = flatten(value)
    outputs = [lifted(trace, result) for result in results]
    places = spread(out_axes, value, "out_axes")
    batch = Batch(trace, size)
    replay(batch, start, [output.node for output in outputs], mapped)
    ready = []
    for position, (output, axis) in enumerate(zip(outputs, places, strict=True)):
        node = mapped.get(output.node)
        if axis is None:
            if node is not None:
                raise ArgumentError(
                    f"vmap: out_axes is None for {leaf_name(result_structure, position, 'result')}"
                    ", which differs within the batch",
                    remedy="give the axis that the batch is to have in the result",
                    location=location_here(),
                )
            ready.append(output)
            continue
        whole = Tracer(trace, batch.stretched(output.node, False) if node is None else node)
        ready.append(moved(whole, 0, _normalized(axis, len(whole.type.shape), "out_axes", output)))
    return optree.tree_unflatten(result_structure, ready)


def _normalized(axis: int, rank: int, name: str, what: Any) -> int:
    if not -rank <= axis < rank:
        raise ArgumentError(
            f"vmap: {name} names axis {axis} of {what}",
            remedy="name an axis it has, or None for an argument that is the same for all",
            location=location_here(),
        )
    return axis % rank


def first(trace: Trace, tracer: Tracer, axis: int) -> Tracer:
    """Return an array with the axis to map over in front."""
    rank = len(tracer.type.shape)
    return moved(tracer, _normalized(axis, rank, "in_axes", tracer.type), 0)


def moved(tracer: Tracer, source: int, target: int) -> Tracer:
    """Return an array with one axis moved; not a view, nothing is written to it."""
    order = [axis for axis in range(len(tracer.type.shape)) if axis != source]
    order.insert(target, source)
    if order == sorted(order):
        return tracer
    return transpose(tracer, axes=tuple(order))  # type: ignore[no-any-return]


def _batch_size(tracers: Sequence[Tracer], axes: Sequence[int | None], names: Sequence[str]) -> Dim:
    sizes: list[tuple[str, Dim]] = []
    for tracer, axis, name in zip(tracers, axes, names, strict=True):
        if axis is not None:
            rank = len(tracer.type.shape)
            place = _normalized(axis, rank, "in_axes", f"argument {name}, which is {tracer.type}")
            sizes.append((name, tracer.type.shape[place]))
    if not sizes:
        raise ArgumentError(
            "vmap: no argument is mapped",
            remedy="give an axis for one argument at least",
            location=location_here(),
        )
    for _, size in sizes:
        if not dims.same(size, sizes[0][1]):
            raise ShapeError(
                "vmap: the mapped axes differ in size: "
                + ", ".join(f"{word} has {dim}" for word, dim in sizes),
                remedy="map over axes of one size, or give None for what is the same for all",
                location=location_here(),
            )
    return sizes[0][1]
