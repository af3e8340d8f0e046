"""Finding the user's line behind a traced operation."""

from __future__ import annotations

import dis
import inspect
import os
import sys
import warnings
from bisect import bisect_right
from pathlib import Path
from types import CodeType, FrameType, TracebackType

import numpy as np

from irgrad.errors import IrgradError, Location
from irgrad.ir.origin import Origin

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_NUMPY = str(Path(np.__file__).resolve().parent)
_SCIPY = str(Path(_NUMPY).parent / "scipy") + os.sep
_MODELS = str(Path(_PACKAGE) / "nn")  # models are written as a user would write them

_seen: dict[int, tuple[bool, CodeType]] = {}
"""Whether code is the user's, by its identity: hashing code takes longer than all the rest."""
_starts: dict[CodeType, list[int]] = {}
_interned: dict[tuple[tuple[CodeType, int], ...], Origin] = {}

_Known = tuple[int, dict[tuple[int, int], Origin], tuple[tuple[CodeType, int], ...]]
_callers: dict[FrameType, _Known] = {}
"""For a caller: the instruction it is at, origins by innermost site, and the outer sites.

The code of an innermost site is told by its identity, which ``_seen`` keeps its own.
"""

_FRAMES = 64
_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

BOUNDARY = "run_traced"
"""The name of the function between irgrad and the user's: a chain of calls ends there."""


def _is_users(code: CodeType) -> bool:
    known = _seen.get(id(code))
    if known is None:
        name = code.co_filename
        inside = name.startswith(_PACKAGE) and not name.startswith(_MODELS)
        compiled = name.endswith(".pyx")  # Cython's frames are in tracebacks, by relative names
        foreign = inside or compiled or name.startswith((_NUMPY, _SCIPY))
        known = _seen[id(code)] = (not foreign, code)  # which keeps the identity its own
    return known[0]


def origin_here() -> Origin:
    """Return the origin of the operation being recorded.

    A running frame that is no generator's stays below the same callers until it returns, so the
    chain from there outwards is remembered: the cost is that of the innermost two frames.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        known = _seen.get(id(code))
        if known[0] if known else _is_users(code):
            break
        frame = None if code.co_name == BOUNDARY else frame.f_back
    if frame is None:
        return _settled(())
    caller = frame.f_back
    if caller is None:
        return _settled(((code, frame.f_lasti),))
    below = _callers.get(caller)
    if below is None or below[0] != caller.f_lasti:
        outer, bounded = _chain(caller)
        if not bounded or caller.f_code.co_flags & _SUSPENDABLE:
            return _settled(((code, frame.f_lasti), *outer))
        if len(_callers) >= _FRAMES:
            _callers.clear()
        below = _callers[caller] = (caller.f_lasti, {}, outer)
    _, inside, outer = below
    innermost = (id(code), frame.f_lasti)
    origin = inside.get(innermost)
    if origin is None:
        origin = inside[innermost] = _settled(((code, frame.f_lasti), *outer))
    return origin


def forget_frames() -> None:
    """Let go of the frames that are remembered, and with them of the user's variables and code."""
    _callers.clear()
    _seen.clear()


def _chain(frame: FrameType | None) -> tuple[tuple[tuple[CodeType, int], ...], bool]:
    """Return the user's call sites from ``frame`` outwards, and whether a trace bounds them.

    Linear in the depth of calls.
    """
    sites: list[tuple[CodeType, int]] = []
    while frame is not None:
        code = frame.f_code
        if _is_users(code):
            sites.append((code, frame.f_lasti))
        elif code.co_name == BOUNDARY:
            return tuple(sites), True
        frame = frame.f_back
    return tuple(sites), False


def _settled(sites: tuple[tuple[CodeType, int], ...]) -> Origin:
    """Return the one origin of these call sites."""
    origin = _interned.get(sites)
    if origin is None:
        settled = tuple((code, _instruction(code, offset)) for code, offset in sites)
        origin = _interned.setdefault(settled, Origin(settled))
        _interned[sites] = origin
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
    return _settled(_chain(sys._getframe(1))[0]).location()


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


def located(error: IrgradError, location: Location | None) -> IrgradError:
    """Return the error with the user's line, where it has none yet."""
    if error.location is None:
        error.location = location
    return error


def is_subscript(frame: FrameType) -> bool:
    """Tell whether the instruction a frame is at reads ``a[b]``."""
    code, at = frame.f_code.co_code, frame.f_lasti
    name = dis.opname[code[at]]
    # Since Python 3.14 it is a BINARY_OP, of which "[]" is one.
    return name == "BINARY_SUBSCR" or (name == "BINARY_OP" and _operator(code[at + 1]) == "[]")


def _operator(number: int) -> str:
    operators: list[tuple[str, str]] = dis._nb_ops  # type: ignore[attr-defined]
    return operators[number][1] if number < len(operators) else ""


def scipy_call(frame: FrameType | None) -> tuple[str, str] | None:
    """Return the part of SciPy and the function of it that the user called, if one runs now."""
    found = None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("scipy.", "numpy")):
            break
        if module.startswith("scipy.") and not module.startswith("scipy._"):
            name = frame.f_code.co_name
            if name == "__init__":
                name = type(frame.f_locals["self"]).__name__
            found = (".".join(module.split(".")[:2]), name)
        frame = frame.f_back
    return found
