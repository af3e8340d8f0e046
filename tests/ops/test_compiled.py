"""Compiled, every op gives the numbers of the reference evaluation: as Python, and jitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.emit.emit import emit
from irgrad.errors import UnsupportedCallError
from irgrad.ir import dims, loops
from irgrad.ir.op import PLACES, Elementwise, Op
from irgrad.ir.text import digest
from irgrad.ir.types import ArrayType
from irgrad.ops import OPS
from irgrad.runtime.load import load_module
from tests.ops.contracts import (
    Case,
    apply,
    derived,
    gradient,
    identified,
    layouts,
    weighted,
    weights,
)


def stands_alone(case: Case) -> bool:
    """Tell whether a sample means something outside a loop: the params have no loop variables."""
    return not [name for value in case.sample.params.values() for name in loop_variables(value)]


def loop_variables(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [name for part in value for name in loop_variables(part)]
    return list(dims.symbols(value)) if isinstance(value, dims.Size) else []


DECLARED = dict(identified())
CASES = {
    name: case for name, case in (DECLARED | derived(DECLARED)).items() if stands_alone(case)
}


def each(cases: dict[str, Case]) -> Any:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def differentiable(case: Case) -> bool:
    results = apply(case, case.sample.operands)
    smooth = any(w is not None for w in weights(results))
    return case.op.differentiable and bool(case.floats) and smooth


def values(case: Case, *operands: Any) -> Any:
    return case.op(*operands, **case.sample.params)


def assert_near(got: Any, wanted: Any) -> None:
    """Compare numbers, dtypes and shapes; sums may be in another order."""
    assert np.asarray(got).dtype == np.asarray(wanted).dtype
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


@each(CASES)
def test_emitted_source_run_as_python(case: Case) -> None:
    operands = case.sample.operands
    with np.errstate(all="ignore"):
        compiled = irgrad.compile(lambda *xs: values(case, *xs), argnums=case.floats, jit=False)
        results = compiled(*operands)
        for got, wanted in zip(
            results if isinstance(results, tuple) else (results,),
            apply(case, operands),
            strict=True,
        ):
            assert_near(got, wanted)


@each({name: case for name, case in CASES.items() if differentiable(case)})
def test_emitted_gradient_run_as_python(case: Case) -> None:
    operands = case.sample.operands
    objective = weighted(case, weights(apply(case, operands)))
    value, gradients, _ = gradient(objective, operands, case.floats)
    with np.errstate(all="ignore"):
        compiled = irgrad.compile(objective, argnums=case.floats, jit=False)
        got_value, got = compiled.value_and_grad(*operands)
        assert_near(got_value, value)
        for mine, wanted in zip(got, gradients, strict=True):
            assert_near(mine, wanted)
        for arguments in zip(*map(layouts, operands), strict=True):
            before = [x.copy() for x in arguments]
            again = compiled.value_and_grad(*arguments)
            for mine, wanted in zip((again[0], *again[1]), (got_value, *got), strict=True):
                assert_near(mine, wanted)
            for x, kept in zip(arguments, before, strict=True):
                np.testing.assert_array_equal(x, kept)


CHUNK = 8
"""How many ops one jitted function holds: enough to save compiles, few enough to find a fault."""


def chunks(cases: dict[str, Case]) -> list[Any]:
    """Return the first sample of every op, in groups."""
    first = {case.op.name: case for case in reversed(cases.values())}
    named = list(reversed(first.items()))
    groups = [named[i : i + CHUNK] for i in range(0, len(named), CHUNK)]
    return [pytest.param([c for _, c in g], id="-".join(n for n, _ in g)) for g in groups]


def split(cases: Sequence[Case], operands: Sequence[Any]) -> list[list[Any]]:
    """Return each case's part of the operands of all."""
    remaining = iter(operands)
    return [[next(remaining) for _ in case.sample.operands] for case in cases]


@pytest.mark.parametrize(
    "cases", chunks({name: case for name, case in CASES.items() if not differentiable(case)})
)
def test_jitted(cases: Sequence[Case]) -> None:
    operands = [x for case in cases for x in case.sample.operands]

    def all_values(*arguments: Any) -> Any:
        return [values(c, *part) for c, part in zip(cases, split(cases, arguments), strict=True)]

    got = irgrad.compile(all_values)(*operands)
    for case, mine in zip(cases, got, strict=True):
        for one, wanted in zip(
            mine if isinstance(mine, tuple) else (mine,), apply(case, case.sample.operands),
            strict=True,
        ):  # fmt: skip
            assert_near(one, wanted)


