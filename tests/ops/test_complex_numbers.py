"""Every op takes complex numbers, with derivatives by real and imaginary parts, or refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import UnsupportedCallError
from irgrad.interpret.evaluate import evaluate
from irgrad.ir.op import Control
from irgrad.ops.declare import real
from tests.ops.contracts import (
    Case,
    apply,
    assert_alike,
    differences,
    differentiated,
    directional_gradient,
    gradient,
    graph_of,
    identified,
    parts,
)


def complex_operands(case: Case) -> list[Any]:
    """Return the operands of a sample, the floating ones off the real axis."""
    return [
        (np.asarray(x) + 1j * real(-0.4, 0.46, np.shape(x), seed=9))[()] if i in case.floats else x
        for i, x in enumerate(case.sample.operands)
    ]


CASES = {
    name: case
    for name, case in identified()
    if case.floats and not isinstance(case.op.lowering, Control)
}


def graph_or_none(case: Case) -> Any:
    try:
        return graph_of(case, complex_operands(case))
    except UnsupportedCallError:
        return None


TAKEN = {name: case for name, case in CASES.items() if graph_or_none(case) is not None}
PHASES = {
    "eigen_symmetric", "singular_values", "complete_singular_values", "complete_orthogonal_factors",
}  # fmt: skip
"""Ops whose vectors have a phase that nothing determines; test_complex_matrices.py is theirs."""

SMOOTH = {
    name: case
    for name, case in TAKEN.items()
    if case.op.differentiable
    and case.sample.differentiable
    and case.smooth
    and case.op.name not in PHASES
}


def each(cases: dict[str, Case]) -> Any:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def split(case: Case) -> tuple[Callable[..., Any], list[Any]]:
    """Return a real function of real and imaginary parts, ``Re sum(w * op(x + iy))``, and these."""
    operands = complex_operands(case)
    draws = np.random.default_rng(4)
    weights = [
        draws.uniform(0.5, 1.5, r.shape) + 1j * draws.uniform(-1, 1, r.shape)
        if r.dtype.kind in "fc"
        else None
        for r in map(np.asarray, apply(Case(case.op, case.sample), operands))
    ]

    def objective(*numbers: Any) -> Any:
        own = list(operands)
        for k, position in enumerate(case.floats):
            own[position] = numbers[2 * k] + 1j * numbers[2 * k + 1]
        with np.errstate(all="ignore"):
            results = parts(case.op(*own, **case.sample.params))
        return sum(
            np.sum(np.real(w * r)) for w, r in zip(weights, results, strict=True) if w is not None
        )

    points = [part for i in case.floats for part in (operands[i].real, operands[i].imag)]
    return objective, points


def test_most_ops_take_complex_numbers() -> None:
    refused = {case.op.name for name, case in CASES.items() if name not in TAKEN}
    assert refused.isdisjoint(
        "add multiply divide power sqrt exp log sin tanh absolute contract sum prod cumsum select "
        "gather scatter_add strided strided_set concatenate recurrence".split()
    )
    assert {"less", "maximum", "max", "argmax", "order_statistics", "erf"} <= refused


@each(TAKEN)
def test_value_is_that_of_numpy(case: Case) -> None:
    operands = complex_operands(case)
    expected = apply(case, operands)
    graph = graph_of(case, operands)
    with np.errstate(all="ignore"):
        values = evaluate(graph, *operands)
    for node, got, wanted in zip(graph.outputs, values, expected, strict=True):
        assert node.array_type.dtype == np.asarray(wanted).dtype
        assert_alike(got, wanted)


@each(SMOOTH)
def test_derivatives_agree_with_differences_by_both_parts(case: Case) -> None:
    objective, points = split(case)
    positions = list(range(len(points)))
    value, gradients, _ = gradient(objective, points, positions)
    np.testing.assert_allclose(value, objective(*points), rtol=1e-12, atol=1e-12)
    for position, got in enumerate(gradients):
        expected = differences(objective, points, position)
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-9)
    draws = np.random.default_rng(3)
    directions = [draws.uniform(0.5, 1.5, np.shape(x)) for x in points]
    along = directional_gradient(objective, positions, directions)
    _, second, _ = gradient(along, points, positions)
    run, _ = differentiated(objective, points, positions)

    def first(*moved: Any) -> Any:
        slopes = run(*moved)[1:]
        return sum(np.sum(d * g) for d, g in zip(directions, slopes, strict=True))

    for position, got in enumerate(second):
        expected = differences(first, points, position)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8)
