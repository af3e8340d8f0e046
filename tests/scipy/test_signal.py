"""irgrad.scipy.signal: values as SciPy's, derivatives as differences of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal

import irgrad
from irgrad.errors import ShapeError
from irgrad.scipy import signal, transformed
from tests.oracles import check, trace, values

DRAWS = np.random.default_rng(2)
LONG, SHORT, EVEN = DRAWS.normal(size=23), DRAWS.normal(size=5), DRAWS.normal(size=4)
MANY = DRAWS.normal(size=40)
IMAGE, PATCH, BLOCK = (DRAWS.normal(size=shape) for shape in ((6, 7), (3, 2), (6, 6)))
MODES = ["full", "same", "valid"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
@pytest.mark.parametrize(
    "pair",
    [(LONG, SHORT), (LONG, EVEN), (LONG, MANY[:23]), (IMAGE, PATCH), (IMAGE, BLOCK)],
    ids=["odd", "even", "whole", "patch", "block"],
)
def test_values_and_derivatives(name: str, mode: str, pair: tuple[Any, Any]) -> None:
    if name == "correlate":
        numpy = lambda a, b: scipy.signal.correlate(a, b, mode, method="direct")  # noqa: E731
    else:
        numpy = lambda a, b: getattr(scipy.signal, name)(a, b, mode)  # noqa: E731
    check(
        lambda a, b: getattr(signal, name)(a, b, mode),
        *pair,
        numpy=numpy,
        order=2 if name == "convolve" else 1,
        narrow=name != "fftconvolve",
    )


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
def test_the_shorter_one_is_the_kernel(name: str) -> None:
    check(
        lambda a, b: getattr(signal, name)(a, b, "valid"), SHORT, LONG,
        numpy=lambda a, b: getattr(scipy.signal, name)(a, b, "valid"), narrow=False,
    )  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_over_some_axes(mode: str) -> None:
    for kernel in (PATCH[:1], np.ones((6, 2)) * PATCH[0], DRAWS.normal(size=(6, 40))):
        image = np.concatenate([IMAGE] * 7, axis=1)
        check(
            lambda a, b: signal.fftconvolve(a, b, mode, axes=1), image, kernel, fixed=False,
            numpy=lambda a, b: scipy.signal.fftconvolve(a, b, mode, axes=1), order=1, narrow=False,
        )  # fmt: skip


SIGNAL, KERNEL = DRAWS.normal(size=230), DRAWS.normal(size=121)
PICTURE, BLUR = DRAWS.normal(size=(13, 25)), DRAWS.normal(size=(11, 12))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
@pytest.mark.parametrize(
    "pair",
    [(SIGNAL, KERNEL), (SIGNAL, KERNEL[:120]), (PICTURE, BLUR), (KERNEL, SIGNAL)],
    ids=["odd", "even", "picture", "the longer one last"],
)
def test_long_kernels_by_transforms(name: str, mode: str, pair: tuple[Any, Any]) -> None:
    graph = trace(lambda a, b: getattr(signal, name)(a, b, mode), *pair).graph
    assert any(node.op.name in ("irfft", "ifft") for node in graph.nodes if node.op is not None)
    check(
        lambda a, b: getattr(signal, name)(a, b, mode), *pair,
        numpy=lambda a, b: getattr(scipy.signal, name)(a, b, mode),
        order=2 if name == "fftconvolve" and mode == "same" else 1, narrow=False, rounding=1e-11,
    )  # fmt: skip


def test_transforms_of_complex_numbers() -> None:
    z, kernel = SIGNAL + 1j * SIGNAL[::-1], KERNEL * (1 - 2j)
    for mode in MODES:
        (got,) = values(lambda a, b, mode=mode: signal.fftconvolve(a, b, mode), z, kernel)
        np.testing.assert_allclose(got, scipy.signal.fftconvolve(z, kernel, mode), rtol=1e-11)
        (mixed,) = values(lambda a, b, mode=mode: signal.correlate(a, b, mode), SIGNAL, kernel)
        np.testing.assert_allclose(mixed, scipy.signal.correlate(SIGNAL, kernel, mode), rtol=1e-11)


@pytest.mark.parametrize("mode", MODES)
def test_transforms_over_some_axes(mode: str) -> None:
    rows, kernels = DRAWS.normal(size=(3, 140)), DRAWS.normal(size=(1, 110))
    check(
        lambda a, b: signal.fftconvolve(a, b, mode, axes=-1), rows, kernels, order=1, narrow=False,
        numpy=lambda a, b: scipy.signal.fftconvolve(a, b, mode, axes=-1), rounding=1e-11,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
def test_methods(method: str) -> None:
    for function in (signal.convolve, signal.correlate):
        of = lambda a, b, function=function: function(a, b, method=method)  # noqa: E731
        graph = trace(of, SIGNAL, KERNEL).graph
        by_transforms = any(node.op is not None and node.op.name == "irfft" for node in graph.nodes)
        assert by_transforms == (method != "direct")
        whole = trace(of, SIGNAL.astype(int), KERNEL.astype(int)).graph
        assert whole.outputs[0].array_type.dtype == np.int64  # sums of whole numbers stay such
    with pytest.raises(ShapeError, match="method"):
        values(lambda a: signal.convolve(a, a, method="quick"), LONG)


def test_one_trace_of_transforms_serves_a_range_of_sizes() -> None:
    f = irgrad.compile(lambda a, b: np.sum(signal.fftconvolve(a, b, "same") ** 2), jit=False)
    for n in (230, 231, 250, 264):
        x = DRAWS.normal(size=n)
        expected = np.sum(scipy.signal.fftconvolve(x, KERNEL, "same") ** 2)
        assert f(x, KERNEL) == pytest.approx(expected, rel=1e-12)
    assert f.stats.traces == 1


def test_without_rocket_fft_sums_are_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformed, "compiles_transforms", lambda: False)
    graph = trace(lambda a, b: signal.fftconvolve(a, b), SIGNAL, KERNEL).graph
    assert not any(node.op is not None and "fft" in node.op.name for node in graph.nodes)


def test_compiled_transforms() -> None:
    f = irgrad.compile(lambda a, b: np.sum(np.sin(signal.fftconvolve(a, b))), argnums=(0, 1))
    value, (by_signal, by_kernel) = f.value_and_grad(SIGNAL, KERNEL)
    full = scipy.signal.fftconvolve(SIGNAL, KERNEL)
    assert value == pytest.approx(np.sum(np.sin(full)), rel=1e-11)
    slope = np.cos(full)
    np.testing.assert_allclose(
        by_signal, scipy.signal.correlate(slope, KERNEL, "valid"), rtol=0, atol=1e-11
    )
    np.testing.assert_allclose(
        by_kernel, scipy.signal.correlate(slope, SIGNAL, "valid"), rtol=0, atol=1e-11
    )


def test_plain_kernels_and_plain_arrays() -> None:
    np.testing.assert_array_equal(
        signal.convolve(LONG, SHORT, "same"), scipy.signal.convolve(LONG, SHORT, "same")
    )
    check(
        lambda a: signal.convolve(a, [0.0, 1.0, 0.0, -2.0], "same"), LONG,
        numpy=lambda a: scipy.signal.convolve(a, [0.0, 1.0, 0.0, -2.0], "same"), narrow=False,
    )  # fmt: skip
    assert values(lambda x: signal.convolve(x, x), np.float64(3.0)) == [9.0]


def test_what_does_not_fit_is_refused() -> None:
    for function in (
        lambda a: signal.convolve(a, IMAGE),
        lambda a: signal.convolve(a, a, mode="wide"),
        lambda a: signal.convolve(a, np.zeros(0)),
        lambda a: signal.fftconvolve(a[:0], a, "valid"),
        lambda a: signal.correlate(np.reshape(a[:22], (2, 11)), PATCH, "valid"),
    ):
        with pytest.raises(ShapeError):
            values(function, LONG)
    with pytest.raises(ShapeError, match="axis 0"):
        values(lambda a: signal.fftconvolve(a, PATCH, axes=1), IMAGE)