def has_kernel(op: Op) -> bool:
    """Tell whether the vector-math library computes the op: its kernels have tests of their own."""
    return isinstance(op.lowering, Elementwise) and bool(op.lowering.vector_math)


@pytest.mark.parametrize(
    "cases",
    chunks(
        {name: c for name, c in CASES.items() if differentiable(c) and not has_kernel(c.op)}
    ),
)
def test_jitted_gradient(cases: Sequence[Case]) -> None:
    operands = [np.asarray(x) for case in cases for x in case.sample.operands]
    drawn = [weights(apply(case, case.sample.operands)) for case in cases]
    wanted = [i for i, x in enumerate(operands) if x.dtype.kind == "f"]

    def objective(*arguments: Any) -> Any:
        return sum(
            weighted(case, own)(*part)
            for case, own, part in zip(cases, drawn, split(cases, arguments), strict=True)
        )

    value, gradients, _ = gradient(objective, operands, wanted)
    got_value, got = irgrad.compile(objective, argnums=wanted).value_and_grad(*operands)
    assert_near(got_value, value)
    for mine, expected in zip(got, gradients, strict=True):
        assert_near(mine, expected)


# What an emitted expression meets in practice, and what it may not trip over.
REALS = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-3, 7.25, np.inf, -np.inf, np.nan])
COMPLEX = np.array([0, 1, -1, 0.5j, -2.5j, 3 - 1j, -1e-3 + 2j, -4 - 0.25j, 7.25 + 0.5j])
WHOLES = np.array([0, 1, -1, 2, -3, 7, 12, 40])
TRUTHS = np.array([True, False])


def elementwise(arity: int, kinds: str) -> list[Op]:
    """Return the elementwise ops over so many operands that take dtypes of one of ``kinds``."""
    return [
        op
        for op in OPS.values()
        if isinstance(op.lowering, Elementwise)
        and op.samples
        and len(op.samples[0].operands) == arity
        and not op.samples[0].params
        and all(np.asarray(x).dtype.kind in kinds for x in op.samples[0].operands)
    ]


def results(op: Op, kind: str, arity: int) -> str:
    """Return the kind of what an op makes of operands of a kind; nothing where it refuses them."""
    try:
        type = op.infer(*[ArrayType(np.dtype(kind))] * arity)
    except UnsupportedCallError:
        return ""
    assert isinstance(type, ArrayType)
    return type.dtype.kind


def compiled_expressions(ops: Sequence[Op], arity: int, dtype: Any = np.float64) -> Any:
    """Return ``run(x, y, out)``, which fills a row of out by the expression of each op."""
    names = PLACES[:arity]
    lines = [f"def run({', '.join(f'{n}s' for n in names)}, out):", "    for i in range(xs.size):"]
    lines.extend(f"        {n} = {n}s[i]" for n in names)
    for row, op in enumerate(ops):
        assert isinstance(op.lowering, Elementwise)
        lines.append(f"        out[{row}, i] = {op.lowering.expression_for((), np.dtype(dtype))}")
    function = loops.Function("nothing", "", (), (), (), (), (), (("run", "\n".join(lines)),))
    source = emit(loops.Program((function,)), title="", notes=(), fastmath=False)
    return load_module(source, digest(source), jit=True).run


def tabulated(values: np.ndarray, arity: int) -> list[np.ndarray]:
    """Return every combination of ``values`` in so many operands."""
    return [np.ravel(grid) for grid in np.meshgrid(*[values] * arity, indexing="ij")]


