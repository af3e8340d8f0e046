"""Truncated power series in two small numbers h and k, as texts for emitted files.

``u[p, q]`` is the coefficient of ``h**p k**q``; the shape says where a series ends. Derivatives by
two parameters, of any order, come from computing with such series instead of with numbers.

Reference: Griewank & Walther, Evaluating Derivatives (2008), chapter 13.
"""

from __future__ import annotations

from irgrad.ops.texts import emitted_function

emitted_function('''def multiply_by_linear(u, constant, by_first):
    """Multiply a series in place by constant + by_first h + k."""
    for p in range(u.shape[0] - 1, -1, -1):
        for q in range(u.shape[1] - 1, -1, -1):
            total = constant * u[p, q]
            if p > 0:
                total += by_first * u[p - 1, q]
            if q > 0:
                total += u[p, q - 1]
            u[p, q] = total
''')
emitted_function('''def divide_by_shifted(u, constant):
    """Divide a series in place by constant + h."""
    for p in range(u.shape[0]):
        for q in range(u.shape[1]):
            before = u[p - 1, q] if p > 0 else 0.0
            u[p, q] = (u[p, q] - before) / constant
''')
emitted_function('''def divide_by_series(u, v):
    """Divide a series in place by another."""
    for p in range(u.shape[0]):
        for q in range(u.shape[1]):
            total = u[p, q]
            for r in range(p + 1):
                for s in range(q + 1):
                    if r + s > 0:
                        total -= v[r, s] * u[p - r, q - s]
            u[p, q] = total / v[0, 0]
''')
emitted_function('''def bivariate_exponential(u):
    """Return exp(u) for a series."""
    out = np.empty(u.shape)
    out[0, 0] = np.exp(u[0, 0])
    for p in range(u.shape[0]):
        for q in range(u.shape[1]):
            total = 0.0
            if p > 0:
                for r in range(1, p + 1):
                    for s in range(q + 1):
                        total += r * u[r, s] * out[p - r, q - s]
                out[p, q] = total / p
            elif q > 0:
                for s in range(1, q + 1):
                    total += s * u[0, s] * out[0, q - s]
                out[0, q] = total / q
    return out
''')
emitted_function('''def series_agree(u, v):
    """Tell whether two series differ by rounding alone."""
    for p in range(u.shape[0]):
        for q in range(u.shape[1]):
            if abs(u[p, q] - v[p, q]) > 4e-16 * (abs(u[p, q]) + abs(u[0, 0])):
                return False
    return True
''')
