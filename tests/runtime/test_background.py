"""Compiling in the background: real child processes, exits, signals and forks."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import irgrad
from irgrad import pipeline
from irgrad.errors import ArgumentError, CompileWarning, DifferentiationError
from irgrad.runtime import background
from irgrad.runtime.evaluated import evaluating

PATIENCE = 60.0

PRELUDE = """
import os, sys, time
import numpy as np
import irgrad
from irgrad.runtime import background

def energy(x):
    return np.sum(np.tanh(x) * x)

x = np.linspace(-1.0, 1.0, 40)
slope = np.tanh(x) + x / np.cosh(x) ** 2
f = irgrad.compile(energy, tier="auto")

def child():
    end = time.monotonic() + 30
    while background._child is None and time.monotonic() < end:
        time.sleep(0.001)
    return background._child
"""


def gone(process: int) -> bool:
    """Tell whether a process has ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return True
    return state.split()[0] == "Z"


def soon(condition: Callable[[], bool]) -> bool:
    """Tell whether a condition comes true before patience ends."""
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def softplus_loss(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z)


def test_the_graph_answers_until_the_child_has_compiled(directory: Path) -> None:
    random = np.random.default_rng(0)
    arguments = random.normal(size=20), random.normal(size=(50, 20)), random.normal(size=50)
    f = irgrad.compile(softplus_loss, tier="auto")
    value, slope = f.value_and_grad(*arguments)
    assert (f.stats.tier, f.stats.evaluated) == ("evaluated", 1)
    assert f.wait(PATIENCE)
    again, slope_again = f.value_and_grad(*arguments)
    # What was compiled was compiled by another process: this one only loaded it.
    assert (f.stats.tier, f.stats.compiles, f.stats.cache_hits) == ("compiled", 0, 1)
    assert list(directory.glob("*.nbc"))
    assert again == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(slope_again, slope, rtol=1e-12)
    w, X, y = arguments
    p = 1.0 / (1.0 + np.exp(-(X @ w)))
    np.testing.assert_allclose(slope, X.T @ (p - y) / 50, rtol=1e-12, atol=1e-14)
    assert type(value) is type(again)
    assert {"trace", "differentiate", "simplify", "schedule", "emit", "numba"} <= set(
        f.stats.seconds
    )


def test_a_program_without_loops_runs_as_plain_python_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = background.threading.Event()
    fill = background._fill_cache

    def slowly(work: background.Work) -> None:
        hold.wait(PATIENCE)
        fill(work)

    monkeypatch.setattr(background, "_fill_cache", slowly)
    f = irgrad.compile(lambda x, y: np.tanh(x * y), argnums=(0, 1), tier="auto")
    first = f.grad(0.5, 2.0)
    t = np.tanh(1.0)
    assert first == pytest.approx((2.0 * (1 - t * t), 0.5 * (1 - t * t)), rel=1e-15)

    def plain() -> bool:
        assert f.grad(0.5, 2.0) == pytest.approx(first, rel=1e-15)
        return f.stats.tier == "plain"

    assert soon(plain)
    hold.set()
    f.wait(PATIENCE)
    assert f.grad(0.5, 2.0) == pytest.approx(first, rel=1e-15)
    assert f.stats.tier == "compiled"
    assert f.stats.plain >= 1


def test_without_a_cache_a_thread_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    f = irgrad.compile(lambda x: np.sum(np.exp(x)), tier="auto")
    x = np.linspace(0.0, 1.0, 30)
    np.testing.assert_allclose(f.grad(x), np.exp(x), rtol=1e-14)
    assert f.stats.evaluated == 1
    f.wait(PATIENCE)
    np.testing.assert_allclose(f.grad(x), np.exp(x), rtol=1e-14)
    assert (f.stats.compiles, f.stats.cache_hits) == (1, 0)


def test_wait_with_a_timeout_and_with_nothing_to_wait_for() -> None:
    f = irgrad.compile(lambda x: np.sum(np.sin(x)), tier="auto")
    assert f.wait(0.0)
    f(np.ones(30))
    assert not f.wait(0.0)
    assert f.wait(PATIENCE)
    assert irgrad.compile(np.sum, jit=False).wait()


def test_bind_waits() -> None:
    x = np.linspace(0.0, 1.0, 30)
    bound = irgrad.compile(lambda x: np.sum(x**3), tier="auto").bind(x)
    assert bound.value_and_grad is not None
    np.testing.assert_allclose(bound.value_and_grad(x)[1], 3 * x**2, rtol=1e-14)


