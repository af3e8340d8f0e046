"""Jacobians and Hessians: closed forms, all structures, both modes alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen_hess

import irgrad
from irgrad import grad, hessian, jacfwd, jacobian, jacrev
from irgrad.errors import DifferentiationError

RNG = np.random.default_rng(2)
MATRIX = RNG.normal(size=(4, 5))
POINT = RNG.normal(size=5)


def plain(function: Callable[..., Any]) -> Any:
    return irgrad.compile(function, argnums=(), jit=False)


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian])
def test_jacobian_of_a_layer_is_what_one_writes_by_hand(transform: Any) -> None:
    function = plain(transform(lambda x: np.tanh(MATRIX @ x)))
    wanted = (1 - np.tanh(MATRIX @ POINT) ** 2)[:, None] * MATRIX
    np.testing.assert_allclose(function(POINT), wanted, rtol=1e-12)
    # Neither mode multiplies by an identity matrix: the only product is the layer's.
    assert [node.op.name for node in function.graph.nodes].count("contract") == 1


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian])
@pytest.mark.parametrize("size", [1, 3, 20])
def test_shapes_and_values_against_differences(transform: Any, size: int) -> None:
    def function(x: Any) -> Any:
        return np.stack([np.cumsum(x**2), np.sin(x)[::-1] * x[0]])

    x = RNG.normal(size=size)
    found = plain(transform(function))(x)
    assert found.shape == (2, size, size)
    step = 1e-6
    for j in range(size):
        e = np.zeros(size)
        e[j] = step
        difference = (function(x + e) - function(x - e)) / (2 * step)
        np.testing.assert_allclose(found[..., j], difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian])
def test_structures_nest(transform: Any) -> None:
    def function(d: Any) -> Any:
        return {"u": d["a"] * 2, "v": np.sum(d["a"]) * d["b"]}

    found = plain(transform(function))({"a": np.ones(2), "b": 3.0})
    np.testing.assert_array_equal(found["u"]["a"], 2 * np.eye(2))
    np.testing.assert_array_equal(found["u"]["b"], np.zeros(2))
    np.testing.assert_array_equal(found["v"]["a"], np.full(2, 3.0))
    assert found["v"]["b"] == 2.0


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian])
def test_argnums_and_aux(transform: Any) -> None:
    def function(x: Any, y: Any) -> Any:
        return x * y, np.sum(x)

    (by_y, by_x), aux = plain(transform(function, argnums=(1, 0), has_aux=True))(
        np.array([1.0, 2.0]), np.array([3.0, 4.0])
    )
    np.testing.assert_array_equal(by_y, np.diag([1.0, 2.0]))
    np.testing.assert_array_equal(by_x, np.diag([3.0, 4.0]))
    assert aux == 3.0


def test_the_mode_that_costs_less() -> None:
    wide, tall = plain(jacobian(lambda x: x[:2] ** 2)), plain(jacobian(lambda x: np.outer(x, x)))
    wide(np.ones(30))
    tall(np.ones(30))
    assert wide(np.ones(30)).shape == (2, 30)
    assert tall(np.ones(30)).shape == (30, 30, 30)
    # The basis has as many rows as there are directions.
    assert bases(wide) == {2}
    assert bases(tall) == {"n"}


def bases(function: Any) -> set[Any]:
    """Return the sizes of the bases that a Jacobian was taken along."""
    counted = (node for node in function.graph.nodes if node.op.name == "iota")
    sizes = {node.array_type.shape[0] for node in counted}
    return {size if isinstance(size, int) else str(size) for size in sizes}


def test_a_jacobian_at_another_size_is_not_traced_again() -> None:
    function = plain(jacobian(lambda x: np.sin(x) * np.sum(x)))
    for size in (20, 30, 17):
        x = RNG.normal(size=size)
        wanted = np.diag(np.cos(x) * np.sum(x)) + np.sin(x)[:, None]
        np.testing.assert_allclose(function(x), wanted, atol=1e-12)
    assert function.stats.traces == 1


def test_hessian_of_the_rosenbrock_function() -> None:
    for size in (2, 5, 20):
        x = RNG.normal(size=size)
        np.testing.assert_allclose(hessian(rosenbrock)(x), rosen_hess(x), rtol=1e-11, atol=1e-9)


def test_hessian_blocks() -> None:
    def function(d: Any) -> Any:
        return np.sum(d["a"] ** 2 * d["b"])

    found = plain(hessian(function))({"a": np.array([1.0, 2.0]), "b": 3.0})
    np.testing.assert_array_equal(found["a"]["a"], 6 * np.eye(2))
    np.testing.assert_array_equal(found["a"]["b"], [2.0, 4.0])
    np.testing.assert_array_equal(found["b"]["a"], [2.0, 4.0])
    assert found["b"]["b"] == 0.0
    blocks = plain(hessian(lambda x, y: x**2 * y, argnums=(0, 1)))(2.0, 3.0)
    assert blocks == ((6.0, 4.0), (4.0, 0.0))


def test_all_ways_to_a_hessian_agree() -> None:
    def function(x: Any) -> Any:
        return np.sum(np.exp(-x) * np.cumsum(x**2)) / (1 + x[0] ** 2)

    wanted = plain(hessian(function))(POINT)
    np.testing.assert_allclose(wanted, wanted.T, rtol=1e-12)
    for way in (jacrev(grad(function)), jacfwd(grad(function)), jacrev(jacfwd(function)),
                jacfwd(jacrev(function)), jacobian(jacobian(function))):  # fmt: skip
        np.testing.assert_allclose(plain(way)(POINT), wanted, rtol=1e-11, atol=1e-13)


def test_a_third_derivative() -> None:
    found = plain(jacfwd(hessian(lambda x: np.sum(x**3))))(POINT)
    wanted = np.zeros((5, 5, 5))
    wanted[np.arange(5), np.arange(5), np.arange(5)] = 6
    np.testing.assert_allclose(found, wanted, atol=1e-14)


def test_float32_stays_float32() -> None:
    x = np.ones(3, np.float32)
    assert plain(jacrev(np.sin))(x).dtype == np.float32
    assert plain(hessian(lambda x: np.sum(np.sin(x) * 2.0)))(x).dtype == np.float32


def test_integers_are_refused() -> None:
    with pytest.raises(DifferentiationError, match="has_aux"):
        jacobian(lambda x: np.argsort(x))(np.ones(3))
    with pytest.raises(DifferentiationError, match=r"2\.0 for 2"):
        jacobian(lambda x: x * 2)(np.arange(3))


DEAD = {
    "log": lambda x: np.where(x > 0, np.log(x), 0),
    "log squared": lambda x: np.where(x > 0, np.log(x) ** 2, 0),
    "root": lambda x: np.where(x > 0, np.exp(np.sqrt(x)), x**2),
    "quotient": lambda x: np.where(x > 0, np.sin(x) / x, 1),
    "power": lambda x: np.where(x > 0, x**-0.5 * np.exp(x), 0),
    "largest": lambda x: np.maximum(np.sqrt(x), 0.3),
}


@pytest.mark.parametrize("name", DEAD)
def test_poles_in_branches_not_taken_stay_finite_in_every_mix_of_modes(name: str) -> None:
    """Where the branch is taken, the entries are those without the elements at the pole."""

    def function(x: Any) -> Any:
        return np.sum(DEAD[name](x))

    modes = (jacfwd, jacrev)
    x, live = np.array([0.0, 0.5, 2.0]), np.array([0.5, 2.0])
    derivatives = [
        function,
        *(outer(function) for outer in modes),
        *(outer(inner(function)) for outer in modes for inner in modes),
        jacfwd(grad(lambda y: np.sum(grad(function)(y) ** 2))),
    ]
    for derivative in derivatives:
        with np.errstate(all="ignore"):
            found = irgrad.compile(derivative, argnums=(), jit=False)(x)
            wanted = irgrad.compile(derivative, argnums=(), jit=False)(live)
        assert np.isfinite(found).all()
        if np.ndim(found):
            inner_part = found[(slice(1, None),) * np.ndim(found)]
            np.testing.assert_allclose(inner_part, wanted, rtol=1e-12, atol=1e-12)
