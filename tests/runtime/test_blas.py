"""BLAS and LAPACK without `scipy.linalg`, each time in a process where nothing is imported yet."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

FUNCTIONS = {
    "product": "lambda a: np.sum((a @ a.T) ** 2)",
    "factor": "lambda a: np.sum(np.log(np.diag(np.linalg.cholesky(a @ a.T + np.eye(40)))))",
}

PROGRAM = """
import sys
import numpy as np
import irgrad

def run(function, tag=""):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(40, 30))
    value, slope = irgrad.value_and_grad(function)(a)
    assert abs(value - function(a)) < 1e-12 * abs(value)
    step = 1e-6 * rng.normal(size=a.shape)
    change = (function(a + step) - function(a - step)) / 2
    assert abs(np.sum(slope * step) - change) < 1e-6 * abs(change)

run({function})
{afterwards}
"""


def program(kind: str, afterwards: str) -> str:
    return PROGRAM.format(function=FUNCTIONS[kind], afterwards=textwrap.dedent(afterwards))


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_the_package_is_not_imported(children: Any, kind: str) -> None:
    absent = "assert not [name for name in sys.modules if name.startswith('scipy.linalg')]"
    for _ in ("compiled", "stored"):
        children.run(program(kind, absent))


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_who_imports_the_package_later_gets_all_of_it(children: Any, kind: str) -> None:
    later = """
        import scipy.linalg.cython_blas, scipy.linalg.cython_lapack
        assert "dgemm" in scipy.linalg.cython_blas.__pyx_capi__
        assert "dpotrf" in scipy.linalg.cython_lapack.__pyx_capi__
        assert scipy.linalg.solve(2 * np.eye(3), np.ones(3)).tolist() == [0.5] * 3
        run(lambda a: np.sum(np.abs(a.T @ a)))
        """
    for _ in ("compiled", "stored"):
        children.run(program(kind, later))


def test_numba_finds_the_rest_of_blas_by_itself(children: Any) -> None:
    own = """
        import numba

        @numba.njit
        def own(a, x):
            return np.dot(a, x), np.vdot(x, x), np.linalg.inv(a)

        a, x = 2 * np.eye(3), np.ones(3)
        product, square, inverse = own(a, x)
        assert product.tolist() == [2.0] * 3 and square == 3.0
        assert inverse[0, 0] == 0.5
        """
    children.run(program("product", own))


def test_without_the_modules_by_themselves_the_package_is_imported(children: Any) -> None:
    missing = """
        import irgrad.runtime.blas as blas

        def nothing(name):
            raise ImportError(name)

        blas._module = nothing
        run(lambda a: np.sum(np.linalg.cholesky(a @ a.T + np.eye(40))))
        assert "scipy.linalg" in sys.modules
        """
    children.run(program("product", missing))
