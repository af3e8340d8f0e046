"""A program over cells as an op of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from irgrad.group.adjoint import adjoint
from irgrad.group.programs import Program, run
from irgrad.group.text import text_of
from irgrad.ir.op import Kernel, Op
from irgrad.ir.types import ArrayType, ValueType
from irgrad.ops.axes import shape_of

PREFIX = "grouped"


_PROGRAMS: WeakKeyDictionary[Op, Program] = WeakKeyDictionary()


def program_of(op: Op) -> Program | None:
    """Return the program that an op does, None where it is another op."""
    return _PROGRAMS.get(op)


def op_of(program: Program) -> Op:
    """Return the op that does ``program``: on its fixed banks, starts, groups and cells.

    It stands in no registry, since its text is that of one graph.
    """

    def infer(*types: ArrayType) -> ValueType:
        starts = types[program.fixed : -2]
        results = [
            start.with_shape((start.shape[0] + added,))
            for start, added in zip(starts, program.added, strict=True)
        ]
        return results[0] if len(results) == 1 else tuple(results)

    def evaluate(*operands: Any) -> Any:
        *vectors, groups, cells = map(np.asarray, operands)
        made = run(program, vectors, groups, cells)
        return made[0] if len(made) == 1 else made

    def pullback(cotangent: Any, out: Any, *operands: Any) -> tuple[Any, ...]:
        single = len(program.added) == 1
        cotangents: Sequence[Any] = (cotangent,) if single else cotangent
        outs: Sequence[Any] = (out,) if single else out
        *vectors, groups, cells = operands
        fixed = vectors[: program.fixed]
        seeds = [np.zeros_like(x) for k, x in enumerate(fixed) if k not in program.constant]
        seeds += [
            np.zeros_like(own) if given is None else given
            for own, given in zip(outs, cotangents, strict=True)
        ]
        made = op_of(adjoint(program))(*fixed, *outs, *seeds, groups, cells)
        bars = list(made if isinstance(made, tuple) else (made,))
        slopes: list[Any] = [
            None if k in program.constant else bars.pop(0) for k in range(program.fixed)
        ]
        for start, bar in zip(vectors[program.fixed :], bars, strict=True):
            (length,) = shape_of(start)
            slopes.append(bar if shape_of(bar) == (length,) else bar[:length])
        return (*slopes, None, None)

    op = Op(
        name=program.name,
        evaluate=evaluate,
        infer=infer,
        lowering=Kernel(program.name, text_of(program), whole=True),
        pullback=pullback,
    )
    _PROGRAMS[op] = program
    return op
