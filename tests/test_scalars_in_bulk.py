"""Many separate scalars: they travel in arrays, and come back as the scalars they were."""

import itertools

import numpy as np
import optree
import pytest

import irgrad
from irgrad.nn import MLP


def test_nested_lists_of_floats_keep_their_structure():
    def f(p):
        return sum(w * w * (i + 1) for i, w in enumerate(p["a"])) + sum(x * y for x, y in p["b"])

    p = {"a": [0.1 * i for i in range(80)], "b": [(1.0 * i, 2.0) for i in range(40)]}
    compiled = irgrad.compile(f, jit=False)
    value, gradient = compiled.value_and_grad(p)
    assert value == pytest.approx(f(p))
    assert gradient["a"] == pytest.approx([2 * w * (i + 1) for i, w in enumerate(p["a"])])
    assert gradient["b"] == [(2.0, x) for x, _ in p["b"]]
    assert {type(leaf) for leaf in optree.tree_leaves(gradient)} == {float}
    names = [node.params["name"] for node in compiled.graph.inputs]
    assert "p" not in names or len(names) < 10, "the scalars did not travel in one array"


def test_kinds_are_kept_apart_and_arrays_beside_them():
    def f(values, scale):
        floats, doubles, counts, array = values
        return scale * sum(
            a * b * n for a, b, n in zip(floats, doubles, counts, strict=True)
        ) + np.sum(array**2)

    r = np.random.default_rng(0)
    floats, doubles = r.normal(size=70).tolist(), list(r.normal(size=70))
    counts, array = list(range(70)), r.normal(size=(3, 2))

    def g(floats, doubles, array, scale):
        return f((floats, doubles, counts, array), scale)

    gradients = irgrad.compile(g, argnums=(0, 1, 2, 3), jit=False).grad(floats, doubles, array, 0.5)
    by_floats, by_doubles, by_array, by_scale = gradients
    assert by_floats == pytest.approx([0.5 * b * n for b, n in zip(doubles, counts, strict=True)])
    assert by_doubles == pytest.approx([0.5 * a * n for a, n in zip(floats, counts, strict=True)])
    assert type(by_floats[0]) is float
    assert type(by_doubles[0]) is np.float64
    np.testing.assert_allclose(by_array, 2 * array)
    assert by_scale == pytest.approx(
        sum(a * b * n for a, b, n in zip(floats, doubles, counts, strict=True))
    )
    value = irgrad.compile(f, argnums=1, jit=False)((floats, doubles, counts, array), 0.5)
    assert value == pytest.approx(f((floats, doubles, counts, array), 0.5))


def test_python_floats_stay_weak():
    weights = [float(w) for w in np.linspace(-1, 1, 65)]
    x = np.arange(3, dtype=np.float32)

    def f(weights, x):
        return np.sum(sum(w * x for w in weights[:3]))

    compiled = irgrad.compile(f, argnums=1, jit=False)
    assert compiled(weights, x).dtype == np.float32
    assert compiled.grad(weights, x).dtype == np.float32


def test_a_value_of_another_kind_is_noticed():
    def f(weights):
        return sum(w * w for w in weights)

    compiled = irgrad.compile(f, jit=False)
    weights = [float(w) for w in range(80)]
    compiled.grad(weights)
    with pytest.raises(irgrad.errors.DifferentiationError, match="int"):
        compiled.grad([1] * 80)
    mixed = [*weights[:-1], np.float32(3.0)]
    assert compiled.grad(mixed) == pytest.approx([2 * w for w in mixed])


@pytest.mark.parametrize("count", [64, 100])
def test_longer_lists_trace_again_and_each_is_right(count):
    compiled = irgrad.compile(lambda w: sum(a * b for a, b in itertools.pairwise(w)), jit=False)
    for size in (count, count + 1, count):
        w = np.linspace(0, 1, size).tolist()
        expected = np.convolve(w, [1, 0, 1], "same")
        np.testing.assert_allclose(compiled.grad(w), expected)
    assert compiled.stats.traces == 2


def test_the_network_of_scalars_unchanged():
    model = MLP(2, [16, 16, 1], activation="relu", generator=np.random.default_rng(1))
    tree = optree.tree_map(float, optree.tree_map(lambda v: v.data, model.parameters_tree()))
    r = np.random.default_rng(0)
    X, y = r.normal(size=(12, 2)).tolist(), np.sign(r.normal(size=12)).tolist()

    def loss(parameters):
        network = model.with_parameters(parameters)
        scores = [network(x) for x in X]
        data = sum((1 + -label * s).relu() for label, s in zip(y, scores, strict=True)) * (
            1.0 / len(X)
        )
        return data + 1e-4 * sum(p * p for p in optree.tree_leaves(parameters))

    compiled = irgrad.compile(loss, jit=False)
    value, gradient = compiled.value_and_grad(tree)
    leaves, structure = optree.tree_flatten(tree)
    values = [irgrad.Value(leaf) for leaf in leaves]
    root = loss(optree.tree_unflatten(structure, values))
    root.backward()
    assert value == pytest.approx(root.data)
    np.testing.assert_allclose(
        optree.tree_leaves(gradient), [v.grad for v in values], rtol=1e-12, atol=1e-14
    )
    lines = compiled.source[: compiled.source.index("def value_and_grad")].splitlines()
    assert len(lines) < 90, "the neurons' loops were not put back"
