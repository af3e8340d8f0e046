"""The exponential, the logarithm and the square root of square matrices.

The derivative of a function f of matrices at A in the direction E stands in the upper right block
of ``f([[A, E], [0, A]])``, so the pullback is the function itself of larger matrices, at any order.

Reference: Mathias, A chain rule for matrix functions and applications (1996), theorem 2.1; Higham,
Functions of Matrices (2008), equation 3.16.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import shape_of
from irgrad.ops.declare import real
from irgrad.ops.matrices import (
    each_matrix,
    floating,
    positive_definite,
    square,
    transposed,
    well_conditioned,
)
from irgrad.ops.registry import declare
from irgrad.ops.sylvester import sylvester
from irgrad.ops.texts import emitted_function


def _block_derivative(function: Callable[[Any], Any], a: Any, direction: Any) -> Any:
    """Return the derivative of a function of matrices at ``a`` in a direction.

    It is linear in the direction, which is brought to the size of 1: a large one beside ``a`` would
    be scaled down with it, and ``a`` lose its digits.
    """
    n = shape_of(a)[-1]
    largest = np.max(np.abs(direction), axis=(-2, -1), keepdims=True, initial=0.0)
    usual = (largest > 0) & (largest < np.inf)
    unit = np.exp2(np.floor(np.log2(np.where(usual, largest, 1.0))))
    top = np.concatenate([a, direction / unit], axis=-1)
    bottom = np.concatenate([np.zeros_like(a), a], axis=-1)
    return function(np.concatenate([top, bottom], axis=-2))[..., :n, n:] * unit


def _same_type(name: str) -> Callable[[ArrayType], ArrayType]:
    def infer(a: ArrayType) -> ArrayType:
        square(name, a)
        return a

    return infer


_EXPONENTIAL_KERNEL = '''def matrix_exponential(a, out):
    """Fill out with the exponentials of matrices: scaling, Padé of degree 13, squaring.

    Higham, The scaling and squaring method for the matrix exponential revisited (2005).
    """
    c = np.empty(14, a.dtype)
    c[0] = 1.0
    for j in range(13):
        c[j + 1] = c[j] * (13 - j) / ((26 - j) * (j + 1))
    one = np.eye(a.shape[1]).astype(a.dtype)
    for b in range(a.shape[0]):
        norm = 0.0
        for j in range(a.shape[1]):
            total = 0.0
            for i in range(a.shape[1]):
                total += abs(a[b, i, j])
            if not total <= norm:
                norm = total
        if not norm < np.inf:
            out[b] = np.nan
            continue
        squarings = 0
        while norm > 5.371920351148152:
            norm *= 0.5
            squarings += 1
        x = np.ascontiguousarray(a[b]) * a.dtype.type(0.5**squarings)
        x2 = np.dot(x, x)
        x4 = np.dot(x2, x2)
        x6 = np.dot(x4, x2)
        odd = np.dot(x6, c[13] * x6 + c[11] * x4 + c[9] * x2)
        odd = np.dot(x, odd + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * one)
        even = np.dot(x6, c[12] * x6 + c[10] * x4 + c[8] * x2)
        even += c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * one
        y = np.ascontiguousarray(np.linalg.solve(even - odd, even + odd))
        for _ in range(squarings):
            y = np.dot(y, y)
        out[b] = y
'''


def _scipy(name: str) -> Callable[[Any], Any]:
    """Return a function of scipy.linalg of one matrix, applied to each of many."""

    def one(a: Any) -> Any:
        import scipy.linalg

        if not a.size:
            return a
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of singular matrices: the kernels do not warn either
            result = getattr(scipy.linalg, name)(a.astype(np.float64))
        if np.iscomplexobj(result):
            raise np.linalg.LinAlgError(NO_REAL_RESULT)
        return result.astype(floating([a.dtype])[0])

    return each_matrix(one)


NO_REAL_RESULT = "The matrix has an eigenvalue that is not positive, so no real principal function"

matrix_exponential: Op = declare(
    Op(
        name="matrix_exponential",
        evaluate=_scipy("expm"),
        infer=_same_type("a matrix exponential"),
        lowering=Kernel("matrix_exponential", _EXPONENTIAL_KERNEL, core=2, batched=True),
        pullback=lambda cotangent, out, a: (
            _block_derivative(matrix_exponential, transposed(a), cotangent),
        ),
        promote=floating,
        samples=(
            Sample((real(-1, 1, (3, 3)),)),
            Sample((3 * real(-1, 1, (2, 2, 2), seed=1),)),
            Sample((np.zeros((2, 2)),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("scipy.linalg.expm",),
        reference="Higham, SIAM J. Matrix Anal. Appl. 26 (2005); Mathias, ibid. 17 (1996)",
    )
)
"""The exponentials of matrices ``a: (..., n, n)``. Time n**3."""

emitted_function('''def triangular_square_root(t):
    """Return the principal square root of an upper triangular complex matrix.

    Björck & Hammarling, A Schur method for the square root of a matrix (1983).
    """
    n = t.shape[0]
    r = np.zeros_like(t)
    largest = 0.0
    for j in range(n):
        for i in range(j + 1):
            largest = max(largest, abs(t[i, j]))
    for j in range(n):
        r[j, j] = np.sqrt(t[j, j])
        for i in range(j - 1, -1, -1):
            total = t[i, j]
            for k in range(i + 1, j):
                total -= r[i, k] * r[k, j]
            pivot = r[i, i] + r[j, j]
            if pivot != 0.0:
                r[i, j] = total / pivot
            elif abs(total) > 1e-14 * largest:
                raise np.linalg.LinAlgError("The matrix has no square root")
    return r
''')
emitted_function('''def principal_schur(a):
    """Return the complex Schur form of a real matrix that has real principal functions.

    Its eigenvalues are not negative real numbers; rounding may take 0 a little below.
    """
    t, z = complex_schur(a)
    largest = 0.0
    for i in range(t.shape[0]):
        largest = max(largest, abs(t[i, i]))
    for i in range(t.shape[0]):
        if t[i, i].real < 0.0 and abs(t[i, i].imag) <= 1e-14 * largest:
            if t[i, i].real < -1e-14 * largest:
                raise np.linalg.LinAlgError("NO_REAL_RESULT")
            t[i, i] = 0.0
    return t, z
'''.replace("NO_REAL_RESULT", NO_REAL_RESULT))

_SQUARE_ROOT_KERNEL = '''def matrix_square_root(a, out):
    """Fill out with the principal square roots of matrices, by their complex Schur form."""
    for b in range(a.shape[0]):
        t, z = principal_schur(a[b])
        out[b] = np.dot(np.dot(z, triangular_square_root(t)), np.conj(z).T.copy()).real
'''


def _square_root_pullback(cotangent: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the solution Y of ``S'Y + YS' = cotangent``, the transpose of dS S + S dS = dA."""
    turned = transposed(out)
    return (sylvester(turned, turned, cotangent),)


