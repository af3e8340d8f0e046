"""The table of ops in the documentation, generated from the registry."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType

import numpy as np

from irgrad.ir.op import Op
from irgrad.ops.registry import (
    FUNCTIONS,
    METHODS,
    OPS,
    REDUCERS,
    REFUSED,
    UFUNCS,
    qualified,
)

_HEAD = """# Ops

Made from the registry by `python -m pytest tests/report/test_op_table.py --update-golden`; a test
keeps it true. The first table lists the primitive ops that graphs are made of; the NumPy calls
after it are made of these. Every call listed can be differentiated, to any order, unless it says
otherwise, and everything composed of these calls can be too. What is refused stands at the end.
"""


def op_table() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD, "## Primitive ops", ""]
    lines += ["| op | NumPy | derivative | convention, reference |", "| --- | --- | --- | --- |"]
    lines += [_op_row(op) for op in sorted(OPS.values(), key=lambda op: op.name)]
    lines += ["", "## NumPy calls", "", "Functions and ufuncs:", ""]
    lines += _wrapped(sorted(set(_names())))
    lines += ["", "Methods of arrays:", ""]
    lines += _wrapped(sorted(f"`.{name}`" for name in METHODS if not name.startswith("__")))
    lines += ["", "What is to be known of some of them:", ""]
    lines += ["| call | note | reference |", "| --- | --- | --- |", *_notes()]
    lines += ["", "## Refused", "", "| call | why | instead |", "| --- | --- | --- |"]
    lines += _refusals()
    return "\n".join(lines) + "\n"


def _op_row(op: Op) -> str:
    spellings = ", ".join(f"`{name}`" for name in op.spellings) or "inside other ops"
    derivative = f"none: {op.nondifferentiable}" if op.nondifferentiable else "yes"
    for reason in dict.fromkeys(op.refused.values()):
        derivative = f"in part: {reason}"
    notes = "; ".join(note for note in (op.convention, op.reference) if note)
    return f"| `{op.name}` | {_cell(spellings)} | {_cell(derivative)} | {_cell(notes)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _names() -> Iterator[str]:
    for function in (*UFUNCS, *FUNCTIONS):
        if function not in REFUSED:
            yield f"`{qualified(function)}`"
    for ufunc in REDUCERS:
        if isinstance(ufunc, np.ufunc):
            yield f"`np.{ufunc.__name__}.reduce`"


def _notes() -> Iterator[str]:
    """Yield a row for each call whose meaning says something of itself."""
    for function, meaning in sorted(FUNCTIONS.items(), key=lambda item: qualified(item[0])):
        text = inspect.getdoc(meaning) if isinstance(meaning, FunctionType) else None
        if not text or function in REFUSED:
            continue
        paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
        said = [part for part in paragraphs if not part.startswith("Raises:")]
        references = [part for part in said if part.startswith("Reference:")]
        note = " ".join(part for part in said if part not in references)
        reference = " ".join(part.removeprefix("Reference: ") for part in references)
        yield f"| `{qualified(function)}` | {_cell(note)} | {_cell(reference)} |"


def _refusals() -> Iterator[str]:
    for function, (why, remedy) in sorted(REFUSED.items(), key=lambda item: qualified(item[0])):
        yield f"| `{qualified(function)}` | {_cell(why)} | {_cell(remedy)} |"


def _wrapped(words: list[str], width: int = 98) -> list[str]:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 2 > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word + ("," if word is not words[-1] else ".")
    return lines
