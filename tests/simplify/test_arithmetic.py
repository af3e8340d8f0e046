"""Each rule of elementwise arithmetic fires, and changes no more than it says."""

import numpy as np
import pytest

from irgrad.interpret.evaluate import evaluate
from irgrad.ops.create import convert, size
from irgrad.ops.elementwise import masked_product, select
from irgrad.ops.elementwise import power as power_op

N = {"x": "m"}
TWO = {"x": "m", "y": "m"}
SCALED = {"s": "", "x": "m"}
SCALED_TWO = {"s": "", "x": "m", "y": "m"}
UNSIGNED = "bits but signs of zeros"

CASES = [
    # name, function, shapes, ops left, what is kept
    ("x * 1", lambda x: x * 1, N, [], "bits"),
    ("1 * x", lambda x: 1.0 * x, N, [], "bits"),
    ("x * -1", lambda x: x * -1, N, ["negative"], "bits"),
    ("x / 1", lambda x: x / 1, N, [], "bits"),
    ("x / -1", lambda x: x / -1.0, N, ["negative"], "bits"),
    ("x / 4", lambda x: x / 4, N, ["multiply"], "bits"),
    ("x / 3", lambda x: x / 3, N, ["divide"], "bits"),
    ("x / 2**1023", lambda x: x / 2.0**1023, N, ["divide"], "bits"),
    ("x * 0", lambda x: x * 0, N, ["multiply"], "bits"),
    ("x + 0", lambda x: x + 0, N, [], UNSIGNED),
    ("0 + x", lambda x: 0.0 + x, N, [], UNSIGNED),
    ("x + -0.0", lambda x: x + -0.0, N, [], "bits"),
    ("x - 0", lambda x: x - 0, N, [], "bits"),
    ("0 - x", lambda x: 0 - x, N, ["subtract"], "bits"),
    ("+x", lambda x: +x, N, [], "bits"),
    ("--x", lambda x: np.negative(-x), N, [], "bits"),
    ("-(x - y)", lambda x, y: -(x - y), TWO, ["subtract"], UNSIGNED),
    ("x + -y", lambda x, y: x + -y, TWO, ["subtract"], "bits"),
    ("-x + y", lambda x, y: -x + y, TWO, ["subtract"], "bits"),
    ("x - -y", lambda x, y: x - -y, TWO, ["add"], "bits"),
    ("-x - y", lambda x, y: -x - y, TWO, ["add", "negative"], UNSIGNED),
    ("-x * y", lambda x, y: -x * y, TWO, ["multiply", "negative"], "bits"),
    ("x * -y", lambda x, y: x * -y, TWO, ["multiply", "negative"], "bits"),
    ("-x * -y", lambda x, y: -x * -y, TWO, ["multiply"], "bits"),
    ("-x / y", lambda x, y: -x / y, TWO, ["divide", "negative"], "bits"),
    ("x / -y", lambda x, y: x / -y, TWO, ["divide", "negative"], "bits"),
    ("-(s * x)", lambda s, x: -(s * x), SCALED, ["multiply", "negative"], "bits"),
    ("-(x / s)", lambda s, x: -(x / s), SCALED, ["divide", "negative"], "bits"),
    ("-(2 * x)", lambda x: -(2 * x), N, ["multiply"], "bits"),
    ("(-s) * x", lambda s, x: (-s) * x, SCALED, ["multiply", "negative"], "bits"),
    ("square(-x)", lambda x: np.square(-x), N, ["square"], "bits"),
    ("abs(-x)", lambda x: abs(-x), N, ["absolute"], "bits"),
    ("cos(-x)", lambda x: np.cos(-x), N, ["cos"], "bits"),
    ("x + x", lambda x: x + x, N, ["multiply"], "bits"),
    ("2 * (3 * x)", lambda x: 2 * (3 * x), N, ["multiply"], "limits"),
    ("2 * (x / 3)", lambda x: 2 * (x / 3), N, ["multiply"], "limits"),
    ("(x * 3) / 5", lambda x: (x * 3) / 5, N, ["multiply"], "limits"),
    ("(x / 3) / 5", lambda x: (x / 3) / 5, N, ["divide"], "limits"),
    ("s * (2 * x)", lambda s, x: s * (2 * x), SCALED, ["multiply"] * 2, "ordinary"),
    ("x * (s * y)", lambda s, x, y: x * (s * y), SCALED_TWO, ["multiply"] * 2, "ordinary"),
    ("(s * x) / y", lambda s, x, y: (s * x) / y, SCALED_TWO, ["divide", "multiply"], "ordinary"),
    ("s*x + s*y", lambda s, x, y: s * x + s * y, SCALED_TWO, ["add", "multiply"], "ordinary"),
    ("s*x - s*y", lambda s, x, y: s * x - s * y, SCALED_TWO, ["multiply", "subtract"], "ordinary"),
    (
        "s*x + (-s)*y", lambda s, x, y: s * x + (-s) * y, SCALED_TWO,
        ["multiply", "subtract"], "ordinary",
    ),
    (
        "(-s)*x + s*y", lambda s, x, y: (-s) * x + s * y, SCALED_TWO,
        ["multiply", "subtract"], "ordinary",
    ),
    (
        "(-s)*x - s*y", lambda s, x, y: (-s) * x - s * y, SCALED_TWO,
        ["add", "multiply", "negative"], "ordinary",
    ),
    ("3*x + -3*y", lambda x, y: 3 * x + -3 * y, TWO, ["multiply", "subtract"], "ordinary"),
    ("3*x - -3*y", lambda x, y: 3 * x - -3 * y, TWO, ["add", "multiply"], "ordinary"),
    ("3*x + 4*y", lambda x, y: 3 * x + 4 * y, TWO, ["add", "multiply", "multiply"], "bits"),
    ("s*x - (-s)*y", lambda s, x, y: s * x - (-s) * y, SCALED_TWO, ["add", "multiply"], "ordinary"),
    ("x/s + y/s", lambda s, x, y: x / s + y / s, SCALED_TWO, ["add", "divide"], "ordinary"),
    ("x * (1 / y)", lambda x, y: x * (1 / y), TWO, ["divide"], "ordinary"),
    ("x * (1 / s)", lambda s, x: x * (1 / s), SCALED, ["divide", "multiply"], "bits"),
    ("logaddexp(0, x)", lambda x: np.logaddexp(0, x), N, ["softplus"], "bits"),
    ("logaddexp(x, 0)", lambda x: np.logaddexp(x, 0.0), N, ["softplus"], "bits"),
    ("1/(1+exp(-x))", lambda x: 1 / (1 + np.exp(-x)), N, ["logistic"], "limits"),
    ("1/(exp(-x)+1)", lambda x: 1 / (np.exp(-x) + 1), N, ["logistic"], "limits"),
    ("log(1 + x)", lambda x: np.log(1 + abs(x)), N, ["absolute", "add", "log"], "bits"),
    ("exp(log(x))", lambda x: np.exp(np.log(abs(x))), N, ["absolute", "exp", "log"], "bits"),
    (
        "where(not c)", lambda c, x, y: np.where(~c, x, y), {"c": "bool:m", **TWO},
        ["select"], "bits",
    ),
    ("where(c, x, x)", lambda c, x: np.where(c, x, x), {"c": "bool:m", **N}, [], "bits"),
    (
        "where(c, where(c, x, y), 1)",
        lambda c, x, y: np.where(c, np.where(c, x, y), 1.0), {"c": "bool:m", **TWO},
        ["select"], "bits",
    ),
    (
        "where(c, 1, where(c, x, y))",
        lambda c, x, y: np.where(c, 1.0, np.where(c, x, y)), {"c": "bool:m", **TWO},
        ["select"], "bits",
    ),
    ("where(True)", lambda x, y: select(np.True_, x, y), TWO, [], "bits"),
    ("where(False, x, 2)", lambda x: select(np.False_, x, 2.0), N, ["full"], "bits"),
    ("not not c", lambda c: ~~c, {"c": "bool:m"}, [], "bits"),
    ("x + full", lambda x: x + np.zeros_like(x), N, [], UNSIGNED),
    (
        "full + full", lambda x: np.full_like(x, 2.0) + np.full_like(x, 3.0), N, ["full"], "bits",
    ),
    ("x + broadcast(s)", lambda s, x: x + np.broadcast_to(s, x.shape), SCALED, ["add"], "bits"),
    (
        "exp(broadcast(y))", lambda x, y: np.exp(np.broadcast_to(y, x.shape)),
        {"x": "n d", "y": "d"}, ["broadcast", "exp"], "bits",
    ),
    ("masked_product(s, 2)", lambda x: masked_product(x, 2.0), N, ["multiply"], UNSIGNED),
    ("masked_product(2, x)", lambda x: masked_product(2.0, x), N, ["multiply"], UNSIGNED),
    ("masked_product(0, x)", lambda x: masked_product(0.0, x), N, ["full"], UNSIGNED),
    ("masked_product(x, y)", masked_product, TWO, ["masked_product"], "bits"),
    (
        "masked_product(3 * x, y)", lambda x, y: masked_product(3 * x, y), TWO,
        ["masked_product", "multiply"], "ordinary",
    ),
    (
        "masked_product(x / s, y)", lambda s, x, y: masked_product(x / s, y), {"s": "", **TWO},
        ["divide", "masked_product"], "ordinary",
    ),
    (
        "masked_product(s * x, y)", lambda s, x, y: masked_product(s * x, y), {"s": "", **TWO},
        ["masked_product", "masked_product"], "ordinary",
    ),
    ("float32 * 1", lambda x: x * 1, {"x": "float32:m"}, [], "bits"),
    ("float32 / 8", lambda x: x / 8, {"x": "float32:m"}, ["multiply"], "bits"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_rule_fires_and_keeps_what_it_says(case, compare, check):
    _, function, shapes, ops, kept = case
    compared = compare(function, **shapes)
    assert compared.ops == ops
    check(compared, kept)


POWERS = [
    (0.0, ["full"], "bits"),
    (1.0, [], "bits"),
    (2.0, ["square"], "bits"),
    (3.0, ["multiply", "square"], "limits"),
    (4.0, ["square", "square"], "limits"),
    (-1.0, ["divide"], "bits"),
    (0.5, ["power"], "bits"),
    (2.5, ["power"], "bits"),
]


@pytest.mark.parametrize(("exponent", "ops", "kept"), POWERS)
def test_whole_powers(exponent, ops, kept, compare, check):
    compared = compare(lambda x: power_op(x, np.float64(exponent)), x="m")
    assert compared.ops == ops
    for special in compared.special_arguments():
        with np.errstate(all="ignore"):
            (before,), (after,) = (
                evaluate(compared.before, *special), evaluate(compared.after, *special)
            )  # fmt: skip
        if kept == "bits":
            np.testing.assert_array_equal(before, after)
        else:
            np.testing.assert_allclose(after, before, rtol=1e-15)


def test_constants_fold_to_what_numpy_gives(compare):
    def function(x):
        c = x.lift(np.float64(0.1))
        return x * ((c + 0.2) * 3 - np.exp(c) / 7)

    compared = compare(function, x="m")
    assert compared.ops == ["multiply"]
    (constant,) = [node for node in compared.after.nodes if node.op.name == "constant"]
    assert constant.params["value"] == (np.float64(0.1) + 0.2) * 3 - np.exp(0.1) / 7


def test_folding_is_silent_and_keeps_the_dtype(compare):
    def function(x):
        zero = x.lift(np.float32(0))
        return x + np.log(zero) / zero

    compared = compare(function, x="float32:m")
    (constant,) = [node for node in compared.after.nodes if node.op.name == "constant"]
    assert constant.params["value"] == -np.inf
    assert constant.params["value"].dtype == np.float32


def test_what_numpy_refuses_is_left_to_run_time(compare):
    def function(x):
        return x + power_op(x.lift(np.int64(2)), x.lift(np.int64(-1)))

    assert compare(function, x="int64:m").ops == ["add", "power"]


@pytest.mark.parametrize(("outer", "inner"), [(1e300, 1e300), (1e-300, 1e-300), (2.0, np.inf)])
def test_a_factor_that_would_overflow_or_vanish_is_not_formed(outer, inner, compare):
    compared = compare(lambda x: outer * (inner * x), x="m")
    assert compared.ops == ["multiply", "multiply"]
    huge = np.full(9, 1e-300 if outer > 1 else 1e300)
    (before,), (after,) = evaluate(compared.before, huge), evaluate(compared.after, huge)
    np.testing.assert_array_equal(before, after)


def test_a_size_that_is_a_number_is_a_constant(compare):
    compared = compare(lambda x: x * x.tape.size(3), x="m")
    assert [node.op.name for node in compared.after.nodes] == ["input", "constant", "multiply"]


def test_a_shared_factor_is_not_computed_twice(compare, check):
    def function(s, x, y):
        scaled = s * x
        return scaled * y + np.exp(scaled)

    compared = compare(function, s="", x="m", y="m")
    assert compared.ops == ["add", "exp", "multiply", "multiply"]
    check(compared, "ordinary")


CONVERSIONS = [
    ("float64", "float64", [], []),
    ("float32", "float32", ["float64"], []),
    ("float32", "float64", ["float64", "float32"], ["convert"]),
    ("float64", "float64", ["float32"], ["convert", "convert"]),
    ("int32", "float32", ["float64", "float32"], ["convert"]),
    ("int64", "float32", ["float64", "float32"], ["convert", "convert"]),
    ("bool", "float64", ["int64", "float64"], ["convert"]),
]


@pytest.mark.parametrize(("source", "target", "steps", "ops"), CONVERSIONS)
def test_conversions(source, target, steps, ops, compare):
    def function(x):
        for step in steps:
            x = convert(x, dtype=np.dtype(step))
        return convert(x, dtype=np.dtype(target))

    compared = compare(function, x=f"{source}:m")
    assert compared.ops == ops
    (before,), (after,) = (
        evaluate(graph, *compared.arguments()) for graph in (compared.before, compared.after)
    )
    np.testing.assert_array_equal(before, after)


def test_sizes_are_converted_where_they_stand(compare):
    def function(x):
        return x * convert(x.tape.size(x.type.shape[0]), dtype=np.dtype(np.float32))

    compared = compare(function, x="float32:m")
    assert compared.ops == ["multiply"]
    (kind,) = [node.params["dtype"] for node in compared.after.nodes if node.op is size]
    assert kind == np.float32
