"""Finding the user's line behind a traced operation."""

from __future__ import annotations

import dis
import sys
import warnings
from bisect import bisect_right
from pathlib import Path
from types import CodeType, FrameType, TracebackType

import numpy as np

from irgrad.errors import Location
from irgrad.ir.origin import Origin

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_NUMPY = str(Path(np.__file__).resolve().parent)
_MODELS = str(Path(_PACKAGE) / "nn")  # models are written as a user would write them

_foreign: dict[CodeType, bool] = {}
_starts: dict[CodeType, list[int]] = {}
_interned: dict[tuple[tuple[CodeType, int], ...], Origin] = {}

BOUNDARY = "run_traced"
"""The name of the function between irgrad and the user's: a chain of calls ends there."""


def _is_users(code: CodeType) -> bool:
    known = _foreign.get(code)
    if known is None:
        name = code.co_filename
        inside = name.startswith(_PACKAGE) and not name.startswith(_MODELS)
        known = _foreign[code] = not inside and not name.startswith(_NUMPY)
    return known


def origin_here() -> Origin:
    """Return the origin of the operation being recorded; cost linear in the depth of calls."""
    frame: FrameType | None = sys._getframe(1)
    sites: list[tuple[CodeType, int]] = []
    while frame is not None:
        code = frame.f_code
        if _is_users(code):
            sites.append((code, frame.f_lasti))
        elif code.co_name == BOUNDARY:
            break
        frame = frame.f_back
    key = tuple(sites)
    origin = _interned.get(key)
    if origin is None:
        settled = tuple((code, _instruction(code, offset)) for code, offset in sites)
        origin = _interned.setdefault(settled, Origin(settled))
        _interned[key] = origin
    return origin


def _instruction(code: CodeType, offset: int) -> int:
    """Return the start of the instruction that ``offset`` lies in.

    Once a call has been specialised, CPython leaves the offset at the instruction's cache; and
    CPython 3.11 takes ``PRECALL`` and the ``CALL`` after it as one.
    """
    starts = _starts.get(code)
    if starts is None:
        starts, previous = [], ""
        for instruction in dis.get_instructions(code):
            if previous != "PRECALL":
                starts.append(instruction.offset)
            previous = instruction.opname
        _starts[code] = starts
    return starts[max(bisect_right(starts, offset) - 1, 0)] if starts else offset


def location_here() -> Location | None:
    """Return the user's line that is running now."""
    return origin_here().location()


def warn_here(message: str, category: type[Warning]) -> None:
    """Warn at the user's line that is running now, or that called for what is being traced."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame.f_code):
        frame = frame.f_back
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
    else:
        warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno)


def location_of(traceback: TracebackType | None) -> Location | None:
    """Return the innermost of the user's lines that an error passed through."""
    sites: list[tuple[CodeType, int]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == BOUNDARY:
            sites.clear()
        elif _is_users(code):
            sites.append((code, traceback.tb_lasti))
        traceback = traceback.tb_next
    return Origin(tuple(sites[::-1])).location()


def is_subscript(frame: FrameType) -> bool:
    """Tell whether the instruction a frame is at reads ``a[b]``."""
    code, at = frame.f_code.co_code, frame.f_lasti
    name = dis.opname[code[at]]
    # Since Python 3.14 it is a BINARY_OP, of which "[]" is one.
    return name == "BINARY_SUBSCR" or (name == "BINARY_OP" and _operator(code[at + 1]) == "[]")


def _operator(number: int) -> str:
    operators: list[tuple[str, str]] = dis._nb_ops  # type: ignore[attr-defined]
    return operators[number][1] if number < len(operators) else ""
