"""Logistic regression by SciPy's L-BFGS: value_and_grad is what ``minimize(jac=True)`` wants."""

import numpy as np
from scipy.optimize import minimize

import irgrad

PENALTY = 0.01


def loss(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z) + PENALTY * np.sum(w * w)


def sample(n, d, seed=0):
    """Return X: (n, d) and y: (n,) of 0 and 1, drawn from a logistic model."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, d))
    chances = 1 / (1 + np.exp(-X @ generator.normal(size=d)))
    return X, (generator.random(n) < chances).astype(float)


def fit(n=2_000, d=20):
    X, y = sample(n, d)
    compiled = irgrad.compile(loss)
    return minimize(compiled.value_and_grad, np.zeros(d), args=(X, y), jac=True, method="L-BFGS-B")


if __name__ == "__main__":
    result = fit()
    print(result.message)
    print(f"loss {result.fun:.6f} after {result.nfev} evaluations")
    print(f"largest slope left: {np.max(np.abs(result.jac)):.1e}")
