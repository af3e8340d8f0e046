"""One step of the Runge-Kutta method of Dormand and Prince, its error, and values within it.

Reference: J. R. Dormand and P. J. Prince, A family of embedded Runge-Kutta formulae, J. Comp. Appl.
Math. 6 (1980); the continuous extension: E. Hairer, S. Nørsett and G. Wanner, Solving Ordinary
Differential Equations I (1993), section II.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

State = list[Any]
"""The leaves of a state, of a slope or of an error."""

Field = Callable[[Any, State], State]
"""The right-hand side: the slopes at a time and a state."""

ORDER = 5
_TIMES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_BEND = (
    -12715105075 / 11282082432,
    0.0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
)


class Step(NamedTuple):
    """A step: the state and the slope at its end, its estimated error, how the path bends in it."""

    state: State
    slope: State
    error: State
    bend: State


def step(field: Field, time: Any, state: State, slope: State, size: Any) -> Step:
    """Return the step of ``size`` from a time, where the slope is known. Six calls of ``field``."""
    slopes = [slope]
    end = state
    for fraction, weights in zip(_TIMES, _STAGES, strict=True):
        end = _moved(state, size, weights, slopes)
        slopes.append(field(time + fraction * size, end))
    return Step(
        end, slopes[-1], _combined(size, _ERROR, slopes), _combined(size, _BEND, slopes)
    )


def within(fraction: Any, size: Any, start: State, slope: State, made: Step) -> State:
    """Return the state after a fraction of a step from ``start``, to fourth order."""
    found = []
    rest = 1.0 - fraction
    for a, slope_a, b, slope_b, bend in zip(
        start, slope, made.state, made.slope, made.bend, strict=True
    ):
        rise = b - a
        left = size * slope_a - rise
        right = rise - size * slope_b - left
        inner = left + fraction * (right + rest * bend)
        found.append(a + fraction * (rise + rest * inner))
    return found


def _moved(state: State, size: Any, weights: Sequence[float], slopes: list[State]) -> State:
    moved = zip(state, _combined(size, weights, slopes), strict=True)
    return [value + change for value, change in moved]


def _combined(size: Any, weights: Sequence[float], slopes: list[State]) -> State:
    """Return ``size`` times the weighted sum of slopes, leaf by leaf."""
    sums = []
    for leaf in range(len(slopes[0])):
        terms = [w * slope[leaf] for w, slope in zip(weights, slopes, strict=False) if w]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        sums.append(size * total)
    return sums
