"""About how long numba will need for an emitted function, known before it begins."""

from __future__ import annotations

from irgrad.ir import loops
from irgrad.ir.module import EmittedModule
from irgrad.stages import LONG_SECONDS, notice

# Least squares over 17 emitted programs of 7 to 271 statements, numba 0.68 on x86-64: within a
# third of the seconds measured. Above a thousand statements time grows faster than their number.
_EACH = 0.12
_STATEMENT = 0.0021
_LOOP = 0.0065
_MEMORY = 0.031
_HELPER = 0.167
_CROWDED = 5_000


def compile_seconds(function: loops.Function, module: EmittedModule) -> float:
    """Return about how many seconds numba takes for a function and the helpers beside it."""
    statements = nests = memory = 0
    for statement in loops.every_statement(function.body):
        statements += 1
        nests += isinstance(statement, loops.Loop)
        memory += isinstance(statement, loops.Allocate | loops.Slice | loops.Call)
    helpers = module.source.count("\ndef ") - len(module.functions)
    return (
        _EACH
        + _STATEMENT * statements * (1 + statements / _CROWDED)
        + _LOOP * nests
        + _MEMORY * memory
        + _HELPER * helpers
    )


def announce(name: str, function: loops.Function, module: EmittedModule) -> None:
    """Say that a compilation will take long, where it will."""
    seconds = compile_seconds(function, module)
    if seconds < LONG_SECONDS:
        return
    parts = list(loops.every_statement(function.body))
    nests = sum(isinstance(part, loops.Loop) for part in parts)
    notice(
        f"compiling {name} with numba: {len(parts):,} statements, {nests:,} of them loops, will "
        f"take about {seconds:.0f} s, once for all processes. Meanwhile "
        'irgrad.compile(..., tier="auto") answers by evaluating the graph.'
    )
