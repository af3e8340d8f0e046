"""``solve_ivp`` and ``odeint``: the solution of an ordinary differential equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from irgrad.arguments import flatten, is_traced
from irgrad.control import scan
from irgrad.errors import ArgumentError, ShapeError
from irgrad.inline.ensured import ensured
from irgrad.inline.leaves import as_float, leaf_name, lifted, trace_of
from irgrad.ir import dims
from irgrad.ode.adjoint import continuously
from irgrad.ode.dormand_prince import State
from irgrad.ode.steps import Settings, Span, advanced, begun, passed, with_path
from irgrad.ops.custom import stop_gradient
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace
from irgrad.transforms.base import Transformed, parameters


class InitialValueProblem(Transformed):
    """The solution of an initial value problem at some times, or at the end."""

    __signature__ = parameters("t_span", "y0", "t_eval", "args")

    def inline(self, t_span: Any, y0: Any, t_eval: Any, args: Any) -> Any:
        """Record the integration."""
        trace = trace_of((t_span, y0, t_eval, args))
        leaves, structure = flatten(y0)
        state = [as_float(trace, leaf) for leaf in leaves]
        start, end = (as_float(trace, t) for t in t_span)
        direction = np.where(stop_gradient(end) >= stop_gradient(start), 1.0, -1.0)
        options = dict(self.settings)
        adjoint, name = options.pop("adjoint"), options["name"]
        state_first = options.pop("state_first")

        def field(time: Any, values: State) -> State:
            here = current_trace()
            assert here is not None
            given = optree.tree_unflatten(structure, values)
            first = (given, time) if state_first else (time, given)
            return _slopes(here, self.function(*first, *args), structure, values)

        span = Span(field, end, direction, Settings(**options), is_traced(t_span))
        if t_eval is None:
            times = np.reshape(end, (1,))
            states = [leaf[None] for leaf in _at_end(span, start, state)]
        else:
            times = _checked(as_float(trace, t_eval), start, end, direction, name)
            states = _at_times(span, start, state, times)
        if adjoint == "continuous":
            states = continuously(span, start, state, times, states)
        if t_eval is None:
            states = [leaf[0] for leaf in states]
        return optree.tree_unflatten(structure, states)


def _at_end(span: Span, start: Any, state: State) -> State:
    done = advanced(span, begun(span, start, state), span.end)
    # The steps end at the end whatever it is: this is how the state there moves with it.
    rest = span.end - done["time"]
    return [y + rest * k for y, k in zip(done["state"], done["slope"], strict=True)]


def _at_times(span: Span, start: Any, state: State, times: Any) -> State:
    def reach(carry: dict[str, Any], time: Any) -> tuple[dict[str, Any], State]:
        carry = advanced(span, carry, time)
        return carry, passed(span, carry, time)

    states: State = scan(reach, with_path(begun(span, start, state)), times)[1]
    return states


def _checked(times: Any, start: Any, end: Any, direction: Any, name: str) -> Any:
    """Return the times of a solution, which must lie in order between start and end.

    Raises: ShapeError where they are no vector.
    """
    if len(times.type.shape) != 1 or dims.same(times.type.shape[0], 0):
        raise ShapeError(
            f"{name}: the times are {times.type}",
            remedy="give a vector of times, one or more",
            location=location_here(),
        )
    slack = -1e-12 * np.abs(end - start)  # for the rounding of computed times
    onwards = np.all(direction * (times[1:] - times[:-1]) >= slack)
    inside = (direction * (times[0] - start) >= slack) & (direction * (end - times[-1]) >= slack)
    problem = f"{name}: the times do not go from the start to the end in order; the first is"
    return ensured(times, onwards & inside, times[0], problem, "sort them, and widen t_span")


def _slopes(trace: Any, found: Any, structure: Any, state: State) -> State:
    """Return the leaves of what the right-hand side returns.

    Raises: ArgumentError where it is not like the state.
    """
    leaves, own = flatten(found)
    if own == structure:
        tracers = [lifted(trace, leaf) for leaf in leaves]
        slopes = [as_float(trace, leaf) for leaf in leaves]
        if all(
            dims.same_shape(slope.type.shape, y.type.shape)
            for slope, y in zip(slopes, state, strict=True)
        ):
            return slopes
        own = ", ".join(f"{leaf_name(own, k, '')} {t.type}" for k, t in enumerate(tracers))
    like = ", ".join(f"{leaf_name(structure, k, '')} {y.type}" for k, y in enumerate(state))
    raise ArgumentError(
        f"the right-hand side returns {own} for a state {like}",
        remedy="return the slopes in the structure and the shapes of y0",
        location=location_here(),
    )


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Sequence[Any],
    y0: Any,
    t_eval: Any = None,
    args: tuple[Any, ...] = (),
    *,
    rtol: Any = 1e-6,
    atol: Any = 1e-9,
    first_step: Any = None,
    max_steps: int = 100_000,
    adjoint: str = "discrete",
) -> Any:
    """Return the solution of ``dy/dt = fun(t, y, *args)`` with ``y = y0`` at ``t_span[0]``.

    fun: returns the slopes, a pytree like y0. t_span: the first and the last time, which may be
    the earlier one.
    t_eval: times in order, (m,): the states there come with a first axis of m. None: the state at
    ``t_span[1]`` alone.
    rtol, atol: the error of a step is about ``atol + rtol * |y|``.
    adjoint: "discrete" differentiates the steps that were made, "continuous" integrates the adjoint
    equation backwards from the states that were returned, which needs no other memory.

    Raises: ConvergenceError where the end is not reached in ``max_steps``, also rejected ones, or
    the steps become too short.
    Reference: Dormand & Prince (1980), Hairer, Nørsett & Wanner (1993), section II.4.

    >>> import numpy as np
    >>> round(float(solve_ivp(lambda t, y, k: -k * y, (0.0, 1.0), 1.0, args=(2.0,))), 6)
    0.135335
    """
    settings = _settings(rtol, atol, first_step, max_steps, adjoint)
    problem = InitialValueProblem(fun, **settings, name="solve_ivp", state_first=False)
    return problem(tuple(t_span), y0, t_eval, tuple(args))


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: tuple[Any, ...] = (),
    *,
    rtol: Any = 1e-6,
    atol: Any = 1e-9,
    first_step: Any = None,
    max_steps: int = 100_000,
    adjoint: str = "discrete",
) -> Any:
    """Return the solution of ``dy/dt = func(y, t, *args)`` at the times ``t``, the first of y0.

    t: (m,), in order; the states come with a first axis of m. Otherwise as ``solve_ivp``.
    """
    settings = _settings(rtol, atol, first_step, max_steps, adjoint)
    problem = InitialValueProblem(func, **settings, name="odeint", state_first=True)
    return problem((t[0], t[-1]), y0, t, tuple(args))


def _settings(
    rtol: Any, atol: Any, first_step: Any, max_steps: int, adjoint: str
) -> dict[str, Any]:
    if adjoint not in ("discrete", "continuous"):
        raise ArgumentError(
            f"adjoint={adjoint!r}",
            remedy='give "discrete" or "continuous"',
            location=location_here(),
        )
    return {
        "rtol": rtol, "atol": atol, "first_step": first_step, "max_steps": max_steps,
        "adjoint": adjoint,
    }  # fmt: skip
