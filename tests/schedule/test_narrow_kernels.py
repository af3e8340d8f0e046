"""Kernels for arguments that are known to lie in an interval: where they are emitted, and right."""

import numpy as np
import pytest

import irgrad

x = np.concatenate([np.linspace(-30.0, 30.0, 200), [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e300]])

BEHIND = [
    ("exp_moderate(", lambda x: np.exp(3.0 * np.sin(x))),
    ("expm1_moderate(", lambda x: np.expm1(np.tanh(x) - 0.5)),
    ("log_moderate(", lambda x: np.log(np.clip(x, 1e-12, 1e12))),
    ("log1p_moderate(", lambda x: np.log1p(0.5 * np.cos(x))),
    ("tanh_small(", lambda x: np.tanh(np.sin(x))),
    ("sinh_small(", lambda x: np.sinh(np.arctan(x))),
    ("cosh_small(", lambda x: np.cosh(np.arctan(x))),
    ("sin_small(", lambda x: np.sin(np.tanh(x))),
    ("cos_small(", lambda x: np.cos(1.0 / (1.0 + x * x))),
    ("sin_moderate(", lambda x: np.sin(5.0 * np.tanh(x))),
    ("tan_moderate(", lambda x: np.tan(np.sin(x))),
]


@pytest.mark.parametrize(("kernel", "function"), BEHIND, ids=[name[:-1] for name, _ in BEHIND])
def test_a_narrow_kernel_is_right_for_every_input(kernel: str, function) -> None:
    compiled = irgrad.compile(function)
    with np.errstate(all="ignore"):
        got, expected = compiled(x), function(x)
    assert f" {kernel}" in compiled.source or f"({kernel}" in compiled.source
    np.testing.assert_allclose(got, expected, rtol=2e-15, atol=1e-300)
    zero = expected == 0.0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize(
    ("function", "kernel"),
    [
        (lambda x: np.exp(x), "exp("),
        (lambda x: np.exp(np.clip(32.0 * x, -800.0, 800.0)), "exp("),
        (lambda x: np.log(np.abs(np.sin(x))), "log("),
        (lambda x: np.sin(2.0 * x), "fill_sin("),
    ],
)
def test_kernels_for_every_argument_stay_where_nothing_is_known(function, kernel: str) -> None:
    compiled = irgrad.compile(function)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(x), function(x), rtol=4e-15, atol=1e-300)
    assert f" {kernel}" in compiled.source
    assert "_small(" not in compiled.source


def test_float32_has_its_own_kernels() -> None:
    function = lambda x: np.exp(np.sin(x))  # noqa: E731
    compiled = irgrad.compile(function)
    single = np.linspace(-3.0, 3.0, 50, dtype=np.float32)
    np.testing.assert_allclose(compiled(single), function(single), rtol=3e-7)
    assert "moderate" not in compiled.source.replace("sincos_moderate_float32", "")


def test_scalars_keep_libm() -> None:
    compiled = irgrad.compile(lambda x: np.exp(np.sin(x)))
    assert compiled(0.5) == pytest.approx(np.exp(np.sin(0.5)), rel=1e-15)
    assert "moderate" not in compiled.source
