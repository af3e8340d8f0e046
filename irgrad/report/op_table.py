"""The table of ops in the documentation, generated from the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from irgrad.ir.op import Op
from irgrad.ops.registry import FUNCTIONS, METHODS, OPS, REDUCERS, UFUNCS

_HEAD = """# Ops

Made from the registry by `python -m pytest tests/report/test_op_table.py --update-golden`; a test
keeps it true. The first table lists the primitive ops that graphs are made of, the second what each
NumPy call on a traced value leads to. Every call listed can be differentiated, to any order, unless
it says otherwise, and everything composed of these calls can be too.
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
        yield f"`{_qualified(function)}`"
    for ufunc in REDUCERS:
        if isinstance(ufunc, np.ufunc):
            yield f"`np.{ufunc.__name__}.reduce`"


def _qualified(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{function.__name__}"
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"


def _wrapped(words: list[str], width: int = 98) -> list[str]:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 2 > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word + ("," if word is not words[-1] else ".")
    return lines
