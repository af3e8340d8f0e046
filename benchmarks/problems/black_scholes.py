"""Monte Carlo price of a European call with all five first-order greeks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP, exp


def price(spot, strike, rate, volatility, maturity, normals):
    drift = (rate - 0.5 * volatility**2) * maturity
    final = spot * np.exp(drift + volatility * np.sqrt(maturity) * normals)
    return np.exp(-rate * maturity) * np.mean(np.maximum(final - strike, 0.0))


def arguments(size: int) -> Arguments:
    """Return spot, strike, rate, volatility, maturity, and normals: (size,)."""
    return 100.0, 105.0, 0.03, 0.2, 1.5, np.random.default_rng(5).normal(size=size)


@njit(**LOOP)
def handwritten_value(spot, strike, rate, volatility, maturity, normals):
    drift = (rate - 0.5 * volatility * volatility) * maturity
    spread = volatility * math.sqrt(maturity)
    total = 0.0
    for i in range(normals.shape[0]):
        total += max(spot * exp(drift + spread * normals[i]) - strike, 0.0)
    return math.exp(-rate * maturity) * total / normals.shape[0]


@njit(**LOOP)
def handwritten_value_and_grad(spot, strike, rate, volatility, maturity, normals):
    n = normals.shape[0]
    root = math.sqrt(maturity)
    drift = (rate - 0.5 * volatility * volatility) * maturity
    spread = volatility * root
    # All five derivatives are combinations of three sums over the paths in the money.
    alive = 0.0
    growth = 0.0
    weighted = 0.0
    for i in range(n):
        z = normals[i]
        factor = exp(drift + spread * z)
        live = 1.0 if spot * factor > strike else 0.0
        alive += live
        growth += live * factor
        weighted += live * factor * z
    discount = math.exp(-rate * maturity) / n
    value = discount * (spot * growth - strike * alive)
    drift_bar = discount * spot * growth
    spread_bar = discount * spot * weighted
    return value, (
        discount * growth,
        -discount * alive,
        drift_bar * maturity - maturity * value,
        spread_bar * root - drift_bar * volatility * maturity,
        drift_bar * (rate - 0.5 * volatility * volatility)
        + spread_bar * volatility * 0.5 / root
        - rate * value,
    )


@njit(**LOOP)
def handwritten_libm(spot, strike, rate, volatility, maturity, normals):
    n = normals.shape[0]
    root = math.sqrt(maturity)
    drift = (rate - 0.5 * volatility * volatility) * maturity
    spread = volatility * root
    alive = 0.0
    growth = 0.0
    weighted = 0.0
    for i in range(n):
        z = normals[i]
        factor = math.exp(drift + spread * z)
        if spot * factor > strike:
            alive += 1.0
            growth += factor
            weighted += factor * z
    discount = math.exp(-rate * maturity) / n
    value = discount * (spot * growth - strike * alive)
    drift_bar = discount * spot * growth
    spread_bar = discount * spot * weighted
    return value, (
        discount * growth,
        -discount * alive,
        drift_bar * maturity - maturity * value,
        spread_bar * root - drift_bar * volatility * maturity,
        drift_bar * (rate - 0.5 * volatility * volatility)
        + spread_bar * volatility * 0.5 / root
        - rate * value,
    )


def torch_function(torch: Any) -> Any:
    """Return the price in PyTorch."""

    def price(spot, strike, rate, volatility, maturity, normals):
        drift = (rate - 0.5 * volatility**2) * maturity
        final = spot * torch.exp(drift + volatility * torch.sqrt(maturity) * normals)
        payoff = torch.clamp(final - strike, min=0.0)
        return torch.exp(-rate * maturity) * torch.mean(payoff)

    return price


PROBLEM = Problem(
    name="black_scholes",
    summary="discounted mean call payoff and its five greeks",
    size_means="paths",
    function=price,
    arguments=arguments,
    argnums=(0, 1, 2, 3, 4),
    sizes=(100_000,),
    tiny=40,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    handwritten_libm=handwritten_libm,
    torch_function=torch_function,
)
