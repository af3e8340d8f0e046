"""Fitting the rates of predators and prey to counts: a gradient through an integration."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ode import solve_ivp

TOLERANCE = 1e-8
END = 10.0
TIMES = np.linspace(0.5, END, 20)
TRUE_RATES = np.array([1.5, 1.0, 3.0, 1.0])
START = (1.0, 1.0)


def slopes(t: Any, state: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    prey, hunters = state
    return a * prey - b * prey * hunters, d * prey * hunters - c * hunters


def misfit(
    rates: Any, counted: Any, tolerance: float = TOLERANCE, adjoint: str = "discrete"
) -> Any:
    """Return the mean squared distance to what was counted.

    rates: (4,). counted: (20, 2).
    """
    prey, hunters = solve_ivp(
        slopes, (0.0, END), START, TIMES, tuple(rates), rtol=tolerance, atol=0.01 * tolerance,
        adjoint=adjoint,
    )  # fmt: skip
    return np.mean((prey - counted[:, 0]) ** 2 + (hunters - counted[:, 1]) ** 2)


def arguments() -> tuple[Any, ...]:
    """Return rates: (4,), counted: (20, 2), counts with noise at rates a little different."""
    prey, hunters = solve_ivp(
        slopes, (0.0, END), START, TIMES, tuple(TRUE_RATES), rtol=1e-10, atol=1e-10
    )
    noise = np.random.default_rng(0).normal(scale=0.1, size=(len(TIMES), 2))
    return TRUE_RATES * np.array([1.02, 0.97, 1.01, 1.03]), np.stack([prey, hunters], 1) + noise


def diffrax_form(jax: Any, diffrax: Any, adjoint: str) -> Any:
    """Return the function with diffrax's Dormand-Prince steps and the named adjoint."""
    jnp = jax.numpy

    def field(t: Any, state: Any, rates: Any) -> Any:
        prey, hunters = state
        a, b, c, d = rates
        return jnp.stack([a * prey - b * prey * hunters, d * prey * hunters - c * hunters])

    def function(rates: Any, counted: Any) -> Any:
        states = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Dopri5(), 0.0, END, None, jnp.array(START), rates,
            saveat=diffrax.SaveAt(ts=TIMES),
            stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=0.01 * TOLERANCE),
            adjoint=getattr(diffrax, adjoint)(), max_steps=4096,
        ).ys  # fmt: skip
        return jnp.mean(jnp.sum((states - counted) ** 2, axis=1))

    return function
