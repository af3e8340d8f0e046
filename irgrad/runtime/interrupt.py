"""Ctrl-C while numba compiles.

Much of a compilation is spent inside LLVM. A signal that arrives there is handled at the next
Python instruction, and that belongs to a function which LLVM calls back (llvmlite hands over the
finished object code so). No exception leaves such a function: Python prints "Exception ignored" and
the compilation goes on, as if nobody had pressed a key, but without its object code. Here such a
lost KeyboardInterrupt is noticed and raised again as soon as LLVM returns.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lost_interrupts_raised() -> Iterator[None]:
    """Raise a KeyboardInterrupt at the end of the block if one was lost inside it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread
        return
    before = sys.unraisablehook
    lost = False

    def notice(unraisable: Any) -> None:
        nonlocal lost
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            lost = True
        else:
            before(unraisable)

    sys.unraisablehook = notice
    try:
        yield
    finally:
        if sys.unraisablehook is notice:
            sys.unraisablehook = before
    if lost:
        raise KeyboardInterrupt


def interruptible(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of numba's so that a KeyboardInterrupt lost inside it is raised after it."""

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        with lost_interrupts_raised():
            return function(*arguments, **keywords)

    return wrapped
