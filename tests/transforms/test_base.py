"""What all transforms share: how they compile, what they watch, how they show."""

import threading
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad import grad, hvp, jacobian, jvp, vmap
from irgrad.errors import ArgumentError
from irgrad.interpret.evaluate import evaluate

SCALE = 2.0


def scaled(x: Any) -> Any:
    return SCALE * np.sum(x**2)


def test_a_global_that_changes_is_noticed_through_the_transforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slope = irgrad.compile(vmap(grad(scaled)), jit=False)
    assert slope(np.ones((2, 1))).tolist() == [[4.0], [4.0]]
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert slope(np.ones((2, 1))).tolist() == [[10.0], [10.0]]
    assert slope.stats.traces == 2


def test_products_are_compiled_once_for_a_function() -> None:
    direction = np.ones(3)
    for start in (1.0, 2.0):
        found = hvp(scaled, (np.full(3, start),), (direction,))
        np.testing.assert_array_equal(found, np.full(3, 4.0))
        assert jvp(scaled, (np.full(3, start),), (direction,))[1] == 12 * start


def test_one_call_is_one_emitted_function() -> None:
    function = irgrad.compile(vmap(jacobian(grad(scaled))), argnums=(), jit=False)
    assert function(np.ones((3, 2))).shape == (3, 2, 2)
    assert function.source.count("\ndef value_") == 1
    assert "value_and_grad" not in function.source


def test_the_graph_evaluates_to_the_same() -> None:
    x = np.linspace(-1, 1, 12).reshape(4, 3)
    function = irgrad.compile(vmap(grad(lambda x: np.prod(np.cos(x)))), jit=False, argnums=())
    emitted = function(x)
    (traced,) = evaluate(function.lower(x).traced, x)
    (simplified,) = evaluate(function.graph, x)
    np.testing.assert_allclose(emitted, traced, rtol=1e-13)
    np.testing.assert_allclose(emitted, simplified, rtol=1e-13)


def test_a_transform_of_a_callable_object_and_of_a_ufunc() -> None:
    class Square:
        def __call__(self, x: Any) -> Any:
            return np.sum(x * x)

    square = Square()
    np.testing.assert_array_equal(grad(square)(np.ones(2)), [2.0, 2.0])
    assert grad(np.exp)(0.0) == 1.0


def test_names_show() -> None:
    assert repr(grad(scaled)) == "<irgrad.grad of scaled>"
    assert grad(scaled).__name__ == "scaled"
    assert repr(vmap(grad(scaled))) == "<irgrad.vmap of scaled>"


def test_what_has_no_value_is_refused_with_the_parameters() -> None:
    with pytest.raises(ArgumentError, match="its parameters are"):
        grad(scaled)()


def test_threads_may_call_a_transform_at_once() -> None:
    slope = grad(lambda x: np.sum(x**3))
    found: list[Any] = [None] * 8

    def call(place: int) -> None:
        found[place] = slope(np.full(3, float(place)))

    threads = [threading.Thread(target=call, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, result in enumerate(found):
        np.testing.assert_array_equal(result, np.full(3, 3.0 * place**2))
    assert slope.compiled.stats.traces == 1


def test_an_attribute_that_changes_is_noticed() -> None:
    class Model:
        factor = 1.0

        def __init__(self) -> None:
            self.scale = 2.0
            self.offset = np.ones(2)

        def loss(self, x: Any) -> Any:
            return self.scale * np.sum((x - self.offset) ** 2)

    model = Model()
    slope = irgrad.compile(grad(model.loss), jit=False)
    np.testing.assert_array_equal(slope(np.full(2, 3.0)), [8.0, 8.0])
    model.scale = 5.0
    np.testing.assert_array_equal(slope(np.full(2, 3.0)), [20.0, 20.0])
    model.offset[:] = 2.0
    np.testing.assert_array_equal(slope(np.full(2, 3.0)), [10.0, 10.0])
    assert slope.stats.traces == 2