matrix_square_root = declare(
    Op(
        name="matrix_square_root",
        evaluate=_scipy("sqrtm"),
        infer=_same_type("a matrix square root"),
        lowering=Kernel("matrix_square_root", _SQUARE_ROOT_KERNEL, core=2, batched=True),
        pullback=_square_root_pullback,
        promote=floating,
        samples=(
            Sample((positive_definite(3),)),
            Sample((well_conditioned(2, (2,), seed=1) + np.eye(2),)),
            Sample((np.eye(2),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("scipy.linalg.sqrtm",),
        reference="Björck & Hammarling, Linear Algebra Appl. 52 (1983)",
        convention="a matrix with a negative real eigenvalue is refused: its root is not real",
    )
)
"""The principal square roots of real matrices ``a: (..., n, n)``. Time n**3."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def _listed(numbers: np.ndarray) -> str:
    """Return numbers as the text of a tuple, four a line."""
    texts = [repr(float(number)) for number in numbers]
    lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
    return "(\n        " + ",\n        ".join(lines) + ",\n    )"


emitted_function('''def triangular_logarithm(t):
    """Return the principal logarithm of an upper triangular complex matrix.

    Square roots are taken until it is near 1; then the logarithm is the integral over x from 0 to
    1 of (t - 1) (1 + x (t - 1))**-1 by Gauss and Legendre's rule, which is a Padé approximant.
    Higham, Functions of Matrices (2008), algorithm 11.9 and equation 11.18.
    """
    n = t.shape[0]
    diagonal = np.empty(n, t.dtype)
    for i in range(n):
        diagonal[i] = t[i, i]
    r = t
    factor = 1.0
    while True:
        distance = 0.0
        for j in range(n):
            total = 0.0
            for i in range(j + 1):
                total += abs(r[i, j] - (1.0 if i == j else 0.0))
            distance = max(distance, total)
        if not distance > 0.25 or factor > 1e18:
            break
        r = triangular_square_root(r)
        factor *= 2.0
    for i in range(n):
        # A power of 2 of the root, less 1, by products of root + 1: no digits cancel.
        root = diagonal[i]
        power = factor
        product = 1.0 + 0.0j
        while power > 1.0:
            root = np.sqrt(root)
            product *= 1.0 + root
            power *= 0.5
        r[i, i] = (diagonal[i] - 1.0) / product
    one = np.eye(n).astype(t.dtype)
    out = np.zeros_like(t)
    nodes = NODES
    weights = WEIGHTS
    for k in range(len(nodes)):
        out += np.linalg.solve(one + nodes[k] * r, weights[k] * factor * r)
    for i in range(n):
        if diagonal[i] == 0.0:
            raise np.linalg.LinAlgError("A singular matrix has no logarithm")
        out[i, i] = np.log(diagonal[i])
        for j in range(i):
            out[i, j] = 0.0
    return out
'''.replace("NODES", _listed(0.5 + 0.5 * _NODES)).replace("WEIGHTS", _listed(0.5 * _WEIGHTS)))

_LOGARITHM_KERNEL = '''def matrix_logarithm(a, out):
    """Fill out with the principal logarithms of matrices, by their complex Schur form."""
    for b in range(a.shape[0]):
        t, z = principal_schur(a[b])
        out[b] = np.dot(np.dot(z, triangular_logarithm(t)), np.conj(z).T.copy()).real
'''

matrix_logarithm: Op = declare(
    Op(
        name="matrix_logarithm",
        evaluate=_scipy("logm"),
        infer=_same_type("a matrix logarithm"),
        lowering=Kernel("matrix_logarithm", _LOGARITHM_KERNEL, core=2, batched=True),
        pullback=lambda cotangent, out, a: (
            _block_derivative(matrix_logarithm, transposed(a), cotangent),
        ),
        promote=floating,
        samples=(
            Sample((positive_definite(3),)),
            Sample((well_conditioned(2, (2,), seed=1) + np.eye(2),)),
            Sample((np.eye(2),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        ),
        spellings=("scipy.linalg.logm",),
        reference="Higham, Functions of Matrices (2008), algorithm 11.9; Mathias (1996)",
        convention="a matrix with an eigenvalue 0 or a negative real one is refused",
    )
)
"""The principal logarithms of real matrices ``a: (..., n, n)``. Time n**3."""
