"""Each rule on views, fills and writes fires, and the elements stay the same bits."""

import numpy as np
import pytest

from irgrad.interpret.evaluate import evaluate
from irgrad.ops.contract import contract
from irgrad.ops.create import full
from irgrad.ops.index import gather
from irgrad.ops.shape import broadcast, concatenate, reshape, transpose
from irgrad.ops.views import strided, strided_add, strided_set

UNSIGNED = "bits but signs of zeros"
X = {"x": "n d"}


def part(start, size, step=1, dropped=()):
    """Return the params of a strided part of one axis."""
    return {"starts": (start,), "sizes": (size,), "steps": (step,), "dropped": dropped}


def rows(x, start, size):
    """Return the params of some rows of ``x``."""
    return {
        "starts": (start, 0), "sizes": (size, x.type.shape[1]), "steps": (1, 1), "dropped": (),
    }  # fmt: skip


CASES = [
    # name, function, shapes, ops left, what is kept
    ("x[()]", lambda x: full(x, shape=()), {"x": ""}, [], "bits"),
    (
        "broadcast(s)", lambda s, x: broadcast(s, shape=x.type.shape), {"s": "", **X},
        ["full"], "bits",
    ),
    ("reshape(s)", lambda s: reshape(s, shape=(1, 1)), {"s": ""}, ["full"], "bits"),
    (
        "views of full",
        lambda s: broadcast(transpose(full(s, shape=(3, 1)), axes=(1, 0)), shape=(2, 3)),
        {"s": ""}, ["full"], "bits",
    ),
    (
        "full[1:]", lambda s: strided(full(s, shape=(5,)), **part(1, 3)), {"s": ""},
        ["full"], "bits",
    ),
    (
        "full[indices]", lambda s, i: gather(full(s, shape=(5,)), i, axes=(0,)),
        {"s": "", "i": "int64:k"}, ["full"], "bits",
    ),
    ("same shape", lambda x: reshape(x, shape=x.type.shape), X, [], "bits"),
    ("broadcast to itself", lambda x: broadcast(x, shape=x.type.shape), X, [], "bits"),
    (
        "ravel of ravel", lambda x: np.ravel(np.reshape(x, (2, 2, 6))), {"x": "6 4"},
        ["reshape"], "bits",
    ),
    ("reshape and back", lambda x: np.ravel(x).reshape(x.shape), X, [], "bits"),
    (
        "broadcast twice", lambda x: np.broadcast_to(np.broadcast_to(x, (4, 3)), (2, 4, 3)),
        {"x": "3"}, ["broadcast"], "bits",
    ),
    (
        "broadcast of x[None]", lambda x: np.broadcast_to(x[None, :], (4, 3)), {"x": "3"},
        ["broadcast"], "bits",
    ),
    (
        "broadcast of x[:, None]", lambda x: np.broadcast_to(x[:, None], (3, 4)), {"x": "3"},
        ["broadcast", "reshape"], "bits",
    ),
    ("x.T.T", lambda x: x.T.T, X, [], "bits"),
    ("x.T", lambda x: x.T, X, ["transpose"], "bits"),
    ("same order", lambda x: transpose(x, axes=(0, 1)), X, [], "bits"),
    (
        "cycles of axes", lambda x: transpose(transpose(x, axes=(1, 2, 0)), axes=(1, 2, 0)),
        {"x": "2 3 4"}, ["transpose"], "bits",
    ),
    ("transpose of a column", lambda x: x[:, None].T, {"x": "n"}, ["reshape"], "bits"),
    ("(x @ y).T", lambda x, y: (x @ y).T, {"x": "n d", "y": "d k"}, ["contract"], "ordinary"),
    ("exp of a column", lambda x: np.exp(x[:, None])[:, 0], {"x": "n"}, ["exp"], "bits"),
    (
        "columns", lambda x, y: (x[:, None] * y[:, None] + 1.0)[:, 0], {"x": "n", "y": "n"},
        ["add", "multiply"], "bits",
    ),
    (
        "a column and a row", lambda x, y: x[:, None] + y[None, :], {"x": "n", "y": "n"},
        ["add", "reshape", "reshape"], "bits",
    ),
    ("exp of a ravel", lambda x: np.exp(np.ravel(x)), X, ["exp", "reshape"], "bits"),
    ("reshape(-x)", lambda x: np.ravel(-x), X, ["negative", "reshape"], "bits"),
    ("(-x)[1:]", lambda x: (-x)[1:], {"x": "6"}, ["negative", "strided"], "bits"),
    ("y - (-x).T", lambda x, y: y - (-x).T, {"x": "n d", "y": "d n"}, ["add", "transpose"], "bits"),
    ("3 * (2 * x).T", lambda x: 3 * (2 * x).T, X, ["multiply", "transpose"], "bits"),
    ("x[:]", lambda x: x[:], X, [], "bits"),
    ("x[::-1][::-1]", lambda x: x[::-1][::-1], {"x": "n"}, [], "bits"),
    (
        "x[1:][2::2]",
        lambda x: strided(strided(x, **part(1, 7)), **part(2, 2, 2)), {"x": "9"},
        ["strided"], "bits",
    ),
    (
        "write, read", lambda x, u: strided(strided_set(x, u, **part(2, 3)), **part(2, 3)),
        {"x": "m", "u": "3"}, [], "bits",
    ),
    (
        "add, read", lambda x, u: strided(strided_add(x, u, **part(2, 3)), **part(2, 3)),
        {"x": "m", "u": "k"}, ["add", "strided"], "bits",
    ),
    (
        "write elsewhere, read",
        lambda x, u: strided(strided_set(x, u, **part(2, 3)), **part(1, 3)),
        {"x": "m", "u": "k"}, ["strided", "strided_set"], "bits",
    ),
    ("write all", lambda x, u: strided_set(x, u, **part(0, 3)), {"x": "3", "u": "3"}, [], "bits"),
    ("x[0] of one", lambda x: x[0], {"x": "1 m"}, ["reshape"], "bits"),
    (
        "write a row of one",
        lambda x, u: strided_set(
            x, u, starts=(0, 0), sizes=x.type.shape, steps=(1, 1), dropped=(0,)
        ),
        {"x": "1 m", "u": "m"}, ["reshape"], "bits",
    ),
    (
        "write all backwards", lambda x, u: strided_set(x, u, **part(2, 3, -1)),
        {"x": "3", "u": "3"}, ["strided_set"], "bits",
    ),
    (
        "add to all", lambda x, u: strided_add(x, u, **part(0, 3)), {"x": "3", "u": "3"},
        ["add"], "bits",
    ),
    (
        "add to zeros", lambda u: strided_add(np.zeros_like(u), u, **part(0, 3)), {"u": "3"},
        [], UNSIGNED,
    ),
    (
        "write twice",
        lambda x, u: strided_set(strided_set(x, u, **part(2, 3)), u * u, **part(2, 3)),
        {"x": "m", "u": "k"}, ["multiply", "strided_set"], "bits",
    ),
    (
        "add twice",
        lambda x, u, v: strided_add(strided_add(x, u, **part(2, 3)), v, **part(2, 3)),
        {"x": "m", "u": "k", "v": "k"}, ["add", "strided_add"], "ordinary",
    ),
    (
        "write, add",
        lambda x, u, v: strided_add(strided_set(x, u, **part(2, 3)), v, **part(2, 3)),
        {"x": "m", "u": "k", "v": "k"}, ["add", "strided_set"], "bits",
    ),
    (
        "add zeros", lambda x, u: strided_add(x, np.zeros_like(u), **part(2, 3)),
        {"x": "m", "u": "k"}, [], UNSIGNED,
    ),
    ("one part", lambda x: concatenate(x, axis=0), X, [], "bits"),
    (
        "parts of one scalar",
        lambda s: concatenate(full(s, shape=(2,)), full(s, shape=(3,)), axis=0), {"s": ""},
        ["full"], "bits",
    ),
    (
        "stack, pick", lambda x, y: np.stack([x, y, x * y])[1], {"x": "m", "y": "m"}, [], "bits",
    ),
    (
        "scalars stacked, picked", lambda x, y: np.stack([x, y])[0] * y, {"x": "", "y": ""},
        ["multiply"], "bits",
    ),
    (
        "join, slice one", lambda x, y: concatenate(x, y, axis=0)[4:6], {"x": "3", "y": "4"},
        ["strided"], "bits",
    ),
    (
        "join, slice both", lambda x, y: concatenate(x, y, axis=0)[2:6], {"x": "3", "y": "4"},
        ["concatenate", "strided"], "bits",
    ),
    (
        "join, slice one backwards",
        lambda x, y: strided(concatenate(x, y, axis=0), **part(6, 4, -1)), {"x": "3", "y": "4"},
        ["strided"], "bits",
    ),
    (
        "join columns, slice rows",
        lambda x, y: concatenate(x, y, axis=1)[1:3, 4:5], {"x": "3 4", "y": "3 2"},
        ["strided"], "bits",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_rule_fires_and_keeps_what_it_says(case, compare, check):
    _, function, shapes, ops, kept = case
    compared = compare(function, **shapes)
    assert compared.ops == ops
    check(compared, kept)


def test_symbolic_parts_of_a_concatenation_are_left(compare, check):
    compared = compare(lambda x, y: concatenate(x, y, axis=0)[:3], x="n", y="n")
    assert compared.ops == ["concatenate", "strided"]
    check(compared, "bits")


def test_a_product_read_twice_is_computed_once(compare, check):
    def function(x, y):
        product = x @ y
        return product.T @ (product + 1)

    compared = compare(function, x="n d", y="d k")
    assert compared.ops.count("contract") == 2
    check(compared, "ordinary")


def test_symbolic_parts_of_parts(compare, check):
    compared = compare(lambda x: x[1:][1:][::-1], x="n")
    (node,) = [node for node in compared.after.nodes if node.op is strided]
    assert str(node.params["starts"][0]) == "n - 1"
    assert node.params["steps"] == (-1,)
    check(compared, "bits")


def test_letters_follow_the_transpose(compare, check):
    compared = compare(
        lambda x, y: contract(
            transpose(x, axes=(2, 0, 1)), y, left="abc", right="bd", result="cad"
        ),
        x="2 3 4", y="2 5",
    )  # fmt: skip
    (node,) = [node for node in compared.after.nodes if node.op is contract]
    assert node.params == {"left": "bca", "right": "bd", "result": "cad"}
    check(compared, "bits")


def test_a_gradient_of_many_slices_adds_no_zeros_twice(compare):
    def function(x):
        return np.sum(x[1:] * x[:-1])

    _, simplified, _ = compare(function, x="m").gradients()
    writes = [node for node in simplified.nodes if node.op is strided_add]
    assert len(writes) == 2
    (value,) = evaluate(simplified, np.arange(9.0))[1:]
    left, right = np.r_[np.arange(1.0, 9), 0], np.r_[0, np.arange(8.0)]
    np.testing.assert_allclose(value, (left + right))
