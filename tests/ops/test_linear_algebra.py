"""numpy.linalg: values as NumPy's, derivatives as differences of them, in both modes."""

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ShapeError, UnsupportedCallError
from irgrad.ops.cholesky import cholesky_cotangent
from tests.oracles import check, values

DRAWS = np.random.default_rng(0)
GENERAL = DRAWS.normal(size=(4, 4)) + 2 * np.eye(4)
SYMMETRIC = GENERAL @ GENERAL.T + np.diag([0.0, 2.0, 5.0, 9.0])
STACK = np.stack([SYMMETRIC, 2 * SYMMETRIC + GENERAL @ GENERAL.T])
TALL, WIDE = DRAWS.normal(size=(5, 3)), DRAWS.normal(size=(3, 5))
VECTOR, COLUMNS = DRAWS.normal(size=4), DRAWS.normal(size=(4, 2))
PAIR = np.stack([TALL[:4], WIDE[:, 1:].T])
linalg = np.linalg

CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "cholesky": (linalg.cholesky, (SYMMETRIC,)),
    "cholesky upper": (lambda a: linalg.cholesky(a, upper=True), (SYMMETRIC,)),
    "cholesky stack": (linalg.cholesky, (STACK,)),
    "solve a vector": (linalg.solve, (GENERAL, VECTOR)),
    "solve columns": (linalg.solve, (GENERAL, COLUMNS)),
    "solve a stack": (linalg.solve, (STACK, COLUMNS)),
    "inv": (linalg.inv, (GENERAL,)),
    "inv stack": (linalg.inv, (STACK,)),
    "det": (linalg.det, (GENERAL,)),
    "det stack": (linalg.det, (-STACK[:, :3, :3],)),
    "slogdet": (lambda a: linalg.slogdet(a).logabsdet, (GENERAL,)),
    "slogdet stack": (lambda a: linalg.slogdet(a)[1], (STACK,)),
    "eigh": (lambda a: np.sum(linalg.eigh(a)[0]) + np.abs(linalg.eigh(a).eigenvectors), (STACK,)),
    "eigvalsh": (linalg.eigvalsh, (SYMMETRIC,)),
    "eigvalsh upper": (lambda a: linalg.eigvalsh(a, "U"), (SYMMETRIC,)),
    "svd left": (lambda a: np.abs(linalg.svd(a, full_matrices=False).U), (TALL,)),
    "svd right": (lambda a: np.abs(linalg.svd(a, full_matrices=False)[2]), (WIDE,)),
    "svd square": (lambda a: np.abs(linalg.svd(a)[0] @ linalg.svd(a)[2]), (GENERAL,)),
    "svd values": (lambda a: linalg.svd(a, compute_uv=False), (STACK,)),
    "svdvals": (linalg.svdvals, (WIDE,)),
    "qr tall": (lambda a: linalg.qr(a)[0] @ linalg.qr(a).R * 2 + np.sum(linalg.qr(a)[0]), (TALL,)),
    "qr wide": (lambda a: np.sum(linalg.qr(a)[0]) + linalg.qr(a).R, (WIDE,)),
    "qr r": (lambda a: linalg.qr(a, "r"), (TALL,)),
    "qr complete": (lambda a: tuple(linalg.qr(a, "complete")), (PAIR,)),
    "qr complete wide": (lambda a: tuple(linalg.qr(a, "complete")), (WIDE,)),
    "svd complete": (lambda a: np.abs(linalg.svd(a).U), (PAIR,)),
    "svd complete wide": (lambda a: np.abs(linalg.svd(a)[2]), (WIDE[:2, :3],)),
    "pinv tall": (linalg.pinv, (TALL,)),
    "pinv wide": (linalg.pinv, (WIDE,)),
    "pinv of equal singular values": (linalg.pinv, (np.eye(3),)),
    "lstsq": (lambda a, b: linalg.lstsq(a, b)[0], (TALL, DRAWS.normal(size=5))),
    "lstsq residuals": (lambda a, b: linalg.lstsq(a, b)[1], (TALL, DRAWS.normal(size=(5, 2)))),
    "lstsq wide": (lambda a, b: linalg.lstsq(a, b)[0], (WIDE, DRAWS.normal(size=3))),
    "matrix_power": (lambda a: linalg.matrix_power(a, 3), (GENERAL,)),
    "matrix_power negative": (lambda a: linalg.matrix_power(a, -2), (GENERAL,)),
    "cond": (linalg.cond, (GENERAL,)),
    "cond -2": (lambda a: linalg.cond(a, -2), (GENERAL,)),
    "cond 1": (lambda a: linalg.cond(a, 1), (GENERAL,)),
    "tensorsolve": (
        linalg.tensorsolve, (DRAWS.normal(size=(2, 3, 6)), DRAWS.normal(size=(2, 3)))
    ),
    "tensorinv": (lambda a: linalg.tensorinv(a, 1), (DRAWS.normal(size=(6, 2, 3)),)),
    "one by one": (lambda a: linalg.solve(a, a) + linalg.inv(a) + linalg.cholesky(a), ([[4.0]],)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    function, arguments = CASES[name]
    check(function, *arguments)


@pytest.mark.parametrize("name", ["cholesky stack", "solve a vector", "eigh", "det", "pinv tall"])
def test_forward_mode(name: str) -> None:
    function, arguments = CASES[name]
    draws = np.random.default_rng(1)
    tangents = tuple(draws.normal(size=np.shape(x)) for x in arguments)

    def along(t: float) -> Any:
        return function(*[x + t * v for x, v in zip(arguments, tangents, strict=True)])

    _, out = irgrad.jvp(function, arguments, tangents)
    step = 1e-5
    np.testing.assert_allclose(out, (along(step) - along(-step)) / (2 * step), atol=2e-8)


@pytest.mark.parametrize("name", ["cholesky", "solve a vector", "inv", "slogdet", "eigvalsh"])
def test_vmap_is_the_stack(name: str) -> None:
    function, arguments = CASES[name]
    stacked = tuple(np.stack([x, x * 1.5, x * 2.0]) for x in arguments)
    got = irgrad.vmap(function)(*stacked)
    expected = [function(*parts) for parts in zip(*stacked, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_machine_code_agrees_in_both_precisions() -> None:
    def f(a: Any, b: Any) -> Any:
        L = linalg.cholesky(a)
        x = linalg.solve(L, b)
        return 0.5 * x @ x + np.sum(np.log(np.diagonal(L))) + linalg.slogdet(a)[1]

    compiled = irgrad.compile(f, argnums=(0, 1))
    value, gradients = compiled.value_and_grad(SYMMETRIC, VECTOR)
    plain = irgrad.compile(f, argnums=(0, 1), jit=False).value_and_grad(SYMMETRIC, VECTOR)
    np.testing.assert_allclose(value, plain[0], rtol=1e-13)
    np.testing.assert_allclose(value, f(SYMMETRIC, VECTOR), rtol=1e-13)
    for got, expected in zip(gradients, plain[1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)
    single, narrow = compiled.value_and_grad(
        SYMMETRIC.astype(np.float32), VECTOR.astype(np.float32)
    )
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, value, rtol=1e-5)
    np.testing.assert_allclose(narrow[1], gradients[1], rtol=1e-3, atol=1e-4)


def test_one_triangle_is_read() -> None:
    spoilt = SYMMETRIC + np.triu(np.full((4, 4), 7.0), 1)
    f = irgrad.compile(lambda a: np.sum(linalg.cholesky(a)), jit=False)
    np.testing.assert_allclose(f(spoilt), f(SYMMETRIC), rtol=1e-14)
    np.testing.assert_array_equal(np.triu(f.grad(spoilt), 1), 0.0)


@pytest.mark.parametrize("size", [31, 32, 33, 70])
def test_the_cotangent_of_a_cholesky_factor_by_blocks(size: int) -> None:
    """The kernel works through blocks of 32; the evaluated op is one formula over whole arrays."""
    draws = np.random.default_rng(size)
    root, weights = draws.normal(size=(2, size, size))
    matrix = root @ root.T + size * np.eye(size)
    f = irgrad.compile(lambda a: np.sum(weights * linalg.cholesky(a)), jit=False)
    factor = linalg.cholesky(matrix)
    expected = cholesky_cotangent.evaluate(factor, weights)
    np.testing.assert_allclose(f.grad(matrix), expected, rtol=1e-11, atol=1e-13)


def test_equal_eigenvalues_give_no_nan() -> None:
    f = irgrad.compile(lambda a: np.sum(linalg.eigh(a)[1] ** 2 * np.arange(3.0)), jit=False)
    assert np.all(np.isfinite(f.grad(np.eye(3))))
    g = irgrad.compile(lambda a: np.sum(linalg.svd(a)[0] ** 2 * np.arange(3.0)), jit=False)
    assert np.all(np.isfinite(g.grad(np.zeros((3, 3)))))


@pytest.mark.parametrize("jit", [False, True])
def test_what_has_no_factor_raises_as_in_numpy(jit: bool) -> None:
    root = irgrad.compile(lambda a: np.sum(linalg.cholesky(a)), jit=jit)
    with pytest.raises(linalg.LinAlgError, match="not positive definite"):
        root(-np.eye(2))
    solve = irgrad.compile(lambda a: np.sum(linalg.inv(a)), jit=jit)
    with pytest.raises(linalg.LinAlgError, match="Singular matrix"):
        solve(np.ones((2, 2)))


def complements(a: Any) -> Any:
    """Return what of the vectors that complete bases is determined: projectors on their spaces."""
    rows, columns = a.shape[-2:]
    left, _, right = linalg.svd(a)
    if rows < columns:
        found = [np.conj(np.swapaxes(right[..., rows:, :], -1, -2))]
    else:
        found = [left[..., columns:], linalg.qr(a, "complete")[0][..., columns:]]
    return tuple(n @ np.conj(np.swapaxes(n, -1, -2)) for n in found)


@pytest.mark.parametrize("a", [TALL, TALL[:, :2], WIDE[:2], np.stack([TALL, TALL**2])])
def test_the_space_that_a_basis_leaves(a: Any) -> None:
    """Its basis is no function of the matrix, but its projector is one, at every order."""
    check(complements, a)


@pytest.mark.parametrize("a", [TALL[:, :2], WIDE[:2]])
def test_the_space_that_a_complex_basis_leaves(a: Any) -> None:
    def both(x: Any, y: Any) -> Any:
        return tuple(part for p in complements(x + 1j * y) for part in (p.real, p.imag))

    check(both, a, np.cos(a))


def test_the_complete_factors_are_numpys() -> None:
    for a in (TALL, WIDE, TALL + 1j * np.cos(TALL), WIDE.astype(np.float32)):
        for function in (linalg.svd, lambda a: linalg.qr(a, "complete")):
            got = irgrad.compile(lambda a, own=function: tuple(own(a)), argnums=(), jit=False)(a)
            for mine, theirs in zip(got, function(a), strict=True):
                assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
                np.testing.assert_allclose(mine, theirs, atol=1e-5 if a.itemsize == 4 else 1e-14)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (1, 3), (3, 1)])
@pytest.mark.parametrize("jit", [False, True])
def test_bases_of_least_sizes(shape: tuple[int, ...], jit: bool) -> None:
    a = np.full(shape, 2.0)

    def factors(a: Any) -> Any:
        return (
            *linalg.svd(a), *linalg.svd(a, False), *linalg.qr(a, "complete"), *linalg.qr(a)
        )  # fmt: skip

    got = irgrad.compile(factors, argnums=(), jit=jit)(a)
    for mine, theirs in zip(got, factors(a), strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=1e-14)


def test_rank_counts_singular_values() -> None:
    for matrix in (TALL, np.outer(VECTOR, VECTOR), np.zeros((2, 3)), VECTOR):
        assert values(linalg.matrix_rank, matrix) == [linalg.matrix_rank(matrix)]


ERRORS: list[tuple[Any, Any, type[Exception]]] = [
    (linalg.inv, TALL, ShapeError),
    (linalg.cholesky, VECTOR, ShapeError),
    (lambda a: linalg.solve(a, a[:3]), GENERAL, ShapeError),
    (lambda a: linalg.qr(a, "raw")[0], TALL, UnsupportedCallError),
    (lambda a: linalg.eigh(a, "X"), GENERAL, ShapeError),
]


@pytest.mark.parametrize(("function", "argument", "error"), ERRORS)
def test_what_is_refused_says_why(function: Any, argument: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        values(function, argument)
