"""Programs over cells: what a graph of scalars without a pattern is turned into.

A program works on ``banks``, vectors of numbers. It is a list of groups; a group is a run of
records of one kind, done in order; a record is a row of ``cells``, the places in the banks that it
reads and writes. So its text is as long as it has kinds, however many records there are.

The banks are, in order: those only read, then those written, each of which starts as a vector
given to the program. The pullback of a program is a program of the same sort, run backwards: it
reads all banks of the first one, and adds to a bank of cotangents for each.

Reference: Griewank & Walther, Evaluating Derivatives (2008), section 3.2: reverse sweeps over a
tape of elementary operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import Graph
from irgrad.ir.origin import Origin
from irgrad.ir.types import ArrayType
from irgrad.ops.create import constant

OWN = -1
"""The column that stands for a record's own cell; own cells are in the order of the records."""


class Place(NamedTuple):
    """Where a record finds or puts a number: the bank, and the column of ``cells`` that says where.

    The column is OWN for the record's own cell. ``added`` says that the number is added to what is
    there.
    """

    bank: int
    column: int
    added: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What records of one kind do: a graph of scalars from ``reads`` to ``writes``.

    A record does nothing where all inputs from ``silent`` on are zero: cotangents behind a branch
    that was not taken meet no infinite slope.
    """

    graph: Graph
    reads: tuple[Place, ...]
    writes: tuple[Place, ...]
    silent: int


@dataclass(frozen=True, slots=True)
class Program:
    """Kinds of records, and the banks they work on, by their ``names``.

    ``fixed`` banks are only read; the others are the results, each longer than what it starts as
    by a number of ``added`` cells. ``constant`` banks have no cotangents; ``own`` is the cell of
    the first record. ``careful`` programs mind ``Kind.silent``. ``origins`` are the user's lines,
    each with its number of records.
    """

    name: str
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    fixed: int
    added: tuple[int, ...]
    constant: frozenset[int]
    own: int
    backward: bool
    careful: bool
    dtype: np.dtype
    origins: tuple[tuple[Origin, int], ...]

    @property
    def banks(self) -> int:
        """How many banks there are."""
        return self.fixed + len(self.added)


def run(
    program: Program, operands: Sequence[np.ndarray], groups: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the written banks: the program's meaning, record by record."""
    banks = list(operands[: program.fixed])
    for start, added in zip(operands[program.fixed :], program.added, strict=True):
        bank = np.zeros(len(start) + added, program.dtype)
        bank[: len(start)] = start
        banks.append(bank)
    order = -1 if program.backward else 1
    for kind, first, last in groups[::order].tolist():
        for record in range(first, last)[::order]:
            row = [*cells[record].tolist(), program.own + record]
            _apply(program, program.kinds[kind], banks, row)
    return tuple(banks[program.fixed :])


def _apply(program: Program, kind: Kind, banks: list[np.ndarray], row: list[int]) -> None:
    values: dict[Any, Any] = {
        node: banks[place.bank][row[place.column]]
        for node, place in zip(kind.graph.inputs, kind.reads, strict=True)
    }
    seeds = kind.graph.inputs[kind.silent :]
    if program.careful and seeds and not any(values[seed] for seed in seeds):
        return
    for node in kind.graph.nodes:
        if node in values:
            continue
        if node.op is constant:
            values[node] = node.params["value"]
            continue
        made = node.op.evaluate(*[values[operand] for operand in node.inputs], **node.params)
        assert isinstance(node.type, ArrayType)
        values[node] = node.type.dtype.type(made)
    for node, place in zip(kind.graph.outputs, kind.writes, strict=True):
        cell = row[place.column]
        if place.added:
            banks[place.bank][cell] += values[node]
        else:
            banks[place.bank][cell] = values[node]
