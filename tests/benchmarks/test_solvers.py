"""The fit of the solvers' benchmark: its forms agree, with each other and with differences."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from benchmarks import solvers
from benchmarks.loops import disagreement
from benchmarks.problems import lotka_volterra


def test_the_gradient_agrees_with_differences() -> None:
    rates, counted = lotka_volterra.arguments()
    compiled = irgrad.compile(
        lambda rates, counted: lotka_volterra.misfit(rates, counted, tolerance=1e-11)
    )
    step = 1e-5

    def slope(along: np.ndarray) -> float:
        above, below = (compiled(rates + s * along, counted) for s in (step, -step))
        return float(above - below) / (2 * step)

    slopes = [slope(unit) for unit in np.eye(4)]
    np.testing.assert_allclose(compiled.grad(rates, counted), slopes, rtol=1e-6)


def test_all_forms_agree() -> None:
    pytest.importorskip("diffrax")
    arguments = lotka_volterra.arguments()
    calls = {**solvers.ours(arguments), **solvers.rivals(arguments)}
    assert len(calls) == 4
    gradients = [np.asarray(call()[1]) for call in calls.values()]
    assert all(disagreement(one, gradients[0]) < solvers.CLOSE for one in gradients)
