"""np.linalg.eig: complex results, in LAPACK's order and normalisation, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ShapeError
from irgrad.testing import check_grads
from tests.ops.contracts import assert_like_numpy, layouts

DRAWS = np.random.default_rng(5)
GENERAL = DRAWS.normal(size=(4, 4))
STACK = DRAWS.normal(size=(2, 3, 3))
IMAGINARY = DRAWS.normal(size=(4, 4))


def both(result: Any) -> Any:
    return tuple(part for r in result for part in (r.real, r.imag))


def complex_eig(a: Any) -> Any:
    values, vectors = np.linalg.eig(a)
    return both((values + 0j, vectors + 0j))


@pytest.mark.parametrize("a", [GENERAL, STACK, GENERAL @ GENERAL.T, GENERAL[:1, :1]])
def test_real_matrices(a: Any) -> None:
    assert_like_numpy(complex_eig, a, rtol=1e-11)
    assert_like_numpy(lambda x: both((np.linalg.eigvals(x) + 0j,)), a, rtol=1e-11)


def test_complex_matrices() -> None:
    assert_like_numpy(lambda x, y: complex_eig(x + 1j * y), GENERAL, IMAGINARY, rtol=1e-11)


def test_results_are_complex_whatever_the_eigenvalues() -> None:
    values, vectors = irgrad.compile(np.linalg.eig, argnums=(), jit=False)(np.diag([2.0, 1.0]))
    assert (values.dtype, vectors.dtype) == (np.complex128, np.complex128)
    single = irgrad.compile(np.linalg.eigvals, argnums=(), jit=False)
    assert single(GENERAL.astype(np.float32)).dtype == np.complex64


def test_memory_of_any_layout() -> None:
    compiled = irgrad.compile(np.linalg.eigvals, argnums=(), jit=False)
    for a in layouts(GENERAL):
        np.testing.assert_allclose(compiled(a), np.linalg.eigvals(a), rtol=1e-12)


def test_every_order_and_mode() -> None:
    check_grads(np.linalg.eig, (GENERAL[:3, :3],), order=2, atol=1e-5, rtol=1e-5)
    check_grads(lambda a: np.abs(np.linalg.eigvals(a)), (STACK,), order=1)


def test_spectral_abscissa_of_a_real_matrix() -> None:
    """The gradient of a simple eigenvalue is its left vector times its right one."""

    def abscissa(a: Any) -> Any:
        return np.max(np.linalg.eigvals(a).real)

    a = np.array([[-1.0, 2.0, 0.3], [0.1, 0.5, 0.2], [0.4, -0.6, -2.0]])
    values, right = np.linalg.eig(a)
    left = np.linalg.inv(right)
    k = np.argmax(values.real)
    gradient = irgrad.compile(abscissa, jit=False).grad(a)
    np.testing.assert_allclose(gradient, np.real(np.outer(left[k], right[:, k])), rtol=1e-12)


def test_what_has_no_answer_raises() -> None:
    compiled = irgrad.compile(lambda a: np.abs(np.linalg.eigvals(a)[0]), jit=False)
    jordan = np.array([[1.0, 1.0], [0.0, 1.0]])  # the eigenvalues are 1 ± sqrt(a[1, 0])
    assert np.max(np.abs(compiled.grad(jordan))) > 1e12
    with pytest.raises(np.linalg.LinAlgError, match="infs or NaNs"):
        compiled(np.array([[1.0, np.nan], [0.0, 1.0]]))
    with pytest.raises(ShapeError):
        compiled(np.ones((2, 3)))


def test_jitted() -> None:
    def function(x: Any, z: Any) -> Any:
        return sum(np.sum(part) for part in (*complex_eig(x), *complex_eig(z)))

    z = GENERAL + 1j * IMAGINARY
    value, gradients = irgrad.compile(function, argnums=(0, 1)).value_and_grad(STACK, z)
    expected, slopes = irgrad.compile(function, argnums=(0, 1), jit=False).value_and_grad(STACK, z)
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    for got, wanted in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-10)
