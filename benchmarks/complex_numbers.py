"""Gradients by complex numbers against JAX's and autograd's, whose convention irgrad shares.

    python -m benchmarks.complex_numbers

prints the largest relative difference for each function, and fails where one is above 1e-10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import irgrad

Z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.2j])
X = np.array([0.3, -1.2, 0.7])
W = np.array([[0.4 - 1j, 0.3j, 1.5], [2j, -0.7 + 0.1j, 0.2], [0.5, 1 - 1j, -0.3j]])

# Of NumPy's namespace, or a peer's; real results, then holomorphic functions.
REAL: dict[str, Callable[..., Any]] = {
    "magnitude": lambda np, z: np.sum(np.abs(z) ** 2),
    "parts": lambda np, z: np.sum(np.real(z) * np.imag(z) ** 2),
    "angle": lambda np, z: np.sum(np.angle(z)),
    "conjugate": lambda np, z: np.sum(np.real(np.exp(np.conj(z)) * z)),
    "quadratic": lambda np, z: np.real(np.dot(np.conj(z), np.dot(W, z))),
    "spectrum": lambda np, z: np.sum(np.abs(np.fft.fft(z)) ** 4),
    "power": lambda np, z: np.sum(np.abs(z**2.5)),
}
OF_REALS: dict[str, Callable[..., Any]] = {
    "waves": lambda np, x: np.sum(np.abs(np.exp(1j * x) * x + x)),
    "transfer": lambda np, x: np.sum(np.angle(1 / (1 + 1j * x))),
}
HOLOMORPHIC: dict[str, Callable[..., Any]] = {
    "cube": lambda np, z: np.sum(z**3),
    "sine": lambda np, z: np.sum(np.sin(z) * np.exp(z)),
    "root": lambda np, z: np.sum(np.sqrt(z) / (1 + z)),
}


def peers() -> dict[str, tuple[Any, Callable[..., Any]]]:
    """Return NumPy's namespace and ``grad`` of each peer."""
    import autograd
    import autograd.numpy
    import jax

    jax.config.update("jax_enable_x64", True)

    def of_autograd(function: Any, holomorphic: bool) -> Any:
        return autograd.holomorphic_grad(function) if holomorphic else autograd.grad(function)

    def of_jax(function: Any, holomorphic: bool) -> Any:
        return jax.grad(function, holomorphic=holomorphic)

    return {"jax": (jax.numpy, of_jax), "autograd": (autograd.numpy, of_autograd)}


def main() -> None:
    """Compare, print, and exit with an error where a gradient differs."""
    worst = 0.0
    contenders = peers()
    tables = ((REAL, Z, False), (OF_REALS, X, False), (HOLOMORPHIC, Z, True))
    for table, point, holomorphic in tables:
        for name, function in table.items():

            def ours(z: Any, function: Any = function) -> Any:
                return function(np, z)

            got = irgrad.grad(ours, holomorphic=holomorphic)(point)
            for peer, (namespace, grad) in contenders.items():

                def theirs(z: Any, function: Any = function, namespace: Any = namespace) -> Any:
                    return function(namespace, z)

                wanted = np.asarray(grad(theirs, holomorphic)(point))
                difference = float(np.max(np.abs(got - wanted)) / np.max(np.abs(wanted)))
                worst = max(worst, difference)
                print(f"{name:12} {peer:9} {difference:.1e}")
    if not worst <= 1e-10:
        raise SystemExit(f"a gradient differs by {worst:.1e}")


if __name__ == "__main__":
    main()
