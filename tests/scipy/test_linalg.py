"""irgrad.scipy.linalg: values as SciPy's, derivatives as differences of them, in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import irgrad
from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.scipy import linalg
from tests.oracles import check, values

DRAWS = np.random.default_rng(0)
GENERAL = DRAWS.normal(size=(4, 4)) + 3 * np.eye(4)
OTHER = DRAWS.normal(size=(3, 3)) + 3 * np.eye(3)
SYMMETRIC = GENERAL @ GENERAL.T + np.diag([0.0, 2.0, 5.0, 9.0])
STACK = np.stack([GENERAL, GENERAL[::-1]])
POSITIVE = np.stack([SYMMETRIC, 2 * SYMMETRIC + np.eye(4)])
TALL, WIDE = DRAWS.normal(size=(5, 3)), DRAWS.normal(size=(3, 5))
VECTOR, COLUMNS = DRAWS.normal(size=4), DRAWS.normal(size=(4, 2))
BANDS = DRAWS.normal(size=(4, 6)) + 5.0 * (np.arange(4) == 1)[:, None]
LONG = DRAWS.normal(size=6)
ROW, COLUMN = np.array([5.0, 1.0, -0.5, 2.0]), np.array([5.0, -1.0, 0.3, 0.7])

WIDENED = ("logm", "det", "solve_toeplitz")
"""SciPy computes these in float64 and gives float64 of float32, irgrad float32."""

Call = Callable[..., Any]
CASES: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "expm": (lambda s, a: s.expm(a), (GENERAL - 3 * np.eye(4),)),
    "expm of large ones": (lambda s, a: np.arcsinh(s.expm(a)), (3 * GENERAL,)),
    "expm stack": (lambda s, a: s.expm(a), (0.3 * STACK,)),
    "expm of zero": (lambda s, a: s.expm(a), (np.zeros((3, 3)),)),
    "sqrtm": (lambda s, a: s.sqrtm(a), (GENERAL,)),
    "sqrtm stack": (lambda s, a: s.sqrtm(a), (POSITIVE,)),
    "logm": (lambda s, a: s.logm(a), (GENERAL,)),
    "logm stack": (lambda s, a: s.logm(a), (np.stack([OTHER, OTHER.T]),)),
    "solve_triangular": (lambda s, a, b: s.solve_triangular(a, b), (GENERAL, VECTOR)),
    "solve_triangular lower": (
        lambda s, a, b: s.solve_triangular(a, b, trans="T", lower=True), (GENERAL, COLUMNS)
    ),
    "solve_triangular unit": (
        lambda s, a, b: s.solve_triangular(a, b, 1, unit_diagonal=True), (GENERAL, COLUMNS)
    ),
    "cho_factor": (lambda s, a: s.cho_factor(a)[0], (SYMMETRIC,)),
    "cho_factor lower": (lambda s, a: s.cho_factor(a, lower=True)[0], (SYMMETRIC,)),
    "cho_solve": (lambda s, c, b: s.cho_solve((c, False), b), (GENERAL, VECTOR)),
    "cho_solve lower": (
        lambda s, a, b: s.cho_solve(s.cho_factor(a, lower=True), b), (POSITIVE[1], COLUMNS)
    ),
    "lu_factor": (lambda s, a: s.lu_factor(a)[0], (GENERAL[[2, 0, 3, 1]],)),
    "lu_solve": (lambda s, a, b: s.lu_solve(s.lu_factor(a), b), (GENERAL[::-1], VECTOR)),
    "lu_solve of factors": (
        lambda s, c, b: s.lu_solve((c, np.array([2, 3, 2, 3])), b), (GENERAL, COLUMNS)
    ),
    "lu_solve flipped": (
        lambda s, a, b: s.lu_solve(s.lu_factor(a), b, trans=1), (GENERAL[::-1], COLUMNS)
    ),
    "solve": (lambda s, a, b: s.solve(a, b), (GENERAL, VECTOR)),
    "solve stack": (lambda s, a, b: s.solve(a, b), (STACK, COLUMNS)),
    "solve positive": (lambda s, a, b: s.solve(a, b, assume_a="pos"), (SYMMETRIC, VECTOR)),
    "solve symmetric": (
        lambda s, a, b: s.solve(a, b, lower=True, assume_a="sym"), (GENERAL, COLUMNS)
    ),
    "solve diagonal": (lambda s, a, b: s.solve(a, b, assume_a="diagonal"), (GENERAL, VECTOR)),
    "solve triangular": (
        lambda s, a, b: s.solve(a, b, assume_a="upper triangular"), (GENERAL, VECTOR)
    ),
    "solve transposed": (lambda s, a, b: s.solve(a, b, transposed=True), (GENERAL, VECTOR)),
    "inv": (lambda s, a: s.inv(a), (GENERAL,)),
    "inv stack": (lambda s, a: s.inv(a), (STACK,)),
    "det": (lambda s, a: s.det(a), (STACK,)),
    "solve_sylvester": (lambda s, a, b, q: s.solve_sylvester(a, b, q), (GENERAL, OTHER, TALL[:4])),
    "solve_continuous_lyapunov": (
        lambda s, a, q: s.solve_continuous_lyapunov(a, q), (OTHER, TALL[:3])
    ),
    "solve_banded": (lambda s, ab, b: s.solve_banded((2, 1), ab, b), (BANDS, LONG)),
    "solve_banded columns": (
        lambda s, ab, b: s.solve_banded((2, 1), ab, b), (BANDS, np.stack([LONG, LONG**2], 1))
    ),
    "solve_toeplitz": (lambda s, c, r, b: s.solve_toeplitz((c, r), b), (COLUMN, ROW, VECTOR)),
    "solve_toeplitz symmetric": (lambda s, c, b: s.solve_toeplitz(c, b), (COLUMN, COLUMNS)),
    "toeplitz": (lambda s, c, r: s.toeplitz(c, r), (COLUMN, LONG)),
    "circulant": (lambda s, c: s.circulant(c), (LONG,)),
    "block_diag": (lambda s, a, b: s.block_diag(a, [[2.0, 3.0]], b), (TALL, VECTOR)),
    "cholesky": (lambda s, a: s.cholesky(a), (SYMMETRIC,)),
    "cholesky lower": (lambda s, a: s.cholesky(a, lower=True), (POSITIVE,)),
    "eigh": (lambda s, a: np.abs(s.eigh(a)[1]) + s.eigh(a, lower=False)[0], (SYMMETRIC,)),
    "eigh general": (
        lambda s, a, b: s.eigh(a, b)[1] ** 2 + s.eigh(a, b, eigvals_only=True), (GENERAL, SYMMETRIC)
    ),
    "eigh of type 2": (lambda s, a, b: s.eigh(a, b, type=2)[1] ** 2, (GENERAL, POSITIVE[0])),
    "eigh of type 3": (lambda s, a, b: s.eigh(a, b, type=3)[1] ** 2, (GENERAL, POSITIVE[0])),
    "eigvalsh": (lambda s, a: s.eigvalsh(a, subset_by_index=[1, 2]), (SYMMETRIC,)),
    "svd": (lambda s, a: np.abs(s.svd(a, full_matrices=False)[0]), (TALL,)),
    "svdvals": (lambda s, a: s.svdvals(a), (WIDE,)),
    "qr": (lambda s, a: np.abs(s.qr(a, mode="economic")[0]), (TALL,)),
    "qr full": (lambda s, a: np.abs(s.qr(a)[1]), (GENERAL,)),
    "qr r": (lambda s, a: np.abs(s.qr(a, mode="r")[0]), (WIDE,)),
    "qr r tall": (lambda s, a: s.qr(a, mode="r")[0], (TALL,)),
    "qr complete": (lambda s, a: np.concatenate(s.qr(a), axis=1), (WIDE.T[:4],)),
    "svd complete": (lambda s, a: np.abs(s.svd(a)[2]), (WIDE[:, :4],)),
    "pinv": (lambda s, a: s.pinv(a), (TALL,)),
    "lstsq": (lambda s, a, b: s.lstsq(a, b)[0], (TALL, DRAWS.normal(size=5))),
    "lstsq's singular values": (lambda s, a, b: s.lstsq(a, b)[3], (TALL, DRAWS.normal(size=5))),
    "norm": (lambda s, a: s.norm(a, "nuc") + s.norm(a, 1, axis=0), (TALL,)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    function, arguments = CASES[name]
    check(
        lambda *xs: function(linalg, *xs),
        *arguments,
        numpy=lambda *xs: function(scipy.linalg, *xs),
        narrow=not name.startswith(WIDENED),
    )


@pytest.mark.parametrize("name", CASES)
def test_plain_arrays_give_scipys_numbers(name: str) -> None:
    function, arguments = CASES[name]
    expected = function(scipy.linalg, *arguments)
    np.testing.assert_array_equal(function(linalg, *arguments), expected)


@pytest.mark.parametrize("name", CASES)
def test_forward_mode(name: str) -> None:
    function, arguments = CASES[name]
    draws = np.random.default_rng(1)
    tangents = tuple(draws.normal(size=np.shape(x)) for x in arguments)

    def along(t: float) -> Any:
        moved = [x + t * v for x, v in zip(arguments, tangents, strict=True)]
        return function(scipy.linalg, *moved)

    def pushed(*xs: Any) -> Any:
        return irgrad.jvp(lambda *ys: function(linalg, *ys), xs, tangents)[1]

    out = irgrad.compile(pushed, jit=False)(*arguments)
    step = 4e-4
    near, far = (along(k * step) - along(-k * step) for k in (1, 2))
    np.testing.assert_allclose(out, (8 * near - far) / (12 * step), rtol=1e-7, atol=2e-8)


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_the_stack(name: str) -> None:
    function, arguments = CASES[name]
    stacked = tuple(np.stack([x, x * 1.1, x * 1.2]) for x in arguments)
    mapped = irgrad.vmap(lambda *xs: function(linalg, *xs))
    got = irgrad.compile(lambda *xs: mapped(*xs), jit=False)(*stacked)
    expected = [function(scipy.linalg, *parts) for parts in zip(*stacked, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_expm_agrees_with_its_frechet_derivative_in_any_direction() -> None:
    """A direction far larger than the matrix must not cost the matrix its digits."""
    for size in (1e-8, 1.0, 1e12):
        direction = size * SYMMETRIC
        pushed = irgrad.compile(
            lambda a, v: irgrad.jvp(linalg.expm, (a,), (v,))[1], jit=False
        )
        out = pushed(GENERAL, direction)
        expected = scipy.linalg.expm_frechet(GENERAL, direction, compute_expm=False)
        np.testing.assert_allclose(out, expected, rtol=1e-11)


def test_third_derivative_of_expm() -> None:
    third = irgrad.grad(irgrad.grad(irgrad.grad(lambda t: linalg.expm(t * OTHER)[0, 1])))
    f = irgrad.compile(lambda t: third(t), jit=False)
    expected = (np.linalg.matrix_power(OTHER, 3) @ scipy.linalg.expm(0.3 * OTHER))[0, 1]
    assert f(0.3) == pytest.approx(expected, rel=1e-11)


def test_what_is_not_read_has_no_derivative() -> None:
    for function, half in (
        (lambda a: np.sum(linalg.cholesky(a)), np.tril),
        (lambda a: np.sum(linalg.cho_solve((a, True), VECTOR)), np.triu),
        (lambda a: np.sum(linalg.solve(a, VECTOR, assume_a="pos")), np.tril),
        (lambda a: np.sum(linalg.solve_triangular(a, VECTOR)), np.tril),
    ):
        k = -1 if half is np.tril else 1
        f = irgrad.compile(function, jit=False)
        spoilt = SYMMETRIC + half(np.full((4, 4), 7.0), k)
        np.testing.assert_allclose(f(spoilt), f(SYMMETRIC), rtol=1e-14)
        np.testing.assert_array_equal(half(f.grad(spoilt), k), 0.0)


def test_what_has_no_answer_raises() -> None:
    negative = np.diag([1.0, -2.0])
    for function, message in (
        (lambda a: np.sum(linalg.sqrtm(a)), r"negative eigenvalue. Pass a.astype\(complex\)"),
        (lambda a: np.sum(linalg.logm(a)), r"negative eigenvalue. Pass a.astype\(complex\)"),
        (lambda a: np.sum(linalg.logm(np.tril(a, -1))), "singular"),
        (lambda a: np.sum(linalg.solve_triangular(a - a, np.ones(2))), "ingular"),
        (lambda a: np.sum(linalg.solve_banded((0, 0), a[:1] - a[:1], np.ones(2))), "singular"),
    ):
        with pytest.raises(np.linalg.LinAlgError, match=message):
            irgrad.compile(function, jit=False)(negative)


def test_root_of_a_singular_matrix() -> None:
    half_rank = np.outer(VECTOR, VECTOR)
    got = irgrad.compile(lambda a: linalg.sqrtm(a), jit=False)(half_rank)
    np.testing.assert_allclose(got @ got, half_rank, atol=1e-7)


def test_values_of_the_eager_engine() -> None:
    a = irgrad.Value(GENERAL)
    np.sum(linalg.expm(a)).backward()
    expected = irgrad.compile(lambda a: np.sum(linalg.expm(a)), jit=False).grad(GENERAL)
    np.testing.assert_allclose(a.grad, expected, rtol=1e-13)


ERRORS: list[tuple[Call, Any, type[Exception]]] = [
    (linalg.expm, TALL, ShapeError),
    (lambda a: linalg.solve_triangular(a, a, trans=7), GENERAL, ShapeError),
    (lambda a: linalg.solve(a, a, assume_a="odd"), GENERAL, UnsupportedCallError),
    (lambda a: linalg.qr(a, pivoting=True)[0], GENERAL, UnsupportedCallError),
    (lambda a: linalg.qr(a, mode="raw")[1], GENERAL, UnsupportedCallError),
    (lambda a: linalg.eigh(a, subset_by_value=[0, 1])[0], GENERAL, UnsupportedCallError),
    (lambda a: linalg.solve_banded((1, 1), a, VECTOR), GENERAL, ShapeError),
    (lambda a: linalg.solve_sylvester(a, a, TALL), GENERAL, ShapeError),
]


@pytest.mark.parametrize(("function", "argument", "error"), ERRORS)
def test_what_is_refused_says_why(function: Call, argument: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        values(function, argument)
