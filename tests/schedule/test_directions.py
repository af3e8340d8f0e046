"""Loops that run backwards are mirrored where no trip needs another."""

from irgrad.ir import dims, loops
from irgrad.schedule.directions import forwards

AT = dims.symbol("@i")


def load(array, *indices):
    return loops.Load(array, indices)


def nest(*body):
    return loops.Loop("@i", 10, body)


def test_a_free_loop_that_runs_backwards_is_mirrored():
    (mirrored,) = forwards([nest(loops.Store("a", (19 - 2 * AT,), load("b", 9 - AT)))])
    assert mirrored == nest(loops.Store("a", (1 + 2 * AT,), load("b", AT)))


def test_a_bound_loop_and_one_that_runs_forwards_stay():
    bound = nest(loops.Store("a", (9 - AT,), load("a", 10 - AT)))
    ahead = nest(loops.Store("a", (AT,), load("b", AT)))
    assert forwards([bound, ahead]) == [bound, ahead]
