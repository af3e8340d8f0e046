"""Functions of matrices: determinants and norms, inverses, the exponential and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir import dims
from irgrad.ops.axes import dtype_of, shape_of
from irgrad.ops.matrices import numeric
from irgrad.ops.matrix_functions import matrix_exponential
from irgrad.ops.principal_functions import matrix_logarithm, matrix_square_root
from irgrad.scipy.linalg.operands import matrix
from irgrad.scipy.traced import as_array, drop_in

_drop_in = drop_in("scipy.linalg")


@_drop_in
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return determinants."""
    return np.linalg.det(matrix("det", a))


@_drop_in
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    """Return a norm of vectors or matrices."""
    return np.linalg.norm(as_array(a), ord, axis, keepdims)


@_drop_in
def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Return Moore-Penrose inverses, the rank taken as constant."""
    a = matrix("pinv", a, square=False)
    if atol:
        raise UnsupportedCallError("pinv with atol", remedy="give rtol, relative to the largest")
    if rtol is None:
        largest = max(dims.concrete(size) for size in shape_of(a)[-2:])
        rtol = largest * float(np.finfo(numeric([dtype_of(a)])[0]).eps)
    inverse = np.linalg.pinv(a, rcond=rtol)
    return (inverse, np.linalg.matrix_rank(a, rtol=rtol)) if return_rank else inverse


@_drop_in
def expm(A: Any) -> Any:
    """Return matrix exponentials."""
    return matrix_exponential(matrix("expm", A))


@_drop_in
def logm(A: Any) -> Any:
    """Return principal logarithms, of real matrices where they are real.

    Raises: LinAlgError where an eigenvalue is 0, or a real matrix has a negative real one.
    """
    return matrix_logarithm(matrix("logm", A))


@_drop_in
def sqrtm(A: Any) -> Any:
    """Return principal square roots, of real matrices where they are real.

    Raises: LinAlgError where a real matrix has a negative real eigenvalue.
    """
    return matrix_square_root(matrix("sqrtm", A))
