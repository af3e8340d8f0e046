"""Containers as arguments and results: gradients come back in the structure of the argument."""

import collections
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import irgrad
from irgrad import grad, jacobian, jvp, value_and_grad, vjp, vmap
from irgrad.errors import ArgumentError, DifferentiationError

X = np.linspace(0.1, 1, 4)


def plain(function: Any, **options: Any) -> Any:
    return irgrad.compile(function, jit=False, **options)


class Layer(NamedTuple):
    weight: Any
    bias: Any


@dataclass
class Model:
    layers: list[Any]
    scale: Any
    nothing: None = None


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any


def total(*leaves: Any) -> Any:
    return sum(np.sum(leaf**2) for leaf in leaves)


def test_dictionaries() -> None:
    slope = plain(lambda d: total(d["a"], d["b"]["c"])).grad({"b": {"c": X}, "a": 3.0})
    assert set(slope) == {"a", "b"}
    assert slope["a"] == 6.0
    np.testing.assert_array_equal(slope["b"]["c"], 2 * X)


def test_kinds_of_dictionaries() -> None:
    ordered = collections.OrderedDict([("z", 1.0), ("a", 2.0)])
    slope = plain(lambda d: d["z"] ** 2 * d["a"]).grad(ordered)
    assert isinstance(slope, collections.OrderedDict)
    assert list(slope.items()) == [("z", 4.0), ("a", 1.0)]
    default = collections.defaultdict(list, {"k": 3.0})
    found = plain(lambda d: d["k"] ** 2).grad(default)
    assert isinstance(found, collections.defaultdict)
    assert found == {"k": 6.0}


def test_lists_tuples_and_named_tuples() -> None:
    def function(tree: Any) -> Any:
        (first, second), layer = tree
        return total(first, second[0], layer.weight) * layer.bias

    slope = plain(function).grad([(1.0, [X]), Layer(X, 2.0)])
    assert isinstance(slope, list)
    assert isinstance(slope[1], Layer)
    assert slope[0][0] == 4.0
    np.testing.assert_array_equal(slope[0][1][0], 4 * X)
    np.testing.assert_array_equal(slope[1].weight, 4 * X)
    assert slope[1].bias == pytest.approx(1 + 2 * np.sum(X**2))


def test_dataclasses_and_none() -> None:
    def function(model: Any) -> Any:
        assert model.nothing is None
        return sum(total(layer.weight, layer.bias) for layer in model.layers) * model.scale

    model = Model([Layer(X, 1.0), Layer(X.reshape(2, 2), X)], 2.0)
    value, slope = plain(function).value_and_grad(model)
    assert value == pytest.approx(2 * (3 * np.sum(X**2) + 1))
    assert isinstance(slope, Model)
    assert slope.nothing is None
    np.testing.assert_array_equal(slope.layers[1].weight, 4 * X.reshape(2, 2))
    assert slope.layers[0].bias == 4.0
    frozen = plain(grad(lambda p: p.x * p.y**2))(Point(2.0, 3.0))
    assert frozen == Point(9.0, 12.0)


def test_results_in_every_structure() -> None:
    def function(x: Any) -> Any:
        return {"point": Point(x, x[0]), "none": None, "list": [x * 2, (1.0, np.sum(x))]}

    found = plain(function)(X)
    assert isinstance(found["point"], Point)
    assert found["none"] is None
    assert found["point"].y == X[0]
    np.testing.assert_array_equal(found["point"].x, X)
    np.testing.assert_array_equal(found["list"][0], 2 * X)
    assert found["list"][1] == (1.0, X.sum())
    assert isinstance(found["list"][1], tuple)


def test_empty_containers() -> None:
    assert plain(lambda x: {})(X) == {}
    assert plain(lambda x: (None, []))(X) == (None, [])
    value, slope = plain(lambda d: np.sum(d["x"])).value_and_grad({"x": X, "more": []})
    assert slope["more"] == []
    assert value == X.sum()


def test_a_result_never_is_the_callers_array() -> None:
    first = plain(lambda x: (x, x))(X)
    first[0][0] = 99
    assert X[0] == 0.1
    assert first[1][0] == 0.1


def test_several_arguments_by_argnums() -> None:
    function = plain(lambda a, b, c: total(a["x"]) * b * c[0], argnums=(2, 0))
    by_c, by_a = function.grad({"x": X}, 2.0, [3.0])
    assert by_c == [pytest.approx(2 * np.sum(X**2))]
    np.testing.assert_allclose(by_a["x"], 12 * X)


def test_variable_arguments_and_keywords() -> None:
    def function(first: Any, *rest: Any, scale: Any = 1.0, **others: Any) -> Any:
        return (total(first) + sum(rest)) * scale + others.get("shift", 0.0)

    compiled = plain(function)
    assert compiled(X, 1.0, 2.0) == pytest.approx(np.sum(X**2) + 3)
    assert compiled(X, scale=3.0, shift=1.0) == pytest.approx(3 * np.sum(X**2) + 1)
    np.testing.assert_allclose(compiled.grad(X, 1.0, scale=5.0), 10 * X)


def test_transforms_keep_structures() -> None:
    tree = {"a": X, "b": [2.0]}

    def function(d: Any) -> Any:
        return {"y": d["a"] * d["b"][0]}

    assert plain(lambda t: jvp(function, (t,), (t,)))(tree)[1]["y"].shape == (4,)
    _, pull = vjp(function, tree)
    (slope,) = pull({"y": np.ones(4)})
    np.testing.assert_array_equal(slope["a"], np.full(4, 2.0))
    assert slope["b"] == [pytest.approx(X.sum())]
    found = plain(jacobian(function))(tree)
    np.testing.assert_array_equal(found["y"]["a"], 2 * np.eye(4))
    np.testing.assert_array_equal(found["y"]["b"][0], X)
    rows = plain(vmap(value_and_grad(lambda p: p.x**2 * p.y), in_axes=(Point(0, None),)))
    value, slopes = rows(Point(X, 3.0))
    np.testing.assert_allclose(value, 3 * X**2)
    np.testing.assert_allclose(slopes.x, 6 * X)
    np.testing.assert_allclose(slopes.y, X**2)


def test_another_structure_is_another_trace_and_a_known_one_is_not() -> None:
    function = plain(lambda tree: sum(np.sum(leaf) for leaf in tree))
    assert function([1.0, 2.0]) == 3.0
    assert function((1.0, 2.0)) == 3.0
    assert function([1.0, 2.0, 3.0]) == 6.0
    assert function([3.0, 2.0]) == 5.0
    assert function.stats.traces == 3


def test_integer_leaves_are_refused_by_name() -> None:
    with pytest.raises(DifferentiationError, match=r"d\['n'\].*int64"):
        plain(lambda d: total(d["x"]) * d["n"]).grad({"x": X, "n": 3})
    with pytest.raises(DifferentiationError, match=r"args\[0\]\['n'\]"):
        plain(grad(lambda d: total(d["x"]) * d["n"]))({"x": X, "n": 3})


def test_what_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"'d' holds a str"):
        plain(lambda d: d["x"])({"x": "text"})
