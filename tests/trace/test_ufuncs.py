"""Ufuncs on traced values: dtypes by NEP 50 as NumPy gives them, and ufuncs' keywords."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError, MutationError, UnsupportedCallError
from irgrad.ir.types import ArrayType
from irgrad.ops.registry import UFUNCS
from irgrad.trace.trace import InputSpec, run_traced
from tests.ops.contracts import assert_like_numpy, evaluated, flat, gradient

X = np.array([[1.5, -2.0, 0.25], [3.0, 0.6, 2.0]])
Y = np.array([0.5, 1.25, -1.5])

DTYPES = ["bool", "int8", "uint8", "int32", "int64", "uint64", "float32", "float64"]
SCALARS: dict[str, Any] = {
    "python bool": True,
    "python int": 2,
    "python float": 0.5,
    "np.float32": np.float32(0.5),
    "np.float64": np.float64(0.5),
    "np.int64": np.int64(2),
}


def numpy_ufuncs(operands: int) -> list[np.ufunc]:
    """Return the elementwise ufuncs with so many operands and one result."""
    found = [
        f
        for f in UFUNCS
        if isinstance(f, np.ufunc) and (f.nin, f.nout, f.signature) == (operands, 1, None)
    ]
    return sorted(found, key=lambda f: f.__name__)


UNARY, BINARY = numpy_ufuncs(1), numpy_ufuncs(2)


def dtype_by_trace(function: Any, *operands: Any) -> np.dtype | None:
    """Return the dtype of a traced call, None where it is refused; arrays become arguments."""
    arrays = [x for x in operands if isinstance(x, np.ndarray)]

    def call(*traced: Any) -> Any:
        remaining = iter(traced)
        return function(*(next(remaining) if isinstance(x, np.ndarray) else x for x in operands))

    specs = [InputSpec(f"x{i}", ArrayType(x.dtype, x.shape)) for i, x in enumerate(arrays)]
    try:
        graph = run_traced(call, specs, flat, hints={}, name="function").graph
    except UnsupportedCallError:
        return None
    return graph.outputs[0].array_type.dtype


def dtype_by_numpy(function: Any, *operands: Any) -> np.dtype | None:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*operands)).dtype
    except TypeError:
        return None


def supported(dtype: np.dtype | None) -> bool:
    """Tell whether irgrad has values of this dtype."""
    return dtype is not None and dtype.name != "float16"


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_binary_dtypes_are_numpys(function: np.ufunc) -> None:
    """Every pair of dtypes, and every dtype with every kind of scalar, on both sides."""
    for left in DTYPES:
        x = np.ones(2, left)
        others = [np.ones(2, right) for right in DTYPES] + list(SCALARS.values())
        for y in others:
            for pair in ((x, y), (y, x)):
                expected = dtype_by_numpy(function, *pair)
                if supported(expected) or expected is None:
                    assert dtype_by_trace(function, *pair) == expected, pair


@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.__name__)
def test_unary_dtypes_are_numpys(function: np.ufunc) -> None:
    for name in DTYPES:
        expected = dtype_by_numpy(function, np.ones(2, name))
        if supported(expected) or expected is None:
            assert dtype_by_trace(function, np.ones(2, name)) == expected


@pytest.mark.parametrize("scalar", SCALARS.values(), ids=SCALARS.keys())
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_gradients_have_the_dtype_of_their_argument(scalar: Any, name: str) -> None:
    x = X.astype(name)
    for function in (
        lambda v: np.sum((v * scalar + scalar) / (v + 3) - scalar * v**2),
        lambda v: np.sum(np.where(v > scalar, v, scalar) + np.maximum(v, scalar)),
        lambda v: np.sum(np.hypot(v, scalar) + np.clip(v, -1, scalar)),
    ):
        value, (slopes,), _ = gradient(function, [x], [0])
        assert np.asarray(value).dtype == np.asarray(function(x)).dtype
        assert slopes.dtype == np.dtype(name)


def test_python_scalars_stay_weak_through_arithmetic() -> None:
    x = X.astype(np.float32)
    assert_like_numpy(lambda v: v * (2 * 3.5) + x.shape[0] / 7, x, derivatives=False)
    assert_like_numpy(lambda v: v * (v.shape[0] / 3) - v.size, x, derivatives=False)
    assert_like_numpy(lambda v: np.mean(v) * len(v), x, derivatives=False, rtol=1e-6)


def test_out_takes_a_traced_array() -> None:
    def function(x: Any, y: Any) -> Any:
        out = np.zeros_like(x)
        np.multiply(x, y, out=out)
        np.add(out, 1.0, out=out)
        return out

    assert_like_numpy(function, X, Y)
    with pytest.raises(MutationError, match="plain array"):
        evaluated(lambda x: np.add(x, 1.0, out=np.zeros_like(X)), [X], symbolic=False)


def test_where_needs_out() -> None:
    def function(x: Any, y: Any) -> Any:
        out = np.zeros_like(x)
        np.divide(x, y, out=out, where=x > 0.5)
        return out

    assert_like_numpy(function, X, Y)
    with pytest.raises(UnsupportedCallError, match="where="):
        evaluated(lambda x: np.sqrt(x, where=x > 0), [X], symbolic=False)


def test_dtype_and_casting() -> None:
    x = X.astype(np.float32)
    assert_like_numpy(lambda v: np.add(v, v, dtype=np.float64), x, derivatives=False)
    assert_like_numpy(lambda v: np.exp(v, dtype=np.float32, casting="same_kind"), x,
                      derivatives=False, rtol=1e-6)  # fmt: skip


@pytest.mark.parametrize("function", [np.add, np.multiply, np.subtract, np.maximum, np.hypot])
def test_outer(function: np.ufunc) -> None:
    assert_like_numpy(function.outer, Y, X)


@pytest.mark.parametrize(
    ("words", "function"),
    [
        ("arctan2.accumulate", np.arctan2.accumulate),
        ("arctan2.reduce", np.arctan2.reduce),
        ("isnat", np.isnat),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(words: str, function: Any) -> None:
    with pytest.raises(IrgradError, match=words):
        evaluated(function, [X], symbolic=False)


def test_functions_of_integers_refuse_floats() -> None:
    for function in (np.bitwise_and, np.left_shift, np.gcd, np.ldexp):
        with pytest.raises(UnsupportedCallError, match=f"{function.__name__} is not defined"):
            evaluated(lambda x, f=function: f(x, x), [X], symbolic=False)


def test_integer_functions() -> None:
    a, b = np.array([12, -7, 5, 0]), np.array([3, 2, 4, 1])
    for function in (
        np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd,
        np.lcm, np.floor_divide, np.remainder, np.logical_and, np.logical_xor,
    ):  # fmt: skip
        assert_like_numpy(function, a, b, derivatives=False)
    assert_like_numpy(lambda x: ~x + (x & 3) + (5 | x) + (x ^ 1), a, derivatives=False)
    assert_like_numpy(lambda x: (x << 2) + (x >> 1) + (1 << abs(x)), a, derivatives=False)
    assert_like_numpy(np.invert, a > 1, derivatives=False)
