"""irgrad.scipy.linalg of complex matrices: SciPy's values, derivatives by both parts.

The oracle of derivatives are differences of SciPy's values, by the real and by the imaginary part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import irgrad
from irgrad.scipy import linalg
from tests.oracles import check

DRAWS = np.random.default_rng(0)


def drawn(*shape: int) -> Any:
    """Return numbers with both parts."""
    return DRAWS.normal(size=shape) + 1j * DRAWS.normal(size=shape)


GENERAL = drawn(4, 4) + 4 * np.eye(4)
OTHER = drawn(3, 3) + 4 * np.eye(3)
STACK = np.stack([GENERAL, GENERAL[::-1]])
HERMITIAN = GENERAL @ GENERAL.conj().T + np.diag([0.0, 2.0, 5.0, 9.0])
POSITIVE = np.stack([HERMITIAN, 2 * HERMITIAN + np.eye(4)])
TALL, WIDE = drawn(5, 3), drawn(3, 5)
VECTOR, COLUMNS = drawn(4), drawn(4, 2)
BANDS = drawn(4, 6) + 6.0 * (np.arange(4) == 1)[:, None]
LONG = drawn(6)
ROW, COLUMN = drawn(4) + 5 * np.eye(4)[0], drawn(4) + 5 * np.eye(4)[0]

Call = Callable[..., Any]


def projectors(vectors: Any) -> Any:
    """Return what of eigenvectors does not depend on their phase."""
    return vectors[..., :, None, :] * np.conj(vectors[..., None, :, :])


def of_spectrum(found: Any) -> Any:
    return found[0], projectors(found[1])


CASES: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "expm": (lambda s, a: s.expm(a), (GENERAL - 4 * np.eye(4),)),
    "expm stack": (lambda s, a: s.expm(a), (0.3 * STACK,)),
    "expm of a turn": (lambda s, t: s.expm(1j * t * OTHER.real), (np.array(0.7),)),
    "sqrtm": (lambda s, a: s.sqrtm(a), (GENERAL,)),
    "sqrtm stack": (lambda s, a: s.sqrtm(a), (POSITIVE,)),
    "logm": (lambda s, a: s.logm(a), (GENERAL,)),
    "logm stack": (lambda s, a: s.logm(a), (np.stack([OTHER, 1j * OTHER.T]),)),
    **{
        f"solve_triangular {trans} {lower}": (
            lambda s, a, b, t=trans, half=lower: s.solve_triangular(a, b, t, lower=half),
            (GENERAL, COLUMNS),
        )
        for trans in ("N", "T", "C") for lower in (False, True)
    },
    "solve_triangular unit": (
        lambda s, a, b: s.solve_triangular(a, b, 2, unit_diagonal=True), (GENERAL, VECTOR)
    ),
    "solve_triangular stack": (
        lambda s, a, b: s.solve_triangular(a, b, "C", lower=True), (STACK, COLUMNS)
    ),
    "solve_triangular of reals": (
        lambda s, a, b: s.solve_triangular(a, b, "C"), (GENERAL.real, VECTOR)
    ),
    "cho_factor": (lambda s, a: s.cho_factor(a)[0], (HERMITIAN,)),
    "cho_factor lower": (lambda s, a: s.cho_factor(a, lower=True)[0], (POSITIVE,)),
    "cho_solve": (lambda s, c, b: s.cho_solve((c, False), b), (GENERAL, VECTOR)),
    "cho_solve lower": (lambda s, c, b: s.cho_solve((c, True), b), (GENERAL, COLUMNS)),
    "cho_solve by a factor": (
        lambda s, a, b: s.cho_solve(s.cho_factor(a), b), (HERMITIAN, COLUMNS)
    ),
    "cho_solve by a lower factor": (
        lambda s, a, b: s.cho_solve(s.cho_factor(a, True), b), (POSITIVE[1], VECTOR)
    ),
    "lu_factor": (lambda s, a: s.lu_factor(a)[0], (GENERAL[[2, 0, 3, 1]],)),
    "lu_factor stack": (lambda s, a: s.lu_factor(a)[0], (STACK,)),
    **{
        f"lu_solve {trans}": (
            lambda s, a, b, t=trans: s.lu_solve(s.lu_factor(a), b, trans=t), (GENERAL[::-1], right)
        )
        for trans, right in ((0, VECTOR), (1, COLUMNS), (2, COLUMNS))
    },
    "lu_solve stack": (lambda s, a, b: s.lu_solve(s.lu_factor(a), b, 2), (STACK, COLUMNS)),
    "solve": (lambda s, a, b: s.solve(a, b), (STACK, COLUMNS)),
    "solve hermitian": (lambda s, a, b: s.solve(a, b, assume_a="her"), (GENERAL, VECTOR)),
    "solve symmetric": (
        lambda s, a, b: s.solve(a, b, lower=True, assume_a="sym"), (GENERAL, COLUMNS)
    ),
    "solve positive": (lambda s, a, b: s.solve(a, b, assume_a="pos"), (HERMITIAN, VECTOR)),
    "solve triangular": (
        lambda s, a, b: s.solve(a, b, assume_a="lower triangular"), (GENERAL, VECTOR)
    ),
    "inv": (lambda s, a: s.inv(a), (STACK,)),
    "det": (lambda s, a: s.det(a), (0.3 * STACK,)),
    "solve_sylvester": (lambda s, a, b, q: s.solve_sylvester(a, b, q), (GENERAL, OTHER, TALL[:4])),
    "solve_continuous_lyapunov": (
        lambda s, a, q: s.solve_continuous_lyapunov(a, q), (OTHER, TALL[:3])
    ),
    "solve_banded": (lambda s, ab, b: s.solve_banded((2, 1), ab, b), (BANDS, LONG)),
    "solve_banded stack": (
        lambda s, ab, b: s.solve_banded((2, 1), ab, b), (np.stack([BANDS, BANDS**2]), drawn(6, 2))
    ),
    "solve_toeplitz": (lambda s, c, r, b: s.solve_toeplitz((c, r), b), (COLUMN, ROW, VECTOR)),
    "solve_toeplitz hermitian": (lambda s, c, b: s.solve_toeplitz(c, b), (COLUMN, COLUMNS)),
    "toeplitz": (lambda s, c: s.toeplitz(c), (LONG,)),
    "toeplitz stack": (lambda s, c, r: s.toeplitz(c, r), (drawn(2, 3), drawn(2, 4))),
    "circulant": (lambda s, c: s.circulant(c), (LONG,)),
    "block_diag": (lambda s, a, b: s.block_diag(a, [[2.0, 3.0]], b), (TALL, VECTOR)),
    "block_diag stack": (lambda s, a, b: s.block_diag(a, b), (STACK, drawn(2, 2, 3))),
    "cholesky": (lambda s, a: s.cholesky(a), (POSITIVE,)),
    "cholesky lower": (lambda s, a: s.cholesky(a, lower=True), (HERMITIAN,)),
    "eigh": (lambda s, a: of_spectrum(s.eigh(a)), (HERMITIAN,)),
    "eigh of the upper half": (lambda s, a: of_spectrum(s.eigh(a, lower=False)), (HERMITIAN,)),
    **{
        f"eigh of type {kind}": (
            lambda s, a, b, k=kind: of_spectrum(s.eigh(a, b, type=k)), (GENERAL, POSITIVE[0])
        )
        for kind in (1, 2, 3)
    },
    "eigvalsh": (lambda s, a: s.eigvalsh(a, subset_by_index=[1, 2]), (HERMITIAN,)),
    "svd": (lambda s, a: projectors(s.svd(a, full_matrices=False)[0]), (TALL,)),
    "svdvals": (lambda s, a: s.svdvals(a), (WIDE,)),
    "qr": (lambda s, a: s.qr(a, mode="economic"), (TALL,)),
    "qr r": (lambda s, a: s.qr(a, mode="r")[0], (TALL,)),
    "pinv": (lambda s, a: s.pinv(a), (TALL,)),
    "lstsq": (lambda s, a, b: s.lstsq(a, b)[:2], (TALL, drawn(5, 2))),
    "norm": (lambda s, a: s.norm(a, "nuc") + s.norm(a, 1, axis=0), (TALL,)),
}  # fmt: skip


def parts(result: Any) -> Any:
    """Return complex results as two real ones."""
    results = result if isinstance(result, tuple) else (result,)
    return tuple(
        part for r in results for part in ((r.real, r.imag) if r.dtype.kind == "c" else (r,))
    )


def in_parts(function: Call, arguments: tuple[Any, ...], module: Any) -> tuple[Call, list[Any]]:
    """Return a function with the parts of its arguments as arguments, and these parts."""
    points = [part for x in arguments for part in parts(x)]

    def of_parts(*given: Any) -> Any:
        rest = iter(given)
        whole = [
            next(rest) + 1j * next(rest) if x.dtype.kind == "c" else next(rest)
            for x in arguments
        ]
        return parts(function(module, *whole))

    return of_parts, points


WIDENED = ("det", "logm", "solve_toeplitz")
"""SciPy computes these in double precision, irgrad in that of the arguments."""


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    function, arguments = CASES[name]
    ours, points = in_parts(function, arguments, linalg)
    theirs, _ = in_parts(function, arguments, scipy.linalg)
    check(ours, *points, numpy=theirs, rounding=1e-11, narrow=not name.startswith(WIDENED))


@pytest.mark.parametrize("name", CASES)
def test_forward_mode(name: str) -> None:
    function, arguments = CASES[name]
    draws = np.random.default_rng(1)
    tangents = tuple(
        draws.normal(size=x.shape) * (1 + 0.5j if x.dtype.kind == "c" else 1) for x in arguments
    )

    def along(t: float) -> Any:
        moved = [x + t * v for x, v in zip(arguments, tangents, strict=True)]
        return parts(function(scipy.linalg, *moved))

    def pushed(*xs: Any) -> Any:
        return parts(irgrad.jvp(lambda *ys: function(linalg, *ys), xs, tangents)[1])

    out = irgrad.compile(pushed, argnums=(), jit=False)(*arguments)
    step = 4e-4
    moved = [along(k * step) for k in (-2, -1, 1, 2)]
    for got, a, b, c, d in zip(out, *moved, strict=True):
        expected = (a - 8 * b + 8 * c - d) / (12 * step)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=2e-8)


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_the_stack(name: str) -> None:
    function, arguments = CASES[name]
    stacked = tuple(np.stack([x, x * 1.1, x * 1.2]) for x in arguments)
    mapped = irgrad.vmap(lambda *xs: parts(function(linalg, *xs)))
    got = irgrad.compile(lambda *xs: mapped(*xs), argnums=(), jit=False)(*stacked)
    each = [parts(function(scipy.linalg, *own)) for own in zip(*stacked, strict=True)]
    for mine, theirs in zip(got, zip(*each, strict=True), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12)


def test_sylvester_of_reals_and_complex_numbers() -> None:
    """SciPy's answer is no solution where one matrix is real and the other complex."""
    a, b, q = GENERAL.real, OTHER, TALL[:4].real
    x = irgrad.compile(linalg.solve_sylvester, argnums=(), jit=False)(a, b, q)
    np.testing.assert_allclose(a @ x + x @ b, q, atol=1e-14)

    def loss(a: Any, b: Any, q: Any) -> Any:
        return np.sum(np.abs(linalg.solve_sylvester(a, b, q)))

    f = irgrad.compile(loss, argnums=(0, 1, 2), jit=False)
    gradients, wide = f.grad(a, b, q), f.grad(a + 0j, b, q + 0j)
    for got, expected in zip(gradients, wide, strict=True):
        wanted = expected if got.dtype.kind == "c" else expected.real
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_the_imaginary_part_of_a_diagonal_is_not_read() -> None:
    spoilt = HERMITIAN + 1j * np.eye(4)
    for function in (
        lambda a: linalg.cho_factor(a)[0],
        lambda a: linalg.cholesky(a, lower=True),
        lambda a: linalg.solve(a, VECTOR, assume_a="her"),
        lambda a: linalg.solve(a, VECTOR, assume_a="pos"),
        lambda a: linalg.eigvalsh(a),
        lambda a: linalg.eigvalsh(a, HERMITIAN),
    ):
        f = irgrad.compile(lambda a, own=function: np.sum(np.abs(own(a))), jit=False)
        np.testing.assert_allclose(f(spoilt), f(HERMITIAN), rtol=1e-12)
        np.testing.assert_array_equal(np.diagonal(f.grad(spoilt)).imag, 0.0)


