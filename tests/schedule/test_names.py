"""Names in emitted code that must not meet."""

from __future__ import annotations

import numpy as np

import irgrad
from irgrad.schedule.units import VARIABLES
from irgrad.specialise import SIZE_LETTERS


def test_loop_variables_and_sizes_have_different_names() -> None:
    assert not set(VARIABLES) & set(SIZE_LETTERS)
    assert list(VARIABLES) == sorted(set(VARIABLES))


def test_a_nest_of_five_loops_leaves_the_sizes_alone() -> None:
    def total(x, y):
        return np.sum(np.exp(x)) + np.sum(np.cos(y))

    x = np.zeros((17, 18, 2, 2, 20))
    x[:, 3] = 1.0
    y = np.zeros((18, 18))
    assert np.isclose(irgrad.compile(total, jit=False)(x, y), total(x, y))
