"""Threads of numba: results with and without them, forks, and layers that can't be shared."""

from __future__ import annotations

import os
from typing import Any

import pytest

PROGRAM = """
import os, sys, threading
import numba, numpy as np
import irgrad

def loss(c, X):
    d = np.sum((X[:, None] - c[None]) ** 2, axis=-1)
    return np.sum(np.log(np.sum(np.exp(-d), axis=1)))

random = np.random.default_rng(0)
arguments = random.normal(size=(20, 3)), random.normal(size=(3000, 3))
numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
f = irgrad.compile(loss, parallel=True)
expected = irgrad.compile(loss, jit=False).value_and_grad(arguments[0], arguments[1][:50])

def right(scale=1.0):
    value, slope = f.value_and_grad(*arguments)
    return bool(np.allclose(slope, reference[1], rtol=1e-12) and np.isclose(value, reference[0]))

reference = irgrad.compile(loss).value_and_grad(*arguments)
small = f.value_and_grad(arguments[0], arguments[1][:50])
print(np.allclose(small[1], expected[1], rtol=1e-12), right())
"""


def test_two_threads_find_what_one_does(children: Any) -> None:
    output, errors = children.run(
        PROGRAM
        + """
results = []
callers = [threading.Thread(target=lambda: results.append(right())) for _ in range(4)]
[caller.start() for caller in callers]
[caller.join() for caller in callers]
print(results, "prange" in f.source)
""",
        NUMBA_NUM_THREADS="2",
    )
    assert output.split("\n")[:2] == ["True True", "[True, True, True, True] True"]
    assert errors == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_goes_on_with_one_thread(children: Any) -> None:
    output, _ = children.run(
        PROGRAM
        + """
sys.stdout.flush()
child = os.fork()
if not child:
    print("child", right(), "prange" in f.source)
    sys.stdout.flush()
    os._exit(0)
print("ended", os.waitpid(child, 0)[1])
""",
        NUMBA_NUM_THREADS="2",
    )
    assert output.split("\n")[:3] == ["True True", "child True False", "ended 0"]


def test_workqueue_is_left_alone(children: Any) -> None:
    output, errors = children.run(
        PROGRAM + 'print("prange" in f.source)', NUMBA_THREADING_LAYER="workqueue"
    )
    assert output.split("\n")[:2] == ["True True", "False"]
    assert errors.count("parallel=True is left out") == 1


def test_a_second_process_finds_the_parallel_code(children: Any) -> None:
    children.run(PROGRAM, NUMBA_NUM_THREADS="2")
    output, _ = children.run(PROGRAM + "print(f.stats.compiles)", NUMBA_NUM_THREADS="2")
    assert output.split("\n")[:2] == ["True True", "0"]


WAITING = """
import os, numba
from irgrad.runtime.threads import threads_are_safe
threads_are_safe()
print("GOMP_SPINCOUNT" in os.environ)
"""


@pytest.mark.parametrize(
    ("asked", "spins"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "77"}, "77")],
)
def test_threads_wait_a_short_time_unless_the_user_says(
    children: Any, asked: dict[str, str], spins: str
) -> None:
    output, errors = children.run(WAITING, OMP_DISPLAY_ENV="verbose", **asked)
    if "GOMP_SPINCOUNT" not in errors:
        pytest.skip("numba has another OpenMP, or none")
    assert f"GOMP_SPINCOUNT = '{spins}'" in errors
    assert output.split() == [str(bool(asked))]  # what else reads the environment finds no trace
