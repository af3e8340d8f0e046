"""Ordinary differential equations inside compiled functions, with their derivatives."""

from irgrad.ode.solve import odeint, solve_ivp

__all__ = ["odeint", "solve_ivp"]
