"""Derivatives by complex numbers: the convention, holomorphic functions, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, DifferentiationError, MutationError, UnsupportedCallError
from irgrad.testing import check_adjoint, check_grads

Z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.2j])
W = np.array([[0.4 - 1j, 0.3j, 1.5], [2j, -0.7 + 0.1j, 0.2], [0.5, 1 - 1j, -0.3j]])


def slopes(function: Callable[..., Any], z: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Return df/dx - i df/dy by central differences of a real function."""
    found = np.zeros(z.shape, complex)
    for index in np.ndindex(z.shape):
        for direction, weight in ((1, 1), (1j, -1j)):
            ends = []
            for sign in (1, -1):
                moved = z.copy()
                moved[index] += sign * step * direction
                ends.append(function(moved))
            found[index] += weight * (ends[0] - ends[1]) / (2 * step)
    return found


REAL_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "magnitude": lambda z: np.sum(np.abs(z) ** 2),
    "parts": lambda z: np.sum(z.real * z.imag**2),
    "angle": lambda z: np.sum(np.angle(z) * np.angle(z, deg=True)),
    "sign": lambda z: np.sum(np.real(np.sign(z) * (1 + 2j))),
    "conjugate": lambda z: np.sum(np.real(np.exp(np.conj(z)) * z)),
    "vdot": lambda z: np.real(np.vdot(z, z * z) * (1 - 2j)),
    "vecdot": lambda z: np.imag(np.vecdot(z, z * z * 1j)),
    "norm": lambda z: np.linalg.norm(z) + np.linalg.norm(W * z) + np.linalg.norm(z, 1),
    "variance": lambda z: np.var(z) + np.std(z),
    "covariance": lambda z: np.sum(np.abs(np.cov(W * z))),
    "power": lambda z: np.sum(np.abs(z**2.5 + (1 + 1j) ** z + z**-1)),
    "running": lambda z: np.real(np.sum(np.cumsum(z) * np.cumprod(z))),
    "product": lambda z: np.imag(np.prod(z)),
    "quadratic": lambda z: np.real(np.conj(z) @ W @ z),
    "einsum": lambda z: np.abs(np.einsum("i,ij,j->", z, W, np.conj(z))),
    "correlate": lambda z: np.sum(np.abs(np.correlate(z, z[:2]) + np.convolve(z, z)[1:3])),
    "where": lambda z: np.sum(np.abs(np.where(z.imag > 0, z * z, np.sqrt(z)))),
    "picked": lambda z: np.abs(z[np.array([0, 0, 2])] @ z[::-1]),
    "mixed": lambda z: np.sum(np.real(z * np.arange(3.0)) + np.abs(z + 1)),
    "made": lambda z: np.abs(np.sum((z.imag + 1j * z.real) * z)),
    "nothing finite": lambda z: np.sum(np.abs(np.nan_to_num(z))),
}


@pytest.mark.parametrize("name", REAL_FUNCTIONS)
def test_gradient_is_that_by_x_less_i_times_that_by_y(name: str) -> None:
    function = REAL_FUNCTIONS[name]
    compiled = irgrad.compile(function, jit=False)
    value, gradient = compiled.value_and_grad(Z)
    np.testing.assert_allclose(value, function(Z), rtol=1e-13)
    np.testing.assert_allclose(gradient, slopes(function, Z), rtol=1e-8, atol=1e-8)
    assert gradient.dtype == np.complex128


def test_jitted_gradients_are_those_of_the_same_file_run_as_python() -> None:
    def function(z: Any) -> Any:
        return sum(one(z) for one in REAL_FUNCTIONS.values())

    value, gradient = irgrad.compile(function).value_and_grad(Z)
    expected, slope = irgrad.compile(function, jit=False).value_and_grad(Z)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12)


def test_holomorphic_derivatives_are_the_complex_ones() -> None:
    cube = irgrad.grad(lambda z: z**3, holomorphic=True)
    assert cube(1 + 2j) == pytest.approx(3 * (1 + 2j) ** 2)
    value, slope = irgrad.value_and_grad(lambda z: np.sum(np.sin(z) * z), holomorphic=True)(Z)
    np.testing.assert_allclose(value, np.sum(np.sin(Z) * Z), rtol=1e-13)
    np.testing.assert_allclose(slope, np.cos(Z) * Z + np.sin(Z), rtol=1e-13)
    second = irgrad.grad(irgrad.grad(lambda z: z**3, holomorphic=True), holomorphic=True)
    assert second(1j) == pytest.approx(6j)


