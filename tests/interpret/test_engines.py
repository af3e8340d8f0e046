"""Random programs: ``Value`` and the adjoint graph, evaluated on ndarrays, agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irgrad.differentiate.reverse import value_and_gradient
from irgrad.interpret.evaluate import evaluate
from irgrad.interpret.value import Value
from irgrad.ir.types import ArrayType
from irgrad.trace.trace import InputSpec, run_traced

UNARY = {
    "tanh": np.tanh,
    "exp of tanh": lambda x: np.exp(np.tanh(x)),
    "sin": np.sin,
    "root": lambda x: np.sqrt(1 + x * x),
    "log": lambda x: np.log(1.5 + np.square(x)),
    "relu": lambda x: x.relu(),
    "sigmoid": lambda x: x.sigmoid(),
    "cube": lambda x: x**3,
    "reciprocal": lambda x: 1 / (2 + np.abs(x)),
    "dead root": lambda x: np.where(x > 0.3, np.sqrt(np.maximum(x, 0.0)), x),
    "mean": lambda x: x - np.mean(x),
    "negative": lambda x: -x,
}
BINARY = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: 0.5 * x * y,
    "divide": lambda x, y: x / (1 + np.square(y)),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": lambda x, y: np.where(x > y, x, 2 * y),
    "logaddexp": np.logaddexp,
}
VECTOR = {
    "reversed": lambda x: x[::-1],
    "shifted": lambda x: np.concatenate([x[1:], x[:1]]),
    "gathered": lambda x: x[np.array([0, 2, 2])],
    "outer": lambda x: np.outer(x, x) @ x,
    "largest": lambda x: x + np.max(x),
    "cumulative": np.cumsum,
}

STEPS = st.lists(
    st.tuples(
        st.sampled_from([*UNARY, *BINARY, *VECTOR]), st.integers(0, 20), st.integers(0, 20)
    ),
    min_size=1,
    max_size=12,
)


def program(steps, vector):
    """Return the function that a list of steps describes, of two arguments."""

    def function(x, y):
        made = [x, y]
        for name, first, second in steps:
            a, b = made[first % len(made)], made[second % len(made)]
            if name in VECTOR:
                made.append(VECTOR[name](a) if vector else a * 1.5)
            elif name in UNARY:
                made.append(UNARY[name](a))
            else:
                made.append(BINARY[name](a, b))
        return np.sum(sum(made[2:]) * 0.1)

    return function


@pytest.mark.parametrize("vector", [False, True], ids=["scalars", "vectors"])
@settings(max_examples=60)
@given(steps=STEPS, seed=st.integers(0, 1000))
def test_value_agrees_with_the_adjoint_graph(vector, steps, seed):
    function = program(steps, vector)
    random = np.random.default_rng(seed)
    shape = (3,) if vector else ()
    # A tie now and then: the convention at the points of choice must be the same one.
    arguments = [np.round(random.normal(size=shape), 1) for _ in range(2)]
    type = ArrayType(np.dtype(np.float64), shape)
    specs = [InputSpec("x", type), InputSpec("y", type)]
    traced = run_traced(function, specs, lambda leaf: ([leaf], None), hints={}, name="f")
    adjoint = value_and_gradient(traced.graph, [0, 1])
    with np.errstate(divide="ignore"):  # in the branch that isn't taken
        expected = evaluate(adjoint, *arguments, *traced.captured)
    values = [Value(argument) for argument in arguments]
    root = function(*values)
    root.backward()
    got = (root.data, *(value.grad for value in values))
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
