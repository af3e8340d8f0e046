"""irgrad.scipy.fft: SciPy's own on arrays, the same on traced values."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import scipy.fft

import irgrad
from irgrad.errors import ConcreteValueError, MissingPackageError
from irgrad.scipy import fft

X = np.random.default_rng(0).normal(size=(3, 4, 5))


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize(
    "name",
    "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split(),
)
def test_transforms(name: str, norm: Any) -> None:
    mine, own = getattr(fft, name), getattr(scipy.fft, name)
    np.testing.assert_array_equal(mine(X, norm=norm), own(X, norm=norm))
    several: dict[str, Any] = {"s": (6, 3), "axes": (2, 0)}
    options = {"n": 6, "axis": 1} if "n" in inspect.signature(own).parameters else several

    def both(x: Any) -> Any:
        return mine(x, norm=norm), mine(x, norm=norm, **options)

    compiled = irgrad.compile(both, argnums=(), jit=False)
    for got, expected in zip(
        compiled(X), (own(X, norm=norm), own(X, norm=norm, **options)), strict=True
    ):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name: str) -> None:
    mine, own = getattr(fft, name), getattr(scipy.fft, name)
    got = irgrad.compile(lambda x: mine(x, axes=(0, 2)), argnums=(), jit=False)(X)
    np.testing.assert_array_equal(got, own(X, axes=(0, 2)))
    np.testing.assert_array_equal(mine(X), own(X))


@pytest.mark.parametrize("size", [20, 21])
def test_frequencies_of_a_size_that_varies(size: int) -> None:
    x = np.random.default_rng(1).normal(size=size)

    def slope(x: Any, fft: Any = fft) -> Any:
        """Differentiate a periodic function through its spectrum."""
        ramp = 2j * np.pi * fft.rfftfreq(x.shape[0], 0.1)
        return fft.irfft(ramp * fft.rfft(x), x.shape[0]) * fft.fftfreq(x.shape[0], 0.1)

    compiled = irgrad.compile(slope, argnums=(), jit=False)
    np.testing.assert_allclose(compiled(x), slope(x, scipy.fft), rtol=1e-11, atol=1e-10)


def test_scipys_own_names_the_drop_in() -> None:
    with pytest.raises(ConcreteValueError, match=r"irgrad\.scipy\.fft"):
        irgrad.compile(lambda x: scipy.fft.fft(x), argnums=(), jit=False)(X)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irgrad.runtime.load.find_spec", lambda name: None)

    def function(x: Any) -> Any:
        return np.sum(np.abs(np.fft.fft(x)) + 0.125)

    assert irgrad.compile(function, jit=False)(X) == pytest.approx(function(X))
    with pytest.raises(MissingPackageError, match=r"irgrad\[fft\]"):
        irgrad.compile(function)(X)


def test_jitted() -> None:
    """One compile for numbers of every kind, with the gradient of all."""
    z = X[0] + 1j * X[1]

    def function(x: Any, z: Any) -> Any:
        y = fft.irfft(fft.rfft(x, axis=1) * 2, 7, axis=1)
        return np.sum(y**2) + np.sum(np.abs(fft.fftn(z, norm="ortho") * fft.ifft(z) ** 2))

    compiled = irgrad.compile(function, argnums=(0, 1))
    value, gradients = compiled.value_and_grad(X, z)
    expected, slopes = irgrad.compile(function, argnums=(0, 1), jit=False).value_and_grad(X, z)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for got, wanted in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-12)
    assert "numba with rocket-fft" in compiled.source
