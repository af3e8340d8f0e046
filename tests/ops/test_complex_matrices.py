"""np.linalg of complex matrices: NumPy's values, derivatives by both parts against differences.

Vectors that are determined up to a phase are only asked what does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.testing import check_grads
from tests.ops.contracts import assert_like_numpy

DRAWS = np.random.default_rng(3)
X = DRAWS.normal(size=(3, 3)) + 2 * np.eye(3)
Y = DRAWS.normal(size=(3, 3))
TALL, WIDE = DRAWS.normal(size=(2, 4, 2)), DRAWS.normal(size=(2, 2, 4))
STACK = DRAWS.normal(size=(2, 2, 3, 3)) + 2 * np.eye(3)
B = DRAWS.normal(size=(2, 3, 2))


def both(result: Any) -> Any:
    """Return real results, complex ones as two."""
    results = result if isinstance(result, tuple) else (result,)
    return tuple(
        part for r in results for part in ((r.real, r.imag) if r.dtype.kind == "c" else (r,))
    )


def of_complex(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: both(call(x + 1j * y))


def hermitian(z: Any) -> Any:
    return z @ np.conj(np.swapaxes(z, -1, -2)) + np.diag([1.0, 4.0, 9.0])


def projectors(vectors: Any) -> Any:
    return vectors[..., :, None, :] * np.conj(vectors[..., None, :, :])


def eigen_symmetric(z: Any, half: str = "L") -> Any:
    values, vectors = np.linalg.eigh(hermitian(z), half)
    return values, projectors(vectors)


def singular(z: Any) -> Any:
    u, s, v = np.linalg.svd(z, full_matrices=False)
    return s, projectors(u), u[..., :, :, None] * v[..., None, :, :]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "solve": lambda z: np.linalg.solve(z, B[0] + 1j * B[1]),
    "solve for reals": lambda z: np.linalg.solve(z, B[0, :, 0]),
    "solve by reals": lambda z: np.linalg.solve(X, z),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "slogdet": lambda z: tuple(np.linalg.slogdet(z)),
    "sign of a determinant": lambda z: np.linalg.slogdet(z)[0],
    "cholesky": lambda z: np.linalg.cholesky(hermitian(z)),
    "upper cholesky": lambda z: np.linalg.cholesky(hermitian(z), upper=True),
    "cholesky reads the lower half": lambda z: np.linalg.cholesky(np.tril(hermitian(z))),
    "eigh": eigen_symmetric,
    "eigh of the upper half": lambda z: eigen_symmetric(z, "U"),
    "eigvalsh": lambda z: np.linalg.eigvalsh(np.tril(hermitian(z))),
    "svd": singular,
    "singular values": lambda z: np.linalg.svd(z, compute_uv=False),
    "qr": lambda z: tuple(np.linalg.qr(z)),
    "pinv": np.linalg.pinv,
    "cond": np.linalg.cond,
    "nuclear norm": lambda z: np.linalg.norm(z, "nuc", axis=(-2, -1)),
    "power": lambda z: np.linalg.matrix_power(z, -2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_square_matrices(name: str) -> None:
    assert_like_numpy(of_complex(FUNCTIONS[name]), X, Y, rtol=1e-11)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "reals" not in name])
def test_many_matrices(name: str) -> None:
    assert_like_numpy(of_complex(FUNCTIONS[name]), *STACK, rtol=1e-11)


@pytest.mark.parametrize("name", ["svd", "singular values", "qr", "pinv"])
def test_matrices_that_are_not_square(name: str) -> None:
    assert_like_numpy(of_complex(FUNCTIONS[name]), *TALL, rtol=1e-11)
    assert_like_numpy(of_complex(FUNCTIONS[name]), *WIDE, rtol=1e-11)


def test_least_squares() -> None:
    def fitted(z: Any) -> Any:
        x, residuals, _, values = np.linalg.lstsq(z, np.arange(4) * 1j)
        return x, residuals, values

    assert_like_numpy(of_complex(fitted), *TALL, rtol=1e-11)


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "svd", "qr", "pinv"])
def test_second_order(name: str) -> None:
    check_grads(lambda z: FUNCTIONS[name](z), (X + 1j * Y,), order=2, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "qr", "eigvalsh"])
def test_least_sizes(name: str, size: int) -> None:
    z = np.full((size, size), 2 + 1j)
    function = np.linalg.eigvalsh if name == "eigvalsh" else FUNCTIONS[name]
    got = irgrad.compile(lambda z: both(function(z)), argnums=(), jit=False)(z)
    for mine, wanted in zip(got, both(function(z)), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-13)


def test_single_precision() -> None:
    z = (X + 1j * Y).astype(np.complex64)

    def function(z: Any) -> Any:
        product = z @ np.conj(z.T) + np.eye(3, dtype=np.float32)
        return np.sum(np.abs(np.linalg.solve(z, np.linalg.cholesky(product))))

    value, gradient = irgrad.compile(function, jit=False).value_and_grad(z)
    assert (value.dtype, gradient.dtype) == (np.float32, np.complex64)
    np.testing.assert_allclose(value, function(z), rtol=1e-5)


def test_singular_matrices_raise() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        irgrad.compile(np.linalg.inv, argnums=(), jit=False)(np.zeros((2, 2), complex))
    with pytest.raises(np.linalg.LinAlgError):
        irgrad.compile(np.linalg.cholesky, argnums=(), jit=False)(-np.eye(2, dtype=complex))


FACTORED = ["slogdet", "cholesky", "eigh", "svd"]


def test_jitted_values_in_single_precision() -> None:
    z = (X + 1j * Y).astype(np.complex64)

    def function(z: Any) -> Any:
        return [FUNCTIONS[name](z) for name in ("inv", "pinv", "qr")]

    got = irgrad.compile(function, argnums=())(z)
    for name, mine in zip(("inv", "pinv", "qr"), got, strict=True):
        for part, wanted in zip(both(mine), both(FUNCTIONS[name](X + 1j * Y)), strict=True):
            np.testing.assert_allclose(part, wanted, rtol=1e-3, atol=1e-4, err_msg=name)


def test_jitted_gradient() -> None:
    def function(z: Any) -> Any:
        parts = [part for name in FACTORED for part in both(FUNCTIONS[name](z))]
        return sum(np.sum(part) for part in parts)

    z = X + 1j * Y
    value, gradient = irgrad.compile(function).value_and_grad(z)
    expected, slope = irgrad.compile(function, jit=False).value_and_grad(z)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-10)