@pytest.mark.parametrize("name", ["sqrtm", "logm"])
@pytest.mark.parametrize("size", [2, 3, 6, 30])
def test_real_matrices_with_negative_eigenvalues(name: str, size: int) -> None:
    """As complex ones they have SciPy's complex result, on one side of the cut throughout."""
    draws = np.random.default_rng(size)
    a = draws.normal(size=(size, size)) + np.diag(np.arange(size) - size / 2)
    weights = draws.normal(size=(size, size)) + 1j * draws.normal(size=(size, size))
    assert np.any((np.linalg.eigvals(a).real < 0) & (np.linalg.eigvals(a).imag == 0))

    def function(module: Any, x: Any) -> Any:
        return getattr(module, name)(x.astype(complex))

    got = irgrad.compile(lambda x: function(linalg, x), argnums=(), jit=False)(a)
    expected = getattr(scipy.linalg, name)(a)
    assert np.iscomplexobj(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)

    def loss(x: Any) -> Any:
        return np.sum(np.real(weights * function(linalg, x)))

    def along(t: float) -> Any:
        return np.sum(np.real(weights * getattr(scipy.linalg, name)(a + t * direction)))

    direction = draws.normal(size=(size, size))
    slope = np.sum(irgrad.compile(loss, jit=False).grad(a) * direction)
    near, far = (along(k * 1e-4) - along(-k * 1e-4) for k in (1, 2))
    np.testing.assert_allclose(slope, (8 * near - far) / 12e-4, rtol=1e-5)
    with pytest.raises(np.linalg.LinAlgError, match=r"Pass a.astype\(complex\)"):
        irgrad.compile(getattr(linalg, name), argnums=(), jit=False)(a)


