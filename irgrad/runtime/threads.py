"""Whether numba's threads may be set to work, and what becomes of them in a forked process."""

from __future__ import annotations

import importlib
import os
import sys
import weakref
from typing import Any, Protocol

from irgrad.errors import CompileWarning
from irgrad.runtime.cache import warn_once

_POOLS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
_WAIT = {"GOMP_SPINCOUNT": "10000"}
"""How OpenMP's threads are to wait for work: actively, but for a tenth of a millisecond only.

Of itself GNU's library makes them wait for milliseconds, and other threads (of BLAS, of the user)
wait for the processors meanwhile. Reference: GNU libgomp manual, "GOMP_SPINCOUNT".
"""
_KINDS = {"threadsafe": ("tbb", "omp"), "forksafe": ("tbb", "workqueue"), "safe": ("tbb",)}


def threads_are_safe() -> bool:
    """Tell whether any thread here may set numba's to work at any time; warn once where not.

    With numba's layer ``workqueue`` two that do so at once abort the process (numba/numba#10565),
    and in a process forked from one where they were at work, they are not there any more.
    """
    if _lost:
        return False
    if _layer() != "workqueue":
        return True
    warn_once(
        "workqueue",
        "parallel=True is left out: the threads that numba has here, 'workqueue', may not be used "
        "by two threads at once. Install OpenMP or `tbb` for numba, or unset "
        "NUMBA_THREADING_LAYER.",
        CompileWarning,
    )
    return False


def _layer() -> str:
    """Return the name of the threading layer that numba has chosen or will choose."""
    numba: Any = importlib.import_module("numba")
    config: Any = importlib.import_module("numba.core.config")
    try:
        return str(numba.threading_layer())
    except ValueError:  # not at work yet
        wish = config.THREADING_LAYER
    wishes = (wish,) if wish in _POOLS else _KINDS.get(wish, tuple(config.THREADING_LAYER_PRIORITY))
    for name in wishes:
        if _can_be_loaded(f"numba.np.ufunc.{_POOLS[name]}"):
            return str(name)
    return str(wish) if wish in _POOLS else "workqueue"


def _can_be_loaded(layer: str) -> bool:
    """Load a threading layer, and with it OpenMP's library, which reads how to wait only then."""
    asked = {"OMP_WAIT_POLICY", *_WAIT} & set(os.environ)
    if not asked:
        os.environ.update(_WAIT)
    try:
        importlib.import_module(layer)
    except ImportError:
        return False
    finally:
        if not asked:
            for name in _WAIT:
                os.environ.pop(name, None)
    return True


class Forgetful(Protocol):
    """What holds on to functions that threads may be at work in."""

    def forget(self) -> None:
        """Drop them."""


_holders: weakref.WeakSet[Forgetful] = weakref.WeakSet()
_lost = False


def forget_in_child(holder: Forgetful) -> None:
    """Have a forked process call ``holder.forget()``: OpenMP ends it when its threads are asked."""
    _holders.add(holder)


def _in_child() -> None:
    global _lost
    parallel: Any = sys.modules.get("numba.np.ufunc.parallel")
    if parallel is not None and parallel._is_initialized:
        _lost = True
        for holder in list(_holders):
            holder.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