def test_a_failure_is_warned_of_and_raised_by_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(pipeline, "compile_graph", fail)
    f = irgrad.compile(lambda x: np.sum(x * x), tier="auto")
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(f.grad(x), 2 * x)
    with pytest.raises(MemoryError, match="no room"):
        f.wait(PATIENCE)
    with pytest.warns(CompileWarning, match="evaluating the graph"):
        f.grad(x)
    np.testing.assert_array_equal(f.grad(x), 2 * x)
    assert f.stats.tier == "evaluated"


def test_what_cannot_be_differentiated_says_so_at_once() -> None:
    f = irgrad.compile(lambda x: x * 2, tier="auto")
    with pytest.raises(DifferentiationError):
        f.grad(np.ones(3))
    with pytest.raises(ArgumentError, match='"auto"'):
        irgrad.compile(np.sum, tier="fast")


def test_evaluated_results_are_the_callers_own() -> None:
    f = irgrad.compile(lambda x: (x, x, x.T, x[:1]), tier="auto")
    x = np.arange(6.0).reshape(2, 3)
    results = f(x)
    for position, result in enumerate(results):
        assert result.flags.c_contiguous
        assert not np.may_share_memory(result, x)
        for other in results[position + 1 :]:
            assert not np.may_share_memory(result, other)
    f.wait(PATIENCE)
    graph = f.graph
    assert len(evaluating(graph)(x)) == len(graph.outputs)


def test_no_zombie_stays(children) -> None:
    output, _ = children.run(
        PRELUDE
        + """
np.testing.assert_allclose(f.grad(x), slope)
assert child() is not None
f.wait()
np.testing.assert_allclose(f.grad(x), slope)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none", f.stats.tier, f.stats.cache_hits)
"""
    )
    assert output == "none compiled 1"


def test_the_second_process_starts_no_child(children) -> None:
    program = PRELUDE + "f.grad(x); f.wait(); f.grad(x); print(f.stats.tier, f.stats.cache_hits)\n"
    watched = program.replace(
        "f.grad(x); f.wait()",
        "background.subprocess = None  # a child would raise AttributeError\nf.grad(x); f.wait()",
    )
    assert children.run(program)[0] == "compiled 1"
    assert children.run(watched)[0] == "compiled 1"


def test_leaving_early_ends_the_child(children) -> None:
    began = time.monotonic()
    output, errors = children.run(PRELUDE + "f.grad(x); print(child().pid)\n")
    assert time.monotonic() - began < PATIENCE / 2
    assert gone(int(output))
    assert "Traceback" not in errors


def test_the_child_ends_with_a_killed_parent(children) -> None:
    parent = children.start(PRELUDE + "f.grad(x); print(child().pid, flush=True); time.sleep(60)\n")
    process = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    assert soon(lambda: gone(process))


def test_ctrl_c_leaves_everything_usable(children) -> None:
    output, _ = children.run(
        PRELUDE
        + """
import signal, threading
f.grad(x)
process = child()
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        f.wait(); time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted")
np.testing.assert_allclose(f.grad(x), slope)
f.wait()
np.testing.assert_allclose(f.grad(x), slope)
print(f.stats.tier)
"""
    )
    assert output.split() == ["interrupted", "compiled"]


def test_a_fork_while_compiling_compiles_for_itself(children) -> None:
    output, _ = children.run(
        PRELUDE
        + """
f.grad(x)
child()
process = os.fork()
if process == 0:
    np.testing.assert_allclose(f.grad(x), slope)
    f.wait(30)
    np.testing.assert_allclose(f.grad(x), slope)
    print(f.stats.tier, flush=True)
    os._exit(0)
_, status = os.waitpid(process, 0)
f.wait(); f.grad(x)
print(status, f.stats.tier)
"""
    )
    assert output.split() == ["compiled", "0", "compiled"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_the_thread_is_about_to_lock_a_file_ends(children) -> None:
    """filelock lets nobody lock a file once a fork has begun, which waits for the thread."""
    output, _ = children.run(
        PRELUDE
        + """
import threading
import filelock

lock = filelock.FileLock.acquire
locking = threading.Event()

def hesitate(self, *rest, **named):
    if threading.current_thread() is not threading.main_thread():
        locking.set()
        time.sleep(0.3)
    return lock(self, *rest, **named)

filelock.FileLock.acquire = hesitate
f.grad(x)
locking.wait()
process = os.fork()
if process == 0:
    os._exit(0)
os.waitpid(process, 0)
f.wait(); f.grad(x)
print(f.stats.tier)
"""
    )
    assert output == "compiled"
