"""Every op in the registry keeps every contract, on every sample it declares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from irgrad.differentiate.reverse import pull_back
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import dims
from irgrad.ir.op import Control, Kernel, Op, Reduction
from irgrad.ops import OPS
from irgrad.trace.tracer import Tracer
from tests.ops.contracts import (
    LEAVES,
    Case,
    along,
    apply,
    derived,
    differences,
    differentiated,
    directional_gradient,
    drawn_along,
    gradient,
    graph_of,
    identified,
    joint_dtypes,
    layouts,
    moved_along,
    parts,
    pushed,
    resized,
    weighted,
    weights,
)

DECLARED = dict(identified())
CASES = DECLARED | derived(DECLARED)
SMOOTH = {name: case for name, case in CASES.items() if case.smooth}
CONVENTION = {
    name: case
    for name, case in CASES.items()
    if case.op.differentiable and not case.sample.differentiable
}


def each(cases: dict[str, Case]) -> Any:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def assert_same(actual: Any, expected: Any) -> None:
    """Compare values, dtypes and shapes, NaN equal to NaN."""
    assert np.asarray(actual).dtype == np.asarray(expected).dtype
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_array_equal(actual, expected)


def single(x: Any) -> Any:
    """Return a sample in single precision."""
    with np.errstate(over="ignore"):
        return np.asarray(x).astype(np.float32)[()]


def test_every_op_has_samples() -> None:
    without = [name for name, op in OPS.items() if not op.samples and name not in LEAVES]
    assert without == []


def has_operands(op: Op, size: int) -> bool:
    """Tell whether an op is tried on an operand or result of so many elements."""
    return any(
        np.size(x) == size and np.ndim(x)
        for case in CASES.values()
        if case.op is op
        for x in (*case.sample.operands, *apply(case, case.sample.operands))
    )


@pytest.mark.parametrize("size", [0, 1])
def test_every_op_meets_small_sizes(size: int) -> None:
    """But for loops, whose bodies are such ops, and what NumPy refuses to find among nothing."""
    refused = {"argmax", "argmin", "max", "min", "order_statistics"} if size == 0 else set()
    without = [
        name
        for name, op in OPS.items()
        if name not in LEAVES | refused
        and not isinstance(op.lowering, Control)
        and not has_operands(op, size)
    ]
    assert without == []


@each(CASES)
def test_value_is_that_of_the_numpy_function(case: Case) -> None:
    """Where a spelling is a NumPy function of the operands and an axis, ask that one."""
    params = dict(case.sample.params)
    axes = params.pop("axes", -1)
    for spelling in case.op.spellings:
        function = getattr(np, spelling.removeprefix("np."), None)
        elsewise = isinstance(case.op.lowering, Reduction | Kernel)
        if params or not callable(function) or not (elsewise or isinstance(function, np.ufunc)):
            continue
        with np.errstate(all="ignore"):
            if isinstance(function, np.ufunc):
                expected = function(*case.sample.operands)
            else:
                expected = function(*case.sample.operands, axis=axes)
        for got, wanted in zip(apply(case, case.sample.operands), parts(expected), strict=True):
            assert_same(got, wanted)


@each(CASES)
def test_type_is_inferred(case: Case) -> None:
    graph = graph_of(case, case.sample.operands)
    results = apply(case, case.sample.operands)
    assert len(results) == len(graph.outputs)
    for result, node in zip(results, graph.outputs, strict=True):
        assert np.shape(result) == node.array_type.shape
        assert np.asarray(result).dtype == node.array_type.dtype
    with np.errstate(all="ignore"):
        for value, expected in zip(evaluate(graph, *case.sample.operands), results, strict=True):
            assert_same(value, expected)


@each(CASES)
def test_type_is_inferred_for_symbolic_sizes(case: Case) -> None:
    graph = graph_of(case, case.sample.operands, symbolic=True)
    larger = resized(case, graph)
    for operands in (case.sample.operands, larger):
        if operands is None:
            continue
        grow = 0 if operands is case.sample.operands else 2
        sizes = {name: number + grow for name, number in graph.hints.items()}
        with np.errstate(all="ignore"):
            values = evaluate(graph, *operands)
        for node, result in zip(graph.outputs, values, strict=True):
            shape = tuple(dims.evaluate(dim, sizes) for dim in node.array_type.shape)
            assert shape == np.shape(result)


@each(SMOOTH)
def test_gradient_agrees_with_differences(case: Case) -> None:
    operands = case.sample.operands
    cotangents = weights(apply(case, operands))
    objective = weighted(case, cotangents)
    value, gradients, _ = gradient(objective, operands, case.floats)
    np.testing.assert_allclose(value, objective(*operands), rtol=1e-13, atol=1e-13)
    for position, got in zip(case.floats, gradients, strict=True):
        expected = differences(objective, operands, position)
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-9)


@each(SMOOTH)
def test_pullback_is_the_transpose_of_the_derivative(case: Case) -> None:
    """<J v, w> = <v, Jᵀ w>, with J v by differences along v."""
    operands = [np.asarray(x) for x in case.sample.operands]
    cotangents = weights(apply(case, operands), seed=11)
    _, gradients, _ = gradient(weighted(case, cotangents), operands, case.floats)
    draws = np.random.default_rng(5)
    directions = {i: draws.uniform(-1, 1, operands[i].shape) for i in case.floats}

    def along(t: Any) -> Any:
        moved = [x + t * directions[i] if i in directions else x for i, x in enumerate(operands)]
        return np.concatenate(
            [
                np.ravel(np.asarray(r) * w)
                for r, w in zip(apply(case, moved), cotangents, strict=True)
                if w is not None
            ]
        )

    pushed = float(np.sum(differences(along, [np.float64(0.0)], 0)))
    pulled = sum(
        float(np.sum(directions[i] * g)) for i, g in zip(case.floats, gradients, strict=True)
    )
    np.testing.assert_allclose(pulled, pushed, rtol=1e-8, atol=1e-9)


@each(SMOOTH)
def test_second_derivative_agrees_with_differences_of_the_first(case: Case) -> None:
    operands = case.sample.operands
    objective = weighted(case, weights(apply(case, operands)))
    draws = np.random.default_rng(3)
    directions = [draws.uniform(0.5, 1.5, np.shape(operands[i])) for i in case.floats]
    along = directional_gradient(objective, case.floats, directions)
    _, gradients, _ = gradient(along, operands, case.floats)

    run, _ = differentiated(objective, operands, case.floats)

    def first(*moved: Any) -> Any:
        slopes = run(*moved)[1:]
        return sum(np.sum(d * g) for d, g in zip(directions, slopes, strict=True))

    for position, got in zip(case.floats, gradients, strict=True):
        expected = differences(first, operands, position)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8)


def inexact(results: Any) -> list[Any]:
    """Return the results that have derivatives."""
    return [r for r in parts(results) if np.asarray(r).dtype.kind == "f"]


@each(SMOOTH)
def test_pushforward_agrees_with_differences(case: Case) -> None:
    operands = case.sample.operands
    steps = drawn_along(operands, case.floats)
    tangents = pushed(lambda *xs: case.op(*xs, **case.sample.params), operands, case.floats, steps)
    before = [np.asarray(x).copy() for x in operands]
    assert len(tangents) == len(inexact(apply(case, operands)))
    for place, tangent in enumerate(tangents):

        def moved(t: Any, place: int = place) -> Any:
            return inexact(apply(case, moved_along(operands, case.floats, steps, t)))[place]

        expected = differences(moved, [np.float64(0.0)], 0)
        assert np.shape(tangent) == np.shape(expected)
        np.testing.assert_allclose(tangent, expected, rtol=1e-8, atol=1e-9)
    for x, kept in zip(operands, before, strict=True):
        np.testing.assert_array_equal(x, kept)


@each(SMOOTH)
def test_second_derivatives_by_forward_mode_agree_with_differences(case: Case) -> None:
    """Forward over reverse gives H v, forward over forward <v, H v>."""
    operands, floats = case.sample.operands, case.floats
    cotangents = weights(apply(case, operands))
    objective = weighted(case, cotangents)
    steps = drawn_along(operands, floats)
    run, _ = differentiated(objective, operands, floats)

    def reverse(*xs: Any) -> tuple[Any, ...]:
        value = objective(*xs)
        trace = value.tape
        wanted = [xs[position].node for position in floats]
        seed = Tracer(trace, trace.scalar(1.0, value.dtype))
        found = pull_back(trace, {value.node: seed}, wanted)
        return tuple(
            np.zeros_like(xs[position]) if slope is None else slope
            for position, slope in zip(floats, found, strict=True)
        )

    turned = pushed(reverse, operands, floats, steps)
    curvature = 0.0
    for place, (slope, step) in enumerate(zip(turned, steps, strict=True)):

        def moved(t: Any, place: int = place) -> Any:
            return run(*moved_along(operands, floats, steps, t))[1 + place]

        expected = differences(moved, [np.float64(0.0)], 0)
        np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-8)
        curvature += float(np.sum(expected * step))
    twice = pushed(lambda *xs: tuple(along(objective, floats, steps)(*xs)), operands, floats, steps)
    np.testing.assert_allclose(twice[0], curvature, rtol=1e-7, atol=1e-8)


@each(CONVENTION)
def test_convention_is_stated_and_gives_no_nan(case: Case) -> None:
    assert case.op.convention
    operands = case.sample.operands
    objective = weighted(case, weights(apply(case, operands)))
    _, gradients, _ = gradient(objective, operands, case.floats)
    for got in gradients:
        assert not np.isnan(got).any()


@each(CASES)
def test_single_precision_is_kept(case: Case) -> None:
    if not case.floats or isinstance(case.op.lowering, Control):
        return  # a body is traced for its dtypes
    operands = [
        single(x) if i in case.floats else x
        for i, x in enumerate(case.sample.operands)
    ]
    expected = apply(case, operands)
    graph = graph_of(case, operands)
    for node, result in zip(graph.outputs, expected, strict=True):
        assert node.array_type.dtype == np.asarray(result).dtype
    cotangents = weights(expected)
    if not case.op.differentiable or all(w is None for w in cotangents):
        return
    _, gradients, joint = gradient(weighted(case, cotangents), operands, case.floats)
    assert {np.asarray(g).dtype for g in gradients} <= {np.dtype(np.float32)}
    if {np.asarray(r).dtype for r in expected if np.asarray(r).dtype.kind == "f"} == {
        np.dtype(np.float32)
    }:
        assert joint_dtypes(joint) == {np.dtype(np.float32)}


@each(SMOOTH)
def test_single_precision_gives_the_derivatives_of_double(case: Case) -> None:
    """First and second order, by reverse and by forward mode, at the same float32 numbers."""
    if isinstance(case.op.lowering, Control):
        return  # a body is traced for its dtypes
    narrow = [single(x) if i in case.floats else x for i, x in enumerate(case.sample.operands)]
    wide = [np.float64(x) if i in case.floats else x for i, x in enumerate(narrow)]
    found, dtypes = [], []
    for operands in (narrow, wide):
        drawn = [None if w is None else single(w) for w in weights(apply(case, operands))]
        objective = weighted(case, drawn)
        dtypes.append(np.asarray(objective(*operands)).dtype)
        steps = [single(step) for step in drawn_along(operands, case.floats)]
        derivative = directional_gradient(objective, case.floats, steps)
        found.append(
            [
                *gradient(objective, operands, case.floats)[1],
                *gradient(derivative, operands, case.floats)[1],
                *pushed(objective, operands, case.floats, steps),
            ]
        )
    assert {np.asarray(slope).dtype for slope in found[0][:-1]} == {np.dtype(np.float32)}
    assert np.asarray(found[0][-1]).dtype == dtypes[0]  # int32 and float32 make float64
    for mine, wanted in zip(*found, strict=True):
        scale = 1.0 + np.max(np.abs(wanted), initial=0.0)
        np.testing.assert_allclose(mine, wanted, rtol=0, atol=1e-3 * scale)


@each(CASES)
def test_memory_layout_does_not_matter(case: Case) -> None:
    operands = list(case.sample.operands)
    graph = graph_of(case, operands)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, *operands)
        for position, operand in enumerate(operands):
            for variant in layouts(operand):
                moved = [variant if i == position else x for i, x in enumerate(operands)]
                before = variant.copy()
                for got, wanted in zip(evaluate(graph, *moved), expected, strict=True):
                    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)
                np.testing.assert_array_equal(variant, before)
