"""The tracer: what it stands for, what it refuses, and how it enters NumPy's own arrays."""

import copy
import math
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import (
    ConcreteValueError,
    EscapedTracerError,
    IrgradError,
    UnsupportedCallError,
)
from tests.oracles import check, gradients, trace, values

X = np.array([0.7, -1.2, 0.4, 2.5])


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


ARRAYS_OF_TRACED_NUMBERS = [
    lambda x: np.array([x[0], x[1] * 2]),
    lambda x: np.array([x[0], 3.0, x[1]]),
    lambda x: np.array([[x[0], x[1]], [2.0, x[3]]]),
    lambda x: np.array([x[:2], x[2:]]) * 2,
    lambda x: np.asarray([x[0], x[1]]) * x[:2],
    lambda x: np.asarray(x) * 2,
    lambda x: np.asarray(x)[::-1] - x,
    lambda x: np.asarray(x)[1:].sum(),
    lambda x: np.array(x),
    lambda x: np.array(x[0]),
    lambda x: np.exp(np.array([x[0], x[1]])),
    lambda x: np.sum(np.array([x[0], x[1] * x[1]])),
    lambda x: np.prod(np.array([x[0], x[1] * x[1]])),
    lambda x: np.array([x[0], x[1]]) @ np.array([x[2], x[3]]),
    lambda x: np.array([x[0], x[1]]) @ x[:2],
    lambda x: x[:2] @ np.array([x[0], x[1]]),
    lambda x: np.array([[1.0, x[0]], [x[1], 2.0]]) @ x[:2],
    lambda x: np.dot(np.array([x[0], x[1]]), [1.0, 2.0]),
    lambda x: np.linalg.norm(np.array([x[0], x[1]])),
    lambda x: np.cumsum(np.array([x[0], x[1], x[2]])),
    lambda x: np.outer(np.array([x[0], x[1]]), x),
    lambda x: np.array([x[0], x[1]]).reshape(1, 2).T * 3,
    lambda x: np.stack([x[0], x[1]]),
    lambda x: np.stack([x[:2], x[2:]]),
    lambda x: np.hstack([x[0], 1.0, x[1]]),
    lambda x: np.sum([x[0], x[1]]),
    lambda x: sum([x[0], x[1]]),
    lambda x: sum(x),
    lambda x: [row * 2 for row in x.reshape(2, 2)],
    lambda x: [*x.reshape(2, 2)],
    lambda x: x.tolist(),
    lambda x: np.where(x > 0, [x[0], x[1], 1.0, x[2]], x),
    lambda x: np.r_[x, x[0], 1.0],
    lambda x: np.r_[x[:2], np.ones(2)],
    lambda x: np.c_[x, x * 2],
    lambda x: np.append(x, [x[0]]),
    lambda x: np.concatenate([[x[0]], x, [1.0, 2.0]]),
    lambda x: np.array([[x[i] * x[j] for j in range(2)] for i in range(2)]),
    lambda x: np.array([[0, -x[2], x[1]], [x[2], 0, -x[0]], [-x[1], x[0], 0]]) @ x[:3],
]


@pytest.mark.parametrize("function", ARRAYS_OF_TRACED_NUMBERS)
def test_arrays_of_traced_numbers(function: Any) -> None:
    # NumPy itself works on the elements of such an array, where Python's floats are weak.
    check(function, X, narrow=False)


def test_an_array_taken_apart_is_put_together_as_one() -> None:
    traced = trace(lambda x: np.dot(np.asarray(x), x), numbers(12))
    used = {n for node in traced.graph.nodes if node.op.name == "contract" for n in node.inputs}
    assert used == {traced.graph.inputs[0]}
    traced = trace(lambda x: np.array([*x[:5], 2.0, *x[2:4]]), numbers(12))
    (joined,) = [node for node in traced.graph.nodes if node.op.name == "concatenate"]
    assert [part.array_type.shape for part in joined.inputs] == [(5,), (1,), (2,)]


def test_attributes() -> None:
    def look(x: Any) -> Any:
        assert x.ndim == 2
        assert x.shape == (3, 4)
        assert x.size == 12
        assert len(x) == 3
        assert x.dtype == np.float64
        assert x.T.shape == (4, 3)
        assert repr(x) == "<traced float64[3, 4] from input>"
        assert copy.deepcopy(x).shape == copy.copy(x).shape
        return x

    trace(look, numbers(3, 4))


REFUSED = [
    (lambda x: 1 if x[0] > 0 else 2, "np.where"),
    (lambda x: x[0] and x[1], "np.where"),
    (lambda x: 0 < x[0] < 1, "np.where"),
    (lambda x: max(x[0], x[1]), "np.where"),
    (lambda x: float(x[0]), r"np\.sin"),
    (lambda x: math.sin(x[0]), r"np\.sin"),
    (lambda x: complex(x[0]), "traced"),
    (lambda x: int(x[0]), "floor"),
    (lambda x: range(x[0]), "static"),
    (lambda x: [1, 2][np.argmax(x)], "static"),
    (lambda x: np.arange(4.0)[np.argmax(x, keepdims=True)], "take_along_axis"),
    (lambda x: np.asarray(x, dtype=float), "leave the dtype out"),
]


