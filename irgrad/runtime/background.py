"""Compiling behind the caller's back: a child process compiles, a thread of this one loads.

numba holds the interpreter's lock for most of a compilation, so a thread alone would stop the
caller. The child fills the cache on disk; the thread waits for it and loads the machine code. Where
there is no cache to fill, or no child can be started, the thread compiles itself.

The child runs in a session of its own, so Ctrl-C in a terminal reaches the caller only, and ends
when its input closes: it can't outlive the process that started it.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from irgrad.errors import IrgradError
from irgrad.runtime.cache import cache_directory
from irgrad.runtime.call import (
    Executable,
    Work,
    executable,
    is_likely_stored,
    is_stored,
    plain_executable,
)
from irgrad.runtime.load import load_module
from irgrad.stages import Stages

_PROGRAM = (
    "import json, sys; job = json.loads(sys.stdin.readline()); sys.path[:] = job['path']; "
    "from irgrad.runtime.apart import main; main(job)"
)

FORK_SECONDS = 60.0


class Job:
    """One function on its way through the compiler.

    ``plain`` runs the emitted text as plain Python, once it is known and if it has no loops;
    ``ready`` is the compiled function at last.
    """

    def __init__(self, make: Callable[[], tuple[Work, bool]], stages: Stages) -> None:
        self.make = make
        self.stages = stages
        self.process = os.getpid()
        self.plain: Executable | None = None
        self.ready: Executable | None = None
        self.error: BaseException | None = None
        self._told = False
        self.over = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is over; tell whether it is.

        Raises: whatever the compilation raised.
        """
        over = self.over.wait(timeout)
        if self.error is not None:
            raise self.error
        return over

    def lost(self) -> bool:
        """Tell whether this process is a fork of the one whose thread does the job."""
        return not self.over.is_set() and self.process != os.getpid()

    def news(self) -> str | None:
        """Return, once, that the compilation has failed."""
        if self.error is None or self._told:
            return None
        self._told = True
        return (
            f"a compilation in the background failed ({type(self.error).__name__}: {self.error}); "
            "calls go on by evaluating the graph. f.wait() raises the error."
        )

    def run(self) -> None:
        """Do the job, in the thread for such jobs."""
        _unforkable.acquire()
        try:
            work, straight = self.make()
            if straight:
                self.plain = plain_executable(work)
            with self.stages.stage("numba"):
                if not _stopping.is_set():
                    _fill_cache(work)
                if _stopping.is_set():
                    raise IrgradError("the process is ending")
                self.ready = executable(work)
        except BaseException as error:
            self.error = error
        finally:
            _unforkable.release()
            self.over.set()


_jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
_stopping = threading.Event()
_guard = threading.Lock()
_unforkable = threading.RLock()
"""Held while the thread imports or compiles: a fork in between would inherit locks of modules and
of LLVM that no thread of the child's ever gives back, so it waits."""
_thread: threading.Thread | None = None
_child: subprocess.Popen[bytes] | None = None


def begin(make: Callable[[], tuple[Work, bool]], stages: Stages) -> Job:
    """Start a job: ``make`` returns the work, and whether it is free of loops."""
    global _thread
    job = Job(make, stages)
    with _guard:
        if _thread is None:
            _thread = threading.Thread(target=_serve, name="irgrad compiler", daemon=True)
            _thread.start()
            atexit.register(_stop)
    _jobs.put(job)
    return job


def _serve() -> None:
    with _unforkable:
        import filelock  # noqa: F401  # and the modules it needs, such as logging

        _hold_forks()
    while True:
        job = _jobs.get()
        if job is None:
            return
        job.run()


def _fill_cache(work: Work) -> None:
    """Have a child put the machine code of ``work`` into the cache, unless it is there."""
    global _child
    if not sys.executable or getattr(sys, "frozen", False):
        return
    # numba, which must be imported to know exactly, takes longer to import than the child to start.
    if cache_directory() is None or (is_likely_stored(work) and is_stored(work)):
        return
    task = {
        "path": sys.path,
        "source": work.module.source,
        "digest": work.module.digest,
        "functions": work.module.functions,
        "name": work.name,
        "inputs": [(type.dtype.str, type.rank) for type in work.inputs],
    }
    with suppress(OSError):  # no child: the thread compiles
        with _guard:
            if _stopping.is_set():
                return
            child = _child = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert child.stdin is not None
        try:
            with suppress(BrokenPipeError):
                child.stdin.write(json.dumps(task).encode() + b"\n")
                child.stdin.flush()
            load_module(work.module.source, work.module.digest, jit=True)  # imports numba meanwhile
            _unforkable.release()
            try:
                child.wait()  # and no zombie stays
            finally:
                _unforkable.acquire()
        finally:
            with suppress(BrokenPipeError):
                child.stdin.close()
            child.wait()
            _child = None


def _stop() -> None:
    """End the child and the thread; a thread inside LLVM must not meet a dying interpreter."""
    _stopping.set()
    _jobs.put(None)
    with _guard:
        child = _child
    if child is not None:
        child.kill()
    if _thread is not None:
        _thread.join()


def _forget() -> None:
    """Start anew in a forked child, which has no thread and no children."""
    global _guard, _unforkable, _jobs, _thread, _child
    _guard = threading.Lock()
    _unforkable = threading.RLock()
    _jobs = queue.SimpleQueue()
    _thread = _child = None


def _acquire() -> None:
    _unforkable.acquire(timeout=FORK_SECONDS)


def _release() -> None:
    with suppress(RuntimeError):  # given up above
        _unforkable.release()


def _hold_forks() -> None:
    """Have forks wait for the thread, before any other module's preparation for a fork.

    What is registered last runs first. `logging` and filelock close themselves before a fork, and
    the thread needs both: a fork that closed them and then waited for the thread would wait for
    ever. So this is done again once they have registered theirs. Should there be others, a fork
    goes on after `FORK_SECONDS`.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_acquire, after_in_parent=_release)


_hold_forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
