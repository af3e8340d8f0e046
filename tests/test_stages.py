"""Stages are timed, and leave the garbage collector as they found it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from irgrad.stages import RARE, Stages, rarely_collected


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


def test_garbage_is_looked_for_rarely_while_a_graph_is_built() -> None:
    gc.set_threshold(700, 10, 10)
    with Stages().stage("trace"):
        assert gc.get_threshold() == (RARE, 10, 10)
        with rarely_collected():
            pass
        assert gc.get_threshold() == (RARE, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_an_error_leaves_the_collector_as_it_was() -> None:
    gc.set_threshold(700, 10, 10)
    with pytest.raises(ValueError, match="mine"), Stages().stage("trace"):
        raise ValueError("mine")
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("chosen", [(0, 10, 10), (2 * RARE, 10, 10)])
def test_what_the_user_has_chosen_stays(chosen: tuple[int, int, int]) -> None:
    gc.set_threshold(*chosen)
    with Stages().stage("trace"):
        assert gc.get_threshold() == chosen
        gc.set_threshold(900, 5, 5)
    assert gc.get_threshold() == (900, 5, 5)


def test_numba_is_left_alone() -> None:
    gc.set_threshold(700, 10, 10)
    with Stages().stage("numba"):
        assert gc.get_threshold() == (700, 10, 10)