@pytest.mark.parametrize("function, remedy", REFUSED)
def test_what_needs_a_number_names_line_and_remedy(function: Any, remedy: str) -> None:
    with pytest.raises(ConcreteValueError, match=remedy) as caught:
        values(function, X)
    assert "test_tracer.py" in str(caught.value)
    assert "lambda x" in str(caught.value)


def test_an_item_is_a_number_of_python() -> None:
    """In float64, and as weak: it takes the dtype of an array it meets."""
    x, y = np.float32([[0.1, 2.0], [3.0, 4.0]]), np.float32([1.0, 0.3])
    for function in (
        lambda x, y: x.item(1) * y,
        lambda x, y: x.item(1, 0) * np.float64(0.1),
        lambda x, y: x.astype(np.float64).item((0, 0)) * y,
        lambda x, y: x[:1, 0].item() * 0.1 + y[0].item(),
        lambda x, y: x.tolist()[1][0] * y,
    ):
        check(function, x, y, order=1)


def test_what_is_unknown_names_itself() -> None:
    with pytest.raises(UnsupportedCallError, match=r"np\.arctan2\.reduce"):
        values(lambda x: np.arctan2.reduce(x), numbers(2, 2))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        values(lambda x: x.nonsense, X)


def test_large_arrays_are_not_taken_to_pieces() -> None:
    with pytest.raises(ConcreteValueError, match=r"np\.stack"):
        values(lambda x: np.asarray(x), np.zeros(5000))


def test_an_escaped_value_says_so() -> None:
    kept: list[Any] = []
    trace(lambda x: (kept.append(x), x)[1], X)
    with pytest.raises(EscapedTracerError, match="return it"):
        kept[0] + 1
    with pytest.raises(EscapedTracerError, match="two different functions"):
        trace(lambda y: np.add(kept_open(y), y), X)


def kept_open(y: Any) -> Any:
    """Return a value of another trace that is still running."""
    from irgrad.ir.types import ArrayType
    from irgrad.trace.tracer import Trace

    return Trace(y.tape.assumptions).input("other", ArrayType(np.dtype(np.float64), (4,)))


def test_an_error_leaves_no_state_behind() -> None:
    def broken(x: Any) -> Any:
        y = x * 2
        y[0] = 1
        raise RuntimeError("the user's own")

    with pytest.raises(RuntimeError, match="the user's own"):
        trace(broken, X)
    (gradient,) = gradients(lambda x: np.sum(x * x), X)
    np.testing.assert_array_equal(gradient, 2 * X)


def test_the_users_line_of_a_helper_is_named() -> None:
    def helper(y: Any) -> Any:
        return y.reshape(3, 5)

    with pytest.raises(IrgradError) as caught:
        values(lambda x: helper(x) + 1, X)
    assert "return y.reshape(3, 5)" in str(caught.value)
    assert "in test_the_users_line_of_a_helper_is_named.<locals>.helper" in str(caught.value)


def test_captured_arrays_are_inputs() -> None:
    """An array from outside becomes an input, once however often it is read."""
    table = np.arange(4.0)
    traced = trace(lambda x: x * table + table[1:].sum() - table, X)
    assert traced.captured[0] is table
    assert len(traced.captured) == 1
    assert len(traced.graph.inputs) == 2


def test_weak_numbers_take_the_others_dtype() -> None:
    check(lambda x: [x * 2, x + 0.5, 1 / x, x * np.float64(2), 2**x], X.astype(np.float32))
    check(lambda x: [x * 2, x + 0.5, x / 2, x * True], np.arange(4, dtype=np.int8))


def test_a_plain_arrays_own_methods_see_the_traced_operand() -> None:
    """``w.T.dot(x)`` runs inside NumPy, element by element; no input is swallowed by it."""
    table = numbers(4, 3, seed=2)
    check(lambda x: [table.T.dot(x), table.T @ x, x @ table, table[:, 0].dot(x)], X, narrow=False)


def test_repeated_scalar_operations_keep_kinds_and_signs_apart():
    def f(x, k):
        results = [x * 0.0, x * -0.0, k * 2, k * 2.0, k * 3, x * 3, k * 2, x + k]
        return tuple(results)

    compiled = irgrad.compile(f, jit=False, argnums=())
    got = compiled(np.float64(-1.5), np.int64(7))
    expected = f(np.float64(-1.5), np.int64(7))
    assert [type(value) for value in got] == [type(value) for value in expected]
    assert list(got) == list(expected)
    assert [np.signbit(value) for value in got] == [np.signbit(value) for value in expected]
