"""Each rule on sums and contractions fires; what it regroups stays within rounding."""

import numpy as np
import pytest

from irgrad.interpret.evaluate import evaluate
from irgrad.ops.contract import contract
from irgrad.ops.elementwise import masked_product
from irgrad.ops.reduce import max_, sum_
from irgrad.ops.shape import broadcast

UNSIGNED = "bits but signs of zeros"
X = {"x": "n d"}
SX = {"s": "", "x": "n d"}
XY = {"x": "n d", "y": "d"}

CASES = [
    # name, function, shapes, ops left, what is kept
    ("sum over no axes", lambda x: sum_(x, axes=()), X, [], UNSIGNED),
    ("sum over size 1", lambda x: np.sum(x[None], axis=0), X, [], UNSIGNED),
    (
        "sum over size 1 and more", lambda x: np.sum(x[None], axis=(0, 1)), X,
        ["sum"], "ordinary",
    ),
    ("max over size 1", lambda x: np.max(x[:, None], axis=1), {"x": "n"}, [], "bits"),
    (
        "max of a fill", lambda s: max_(broadcast(s, shape=(3, 4)), axes=(1,)), {"s": ""},
        ["full"], "bits",
    ),
    (
        "sum of a fill", lambda s, x: np.sum(np.broadcast_to(s, x.shape)), SX,
        ["multiply"], "ordinary",
    ),
    (
        "sum of ones", lambda x: np.sum(np.ones_like(x), axis=0) + x[0], {"x": "6 4"},
        ["add", "strided"], "bits",
    ),
    (
        "sum of copies", lambda x, y: np.sum(np.broadcast_to(y, x.shape), axis=0), XY,
        ["multiply"], "ordinary",
    ),
    (
        "sum of copies and more", lambda x, y: np.sum(np.broadcast_to(y, x.shape)), XY,
        ["multiply", "sum"], "ordinary",
    ),
    (
        "sum beside the copies", lambda x, y: np.sum(np.broadcast_to(y, x.shape), axis=1), XY,
        ["full", "sum"], "ordinary",
    ),
    (
        "kept sum of copies",
        lambda x: np.sum(np.broadcast_to(x[:, None], (6, 4)), axis=0), {"x": "6"},
        ["full", "sum"], "ordinary",
    ),
    ("sum of sums", lambda x: np.sum(np.sum(x, axis=0)), X, ["sum"], "ordinary"),
    (
        "sum of a middle sum", lambda x: np.sum(np.sum(x, axis=1), axis=1), {"x": "2 3 4"},
        ["sum"], "ordinary",
    ),
    ("sum of a transpose", lambda x: np.sum(x.T), X, ["sum"], "ordinary"),
    (
        "sum of a cycle", lambda x: np.sum(np.transpose(x, (2, 0, 1)), axis=0), {"x": "2 3 4"},
        ["sum"], "ordinary",
    ),
    (
        "sum of a column", lambda x: np.sum(x[:, None, :], axis=(0, 1)), {"x": "6 4"}, ["sum"],
        "ordinary",
    ),
    (
        "sum beside a column", lambda x: np.sum(x[:, None, :], axis=0), {"x": "6 4"},
        ["reshape", "sum"], "ordinary",
    ),
    (
        "sum leaves an order", lambda x: np.sum(np.transpose(x, (2, 0, 1)), axis=1), {"x": "2 3 4"},
        ["sum", "transpose"], "ordinary",
    ),
    ("sum of a ravel", lambda x: np.sum(np.ravel(x)), X, ["sum"], "ordinary"),
    ("sum(-x)", lambda x: np.sum(-x, axis=0), X, ["negative", "sum"], "ordinary"),
    ("y - sum(-x)", lambda x, y: y - np.sum(-x, axis=0), XY, ["add", "sum"], "ordinary"),
    ("sum(s * x)", lambda s, x: np.sum(s * x, axis=1), SX, ["multiply", "sum"], "ordinary"),
    ("sum(3 * x)", lambda x: np.sum(3 * x), X, ["multiply", "sum"], "ordinary"),
    ("sum(x / s)", lambda s, x: np.sum(x / s), SX, ["divide", "sum"], "ordinary"),
    (
        "sum(masked_product(s, x))", lambda s, x: np.sum(masked_product(s, x)), SX,
        ["masked_product", "sum"], "ordinary",
    ),
    (
        "sum(masked_product(x, s))", lambda s, x: np.sum(masked_product(x, s)), SX,
        ["masked_product", "sum"], "ordinary",
    ),
    (
        "sum(x * y)", lambda x: np.sum(x * x.T), {"x": "4 4"},
        ["multiply", "sum", "transpose"], "bits",
    ),
    ("x.T @ y", lambda x, y: x.T @ y, {"x": "d n", "y": "d k"}, ["contract"], "ordinary"),
    ("x @ y.T", lambda x, y: x @ y.T, {"x": "n d", "y": "k d"}, ["contract"], "ordinary"),
    ("(-x) @ y", lambda x, y: (-x) @ y, XY, ["contract", "negative"], "ordinary"),
    ("x @ (-y)", lambda x, y: x @ (-y), XY, ["contract", "negative"], "ordinary"),
    (
        "outer(-x, y)", lambda x, y: np.outer(-x, y), {"x": "n", "y": "d"},
        ["contract", "negative"], "bits",
    ),
    (
        "(s*x) @ y", lambda s, x, y: (s * x) @ y, {"s": "", **XY},
        ["contract", "multiply"], "ordinary",
    ),
    (
        "x @ (s*y)", lambda s, x, y: x @ (s * y), {"s": "", **XY},
        ["contract", "multiply"], "ordinary",
    ),
    ("(x/s) @ y", lambda s, x, y: (x / s) @ y, {"s": "", **XY}, ["contract", "divide"], "ordinary"),
    (
        "(s*x) @ (t*y)", lambda s, t, x, y: (s * x) @ (t * y), {"s": "", "t": "", **XY},
        ["contract", "multiply", "multiply"], "ordinary",
    ),
    (
        "sum of columns of x @ y", lambda x, y: np.sum(x @ y, axis=0), {"x": "n d", "y": "d k"},
        ["contract", "sum"], "ordinary",
    ),
    (
        "sum of x @ y", lambda x, y: np.sum(x @ y), {"x": "n d", "y": "d k"},
        ["contract", "sum", "sum"], "ordinary",
    ),
    (
        "sum of an outer product", lambda x, y: np.sum(np.outer(x, y), axis=0),
        {"x": "n", "y": "d"}, ["multiply", "sum"], "ordinary",
    ),
    (
        "sum of a stack of products", lambda x, y: np.sum(x @ y, axis=0),
        {"x": "3 2 4", "y": "3 4 5"}, ["contract"], "ordinary",
    ),
    (
        "a column times a row", lambda x, y: x @ y, {"x": "n 1", "y": "1 d"}, ["multiply"],
        "ordinary",
    ),
    (
        "columns times columns", lambda x, y: contract(
            x, y, left="zij", right="zkj", result="kzi"
        ),
        {"x": "2 3 1", "y": "2 4 1"},
        ["multiply", "reshape", "reshape", "transpose"], "ordinary",
    ),
    ("x @ ones", lambda x, y: x @ np.ones_like(y), XY, ["sum"], "ordinary"),
    (
        "x @ fill", lambda s, x: x @ np.broadcast_to(s, (4,)), {"s": "", "x": "6 4"},
        ["multiply", "sum"], "ordinary",
    ),
    (
        "fill @ x", lambda s, x: np.broadcast_to(s, (6,)) @ x, {"s": "", "x": "6 4"},
        ["multiply", "sum"], "ordinary",
    ),
    (
        "outer(fill, y)", lambda s, y: np.outer(np.broadcast_to(s, (3,)), y), {"s": "", "y": "d"},
        ["broadcast", "multiply"], "bits",
    ),
    (
        "x @ copied rows", lambda x, y: x @ np.broadcast_to(y, (4, 5)), {"x": "6 4", "y": "5"},
        ["contract", "sum"], "ordinary",
    ),
    (
        "x @ copied columns",
        lambda x, y: x @ np.broadcast_to(y[:, None], (4, 5)), {"x": "6 4", "y": "4"},
        ["broadcast", "contract", "reshape"], "ordinary",
    ),
    (
        "x @ fill of a matrix", lambda s, x: x @ np.broadcast_to(s, (4, 5)), {"s": "", "x": "6 4"},
        ["broadcast", "multiply", "reshape", "sum"], "ordinary",
    ),
    (
        "fill transposed",
        lambda s, x: contract(
            x, np.broadcast_to(s, (4,)), left="abc", right="b", result="ca"
        ),
        {"s": "", "x": "3 4 5"}, ["multiply", "sum", "transpose"], "ordinary",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_rule_fires_and_keeps_what_it_says(case, compare, check):
    _, function, shapes, ops, kept = case
    compared = compare(function, **shapes)
    assert compared.ops == ops
    check(compared, kept)


def test_whole_numbers_are_summed_as_numpy_sums_them(compare):
    compared = compare(lambda x: np.sum(np.broadcast_to(x, (3, 6)), axis=0), x="int32:6")
    assert compared.ops == ["convert", "multiply"]
    values = np.arange(6, dtype=np.int32)
    (result,) = evaluate(compared.after, values)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, 3 * values)


def test_a_factor_constant_along_the_sum_is_multiplied_once(compare):
    compared = compare(lambda x, y: np.sum(x * y[:, None], axis=1), x="n d", y="n")
    (product,) = [node for node in compared.after.nodes if node.op.name == "multiply"]
    assert len(product.array_type.shape) == 1


def test_factors_meet_outside_the_sums(compare, check):
    def function(s, t, x, y):
        return np.sum(s * (x @ (t * y)) / 7) * 3

    compared = compare(function, s="", t="", x="n d", y="d")
    assert compared.ops.count("contract") == 1
    arrays = [n for n in compared.after.nodes if n.op.name == "multiply" and n.array_type.shape]
    assert not arrays
    check(compared, "ordinary")


def test_scalars_leave_masked_products_inside_sums(compare, check):
    def function(s, t, x, y):
        return np.sum(masked_product(masked_product(s * x, t), y))

    compared = compare(function, s="", t="", x="n", y="n")
    arrays = [n for n in compared.after.nodes if n.op.name != "input" and n.array_type.shape]
    assert [node.op.name for node in arrays] == ["masked_product"]
    check(compared, "ordinary")


@pytest.mark.parametrize("s_first", [True, False])
def test_scalars_leave_products_with_masked_ones_inside_sums(compare, check, s_first):
    def function(s, x, y):
        return np.sum(y * (masked_product(s, x) if s_first else masked_product(x, s)))

    compared = compare(function, s="", x="n", y="n")
    arrays = [n for n in compared.after.nodes if n.op.name != "input" and n.array_type.shape]
    assert [node.op.name for node in arrays] == ["multiply"]
    check(compared, "ordinary")


def test_a_scalar_of_zero_still_masks_what_is_infinite(compare):
    compared = compare(lambda s, x, y: np.sum(masked_product(s * x, y)), s="", x="n", y="n")
    y = np.array([1.0, np.inf, np.inf, 2.0, 3.0, np.inf])
    (dead,) = evaluate(compared.after, 0.0, np.ones(6), y)
    assert dead == 0.0
    (masked,) = evaluate(compared.after, 2.0, np.array([1.0, 0, 0, 1, 0, 0]), y)
    assert masked == 6.0