@pytest.mark.parametrize("transform", [irgrad.jacrev, irgrad.jacfwd, irgrad.jacobian])
def test_holomorphic_jacobians(transform: Any) -> None:
    found = transform(lambda z: np.exp(z) * z[0], holomorphic=True)(Z)
    expected = np.diag(np.exp(Z) * Z[0])
    expected[:, 0] += np.exp(Z)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_holomorphic_hessian() -> None:
    found = irgrad.hessian(lambda z: np.sum(z**3) * z[0], holomorphic=True)(Z)
    expected = np.diag(6 * Z * Z[0])
    expected[0, :] += 3 * Z**2
    expected[:, 0] += 3 * Z**2
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_jacobian_picks_the_mode_in_which_one_side_is_real() -> None:
    x = np.array([0.5, 1.0])
    waves = irgrad.jacobian(lambda x: np.exp(1j * x))(x)
    np.testing.assert_allclose(waves, np.diag(1j * np.exp(1j * x)), rtol=1e-13)
    powers = irgrad.jacobian(lambda z: np.abs(z) ** 2)(Z)
    np.testing.assert_allclose(powers, np.diag(2 * np.conj(Z)), rtol=1e-13)


def test_products_with_the_derivative() -> None:
    """The pushforward is real-linear, and the pullback its transpose under Re(c t)."""
    tangent = np.array([0.3 - 1j, 2j, 1.0])
    _, pushed = irgrad.jvp(lambda z: z * np.conj(z) ** 2, (Z,), (tangent,))
    expected = tangent * np.conj(Z) ** 2 + 2 * Z * np.conj(Z) * np.conj(tangent)
    np.testing.assert_allclose(pushed, expected, rtol=1e-13)
    _, pull = irgrad.vjp(lambda z: z * np.conj(z) ** 2, Z)
    cotangent = np.array([1 - 2j, 0.5, 1j])
    (pulled,) = pull(cotangent)
    assert np.sum(cotangent * pushed).real == pytest.approx(np.sum(pulled * tangent).real)
    along = irgrad.hvp(lambda z: np.sum(np.abs(z) ** 4), (Z,), (Z,))
    np.testing.assert_allclose(along, 12 * np.abs(Z) ** 2 * np.conj(Z), rtol=1e-12)


def test_real_arguments_have_real_gradients() -> None:
    slope = irgrad.grad(lambda x: np.abs(1 / (1 + 1j * x)))(2.0)
    assert slope == pytest.approx(-2.0 / 5.0**1.5)
    x = np.array([0.5, 2.0], np.float32)
    gradient = irgrad.grad(lambda x: np.sum(np.abs(np.exp(1j * x) * x + x)))(x)
    assert gradient.dtype == np.float32


def test_single_precision_pairs_with_float32() -> None:
    def function(z: Any) -> Any:
        return np.sum(np.abs(z * 2 + 1j) ** 2)

    value, gradient = irgrad.compile(function, jit=False).value_and_grad(Z.astype(np.complex64))
    assert (value.dtype, gradient.dtype) == (np.float32, np.complex64)
    np.testing.assert_allclose(gradient, slopes(function, Z), rtol=1e-5)


def test_python_numbers_stay_python_numbers() -> None:
    compiled = irgrad.compile(lambda z: np.abs(z) ** 2, jit=False)
    assert compiled.grad(1 + 2j) == 2 - 4j
    assert type(compiled.grad(1 + 2j)) is complex
    assert irgrad.compile(lambda z: z.real * np.float32(2), jit=False)(1 + 2j).dtype == np.float32


