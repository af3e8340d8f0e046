"""``explain`` reports what was done, in the numbers of the compilation."""

from __future__ import annotations

import numpy as np

import irgrad


def test_explain_names_loops_memory_calls_and_sizes() -> None:
    def loss(w, X, y):
        z = X @ w
        return np.mean(np.logaddexp(0.0, z) - y * z)

    f = irgrad.compile(loss, jit=False)
    f.value_and_grad(np.ones(20), np.ones((30, 20)), np.ones(30))
    text = f.explain()
    assert "loop over m" in text
    assert text.count("np.dot") == 3  # one for the value alone, two with the gradient
    assert "w_bar float64[n]" in text
    assert "float64[m, n]" not in text  # no temporary as large as X
    assert "traces 1" in text
