"""Which emitted module a trace has become: a new process skips the stages in between.

Beside the emitted texts, which are named by their content, the cache directory holds a record for
each trace: the digest of the module and the names of its functions. A record is named by all that
the stages after tracing depend on: the text of the graph, the sizes of the first call, by which
they choose, the options, and irgrad's own files, versions and processor (`environment_key`).

A graph whose text doesn't say everything has no record: where params or ops hold functions from
elsewhere than irgrad, which may have changed while their names stayed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import FunctionType, MethodType, NoneType
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph
from irgrad.ir.module import EmittedModule
from irgrad.ir.op import Op
from irgrad.ir.text import digest, graph_text, param_text
from irgrad.options import Options
from irgrad.runtime.cache import (
    cache_directory,
    cache_key,
    environment_key,
    read_owned,
    seal,
    stored_source,
    unseal,
    warn_memory_only,
    write_atomically,
)

MOST = 2000
"""Nodes of a graph, nested ones not counted, from which the rest takes much longer than a text."""


def trace_key(graph: Graph, wanted: Sequence[int] | None, options: Options) -> str | None:
    """Return the name of the record of a trace; None where it can have none.

    ``wanted`` are the inputs to differentiate by, None: none.
    """
    if len(graph.nodes) > MOST or cache_directory() is None:
        return None
    graphs = list(_with_nested(graph))
    ops = {node.op for each in graphs for node in each.nodes}
    params = (value for each in graphs for node in each.nodes for value in node.params.values())
    if not _are_known([*ops, *params]):
        return None
    return cache_key(
        environment_key(),
        options.key(),
        repr(None if wanted is None else list(wanted)),
        graph_text(graph),
        *(_beside_the_text(each) for each in graphs),
        *sorted(f"{op.name} {param_text(op.lowering)}" for op in ops),
    )


def recalled(key: str) -> EmittedModule | None:
    """Return the module that a trace became, if its text is in the cache and intact."""
    directory = cache_directory()
    if directory is None:
        return None
    try:
        record = read_owned(directory / f"irgrad_{key}.trace")
    except OSError as error:
        warn_memory_only(error)
        return None
    text = None if record is None else unseal(record)
    if text is None:
        return None
    name, *functions = text.split()
    source = stored_source(name)
    if source is None or digest(source) != name:
        return None
    return EmittedModule(source, name, tuple(functions))


def remember(key: str, module: EmittedModule) -> None:
    """Record that a trace has become ``module``."""
    directory = cache_directory()
    if directory is not None:
        try:
            record = seal("\n".join([module.digest, *module.functions]))
            write_atomically(directory / f"irgrad_{key}.trace", record)
        except OSError as error:
            warn_memory_only(error)


def _with_nested(graph: Graph) -> Iterator[Graph]:
    """Yield a graph and all that its nodes hold; always in the same order."""
    stack = [graph]
    while stack:
        current = stack.pop()
        yield current
        for node in current.nodes:
            for value in node.params.values():
                held = value if isinstance(value, tuple | list) else (value,)
                stack.extend(part for part in held if isinstance(part, Graph))


def _beside_the_text(graph: Graph) -> str:
    """Return what the stages see of a graph and its text doesn't tell."""
    unplaced = [number for number, node in enumerate(graph.nodes) if node.origin is None]
    return f"{graph.name!a} {sorted(graph.hints.items())} {unplaced}"


def _are_known(values: Iterable[Any]) -> bool:
    """Tell whether the texts and names of params and ops say all there is to them."""
    stack, seen = list(values), set()
    while stack:
        value = stack.pop()
        if isinstance(value, _PLAIN):
            continue
        if isinstance(value, tuple | list):
            stack.extend(value)
            continue
        if isinstance(value, Mapping):
            stack.extend(value.values())
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Op):
            stack.extend((value.evaluate, value.infer, value.partials, value.pullback))
            stack.extend((value.promote, getattr(value.lowering, "index", None)))
            stack.append(getattr(value.lowering, "initial", None))
        elif isinstance(value, functools.partial):
            stack.extend((value.func, value.args, value.keywords))
        elif isinstance(value, _CACHED):
            stack.append(value.__wrapped__)
        elif callable(value):
            named = value if isinstance(value, type | FunctionType) else type(value)
            place = named.__module__.partition(".")[0]
            if place not in _KNOWN_PLACES or isinstance(value, MethodType):
                return False
            for cell in getattr(value, "__closure__", None) or ():
                with suppress(ValueError):  # an empty one
                    stack.append(cell.cell_contents)
    return True


_PLAIN = (NoneType, int, float, complex, str, bytes, np.generic, np.ndarray, np.dtype)
_CACHED = type(functools.cache(str))
_KNOWN_PLACES = ("irgrad", "numpy", "builtins")


__all__ = ["recalled", "remember", "trace_key"]
