"""What distributions of one variable share: signatures, supports, and parameters that are none."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ops.axes import promotion_kind
from irgrad.scipy.traced import as_array, is_traced


class Frozen:
    """A distribution with its parameters: ``norm(1.0, 2.0).logpdf(x)``."""

    def __init__(self, distribution: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.distribution, self.args, self.keywords = distribution, args, keywords

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.distribution, name)
        return lambda *given: method(*given, *self.args, **self.keywords)


class Named:
    """A distribution of scipy.stats by its name; what this class lacks is SciPy's own."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def original(self) -> Any:
        """SciPy's distribution."""
        return getattr(importlib.import_module("scipy.stats"), self.name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original, name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return the distribution with its parameters."""
        return Frozen(self, args, keywords)


class Distribution(Named):
    """A variable of some shape, shifted by ``loc`` and, where it is continuous, stretched.

    A subclass gives ``parameters``, ``support``, ``valid`` and the formulas of the standard
    variable: ``_logpdf``, ``_cdf`` and so on. They are called inside of the support alone; outside
    of it they see ``inner``, a number in it.
    """

    parameters: tuple[str, ...] = ()
    inner: float = 0.5

    def support(self, *shapes: Any) -> tuple[Any, Any]:
        """Return the least and the largest value of the standard variable."""
        return -np.inf, np.inf

    def valid(self, *shapes: Any) -> Any:
        """Tell which parameters of shape the distribution has; asked where it has any."""
        raise NotImplementedError  # pragma: no cover - abstract

    def read(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Any, Any]:
        """Return the parameters of shape, ``loc`` and ``scale`` of a call.

        Raises: TypeError as Python does for arguments that do not fit.
        """
        names = [*self.parameters, "loc", "scale"]
        if len(args) > len(names):
            raise TypeError(f"{self.name} takes {', '.join(names)}")
        given = dict(zip(names, args, strict=False))
        if wrong := [name for name in keywords if name in given or name not in names]:
            raise TypeError(f"{self.name} takes {', '.join(names)}; {wrong[0]} is one too many")
        given = {"loc": 0, "scale": 1} | given | keywords
        if missing := [name for name in names if name not in given]:
            raise TypeError(f"{self.name} needs {', '.join(missing)}")
        *shapes, loc, scale = (as_array(given[name]) for name in names)
        return shapes, loc, scale

    def scale_of(self, shapes: list[Any], scale: Any, dtype: np.dtype) -> Any:
        """Return the scale, NaN where a parameter is none, so that all that follows is NaN."""
        right = scale > 0
        if shapes:
            right = right & self.valid(*shapes)
        if is_traced(right) or not np.all(right):
            return np.where(right, scale, np.nan).astype(dtype)
        return scale

    def call(self, method: str, x: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return a method's result: SciPy's own unless an argument is traced."""
        if not is_traced(x, *args, *keywords.values()):
            return getattr(self.original, method)(x, *args, **keywords)
        if not hasattr(type(self), f"_{method}"):
            raise UnsupportedCallError(
                f"scipy.stats.{self.name}.{method} of traced values",
                remedy="docs/scipy.md lists the methods that there are",
            )
        x = as_array(x)
        shapes, loc, scale = self.read(args, keywords)
        kinds = [
            value if isinstance(value, int | float) else promotion_kind(value)
            for value in (x, *shapes, loc, scale)
        ]
        wanted = np.result_type(*kinds)
        wanted = wanted if wanted.kind == "f" else np.dtype(np.float64)
        result = self.answer(method, x, shapes, loc, self.scale_of(shapes, scale, wanted))
        return result if result.dtype == wanted else result.astype(wanted)

    def answer(self, method: str, x: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """Return a method's result on traced values."""
        raise NotImplementedError(method)  # pragma: no cover - abstract

    def between(self, method: str, z: Any, inside: Any, shapes: list[Any]) -> Any:
        """Return a formula's value, at ``inner`` outside of the support."""
        formula = getattr(self, f"_{method}")
        return formula(z if inside is None else np.where(inside, z, self.inner), *shapes)

    def _pdf(self, z: Any, *shapes: Any) -> Any:
        return np.exp(self._logpdf(z, *shapes))

    def _logpdf(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError  # pragma: no cover - abstract

    def _cdf(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError  # pragma: no cover - abstract

    def _sf(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError  # pragma: no cover - abstract

    def _logcdf(self, z: Any, *shapes: Any) -> Any:
        return _log(self._cdf(z, *shapes))

    def _logsf(self, z: Any, *shapes: Any) -> Any:
        return _log(self._sf(z, *shapes))

    def cdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the probability of a value up to ``x``."""
        return self.call("cdf", x, args, keywords)

    def sf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the probability of a value above ``x``."""
        return self.call("sf", x, args, keywords)

    def logcdf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the logarithm of ``cdf``."""
        return self.call("logcdf", x, args, keywords)

    def logsf(self, x: Any, *args: Any, **keywords: Any) -> Any:
        """Return the logarithm of ``sf``."""
        return self.call("logsf", x, args, keywords)

    def ppf(self, q: Any, *args: Any, **keywords: Any) -> Any:
        """Return the value up to which lies the probability ``q``."""
        return self.call("ppf", q, args, keywords)

    def isf(self, q: Any, *args: Any, **keywords: Any) -> Any:
        """Return the value above which lies the probability ``q``."""
        return self.call("isf", q, args, keywords)


AT_THE_ENDS = {
    "cdf": (0.0, 1.0),
    "sf": (1.0, 0.0),
    "logcdf": (-np.inf, 0.0),
    "logsf": (0.0, -np.inf),
}
"""What distribution functions are below the support and above it."""


def _log(probability: Any) -> Any:
    """Return the logarithm; where it is -inf its derivative is 0, as beyond a support."""
    none = probability == 0
    return np.where(none, -np.inf, np.log(np.where(none, 1.0, probability)))


def unless_nan(z: Any, value: Any) -> Any:
    """Return ``value``, and NaN where ``z`` is NaN."""
    return np.where(z == z, value, np.nan)
