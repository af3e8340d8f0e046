"""What every op owes, stated once and checked on the samples of its declaration.

The oracles are NumPy itself (values, dtypes, shapes) and differences of values (derivatives): none
of them goes through the rule under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.differentiate.reverse import pull_back, value_and_gradient
from irgrad.errors import ShapeError
from irgrad.inline.forward import inline_jvp
from irgrad.interpret.evaluate import evaluate
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node, reachable
from irgrad.ir.op import Elementwise, Kernel, Op, Reduction, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops import OPS
from irgrad.trace.trace import InputSpec, Traced, run_traced
from irgrad.trace.tracer import Tracer

LEAVES = frozenset({"input", "constant", "size", "item"})
"""Ops that are no function of operands: other tests are theirs."""

STEP = 3e-4
"""Step of the five-point differences: truncation h⁴ and rounding 1e-16/h are both near 1e-13."""


@dataclass(frozen=True, slots=True)
class Case:
    """An op on one of its samples."""

    op: Op
    sample: Sample

    @property
    def floats(self) -> list[int]:
        """The positions of the operands that derivatives are taken by."""
        return [i for i, x in enumerate(self.sample.operands) if np.asarray(x).dtype.kind == "f"]

    @property
    def smooth(self) -> bool:
        """Whether differences of values give the derivative: not where they are rounded."""
        return (
            self.op.differentiable
            and self.sample.differentiable
            and bool(self.floats)
            and all(
                np.asarray(r).dtype not in (np.float32, np.complex128)
                for r in apply(self, self.sample.operands)
            )
        )


def identified(ops: Sequence[Op] | None = None) -> Iterator[tuple[str, Case]]:
    """Yield ``name-index`` and the case of every sample of ``ops`` (all that have operands)."""
    for op in OPS.values() if ops is None else ops:
        if op.name not in LEAVES:
            for index, sample in enumerate(op.samples):
                yield f"{op.name}-{index}", Case(op, sample)


def parts(result: Any) -> tuple[Any, ...]:
    """Return the results of an op as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def apply(case: Case, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Return what NumPy makes of the case's op on ``operands``."""
    with np.errstate(all="ignore"):
        return parts(case.op.evaluate(*operands, **case.sample.params))


def weights(results: Sequence[Any], seed: int = 7) -> list[Any]:
    """Return random cotangents of the results of inexact dtype; None for the others."""
    draws = np.random.default_rng(seed)
    return [
        draws.uniform(0.5, 1.5, np.shape(r)).astype(r.dtype) if r.dtype.kind == "f" else None
        for r in map(np.asarray, results)
    ]


def specs(operands: Sequence[Any], symbolic: bool) -> tuple[list[InputSpec], dict[str, int]]:
    """Return the types of ``operands``, and their sizes where they are symbols, one a size."""
    hints: dict[str, int] = {}
    described = []
    for position, operand in enumerate(map(np.asarray, operands)):
        shape: list[dims.Dim] = []
        for size in operand.shape:
            if symbolic and size > 1:
                hints[f"n{size}"] = size
                shape.append(dims.symbol(f"n{size}"))
            else:
                shape.append(size)
        described.append(InputSpec(f"x{position}", ArrayType(operand.dtype, tuple(shape))))
    return described, hints


def flat(result: Any) -> tuple[list[Any], Any]:
    """Return the leaves of a traced function's result."""
    return (list(result), tuple) if isinstance(result, tuple | list) else ([result], None)


def traced(
    function: Callable[..., Any], operands: Sequence[Any], *, symbolic: bool = False
) -> Traced:
    """Trace ``function`` for arguments like ``operands``."""
    types, hints = specs(operands, symbolic)
    return run_traced(function, types, flat, hints=hints, name="function")


def graph_of(case: Case, operands: Sequence[Any], *, symbolic: bool = False) -> Graph:
    """Return the graph of the op alone."""
    if not operands:
        node = Node(case.op, (), case.sample.params, case.op.infer(**case.sample.params))
        return Graph((), (node,), (node,))
    made = traced(lambda *xs: case.op(*xs, **case.sample.params), operands, symbolic=symbolic)
    assert not made.captured
    return made.graph


def weighted(case: Case, cotangents: Sequence[Any]) -> Callable[..., Any]:
    """Return the function ``sum_i sum(w_i * op_i(...))``, for arrays and for tracers."""

    def objective(*operands: Any) -> Any:
        results = parts(case.op(*operands, **case.sample.params))
        kept = [np.sum(w * r) for w, r in zip(cotangents, results, strict=True) if w is not None]
        total = kept[0]
        for term in kept[1:]:
            total = total + term
        return total

    return objective


def differentiated(
    function: Callable[..., Any], operands: Sequence[Any], positions: Sequence[int]
) -> tuple[Callable[..., tuple[Any, ...]], Graph]:
    """Return the value and gradient of a scalar function, by its adjoint graph; and that graph."""
    made = traced(function, operands)
    joint = value_and_gradient(made.graph, positions)

    def run(*arguments: Any) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            return evaluate(joint, *arguments, *made.captured)

    return run, joint


def gradient(
    function: Callable[..., Any], operands: Sequence[Any], positions: Sequence[int]
) -> tuple[Any, list[Any], Graph]:
    """Return the value and the gradient of a scalar function, and its adjoint graph."""
    run, joint = differentiated(function, operands, positions)
    value, *gradients = run(*operands)
    return value, gradients, joint


def directional_gradient(
    function: Callable[..., Any], positions: Sequence[int], directions: Sequence[Any]
) -> Callable[..., Any]:
    """Return the function ``sum_i <d_i, gradient_i(...)>``, whose gradient is second order."""

    def along(*operands: Any) -> Any:
        value = function(*operands)
        trace = value.tape
        wanted = [operands[position].node for position in positions]
        seed = Tracer(trace, trace.scalar(1.0, value.dtype))
        gradients = pull_back(trace, {value.node: seed}, wanted)
        total = value * 0.0
        for direction, part in zip(directions, gradients, strict=True):
            if part is not None:
                total = total + np.sum(direction * part)
        return total

    return along


def pushed(
    function: Callable[..., Any],
    operands: Sequence[Any],
    positions: Sequence[int],
    directions: Sequence[Any],
) -> list[Any]:
    """Return the derivatives of a function's inexact results along directions, by forward mode."""
    made = traced(along(function, positions, directions), operands)
    with np.errstate(all="ignore"):
        return list(evaluate(made.graph, *operands, *made.captured))


def along(
    function: Callable[..., Any], positions: Sequence[int], directions: Sequence[Any]
) -> Callable[..., Any]:
    """Return the pushforward of a function at its operands, for tracers."""

    def pushforward(*operands: Any) -> list[Any]:
        def of_moved(*moved: Any) -> list[Any]:
            own = list(operands)
            for position, operand in zip(positions, moved, strict=True):
                own[position] = operand
            results = parts(function(*own))
            return [r for r in results if getattr(r, "dtype", np.dtype(int)).kind == "f"]

        at = tuple(operands[position] for position in positions)
        steps = tuple(
            np.asarray(d, x.dtype)[()] for x, d in zip(at, directions, strict=True)
        )
        tangents: list[Any] = inline_jvp(of_moved, at, steps)[1]
        return tangents

    return pushforward


def drawn_along(operands: Sequence[Any], positions: Sequence[int]) -> list[Any]:
    """Return a random direction for each operand that derivatives are taken by.

    They are short, so that steps along them stay within samples' distance of poles and jumps.
    """
    draws = np.random.default_rng(13)
    return [draws.uniform(0.1, 0.3, np.shape(operands[position])) for position in positions]


def moved_along(
    operands: Sequence[Any], positions: Sequence[int], directions: Sequence[Any], t: Any
) -> list[Any]:
    """Return the operands a step ``t`` along directions."""
    own = [np.asarray(x) for x in operands]
    for position, direction in zip(positions, directions, strict=True):
        own[position] = own[position] + t * direction
    return [x[()] for x in own]


SIZES_IN_PARAMS = frozenset({"shape", "sizes", "offsets", "length", "body", "branches"})
"""Params that say how large the operands are, so that these can't be of other sizes."""


def sized(case: Case, size: int) -> Case | None:
    """Return the case with every axis longer than 1 of another size.

    None where the params hold sizes, the op is one of matrices, whose numbers belong together, or
    NumPy refuses: the smallest of no elements, say.
    """
    matrices = isinstance(case.op.lowering, Kernel) and case.op.lowering.core == 2
    if matrices or SIZES_IN_PARAMS & set(case.sample.params):
        return None
    operands = tuple(
        np.resize(np.asarray(x), tuple(size if n > 1 else n for n in np.shape(x)))[()]
        for x in case.sample.operands
    )
    return _changed(case, operands)


def broadcast(case: Case) -> Case | None:
    """Return an elementwise case of several operands with each of size 1 along another axis."""
    if not isinstance(case.op.lowering, Elementwise) or len(case.sample.operands) == 1:
        return None
    operands = []
    for position, operand in enumerate(case.sample.operands):
        array = np.asarray(operand)
        axis = position % array.ndim if array.ndim else 0
        operands.append(np.take(array, [0], axis=axis) if array.ndim else operand)
    return _changed(case, tuple(operands))


def _changed(case: Case, operands: tuple[Any, ...]) -> Case | None:
    changed = Case(case.op, Sample(operands, case.sample.params, case.sample.differentiable))
    try:
        case.op.infer(*(spec.type for spec in specs(operands, False)[0]), **case.sample.params)
        results = apply(changed, operands)
    except (ShapeError, ValueError, IndexError):
        return None
    return changed if all(np.isfinite(r).all() for r in results) else None


def derived(cases: Mapping[str, Case]) -> dict[str, Case]:
    """Return one case of each op with operands of size 0, of size 1, and broadcast."""
    ways: dict[str, Callable[[Case], Case | None]] = {
        "empty": lambda case: sized(case, 0),
        "one": lambda case: sized(case, 1),
        "broadcast": broadcast,
    }
    found: dict[str, Case] = {}
    for case in cases.values():
        for way, change in ways.items():
            name = f"{case.op.name}-{way}"
            if name not in found and (changed := change(case)) is not None:
                found[name] = changed
    return found


def differences(
    function: Callable[..., Any], operands: Sequence[Any], position: int
) -> np.ndarray:
    """Return the derivatives of a function by one operand, the operand's axes last.

    Reference: Fornberg, Math. Comp. 51 (1988), table 1: the five-point formula of order 4.
    """
    at = np.array(operands[position], dtype=np.float64)
    columns = []
    for index in np.ndindex(*at.shape):
        step = STEP * max(1.0, abs(float(at[index])))
        samples = []
        for multiple in (-2, -1, 1, 2):
            moved = at.copy()
            moved[index] += multiple * step
            samples.append(np.asarray(function(*_replaced(operands, position, moved[()]))))
        a, b, c, d = samples
        columns.append((a - 8 * b + 8 * c - d) / (12 * step))
    if not columns:
        shape = np.shape(function(*operands))
        return np.zeros((*shape, *at.shape))
    return np.stack(columns, axis=-1).reshape((*np.shape(columns[0]), *at.shape))


def _replaced(operands: Sequence[Any], position: int, value: Any) -> list[Any]:
    return [value if i == position else x for i, x in enumerate(operands)]


def resized(case: Case, graph: Graph, more: int = 2) -> list[Any] | None:
    """Return operands whose symbolic sizes are larger by ``more``.

    None where the params hold sizes, a guard forbids it (elementwise ops and reductions may not),
    or the op is one of matrices that larger ones are not, such as positive definite ones.
    """
    if set(case.sample.params) - {"axes", "axis", "dtype"}:
        return None
    sizes = {name: number + more for name, number in graph.hints.items()}
    if not all(guard.holds(sizes) for guard in graph.guards):
        assert not isinstance(case.op.lowering, Elementwise | Reduction), graph.guards
        return None
    operands = []
    for operand, node in zip(case.sample.operands, graph.inputs, strict=True):
        shape = tuple(dims.evaluate(dim, sizes) for dim in node.array_type.shape)
        operands.append(np.resize(np.asarray(operand), shape)[()])
    try:
        apply(case, operands)
    except np.linalg.LinAlgError:
        return None
    return operands


def layouts(operand: Any) -> Iterator[Any]:
    """Yield the operand in other memory: strided, reversed, Fortran order, read-only."""
    array = np.asarray(operand)
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    yield wide[..., 0]
    yield np.ascontiguousarray(array[..., ::-1])[..., ::-1] if array.ndim else array
    yield array.copy("F")
    frozen = array.copy()
    frozen.flags.writeable = False
    yield frozen


def joint_dtypes(graph: Graph) -> set[np.dtype]:
    """Return the floating dtypes of the nodes that the outputs depend on."""
    return {
        type.dtype
        for node in reachable(graph.outputs)
        for type in parts(node.type)
        if type.dtype.kind == "f"
    }


def assert_alike(actual: Any, expected: Any, rtol: float = 1e-13, atol: float = 1e-13) -> None:
    """Compare values, dtypes and shapes; NaN equals NaN."""
    assert np.shape(actual) == np.shape(expected)
    assert np.asarray(actual).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def evaluated(function: Callable[..., Any], operands: Sequence[Any], *, symbolic: bool) -> Any:
    """Return what the graph of ``function`` gives on the operands it was traced for."""
    made = traced(function, operands, symbolic=symbolic)
    with np.errstate(all="ignore"):
        return evaluate(made.graph, *operands, *made.captured)


def assert_like_numpy(
    function: Callable[..., Any], *operands: Any, derivatives: bool = True, rtol: float = 1e-13
) -> None:
    """Compare a function's graph with the function itself run by NumPy: value and derivative.

    The graph is made twice, of fixed sizes and of symbolic ones. Derivatives are by all float64
    operands, of a random weighting of all results, against differences.
    """
    with np.errstate(all="ignore"):
        expected = flat(function(*operands))[0]
    for symbolic in (False, True):
        results = evaluated(function, operands, symbolic=symbolic)
        assert len(results) == len(expected)
        for got, wanted in zip(results, expected, strict=True):
            assert_alike(got, wanted, rtol)
    if not derivatives:
        return
    chosen = weights(expected)

    def objective(*arguments: Any) -> Any:
        results = flat(function(*arguments))[0]
        return sum(np.sum(w * r) for w, r in zip(chosen, results, strict=True) if w is not None)

    positions = [i for i, x in enumerate(operands) if np.asarray(x).dtype == np.float64]
    gradients = gradient(objective, operands, positions)[1]
    assert positions
    for position, got in zip(positions, gradients, strict=True):
        slopes = differences(objective, operands, position)
        np.testing.assert_allclose(got, slopes, rtol=1e-8, atol=1e-9)