@pytest.mark.parametrize("matrix", [-np.eye(3), np.diag([-1.0, -2, -2]), [[-1.0, 1], [0, -1]]])
def test_equal_negative_eigenvalues(matrix: Any) -> None:
    a = np.array(matrix, complex)
    for name in ("sqrtm", "logm"):
        got = irgrad.compile(getattr(linalg, name), argnums=(), jit=False)(a)
        np.testing.assert_allclose(got, getattr(scipy.linalg, name)(a.real), atol=1e-14)

    def squared(z: Any) -> Any:
        root = linalg.sqrtm(z)
        return np.sum(np.real(root @ root))

    gradient = irgrad.compile(squared, jit=False).grad(a)
    np.testing.assert_allclose(gradient, np.ones(a.shape), atol=1e-14)


def test_sizes_zero_and_one() -> None:
    for size in (0, 1):
        z = np.full((size, size), -2 + 1j)
        right = np.full((size, 2), 1j)
        for function in (
            linalg.expm,
            linalg.sqrtm,
            lambda a, b=right: linalg.solve_triangular(a, b, "C"),
            lambda a, b=right: linalg.lu_solve(linalg.lu_factor(a), b, 2),
            lambda a: linalg.solve_sylvester(a, a, a),
            lambda a: linalg.block_diag(a, a),
            lambda a: linalg.qr(a)[0],
        ):
            got = irgrad.compile(function, argnums=(), jit=False)(z)
            np.testing.assert_allclose(got, function(z), rtol=1e-14)
        logarithm = irgrad.compile(linalg.logm, argnums=(), jit=False)(z)  # SciPy's fails at 0
        np.testing.assert_allclose(logarithm, np.log(z), rtol=1e-14)


