"""Sizes while tracing: arithmetic keeps them open, asking for their number fixes them."""

import math
from typing import Any

import numpy as np
import pytest

from irgrad.errors import ConcreteValueError
from irgrad.trace.sizes import TracedSize
from tests.oracles import check, trace

X = np.linspace(-1.0, 1.4, 17)
ROWS = np.linspace(-1.0, 1.4, 17 * 18).reshape(17, 18)

OPEN = [
    lambda x: x * x.shape[0],
    lambda x: x.size + x,
    lambda x: x / x.shape[0],
    lambda x: x.shape[0] / x.sum() if x.ndim else x,
    lambda x: x * (2 * x.shape[0] - 3),
    lambda x: x * (3 - x.shape[0]),
    lambda x: x * -x.shape[0],
    lambda x: x * +x.shape[0],
    lambda x: x * abs(-x.shape[0]),
    lambda x: x * (x.shape[0] // 2),
    lambda x: x * (100 // x.shape[0]),
    lambda x: x * (x.shape[0] % 3),
    lambda x: x * (100 % x.shape[0]),
    lambda x: x * divmod(x.shape[0], 4)[1],
    lambda x: x * divmod(100, x.shape[0])[0],
    lambda x: x * x.shape[0] ** 2,
    lambda x: x * x.shape[0] ** 0.5,
    lambda x: x * 1.01 ** x.shape[0],
    lambda x: x * (x.shape[0] * 0.5),
    lambda x: x * (0.5 / x.shape[0]),
    lambda x: x * np.sqrt(x.shape[0]),
    lambda x: x * np.log(x.size),
    lambda x: x * round(x.shape[0]),
    lambda x: x * math.floor(x.shape[0]),
    lambda x: x * min(x.shape[0], 5),
    lambda x: x * max(5, x.shape[0]),
    lambda x: x if x.shape[0] > 3 else -x,
    lambda x: x if x.shape[0] >= 3 else -x,
    lambda x: -x if x.shape[0] < 3 else x,
    lambda x: -x if x.shape[0] <= 3 else x,
    lambda x: x if x.shape[0] else -x,
    lambda x: x if x.shape[0] != 5 else -x,
    lambda x: x if x.shape[0] > 3.5 and x.shape[0] >= 3.5 else -x,
    lambda x: x.reshape(x.shape[0], 1) * np.ones(2),
    lambda x: np.broadcast_to(x, (2, x.shape[0])),
    lambda x: x[: x.shape[0] // 2],
    lambda x: x[x.shape[0] - 3 :],
    lambda x: x[-x.shape[0]],
    lambda x: np.full_like(x, x.shape[0]),
    lambda x: np.roll(x, x.shape[0] // 2),
    lambda x: x * np.maximum(x.shape[0], 3),
    lambda x: x * np.shape(x)[0] * np.size(x) * np.ndim(x),
]


@pytest.mark.parametrize("function", OPEN)
def test_arithmetic_and_comparisons_stay_open(function: Any) -> None:
    """One trace serves 17 and 20 alike; floor quotients of both agree where they select."""
    check(function, X, order=1, rounding=1e-10)


FIXING = [
    lambda x: x * int(x.shape[0]),
    lambda x: x * float(x.shape[0]),
    lambda x: x * len(x),
    lambda x: x * math.sqrt(x.shape[0]),
    lambda x: x * math.floor(x.shape[0] / 2),
    lambda x: x * int(np.sqrt(x.shape[0])),
    lambda x: sum(x[i] for i in range(x.shape[0])),
    lambda x: sum(list(x)),
    lambda x: x * np.arange(x.shape[0]),
    lambda x: x[1:] * np.arange(1, x.shape[0]),
    lambda x: x[::2] * np.arange(0, x.shape[0], 2),
    lambda x: x * np.zeros(x.shape),
    lambda x: np.eye(x.shape[0]) @ x,
    lambda x: x * np.linspace(0, 1, x.shape[0]),
    lambda x: x * np.prod(x.shape),
    lambda x: x if x.shape == (17,) else -x,
    lambda x: x if x.shape[0] == 17 else -x,
    lambda x: -x if x.shape[0] != 17 else x,
    lambda x: x if x.shape[0] / 2 > 3 else -x,
    lambda x: x * {17: 2.0}.get(int(x.shape[0]), 1.0),
    lambda x: x * np.array([x.shape[0], 1.0])[0],
]


@pytest.mark.parametrize("function", FIXING)
def test_asking_for_the_number_fixes_it(function: Any) -> None:
    check(function, X, order=1, fixed=True, rounding=1e-10)


def test_guards_say_what_was_concluded() -> None:
    def guards(function: Any) -> list[str]:
        return [str(guard) for guard in trace(function, X).graph.guards]

    assert guards(lambda x: x * 2 + np.flip(x)) == []
    assert guards(lambda x: x if x.shape[0] > 3 else -x) == ["n17 >= 4"]
    assert guards(lambda x: x[:5]) == ["n17 >= 5"]
    assert "n17 == 17" in guards(lambda x: x * len(x))


def test_products_of_sizes() -> None:
    check(lambda x: x.reshape(x.shape[0] * x.shape[1]) / x.size, ROWS, order=1)
    check(lambda x: x * (x.shape[0] - x.shape[1]) * (x.shape[0] == x.shape[1]), ROWS, order=0)


def test_small_sizes_are_plain_numbers() -> None:
    seen: list[Any] = []
    trace(lambda x: (seen.extend(x.shape), x)[1], ROWS[:, :3])
    assert isinstance(seen[0], TracedSize)
    assert type(seen[1]) is int


def test_a_size_prints_and_hashes_as_what_it_is() -> None:
    def look(x: Any) -> Any:
        n, m = x.shape
        assert repr(n) == "TracedSize(n17)"
        assert repr(2 * n + m) == "TracedSize(2*n17 + n18)"
        assert hash(n) == hash(x.shape[0])
        assert n - n == 0
        assert {n: 1}[x.shape[0]] == 1
        return x

    trace(look, ROWS)


def test_numbers_that_depend_on_elements_are_still_refused() -> None:
    with pytest.raises(ConcreteValueError, match="truth test"):
        trace(lambda x: x if x[0] / x.shape[0] > 0 else -x, X)
    with pytest.raises(ConcreteValueError, match="float"):
        trace(lambda x: math.exp(x[0]), X)
