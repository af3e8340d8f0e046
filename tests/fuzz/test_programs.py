"""Differential fuzzing: random programs, evaluated four ways.

NumPy itself, the evaluated graph, the emitted source as plain Python, and the emitted source
jitted agree; the gradient agrees with central differences along a random direction. 100 programs
as a rule, some of them jitted; ``IRGRAD_FUZZ=2000`` runs that many, and jits every tenth.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

import irgrad
from irgrad.interpret.evaluate import evaluate
from tests.fuzz.programs import Program, programs

COUNT = int(os.environ.get("IRGRAD_FUZZ", "100"))
_SETTINGS = dict(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
    phases=(Phase.generate,) if COUNT > 100 else (Phase.generate, Phase.shrink),
)


def _slope(
    f: Callable[..., Any], values: tuple[Any, ...], direction: tuple[Any, ...], h: float
) -> float:
    """Return the derivative along ``direction`` by a central difference of fourth order."""

    def at(step: float) -> float:
        return float(f(*(v + step * d for v, d in zip(values, direction, strict=True))))

    return (8.0 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12.0 * h)


def _check(program: Program, jit: bool) -> None:
    note(program.source())
    f = program.function()
    values = program.values(1)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = f(*values)
        compiled = irgrad.compile(f, argnums=tuple(range(len(values))), jit=jit)
        value, gradient = compiled.value_and_grad(*values)
        scale = 1.0 + abs(float(expected))
        assert abs(float(value) - float(expected)) <= 1e-11 * scale
        alone = compiled(*values)
        assert abs(float(alone) - float(expected)) <= 1e-11 * scale
        latest = compiled.lower(*values)
        assert latest.joint is not None
        assert compiled._latest is not None
        captured = compiled._latest.traced.captured
        reference = evaluate(latest.joint, *values, *captured)
        for ours, theirs in zip(gradient, reference[1:], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10 * scale)
        random = np.random.default_rng(2)
        direction = tuple(np.asarray(random.normal(size=np.shape(v))) for v in values)
        numeric = _slope(f, values, direction, 1e-4)
        finer = _slope(f, values, direction, 2e-5)
        analytic = sum(float(np.sum(g * d)) for g, d in zip(gradient, direction, strict=True))
        size = sum(float(np.sum(np.abs(g * d))) for g, d in zip(gradient, direction, strict=True))
        tolerance = 1e-5 * (1.0 + size + scale)
        if abs(numeric - finer) <= tolerance / 4:  # else a step crosses a kink
            assert abs(numeric - analytic) <= tolerance


@settings(max_examples=COUNT, **_SETTINGS)
@given(programs())
def test_emitted_source_graph_and_numpy_agree(program: Program) -> None:
    _check(program, jit=False)


@settings(max_examples=max(4, COUNT // 25), **_SETTINGS)
@given(programs(steps=4), st.just(True))
def test_jitted_source_agrees_too(program: Program, jit: bool) -> None:
    _check(program, jit=jit)
