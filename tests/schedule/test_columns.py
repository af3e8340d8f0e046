"""Points that are swept again and again lie in memory coordinate by coordinate."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad
from benchmarks.problems.pairwise_energy import energy
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import loops


def centred(P: Any) -> Any:
    """One sweep only."""
    return np.sum((P - np.mean(P, axis=0)) ** 4)


def test_pairs_of_points_go_down_columns() -> None:
    P = np.random.default_rng(0).normal(size=(30, 3))
    compiled = irgrad.compile(energy, jit=False)
    stages = compiled.lower(P)
    arrays = [s for s in stages.program.functions[-1].body if isinstance(s, loops.Allocate)]
    result = stages.program.functions[-1].results[-1].name
    assert {s.shape[0] for s in arrays if s.name != result} == {3}
    value, slope = compiled.value_and_grad(P[::-1])
    assert stages.joint is not None
    expected = evaluate(stages.joint, P[::-1])
    np.testing.assert_allclose(value, energy(P), rtol=1e-13)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-12)


def test_what_is_read_once_is_not_copied() -> None:
    P = np.random.default_rng(0).normal(size=(30, 3))
    source = irgrad.compile(centred, jit=False).lower(P).module.source
    assert "columns" not in source
