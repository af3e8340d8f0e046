"""What holds for all NumPy calls at once: signatures, ``out=``, refusals."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from irgrad.errors import MutationError, UnsupportedCallError
from irgrad.ops.registry import FUNCTIONS, METHODS, REFUSED, qualified
from tests.oracles import check, values

X = np.array([[0.52, -1.53, 2.07], [1.04, 0.27, -0.78]])
PARAMETER = inspect.Parameter


@pytest.mark.parametrize(
    "function", [f for f in FUNCTIONS if f not in REFUSED and hasattr(f, "__wrapped__")],
    ids=qualified,
)  # fmt: skip
def test_every_keyword_of_numpy_is_understood(function: Any) -> None:
    try:
        wanted = inspect.signature(function).parameters
    except ValueError:
        return  # a function of C that keeps its signature to itself
    own = inspect.signature(FUNCTIONS[function]).parameters
    if any(p.kind is PARAMETER.VAR_KEYWORD for p in own.values()):
        return
    named = {n for n, p in own.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    kinds = (PARAMETER.POSITIONAL_OR_KEYWORD, PARAMETER.KEYWORD_ONLY)
    assert {n for n, p in wanted.items() if p.kind in kinds} <= named


WITH_OUT: dict[str, Callable[[Any, Any], Any]] = {
    "np.cumsum": lambda x, out: np.cumsum(x, 0, out=out),
    "np.cumprod": lambda x, out: np.cumprod(x, 0, out=out),
    "ndarray.cumsum": lambda x, out: x.cumsum(1, out=out),
    "np.nancumsum": lambda x, out: np.nancumsum(x, 0, out=out),
    "np.nancumprod": lambda x, out: np.nancumprod(x, 0, out=out),
    "np.cumulative_sum": lambda x, out: np.cumulative_sum(x, axis=0, out=out),
    "np.cumulative_prod": lambda x, out: np.cumulative_prod(x, axis=0, out=out),
    "np.add.accumulate": lambda x, out: np.add.accumulate(x, out=out),
    "np.multiply.accumulate": lambda x, out: np.multiply.accumulate(x, out=out),
    "np.maximum.accumulate": lambda x, out: np.maximum.accumulate(x, out=out),
    "np.fix": lambda x, out: np.fix(x, out=out),
    "np.round": lambda x, out: np.round(x, 1, out=out),
    "ndarray.round": lambda x, out: x.round(1, out=out),
    "np.exp": lambda x, out: np.exp(x, out=out),
    "np.clip": lambda x, out: np.clip(x, -1, 1, out=out),
    "np.sum": lambda x, out: np.sum(np.stack([x, x]), 0, out=out),
    "np.take": lambda x, out: np.take(x, [1, 0], axis=0, out=out),
    "np.concatenate": lambda x, out: np.concatenate([x[:1], x[1:]], out=out),
    "np.matmul": lambda x, out: np.matmul(x, np.eye(3), out=out),
    "np.median": lambda x, out: np.median(np.stack([x, x, x]), 0, out=out),
}


@pytest.mark.parametrize("name", WITH_OUT)
def test_out_is_written_where_it_is_traced_and_refused_where_it_is_plain(name: str) -> None:
    def into_traced(x: Any) -> Any:
        out = np.zeros_like(x)
        result = WITH_OUT[name](x, out)
        return out * 2.0, result

    check(into_traced, X, order=1)
    with pytest.raises(MutationError, match="drop out="):
        values(lambda x: WITH_OUT[name](x, np.zeros(x.shape)), X)


@pytest.mark.parametrize("function", REFUSED, ids=qualified)
def test_refusals_say_why_and_what_to_write(function: Any) -> None:
    why, remedy = REFUSED[function]
    with pytest.raises(UnsupportedCallError) as caught:
        values(lambda x: function(x, x) if "1d" in function.__name__ else function(x), X)
    assert qualified(function) in str(caught.value)
    assert why in str(caught.value)
    assert remedy in str(caught.value)


def test_methods_that_arrays_have_and_traced_values_lack_are_named() -> None:
    assert "resize" not in METHODS
    with pytest.raises(AttributeError, match=r"docs/ops\.md"):
        values(lambda x: x.resize((3, 2)), X)
