"""Discrete distributions of one variable; distribution functions are constant between integers.

Reference: Johnson, Kemp & Kotz, Univariate Discrete Distributions (2005).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ops.custom import stop_gradient
from irgrad.ops.gamma_functions import gammaln
from irgrad.ops.incomplete_beta import betainc, betaincc
from irgrad.ops.incomplete_gamma import gammainc, gammaincc
from irgrad.ops.information import xlog1py, xlogy
from irgrad.scipy.stats.distribution import AT_THE_ENDS, Distribution, unless_nan
from irgrad.scipy.traced import is_traced


class Discrete(Distribution):
    """A distribution on the whole numbers from 0, shifted by ``loc``."""

    inner = 0.0

    def support(self, *shapes: Any) -> tuple[Any, Any]:
        """Return the least and the largest value."""
        return 0.0, np.inf

    def read(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Any, Any]:
        """Return the parameters; there is no scale, so a 1."""
        if "scale" in keywords or len(args) > len(self.parameters) + 1:
            raise TypeError(f"{self.name} takes {', '.join(self.parameters)} and loc")
        return super().read(args, keywords)

    def call(self, method: str, x: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return a method's result: SciPy's own unless an argument is traced."""
        if method in ("ppf", "isf") and is_traced(x, *args, *keywords.values()):
            raise UnsupportedCallError(
                f"scipy.stats.{self.name}.{method} of traced values: a whole number, which jumps",
                remedy="compute it outside of the traced function and pass it in as an argument",
            )
        return super().call(method, x, args, keywords)

    def answer(self, method: str, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """Return a method's result on traced values."""
        k = (x - loc) / scale
        lower, upper = self.support(*shapes)
        if method in ("pmf", "logpmf"):
            inside = (k >= lower) & (k <= upper) & (np.floor(k) == k)
            result = self.between(method, k, inside, shapes)
            return np.where(inside, result, unless_nan(k, 0.0 if method == "pmf" else -np.inf))
        inside = (k >= lower) & (k < upper)
        steps = stop_gradient(np.floor(k))
        result = self.between(method, steps, inside, shapes)
        below, above = AT_THE_ENDS[method]
        return np.where(inside, result, unless_nan(k, np.where(k >= lower, above, below)))

    def pmf(self, k: Any, *args: Any, **keywords: Any) -> Any:
        """Return the probability of ``k``."""
        return self.call("pmf", k, args, keywords)

    def logpmf(self, k: Any, *args: Any, **keywords: Any) -> Any:
        """Return the logarithm of the probability of ``k``."""
        return self.call("logpmf", k, args, keywords)

    def _pmf(self, k: Any, *shapes: Any) -> Any:
        return np.exp(self._logpmf(k, *shapes))

    def _logpmf(self, k: Any, *shapes: Any) -> Any:
        raise NotImplementedError  # pragma: no cover - abstract


class _Poisson(Discrete):
    parameters = ("mu",)

    def valid(self, mu: Any) -> Any:
        return mu >= 0

    def _logpmf(self, k: Any, mu: Any) -> Any:
        return xlogy(k, mu) - gammaln(k + 1.0) - mu

    def _cdf(self, k: Any, mu: Any) -> Any:
        return gammaincc(k + 1.0, mu)

    def _sf(self, k: Any, mu: Any) -> Any:
        return gammainc(k + 1.0, mu)


class _Binomial(Discrete):
    parameters = ("n", "p")

    def support(self, n: Any, p: Any) -> tuple[Any, Any]:
        return 0.0, n

    def valid(self, n: Any, p: Any) -> Any:
        return (n >= 0) & (np.floor(n) == n) & (p >= 0) & (p <= 1)

    def _logpmf(self, k: Any, n: Any, p: Any) -> Any:
        ways = gammaln(n + 1.0) - (gammaln(k + 1.0) + gammaln(n - k + 1.0))
        return ways + xlogy(k, p) + xlog1py(n - k, -p)

    def _cdf(self, k: Any, n: Any, p: Any) -> Any:
        return betaincc(k + 1.0, n - k, p)

    def _sf(self, k: Any, n: Any, p: Any) -> Any:
        return betainc(k + 1.0, n - k, p)


class _NegativeBinomial(Discrete):
    parameters = ("n", "p")

    def valid(self, n: Any, p: Any) -> Any:
        return (n > 0) & (p > 0) & (p <= 1)

    def _logpmf(self, k: Any, n: Any, p: Any) -> Any:
        ways = gammaln(n + k) - gammaln(k + 1.0) - gammaln(n)
        return ways + n * np.log(p) + xlog1py(k, -p)

    def _cdf(self, k: Any, n: Any, p: Any) -> Any:
        return betainc(n, k + 1.0, p)

    def _sf(self, k: Any, n: Any, p: Any) -> Any:
        return betaincc(n, k + 1.0, p)


poisson = _Poisson("poisson")
binom = _Binomial("binom")
nbinom = _NegativeBinomial("nbinom")
