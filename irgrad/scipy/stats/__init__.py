"""Densities and distribution functions of ``scipy.stats`` on traced values.

Outside of a distribution's support the log-density is -inf with derivative 0; parameters that a
distribution does not have (a scale below 0) give NaN. What has no drop-in (``rvs``, ``fit``,
``mean``, ...) is SciPy's own.

Examples:
    >>> import numpy as np, irgrad
    >>> from irgrad.scipy import stats
    >>> x = np.array([1.0, 2.0, 6.0])
    >>> float(irgrad.grad(lambda mu: np.sum(stats.norm.logpdf(x, loc=mu, scale=2.0)))(1.0))
    1.5
"""

from irgrad.scipy.stats.continuous import (
    beta,
    cauchy,
    chi2,
    expon,
    gamma,
    laplace,
    logistic,
    lognorm,
    norm,
    t,
)
from irgrad.scipy.stats.discrete import binom, nbinom, poisson
from irgrad.scipy.stats.multivariate import dirichlet, multivariate_normal, wishart
from irgrad.scipy.traced import others

__all__ = [
    "beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace", "logistic",
    "lognorm", "multivariate_normal", "nbinom", "norm", "poisson", "t", "wishart",
]  # fmt: skip

__getattr__ = others("scipy.stats")
