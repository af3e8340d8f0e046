"""Which loops may run in any order."""

import numpy as np
import pytest

from irgrad.ir import dims, loops
from irgrad.schedule.dependence import is_free

FLOAT = np.dtype(np.float64)
AT, IN = dims.symbol("@i"), dims.symbol("@j")


def load(array, *indices):
    return loops.Load(array, indices)


def plus(a, b):
    return loops.Apply("x + y", (a, b), FLOAT)


def nest(*body, extent=10):
    return loops.Loop("@i", extent, body)


def inner(*body, extent=4):
    return loops.Loop("@j", extent, body)


FREE = {
    "each trip its own element": nest(loops.Store("a", (9 - AT,), load("b", 9 - AT))),
    "read and set at one place": nest(
        loops.Store("a", (9 - AT,), plus(load("a", 9 - AT), load("b", 9 - AT)))
    ),
    "sums into one element": nest(loops.Store("a", (3,), load("b", 9 - AT), (), "x + y")),
    "blocks side by side": nest(inner(loops.Store("a", (36 - 4 * AT + IN,), load("b", IN)))),
    "reads beyond what is added to": nest(
        inner(loops.Store("a", (IN,), load("a", 13 - AT), (), "x + y"))
    ),
    "a scalar within a trip": nest(
        loops.Let("t", load("b", 9 - AT)),
        inner(loops.Let("t", plus(loops.Name("t"), load("b", IN)), (), True)),
        loops.Store("a", (9 - AT,), loops.Name("t")),
    ),
    "rows of any length": nest(
        loops.Loop("@j", dims.symbol("n"), (loops.Store("a", (9 - AT, IN), load("b", IN)),))
    ),
    "a symbolic number of trips": loops.Loop(
        "@i", dims.symbol("n"), (loops.Store("a", (dims.symbol("n") - AT,), load("b", AT)),)
    ),
}
BOUND = {
    "reads the element before": nest(loops.Store("a", (9 - AT,), load("a", 10 - AT))),
    "sets one element": nest(loops.Store("a", (3,), load("b", 9 - AT))),
    "overlapping blocks": nest(inner(loops.Store("a", (27 - 3 * AT + IN,), load("b", IN)))),
    "reads what is added to": nest(inner(loops.Store("a", (IN,), load("a", 12 - AT), (), "x + y"))),
    "a scalar handed on": nest(loops.Let("t", plus(loops.Name("t"), load("b", 9 - AT)), (), True)),
    "a product": nest(loops.Store("a", (3,), load("b", 9 - AT), (), "x * y")),
    "an index that is read": nest(loops.Store("a", (load("k", 9 - AT),), load("b", 9 - AT))),
}


@pytest.mark.parametrize("name", FREE)
def test_free_loops_are_recognised(name):
    assert is_free(FREE[name], {})


@pytest.mark.parametrize("name", BOUND)
def test_bound_loops_are_recognised(name):
    assert not is_free(BOUND[name], {})


def test_views_of_what_is_written_bind():
    loop = nest(loops.Store("a", (9 - AT,), load("view", 9 - AT)))
    assert is_free(loop, {"view": "b"})
    assert not is_free(loop, {"view": "a"})
