"""The errors irgrad raises: what is wrong, where in the user's code, and what to do."""

from __future__ import annotations

import linecache
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's own code."""

    filename: str
    line: int
    function: str

    def describe(self) -> str:
        """Return ``file:line in function`` and, where it can be read, the line's text."""
        text = linecache.getline(self.filename, self.line).strip()
        where = f"{self.filename}:{self.line} in {self.function}"
        return f"{where}\n    {text}" if text else where


class IrgradError(Exception):
    """Base of every error of irgrad: the user's line first, then what is wrong, then the remedy."""

    def __init__(
        self, problem: str, *, remedy: str = "", location: Location | None = None
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.location = location
        super().__init__(problem, remedy, location)

    def __str__(self) -> str:
        parts = []
        if self.location is not None:
            parts.append(f"at {self.location.describe()}")
        parts.append(self.problem)
        if self.remedy:
            parts.append(f"What to do: {self.remedy}")
        return "\n".join(parts)


class TracingError(IrgradError):
    """The function does something a trace can't follow."""


class ConcreteValueError(TracingError, TypeError):
    """Python asked a traced value for its number: ``if x > 0``, ``float(x)``, ``range(x)``."""


class UnsupportedCallError(TracingError, TypeError):
    """A NumPy function, or an argument of one, that irgrad doesn't know."""


class ShapeError(TracingError, ValueError):
    """Shapes that do not fit together."""


class OutOfRangeError(TracingError, IndexError):
    """An index, known while tracing, that the array doesn't have."""


class MutationError(TracingError, ValueError):
    """A write in place that irgrad can't follow."""


class TraceSizeError(TracingError):
    """A trace with more nodes than it may have."""


class EscapedTracerError(TracingError):
    """A traced value outlived the call that traced it."""


class ArgumentError(IrgradError, TypeError):
    """Arguments whose number, structure or dtype does not fit the compiled function."""


class DifferentiationError(IrgradError, TypeError):
    """A derivative that does not exist, or was asked of something with none."""


class ConvergenceError(IrgradError, ArithmeticError):
    """A solver that has not reached its tolerance when the compiled function ran."""


class MissingPackageError(IrgradError):
    """A package that compiled code needs is not installed."""


class InternalError(IrgradError):
    """A stage of irgrad broke its own contract; a bug of irgrad."""


class CacheWarning(UserWarning):
    """The cache on disk can't be used as it should; irgrad goes on without it."""


class CompileWarning(UserWarning):
    """A compilation that failed or takes long; irgrad answers all the same."""


class GradientWarning(UserWarning):
    """A gradient that is zero because the output doesn't depend on the argument."""


class PrecisionWarning(UserWarning):
    """Numbers are computed in another precision than they were given in."""
