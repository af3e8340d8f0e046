"""Adaptive steps: as long as the error allows, until a time is reached.

Reference: E. Hairer, S. Nørsett and G. Wanner, Solving Ordinary Differential Equations I (1993),
section II.4. That derivatives are not to flow through the choice of steps: P. Eberhard and
C. Bischof, Automatic differentiation of numerical integration algorithms, Math. Comp. 68 (1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.control import while_loop
from irgrad.inline.ensured import ensured
from irgrad.ode.dormand_prince import ORDER, Field, State, Step, step, within
from irgrad.ops.custom import stop_gradient

SAFETY, LEAST, MOST = 0.9, 0.2, 10.0
"""How a step follows from the error of the last one: with what margin, and within what factors."""

_STOPPED = "the integration stops before the end, at t ="
_REMEDY = (
    "the solution may grow without bound there, or be stiff: look at it up to that time, loosen "
    "rtol and atol, or raise max_steps"
)


@dataclass(frozen=True)
class Settings:
    """How exact a solution is to be, and when to give up."""

    rtol: Any
    atol: Any
    first_step: Any
    max_steps: int
    name: str


@dataclass(frozen=True)
class Span:
    """Where an integration ends, in which direction it runs (1 or -1), and of what."""

    field: Field
    end: Any
    direction: Any
    settings: Settings
    moves: bool
    """Whether derivatives by the times that it begins and ends at may be asked for."""

    def fixed(self, carry: dict[str, Any]) -> dict[str, Any]:
        """Return the carry without derivatives by what has none: the sizes of steps."""
        names = ("size",) if self.moves else ("size", "time")
        fixed = {name: stop_gradient(carry[name]) for name in names}
        if "last" in carry:
            fixed["last"] = {
                **carry["last"], **{name: stop_gradient(carry["last"][name]) for name in names}
            }
        return {**carry, **fixed}


def begun(span: Span, time: Any, state: State) -> dict[str, Any]:
    """Return what is carried from step to step, before the first one."""
    slope = span.field(time, state)
    size = span.settings.first_step
    if size is None:
        size = _first_step(span, time, state, slope)
    return {
        "time": time, "size": stop_gradient(span.direction * size), "state": state, "slope": slope,
        "steps": 0,
    }  # fmt: skip


def with_path(carry: dict[str, Any]) -> dict[str, Any]:
    """Return the carry with what ``passed`` needs to know of the step last made."""
    zeros = [np.zeros_like(leaf) for leaf in carry["state"]]
    last = {"time": carry["time"], "size": carry["size"], "state": carry["state"],
            "slope": carry["slope"], "bend": zeros}  # fmt: skip
    return {**carry, "last": last}


def advanced(span: Span, carry: dict[str, Any], target: Any) -> dict[str, Any]:
    """Return the carry after as many steps as it takes to reach or pass ``target``.

    Raises (when the emitted code runs): ConvergenceError where it is not reached.
    """
    settings, direction = span.settings, span.direction
    end = stop_gradient(span.end)
    carry = span.fixed(carry)

    def goes_on(carry: dict[str, Any]) -> Any:
        time, size = carry["time"], carry["size"]
        moves = time + 0.1 * size != time
        return (direction * (target - time) > 0) & (carry["steps"] < settings.max_steps) & moves

    def make(carry: dict[str, Any]) -> dict[str, Any]:
        time, state, slope = carry["time"], carry["state"], carry["slope"]
        left = end - stop_gradient(time)
        is_last = direction * (left - carry["size"]) <= 0
        size = np.where(is_last, left, carry["size"])
        made = step(span.field, time, state, slope, size)
        error = _norm(settings, made.error, state, made.state)
        accepted = error <= 1.0
        factor = np.where(
            error < np.inf, np.minimum(SAFETY * np.maximum(error, 1e-10) ** (-1 / ORDER), MOST), 0.0
        )
        # Where the last step has been shortened to end at the end, its successor need not be short.
        wished = size * np.maximum(factor, LEAST)
        later = time + size
        later = later + np.where(is_last, end - stop_gradient(later), 0.0)

        def chosen(new: State, old: State) -> State:
            return [np.where(accepted, a, b) for a, b in zip(new, old, strict=True)]

        after = {
            "time": np.where(accepted, later, time),
            "size": wished,
            "state": chosen(made.state, state),
            "slope": chosen(made.slope, slope),
            "steps": carry["steps"] + 1,
        }
        if "last" in carry:
            last = carry["last"]
            after["last"] = {
                "time": np.where(accepted, time, last["time"]),
                "size": np.where(accepted, size, last["size"]),
                "state": chosen(state, last["state"]),
                "slope": chosen(slope, last["slope"]),
                "bend": chosen(made.bend, last["bend"]),
            }
        return after

    done: dict[str, Any] = while_loop(goes_on, make, carry)
    reached = direction * (target - done["time"]) <= 0
    done["state"] = ensured(
        done["state"], reached, done["time"], f"{settings.name}: {_STOPPED}", _REMEDY
    )
    return done


def passed(span: Span, carry: dict[str, Any], target: Any) -> State:
    """Return the state at a time within the step last made."""
    carry = span.fixed(carry)
    last = carry["last"]
    size = last["size"]
    fraction = (target - last["time"]) / np.where(size == 0, 1.0, size)
    made = Step(carry["state"], carry["slope"], [], last["bend"])
    return within(fraction, size, last["state"], last["slope"], made)


def _norm(settings: Settings, error: State, before: State, after: State) -> Any:
    """Return the root of the mean square of the error in units of what is allowed."""
    total, count = 0.0, 0
    for leaf, start, end in zip(error, before, after, strict=True):
        start, end = stop_gradient(start), stop_gradient(end)
        size = np.maximum(np.abs(start), np.abs(end))
        ratio = stop_gradient(leaf) / (settings.atol + settings.rtol * size)
        total = total + np.sum(ratio * ratio)
        count = count + np.size(leaf)
    return np.sqrt(total / count)


def _first_step(span: Span, time: Any, state: State, slope: State) -> Any:
    """Return a step whose error will be about what is allowed.

    Reference: Hairer, Nørsett and Wanner, section II.4, "Starting step size".
    """
    settings = span.settings
    time = stop_gradient(time)
    state = [stop_gradient(leaf) for leaf in state]
    slope = [stop_gradient(leaf) for leaf in slope]
    d0 = _norm(settings, state, state, state)
    d1 = _norm(settings, slope, state, state)
    tiny = (d0 < 1e-5) | (d1 < 1e-5)
    h0 = np.where(tiny, 1e-6, 0.01 * d0 / np.where(tiny, 1.0, d1))
    h0 = np.minimum(h0, np.abs(stop_gradient(span.end) - time))
    ahead = [y + span.direction * h0 * k for y, k in zip(state, slope, strict=True)]
    change = [a - b for a, b in zip(span.field(time + span.direction * h0, ahead), slope,
                                    strict=True)]  # fmt: skip
    safe = np.where(h0 > 0, h0, 1.0)
    d2 = _norm(settings, [stop_gradient(leaf) for leaf in change], state, state) / safe
    largest = np.maximum(d1, d2)
    flat = largest <= 1e-15
    h1 = np.where(
        flat, np.maximum(1e-6, h0 * 1e-3), (0.01 / np.where(flat, 1.0, largest)) ** (1 / ORDER)
    )
    return np.minimum(100 * h0, h1)