def test_vmap_and_loops() -> None:
    def iterated(c: Any) -> Any:
        return irgrad.fori_loop(0, 4, lambda i, z: z * z * 0.5 + c, c)

    check_grads(iterated, (Z,), order=1)
    stacked = np.stack([Z, 2 * Z])
    np.testing.assert_allclose(
        irgrad.vmap(lambda z: np.vdot(z, z) * z)(stacked),
        np.sum(np.abs(stacked) ** 2, 1)[:, None] * stacked,
        rtol=1e-13,
    )


def test_checks_move_both_parts() -> None:
    check_grads(lambda z, x: {"a": np.exp(z) * x, "b": np.abs(z)}, (Z, 2.0))
    check_grads(lambda z: z * np.conj(z) ** 2, (Z.astype(np.complex64),))
    check_adjoint(lambda z: z * np.conj(z) ** 2, (Z,))
    wrong = irgrad.custom_vjp(lambda z: z * 1)
    wrong.defvjp(lambda z: (z * 1, None), lambda _, cotangent: (np.conj(cotangent),))
    with pytest.raises(AssertionError, match=r"args\[0\]\.imag"):
        check_grads(wrong, (Z,), order=1)


def test_parts_are_views() -> None:
    def function(z: Any) -> Any:
        y = z * 1
        y.real[1:] = y.imag[1:] ** 2
        part = y.imag
        y.imag = np.sin(y.real)
        return y * part

    np.testing.assert_allclose(
        irgrad.compile(function, argnums=(), jit=False)(Z), function(Z), rtol=1e-13
    )
    check_grads(function, (Z,), order=1)


REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]] = {
    "complex result": (irgrad.grad(lambda z: z**2), (1j,), DifferentiationError, "holomorphic"),
    "compiled": (
        irgrad.compile(lambda z: z**2, jit=False).grad, (1j,), DifferentiationError, "holomorphic",
    ),
    "real argument": (
        irgrad.grad(lambda x: x**2, holomorphic=True), (1.0,), DifferentiationError, "astype",
    ),
    "rows of complex results": (irgrad.jacrev(lambda z: z * z), (Z,), DifferentiationError, "real"),
    "columns by complex arguments": (
        irgrad.jacfwd(lambda z: np.abs(z)), (Z,), DifferentiationError, "jacrev",
    ),
    "complex tangent": (
        lambda x: irgrad.jvp(np.sin, (x,), (1j,)), (1.0,), ArgumentError, "real tangent",
    ),
    "comparison": (lambda z: z < 1, (Z,), UnsupportedCallError, "np.abs"),
    "largest": (np.max, (Z,), UnsupportedCallError, "np.abs"),
    "order": (np.sort, (Z,), UnsupportedCallError, "np.abs"),
    "special function": (lambda z: np.heaviside(z, 1), (Z,), UnsupportedCallError, "complex"),
    "written into reals": (
        lambda z: _written(np.zeros_like(z.real), z), (Z,), MutationError, "can't write",
    ),
    "imaginary part of reals": (
        lambda z: setattr(z.real * 1, "imag", z.real), (Z,), MutationError, "complex first",
    ),
}  # fmt: skip


def _written(target: Any, value: Any) -> Any:
    target[...] = value
    return target


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    function, arguments, error, words = REFUSED[case]
    if not hasattr(function, "is_derived") and case not in ("compiled", "complex tangent"):
        function = irgrad.compile(function, argnums=(), jit=False)
    with pytest.raises(error, match=words):
        function(*arguments)


def test_lost_imaginary_parts_are_warned_of() -> None:
    compiled = irgrad.compile(lambda z: z.astype(float), argnums=(), jit=False)
    with pytest.warns(np.exceptions.ComplexWarning):
        np.testing.assert_array_equal(compiled(Z), Z.real)


def test_real_numbers_beside_complex_ones_are_printed_as_they_are() -> None:
    compiled = irgrad.compile(lambda x, z: 2 * z + x * z, argnums=())
    source = compiled.lower(np.ones(3), Z).module.source
    assert "2.0 * z_i + x[i] * z_i" in source
    literals = irgrad.compile(lambda z: (1j * z, complex(1, -0.0) / z, z * complex(np.inf, 2)))
    source = literals.lower(Z).module.source
    assert "1j * z_i" in source
    assert "complex(1.0, -0.0)" in source
    assert "complex(np.inf, 2.0)" in source
