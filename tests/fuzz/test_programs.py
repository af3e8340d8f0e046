"""Differential fuzzing: random programs, evaluated four ways.

The evaluated graph, the emitted source as plain Python and the emitted source jitted agree, in
value with NumPy itself and in gradient with central differences along a random direction. 100
programs as a rule; ``IRGRAD_FUZZ=2000`` draws that many, others in each run.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, note, settings

import irgrad
from irgrad.interpret.evaluate import evaluate
from tests.fuzz.programs import Program, programs

COUNT = int(os.environ.get("IRGRAD_FUZZ", "100"))


def _slope(
    f: Callable[..., Any], values: tuple[Any, ...], direction: tuple[Any, ...], h: float
) -> float:
    """Return the derivative along ``direction`` by a central difference of fourth order."""

    def at(step: float) -> float:
        return float(f(*(v + step * d for v, d in zip(values, direction, strict=True))))

    return (8.0 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12.0 * h)


def _check_slope(
    f: Callable[..., Any], values: tuple[Any, ...], gradient: Any, scale: float
) -> None:
    """Compare a gradient with differences, where their step crosses no kink."""
    random = np.random.default_rng(2)
    direction = tuple(np.asarray(random.normal(size=np.shape(v))) for v in values)
    numeric = _slope(f, values, direction, 1e-4)
    finer = _slope(f, values, direction, 2e-5)
    parts = [np.sum(g * d) for g, d in zip(gradient, direction, strict=True)]
    size = sum(float(np.sum(np.abs(g * d))) for g, d in zip(gradient, direction, strict=True))
    tolerance = 1e-5 * (1.0 + size + scale)
    if abs(numeric - finer) <= tolerance / 4:
        assert abs(numeric - float(sum(parts))) <= tolerance


@settings(
    max_examples=COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=COUNT <= 100,
    phases=(Phase.generate, Phase.shrink),
    print_blob=True,
)
@given(programs())
def test_graph_python_machine_code_and_differences_agree(program: Program) -> None:
    note(program.source())
    f = program.function()
    values = program.values(1)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = f(*values)
        scale = 1.0 + abs(float(expected))
        everything = tuple(range(len(values)))
        plain = irgrad.compile(f, argnums=everything, jit=False)
        results = [plain.value_and_grad(*values)]
        graph = plain.lower(*values).joint
        assert graph is not None
        assert plain._latest is not None
        reference = evaluate(graph, *values, *plain._latest.traced.captured)
        results.append((reference[0], reference[1:]))
        results.append(irgrad.compile(f, argnums=everything).value_and_grad(*values))
        for value in (plain(*values), *(value for value, _ in results)):
            assert abs(float(value) - float(expected)) <= 1e-11 * scale
        for _, gradient in results[1:]:
            for ours, theirs in zip(gradient, results[0][1], strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10 * scale)
        _check_slope(f, values, results[0][1], scale)