@pytest.mark.parametrize("arity", [1, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_expressions_give_the_ufuncs_numbers(arity: int, dtype: Any) -> None:
    """Every expression compiles, with the special values that NumPy gives, in both precisions."""
    ops = [op for op in elementwise(arity, "f") if results(op, "d", arity) != "c"]
    grids = [grid.astype(dtype) for grid in tabulated(REALS, arity)]
    out = np.zeros((len(ops), grids[0].size))
    compiled_expressions(ops, arity)(*grids, out)
    tolerance, smallest = (1e-13, 1e-15) if dtype is np.float64 else (3e-6, 1e-7)
    for op, row in zip(ops, out, strict=True):
        with np.errstate(all="ignore"):
            wanted = np.asarray(op.evaluate(*grids))
            if wanted.dtype.kind == "f":
                row = row.astype(wanted.dtype)  # some overflow in float32
        np.testing.assert_allclose(row, wanted, rtol=tolerance, atol=smallest, err_msg=op.name)


@pytest.mark.parametrize("arity", [1, 2])
def test_expressions_of_complex_numbers(arity: int) -> None:
    ops = [op for op in elementwise(arity, "fc") if results(op, "D", arity)]
    grids = tabulated(COMPLEX, arity)
    out = np.zeros((len(ops), grids[0].size), complex)
    compiled_expressions(ops, arity, np.complex128)(*grids, out)
    for op, row in zip(ops, out, strict=True):
        with np.errstate(all="ignore"):
            wanted = np.asarray(op.evaluate(*grids))
        finite = np.isfinite(wanted)  # numba's complex functions spread NaN, NumPy's do not
        np.testing.assert_allclose(
            row[finite], wanted[finite], rtol=1e-12, atol=1e-15, err_msg=op.name
        )
    assert len(ops) > 6


@pytest.mark.parametrize(("values", "kinds"), [(WHOLES, "i"), (TRUTHS, "b")])
@pytest.mark.parametrize("arity", [1, 2])
def test_expressions_of_integers_and_truths(arity: int, values: np.ndarray, kinds: str) -> None:
    ops = elementwise(arity, kinds)
    grids = tabulated(values, arity)
    if kinds == "i" and arity == 2:  # shifts by less than nothing mean nothing
        grids = [grid[grids[1] >= 0] for grid in grids]
    out = np.zeros((len(ops), grids[0].size), np.int64)
    assert ops or (arity, kinds) == (1, "i")
    if ops:
        compiled_expressions(ops, arity)(*grids, out)
    for op, row in zip(ops, out, strict=True):
        with np.errstate(divide="ignore"):  # whole numbers by 0 are 0
            wanted = np.asarray(op.evaluate(*grids)).astype(np.int64)
        np.testing.assert_array_equal(row, wanted, err_msg=op.name)


COMPOSITES: dict[str, Callable[..., Any]] = {
    "prod": lambda x: np.prod(x, axis=1),
    "std": lambda x: np.std(x, axis=0, ddof=1),
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x, axis=1),
    "cumprod": lambda x: np.cumprod(x, axis=0),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=1),
    "cov": np.cov,
    "sort": lambda x: np.sort(x, axis=0),
    "median": lambda x: np.median(x, axis=1),
    "quantile": lambda x: np.quantile(x, [0.2, 0.77], axis=1),
    "nanmean": lambda x: np.nanmean(x, axis=1),
    "diff": lambda x: np.diff(x, n=2, axis=1),
    "gradient": lambda x: np.gradient(x)[0] + np.gradient(x, edge_order=2)[1],
    "trapezoid": lambda x: np.trapezoid(x, dx=0.5),
    "interp": lambda x: np.interp(x[0], np.cumsum(np.exp(x[1])), x[2]),
    "unwrap": lambda x: np.unwrap(4.0 * x),
    "divmod": lambda x: np.divmod(x, 0.3)[1],
    "frexp": lambda x: np.frexp(x)[0],
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_serve_every_size(name: str) -> None:
    """Values and gradients at two sizes, from one trace."""

    def objective(x: Any) -> Any:
        return np.sum(np.sin(COMPOSITES[name](x)))

    compiled = irgrad.compile(objective, jit=False)
    draws = np.random.default_rng(1)
    for shape in ((18, 20), (25, 31)):
        x = draws.normal(size=shape)
        value, slopes = compiled.value_and_grad(x)
        np.testing.assert_allclose(value, objective(x), rtol=1e-11)
        wanted = gradient(objective, [x], [0])[1][0]
        np.testing.assert_allclose(slopes, wanted, rtol=1e-9, atol=1e-11)
    assert compiled.stats.traces == 1


def test_extremes_of_computed_values_keep_their_gradient_when_jitted() -> None:
    """The backward pass finds the chosen element again though compilers may round sums anew."""

    def objective(a: Any, b: Any, c: Any) -> Any:
        x = a * b + c * c
        return np.sum(np.sin(np.max(x, axis=1))) + np.sum(np.sin(np.median(x, axis=1)))

    draws = np.random.default_rng(0)
    operands = [draws.normal(size=(40, 51)) for _ in range(3)]
    _, wanted, _ = gradient(objective, operands, [0, 1, 2])
    _, got = irgrad.compile(objective, argnums=(0, 1, 2)).value_and_grad(*operands)
    for mine, expected in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-13)