JITTED = [
    "expm stack", "sqrtm stack", "logm", "solve_triangular C True", "cho_solve by a factor",
    "lu_solve 2", "solve_sylvester", "solve_banded stack", "solve_toeplitz", "block_diag",
    "eigh of type 1", "qr", "qr r", "lstsq",
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_machine_code(dtype: Any) -> None:
    """Values and the gradient by every argument of many functions at once."""
    arguments = [np.asarray(x, dtype) for name in JITTED for x in CASES[name][1]]

    def results(module: Any, given: Any) -> list[Any]:
        rest = iter(given)
        found = []
        for name in JITTED:
            function, own = CASES[name]
            found += parts(function(module, *[next(rest) for _ in own]))
        return found

    def loss(*given: Any) -> Any:
        return sum(np.sum(np.arcsinh(part)) for part in results(linalg, given))

    by_all = tuple(range(len(arguments)))
    f = irgrad.compile(loss, argnums=by_all)
    value, gradients = f.value_and_grad(*arguments)
    wide = [np.asarray(x, np.complex128) for x in arguments]
    tolerance = 1e-10 if dtype == np.complex128 else 2e-3
    expected = sum(np.sum(np.arcsinh(part)) for part in results(scipy.linalg, wide))
    np.testing.assert_allclose(value, expected, rtol=tolerance)
    slopes = irgrad.compile(loss, argnums=by_all, jit=False).grad(*wide)
    for got, slope in zip(gradients, slopes, strict=True):
        assert got.dtype == dtype
        scale = np.max(np.abs(slope))
        np.testing.assert_allclose(got, slope, rtol=tolerance, atol=tolerance * scale)
    assert "needs NumPy and SciPy" in f.source
    assert "zgees" in f.source
