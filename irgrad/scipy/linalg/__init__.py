"""``scipy.linalg`` on traced matrices, real and complex, batched over leading axes.

Given plain arrays alone these are SciPy's own functions. ``overwrite_a`` and ``check_finite`` are
accepted and mean nothing: no argument is ever overwritten, and numbers are not known while tracing.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy.linalg import expm
    >>> float(irgrad.grad(lambda t: expm(t * np.diag([1.0, 2.0]))[1, 1])(0.0))
    2.0
"""

from irgrad.scipy.linalg.factorisations import (
    cho_factor,
    cholesky,
    eigh,
    eigvalsh,
    lu_factor,
    qr,
    svd,
    svdvals,
)
from irgrad.scipy.linalg.functions import det, expm, logm, norm, pinv, sqrtm
from irgrad.scipy.linalg.special import block_diag, circulant, toeplitz
from irgrad.scipy.linalg.systems import (
    cho_solve,
    inv,
    lstsq,
    lu_solve,
    solve,
    solve_banded,
    solve_continuous_lyapunov,
    solve_sylvester,
    solve_toeplitz,
    solve_triangular,
)
from irgrad.scipy.traced import others

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "det", "eigh", "eigvalsh",
    "expm", "inv", "logm", "lstsq", "lu_factor", "lu_solve", "norm", "pinv", "qr", "solve",
    "solve_banded", "solve_continuous_lyapunov", "solve_sylvester", "solve_toeplitz",
    "solve_triangular", "sqrtm", "svd", "svdvals", "toeplitz",
]  # fmt: skip

__getattr__ = others("scipy.linalg")
