"""The principal square root and logarithm of square matrices, by their complex Schur form.

Of eigenvalues that are negative real numbers, up to rounding, they are what comes from above the
branch cut: with a positive imaginary part. Real matrices that have such have no real root and no
real logarithm.

Reference: Higham, Functions of Matrices (2008), chapters 6 and 11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.ir.op import Kernel, Op, Sample
from irgrad.ops.complex_numbers import is_complex
from irgrad.ops.declare import complex_values
from irgrad.ops.matrices import (
    each_matrix,
    floating,
    numeric,
    positive_definite,
    transposed,
    well_conditioned,
)
from irgrad.ops.matrix_functions import block_derivative, same_type
from irgrad.ops.registry import declare
from irgrad.ops.sylvester import sylvester
from irgrad.ops.texts import emitted_function

_above_the_cut = emitted_function('''def above_the_cut(t):
    """Bring eigenvalues that rounding alone keeps off the negative real axis onto it.

    So all of them are taken from the same side of the branch cut.
    """
    largest = 0.0
    for i in range(t.shape[0]):
        largest = max(largest, abs(t[i, i]))
    for i in range(t.shape[0]):
        if t[i, i].real < 0.0 and abs(t[i, i].imag) <= 4e-15 * t.shape[0] * largest:
            t[i, i] = complex(t[i, i].real, 0.0)
''')
_real_result = emitted_function('''def real_result(y):
    """Return the real part of a function of a real matrix, which is all of it but for rounding."""
    largest = 0.0
    imaginary = 0.0
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            largest = max(largest, abs(y[i, j]))
            imaginary = max(imaginary, abs(y[i, j].imag))
    if imaginary > 1e-6 * largest:
        raise np.linalg.LinAlgError(
            "The result is complex: the matrix has a negative eigenvalue. Pass a.astype(complex)"
        )
    return y.real
''')
_triangular_square_root = emitted_function('''def triangular_square_root(t):
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

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def _listed(numbers: np.ndarray) -> str:
    """Return numbers as the text of a tuple, four a line."""
    texts = [repr(float(number)) for number in numbers]
    lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
    return "(\n        " + ",\n        ".join(lines) + ",\n    )"


_triangular_logarithm = emitted_function('''def triangular_logarithm(t):
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

_KERNEL = '''def {name}(a, out):
    """Fill out with the principal {title} of matrices, by their complex Schur form."""
    for b in range(a.shape[0]):
        t, z = complex_schur(a[b])
        above_the_cut(t)
        y = np.dot(np.dot(z, {triangular}(t)), np.conj(z).T.copy())
        out[b] = {result}
'''


def _by_schur_form(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function of matrices of which that of triangular complex ones is given."""

    def one(a: Any) -> Any:
        import scipy.linalg

        if not a.size:
            return a
        t, z = scipy.linalg.schur(a.astype(np.complex128), output="complex")
        _above_the_cut(t)
        y = z @ function(t) @ np.conj(z.T)
        return (y if a.dtype.kind == "c" else _real_result(y)).astype(a.dtype)

    return each_matrix(one)


def _principal(name: str, title: str, triangular: str, *, real: bool, **rest: Any) -> Op:
    """Declare a function of real matrices with a real result, or of complex ones."""
    own = name if real else f"complex_{name}"
    result = "real_result(y)" if real else "y"
    text = _KERNEL.format(name=own, title=title, triangular=triangular, result=result)
    samples = (
        (
            Sample((positive_definite(3),)),
            Sample((well_conditioned(2, (2,), seed=1) + np.eye(2),)),
            Sample((np.eye(2),)),
            Sample((well_conditioned(1),)),
            Sample((np.zeros((2, 0, 0)),)),
        )
        if real
        else (
            Sample((complex_values((3, 3)) + np.diag([3.0, 4j, -5.0]),)),
            Sample((complex_values((2, 2, 2)) + 3 * np.eye(2),)),
            Sample((np.diag([-1.0 + 0j, -1.0]),)),
            Sample((np.array([[-2.0 + 1j]]),)),
            Sample((np.zeros((2, 0, 0), complex),)),
        )
    )
    return declare(
        Op(
            name=own,
            infer=same_type(f"a matrix {title}"),
            lowering=Kernel(own, text, core=2, batched=True),
            promote=floating if real else numeric,
            samples=samples,
            **rest,
        )
    )


def _square_root_pullback(cotangent: Any, out: Any, a: Any) -> tuple[Any]:
    """Return the solution Y of ``S'Y + YS' = cotangent``, the transpose of dS S + S dS = dA."""
    turned = transposed(out)
    return (sylvester(turned, turned, cotangent),)


def _square_root(*, real: bool) -> Op:
    return _principal(
        "matrix_square_root",
        "square roots",
        "triangular_square_root",
        real=real,
        evaluate=_by_schur_form(_triangular_square_root),
        pullback=_square_root_pullback,
        spellings=("scipy.linalg.sqrtm",),
        reference="Björck & Hammarling, Linear Algebra Appl. 52 (1983)",
        convention="a real matrix with a negative eigenvalue is refused: its root is not real; "
        "complex ones are taken from above the branch cut",
    )


def _logarithm(*, real: bool) -> Op:
    return _principal(
        "matrix_logarithm",
        "logarithms",
        "triangular_logarithm",
        real=real,
        evaluate=_by_schur_form(_triangular_logarithm),
        pullback=lambda cotangent, out, a: (
            block_derivative(matrix_logarithm, transposed(a), cotangent),
        ),
        spellings=("scipy.linalg.logm",),
        reference="Higham, Functions of Matrices (2008), algorithm 11.9; Mathias (1996)",
        convention="an eigenvalue 0 is refused, and a negative one of a real matrix; complex "
        "matrices are taken from above the branch cut",
    )


_REAL_ROOT, _COMPLEX_ROOT = _square_root(real=True), _square_root(real=False)
_REAL_LOGARITHM, _COMPLEX_LOGARITHM = _logarithm(real=True), _logarithm(real=False)


def matrix_square_root(a: Any) -> Any:
    """Return the principal square roots of matrices ``a: (..., n, n)``. Time n**3.

    Raises: LinAlgError where a real matrix has a negative eigenvalue, or there is no root.
    """
    return (_COMPLEX_ROOT if is_complex(a) else _REAL_ROOT)(a)


def matrix_logarithm(a: Any) -> Any:
    """Return the principal logarithms of matrices ``a: (..., n, n)``. Time n**3.

    Raises: LinAlgError where a matrix is singular, or a real one has a negative eigenvalue.
    """
    return (_COMPLEX_LOGARITHM if is_complex(a) else _REAL_LOGARITHM)(a)
