"""Every op on a batch: what NumPy makes of the elements one by one, stacked."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from irgrad.inline.batch_rules import Batch, replay
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import dims
from irgrad.ir.op import Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops import OPS
from irgrad.trace.trace import finished
from irgrad.trace.tracer import Trace, Tracer

SIZE = 3
LEAVES = {"input", "constant", "size", "item", "iota"}


def cases() -> Iterator[Any]:
    for op in OPS.values():
        if op.name in LEAVES:
            continue
        for index, sample in enumerate(op.samples):
            count = len(sample.operands)
            masks = itertools.product((True, False), repeat=count)
            for mask in [m for m in masks if any(m)][:4]:
                word = "".join("b" if mapped else "-" for mapped in mask)
                yield pytest.param(op, sample, mask, id=f"{op.name}-{index}-{word}")


def batch_of(operand: Any, op: Op) -> list[np.ndarray]:
    """Return variations of an operand on which the op is defined: the same numbers in another
    order, since index arrays must stay in range and search tables sorted."""
    array = np.asarray(operand)
    if op.name == "search_sorted":
        return [array, array, array]
    if op.name.removeprefix("complex_") in (
        "cholesky", "cholesky_cotangent", "half_inverse", "matrix_logarithm",
        "matrix_square_root",
    ):  # fmt: skip
        return [array, 2 * array, 3 * array]  # in another order it need not be in the domain
    return [array, array[::-1].copy() if array.ndim else array, np.roll(array, 1)]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("op", "sample", "mask"), list(cases()))
def test_an_op_on_a_batch(op: Op, sample: Sample, mask: tuple[bool, ...], symbolic: bool) -> None:
    size = dims.symbol("b") if symbolic else SIZE
    trace = Trace(dims.Assumptions({"b": SIZE}))
    batches = [batch_of(x, op) for x in sample.operands]
    arguments = []
    with dims.assuming(trace.assumptions):
        inputs = []
        for position, (operand, mapped) in enumerate(zip(sample.operands, mask, strict=True)):
            array = np.asarray(operand)
            shape = (size, *array.shape) if mapped else array.shape
            inputs.append(trace.input(f"x{position}", ArrayType(array.dtype, shape)))
            arguments.append(np.stack(batches[position]) if mapped else array)
        singles = [
            trace.input(f"one{position}", ArrayType(np.asarray(x).dtype, np.shape(x)))
            for position, x in enumerate(sample.operands)
        ]
        start = len(trace.nodes)
        chosen = [
            one if mapped else whole
            for one, whole, mapped in zip(singles, inputs, mask, strict=True)
        ]
        result = op(*chosen, **sample.params)
        results = result if isinstance(result, tuple) else (result,)
        known = {
            one.node: whole.node
            for one, whole, mapped in zip(singles, inputs, mask, strict=True)
            if mapped
        }
        made = replay(Batch(trace, size), start, [r.node for r in results], known)
        outputs = tuple(made[r.node] for r in results)
    graph = finished(trace, outputs, "batch")
    with np.errstate(all="ignore"):
        found = evaluate(graph, *arguments, *(np.asarray(x) for x in sample.operands))
        for position in range(SIZE):
            operands = [
                own[position] if mapped else np.asarray(x)
                for own, x, mapped in zip(batches, sample.operands, mask, strict=True)
            ]
            wanted = op.evaluate(*operands, **sample.params)
            whole = wanted if isinstance(wanted, tuple) else (wanted,)
            for part, one in zip(found, map(np.asarray, whole), strict=True):
                if one.dtype.kind == "f":
                    np.testing.assert_array_max_ulp(part[position], one, 64)
                else:
                    np.testing.assert_array_equal(part[position], one)


def test_nodes_that_the_batch_does_not_reach_stay_single() -> None:
    trace = Trace(dims.Assumptions())
    with dims.assuming(trace.assumptions):
        x = trace.input("x", ArrayType(np.dtype(float), (SIZE, 4)))
        w = trace.input("w", ArrayType(np.dtype(float), (4,)))
        one = trace.input("one", ArrayType(np.dtype(float), (4,)))
        start = len(trace.nodes)
        same = np.sin(w)
        result = np.dot(same, one)
        made = replay(Batch(trace, SIZE), start, [result.node], {one.node: x.node})
    assert same.node not in made
    assert made[result.node].array_type.shape == (SIZE,)
    assert isinstance(result, Tracer)
