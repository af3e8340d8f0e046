"""The benchmark problems, one file each, and the registry of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from benchmarks.problem import Problem

NAMES = (
    "neuron",
    "rosenbrock",
    "logistic",
    "two_moons",
    "gaussian_mixture",
    "image_mlp",
    "black_scholes",
    "gaussian_process",
    "huber",
    "attention",
    "pairwise_energy",
    "transcendental_chain",
    "matrix_factorisation",
    "curve_fit",
)


def load(names: Iterable[str] = NAMES) -> list[Problem]:
    """Import the named problems, in the order given.

    Raises: ValueError for a name that is no problem.
    """
    problems = []
    for name in names:
        if name not in NAMES:
            raise ValueError(f"no problem named {name!r}; there are {', '.join(NAMES)}")
        problems.append(importlib.import_module(f"benchmarks.problems.{name}").PROBLEM)
    return problems
