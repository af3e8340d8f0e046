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


def stencil(u):
    for _ in range(60):
        u = u.copy()
        u[1:-1] = 0.25 * (u[:-2] + 2 * u[1:-1] + u[2:])
    return np.sum(u * u)


def line_in(function, number: int) -> str:
    return f"test_explain.py:{function.__code__.co_firstlineno + number}"


def test_explain_leads_from_loops_to_the_users_lines() -> None:
    f = irgrad.compile(stencil, jit=False)
    f.grad(np.linspace(0.0, 1.0, 50))
    text = f.explain()
    inside = line_in(stencil, 3)
    assert f"loop of 60 trips, 11 nodes: {inside}" in text
    assert f"({line_in(stencil, 4)})" in text


def test_explain_says_which_loops_became_operations_on_arrays() -> None:
    def function(x):
        total = 0.0
        for i in range(60):
            total = total + np.sin(x[i]) * x[59 - i] * 2.0
        y = total
        for _ in range(60):
            y = np.sin(y) * 0.5 + total
        return y

    f = irgrad.compile(function, jit=False)
    f(np.linspace(0.0, 1.0, 60))
    text = f.explain()
    assert f"{line_in(function, 3)}, as operations on arrays" in text
    (waiting,) = (line for line in text.splitlines() if line.endswith(line_in(function, 6)))
    assert "loop of" in waiting


def test_explain_says_what_stands_beside_a_loop() -> None:
    def function(u):
        for step in range(60):
            u = np.sin(u) + (u[::-1] if step == 30 else u)
        return np.sum(u)

    f = irgrad.compile(function, jit=False)
    f(np.linspace(0.0, 1.0, 50))
    text = f.explain()
    inside = line_in(function, 2)
    assert f"loop of 29 trips, 3 nodes: {inside}" in text
    assert f"beside them, written out: {inside} (" in text


def test_explain_says_what_is_no_regular_loop() -> None:
    def irregular(x):
        for step in range(12):
            x = x + (np.sin(x) if step in (0, 1, 5, 7, 11) else np.cos(x))
        return x

    f = irgrad.compile(irregular, jit=False)
    f(0.5)
    (line,) = (line for line in f.explain().splitlines() if "no regular loop" in line)
    assert line_in(irregular, 2) in line
    assert "loops are looked for from 300" in line


def test_explain_says_why_a_long_trace_is_written_out() -> None:
    def sorting(x):
        for _ in range(90):
            x = np.sin(np.sort(x) * 0.5) + x
        return np.sum(x)

    def shrinking(x):
        for step in range(150):
            x = np.sin(x) if step * step % 7 > 3 else np.cos(x) * x
            x = x + 1.0 if step * step * step % 11 > 5 else x * 0.5
        return x

    f = irgrad.compile(sorting, jit=False)
    f(np.linspace(0.0, 1.0, 8))
    assert "no regular loop" not in f.explain()
    g = irgrad.compile(shrinking, jit=False)
    g(0.5)
    (line,) = (line for line in g.explain().splitlines() if "no regular loop" in line)
    assert "the iterations differ in their operations" in line


def test_explain_counts_work_and_measures() -> None:
    def squares(x):
        return np.sum(x * x)

    f = irgrad.compile(squares)
    x = np.ones(1000)
    text = f.explain(x)
    assert "work at n = 1,000: 2 k operations, 8 kB moved" in text
    assert "roofline: " in text
    assert text.count("measured: ") == 2
    assert "of the roofline" in text
    assert "measured" not in f.explain()
    assert "numba takes about" in text
    assert "seconds: trace" in text


def test_stages_are_recorded() -> None:
    f = irgrad.compile(stencil, jit=False)
    compilation = f.lower(np.linspace(0.0, 1.0, 50))
    order = ["trace", "reroll", "differentiate", "simplify", "schedule", "emit"]
    assert list(compilation.seconds) == order
    assert all(seconds > 0 for seconds in compilation.seconds.values())
    assert f.stats.seconds == compilation.seconds
