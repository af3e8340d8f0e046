"""Contractions in all of NumPy's spellings."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import IrgradError
from tests.oracles import check, trace, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


MATMULS = [
    ((3,), (3,)), ((17,), (17,)), ((17,), (17, 2)), ((2, 17), (17,)), ((2, 17), (17, 3)),
    ((17, 18), (18, 19)), ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 2)), ((0,), (0,)),
    ((4, 2, 17), (17, 3)), ((17,), (4, 17, 2)), ((4, 2, 17), (17,)), ((4, 2, 3), (4, 3, 17)),
    ((1, 2, 3), (4, 3, 2)), ((17, 1, 2, 3), (4, 3, 2)), ((2, 1, 2, 3), (1, 5, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize("left, right", MATMULS)
def test_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    check(lambda x, y: x @ y, numbers(*left), numbers(*right, seed=1))
    check(np.matmul, numbers(*left), numbers(*right, seed=1), order=0)


PRODUCTS: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = [
    (np.dot, (17,), (17,)),
    (np.dot, (2, 17), (17,)),
    (np.dot, (2, 3, 17), (4, 17, 2)),
    (np.dot, (17,), ()),
    (lambda x, y: x.dot(y), (2, 17), (17, 3)),
    (np.inner, (17,), (17,)),
    (np.inner, (2, 17), (3, 4, 17)),
    (np.inner, (2,), ()),
    (np.outer, (17,), (3,)),
    (np.outer, (2, 3), (17, 2)),
    (np.outer, (), (17,)),
    (np.linalg.outer, (17,), (18,)),
    (np.vdot, (17,), (17,)),
    (np.vdot, (2, 17), (17, 2)),
    (np.linalg.matmul, (2, 3, 17), (17, 2)),
    (np.tensordot, (2, 17, 3), (17, 3, 4)),
    (lambda x, y: np.tensordot(x, y, 1), (2, 17), (17, 4)),
    (lambda x, y: np.tensordot(x, y, 0), (2, 2), (17,)),
    (lambda x, y: np.tensordot(x, y, ([0, 2], [1, 0])), (2, 4, 17), (17, 2, 3)),
    (lambda x, y: np.tensordot(x, y, (-1, 0)), (2, 4), (4, 3)),
    (lambda x, y: np.linalg.tensordot(x, y, axes=1), (2, 17), (17,)),
    (np.add.outer, (17,), (2, 3)),
    (np.multiply.outer, (2,), (17,)),
    (np.hypot.outer, (2,), (3,)),
]


@pytest.mark.parametrize("function, left, right", PRODUCTS)
def test_products(function: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    check(function, numbers(*left), numbers(*right, seed=1))


def test_plain_operands() -> None:
    a = numbers(3, 4, seed=5)
    check(lambda x: [a @ x, np.dot(a, x), np.inner(x, a), np.outer(a, x)], numbers(4))
    check(lambda x: [[[1, 2], [3, 4]] @ x, np.dot(x, [1.0, 2.0])], numbers(2))


EINSUMS = [
    ("ij,jk->ik", (2, 17), (17, 3)),
    ("ij,jk", (2, 17), (17, 3)),
    ("ij,ij->", (17, 3), (17, 3)),
    ("i,j->ji", (17,), (3,)),
    ("i,i->i", (17,), (17,)),
    ("ij,kl->", (2, 3), (17, 4)),
    ("ij,j->i", (17, 18), (18,)),
    ("bij,bjk->bik", (17, 2, 3), (17, 3, 2)),
    ("...ij,...jk->...ik", (4, 2, 17), (1, 17, 3)),
    ("...i,i...->...", (2, 17), (17, 2)),
    ("...,...", (17, 2), (2,)),
    ("ii,i->", (17, 17), (17,)),
    ("iij,j->ij", (17, 17, 2), (2,)),
    ("ij,ji->i", (17, 2), (2, 17)),
    ("ij,ij->ij", (17, 1), (17, 3)),
    ("ab,cd->dcba", (1, 2), (3, 17)),
]


@pytest.mark.parametrize("spec, left, right", EINSUMS)
def test_einsum(spec: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    check(lambda x, y: np.einsum(spec, x, y), numbers(*left), numbers(*right, seed=1))


@pytest.mark.parametrize("spec, shape", [
    ("ij->ji", (2, 17)), ("ij->", (2, 17)), ("ij->j", (17, 2)), ("ii", (17, 17)),
    ("ii->i", (17, 17)), ("ijij->j", (2, 17, 2, 17)), ("...ii->...i", (3, 4, 4)), ("ba", (2, 17)),
])  # fmt: skip
def test_einsum_of_one(spec: str, shape: tuple[int, ...]) -> None:
    check(lambda x: np.einsum(spec, x), numbers(*shape))


def test_einsum_of_many() -> None:
    check(
        lambda a, b, c, d: np.einsum("ij,jk,kl,l->i", a, b, c, d),
        numbers(2, 17), numbers(17, 3, seed=1), numbers(3, 18, seed=2), numbers(18, seed=3),
    )  # fmt: skip
    check(lambda a, b: np.einsum("i,ij,j->", a, b, a), numbers(17), numbers(17, 17))
    check(lambda a, b: np.einsum("ij,ik,il->jkl", a, b, a), numbers(17, 2), numbers(17, 3))


def test_einsum_with_sublists() -> None:
    check(
        lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), numbers(2, 17), numbers(17, 3)
    )
    check(lambda x, y: np.einsum(x, [..., 1], y, [1], [...]), numbers(2, 17), numbers(17))


def test_einsum_takes_the_cheap_order() -> None:
    """A chain that ends in a vector multiplies from the right: no matrix of n by n appears."""
    traced = trace(
        lambda a, b, v: np.einsum("ij,jk,k->i", a, b, v),
        numbers(40, 50), numbers(50, 60), numbers(60),
    )  # fmt: skip
    ranks = [node.array_type.rank for node in traced.graph.nodes if node.op.name == "contract"]
    assert ranks == [1, 1]
    assert not traced.graph.guards


def test_dtypes() -> None:
    integers = np.arange(6).reshape(2, 3), np.arange(3)
    check(lambda x, y: [x @ y, np.einsum("ij,j->i", x, y)], *integers)
    check(lambda x, y: x @ y, numbers(2, 3).astype(np.float32), numbers(3))
    check(lambda x: np.einsum("i,i", x, x, dtype=np.float64), numbers(3).astype(np.float32))


ERRORS = [
    lambda x: x @ x,
    lambda x: x @ 2.0,
    lambda x: np.dot(x, x),
    lambda x: np.tensordot(x, x, 3),
    lambda x: np.tensordot(x, x, ([0, 1], [0])),
    lambda x: np.linalg.outer(x, x),
    lambda x: np.einsum("ij,jk", x, x),
    lambda x: np.matmul(x[None], np.zeros((2, 4, 3, 1))),
]


@pytest.mark.parametrize("function", ERRORS)
def test_errors_name_a_remedy(function: Any) -> None:
    with pytest.raises(IrgradError, match="What to do"):
        values(function, numbers(3, 4))
