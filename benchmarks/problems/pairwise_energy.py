"""Softened Coulomb energy of all pairs of points in space: an n-by-n broadcast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from benchmarks.problem import Arguments, Problem
from benchmarks.vector_math import LOOP

SOFTENING = 0.01


def energy(P):
    difference = P[:, None, :] - P[None, :, :]
    squared = np.sum(difference**2, axis=2) + SOFTENING
    return 0.5 * np.sum(1.0 / np.sqrt(squared))


def arguments(size: int) -> Arguments:
    """Return P: (size, 3)."""
    return (np.random.default_rng(10).normal(size=(size, 3)),)


@njit(**LOOP)
def handwritten_value(P):
    n = P.shape[0]
    x, y, z = P[:, 0].copy(), P[:, 1].copy(), P[:, 2].copy()
    value = 0.5 * n / math.sqrt(SOFTENING)
    for i in range(n - 1):
        x_after, y_after, z_after = x[i + 1 :], y[i + 1 :], z[i + 1 :]
        x_i, y_i, z_i = x[i], y[i], z[i]
        for j in range(x_after.shape[0]):
            dx, dy, dz = x_i - x_after[j], y_i - y_after[j], z_i - z_after[j]
            value += 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
    return value


@njit(**LOOP)
def handwritten_value_and_grad(P):
    n = P.shape[0]
    # Coordinates apart, so that the inner loop loads and stores whole vectors; each pair once.
    x, y, z = P[:, 0].copy(), P[:, 1].copy(), P[:, 2].copy()
    forces = np.zeros((3, n))
    value = 0.5 * n / math.sqrt(SOFTENING)
    for i in range(n - 1):
        x_after, y_after, z_after = x[i + 1 :], y[i + 1 :], z[i + 1 :]
        fx, fy, fz = forces[0, i + 1 :], forces[1, i + 1 :], forces[2, i + 1 :]
        x_i, y_i, z_i = x[i], y[i], z[i]
        own_x = 0.0
        own_y = 0.0
        own_z = 0.0
        for j in range(x_after.shape[0]):
            dx, dy, dz = x_i - x_after[j], y_i - y_after[j], z_i - z_after[j]
            inverse = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
            value += inverse
            pull = inverse * inverse * inverse
            own_x -= pull * dx
            own_y -= pull * dy
            own_z -= pull * dz
            fx[j] += pull * dx
            fy[j] += pull * dy
            fz[j] += pull * dz
        forces[0, i] += own_x
        forces[1, i] += own_y
        forces[2, i] += own_z
    gradient = np.empty((n, 3))
    for i in range(n):
        gradient[i, 0] = forces[0, i]
        gradient[i, 1] = forces[1, i]
        gradient[i, 2] = forces[2, i]
    return value, gradient


def torch_function(torch: Any) -> Any:
    """Return the energy in PyTorch."""

    def energy(P):
        difference = P[:, None, :] - P[None, :, :]
        return 0.5 * torch.sum(torch.rsqrt(torch.sum(difference**2, 2) + SOFTENING))

    return energy


PROBLEM = Problem(
    name="pairwise_energy",
    summary="half the sum over pairs of 1 / sqrt(distance^2 + 0.01), in three dimensions",
    size_means="points",
    function=energy,
    arguments=arguments,
    argnums=0,
    sizes=(500,),
    tiny=5,
    handwritten_value=handwritten_value,
    handwritten_value_and_grad=handwritten_value_and_grad,
    torch_function=torch_function,
)
