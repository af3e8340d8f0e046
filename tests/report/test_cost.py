"""Counts of operations and bytes, against counts by hand."""

from pathlib import Path

import numpy as np
import pytest

import irgrad
from irgrad.report import machine as machines
from irgrad.report.cost import CACHE, Cost, cost_of


def total(function, *arguments, gradient=False) -> Cost:
    compilation = irgrad.compile(function, jit=False).lower(*arguments)
    chosen = compilation.program.functions[1 if gradient else 0]
    return cost_of(chosen, dict(compilation.traced.hints))[0]


def test_a_sum_of_squares() -> None:
    n = 1000
    assert total(lambda x: np.sum(x * x), np.ones(n)) == Cost(2 * n, 8 * n)


def test_the_gradient_writes_as_much_as_it_reads() -> None:
    n = 1000
    cost = total(lambda x: np.sum(x * x), np.ones(n), gradient=True)
    assert cost.bytes == 2 * 8 * n
    assert 3 * n <= cost.operations <= 4 * n


def test_float32_moves_half() -> None:
    assert total(lambda x: np.sum(x * x), np.ones(1000, np.float32)).bytes == 4 * 1000


def test_a_product_of_matrices() -> None:
    cost = total(lambda a, b: a @ b, np.ones((40, 30)), np.ones((30, 50)))
    assert cost.operations == pytest.approx(2 * 40 * 30 * 50, rel=0.01)
    assert cost.bytes >= 8 * (40 * 30 + 30 * 50 + 40 * 50)


def test_a_kernel_counts_for_many_operations() -> None:
    cost = total(lambda x: np.sum(np.exp(x)), np.ones(100))
    assert cost.operations > 10 * 100


def test_sweeping_what_no_cache_holds_moves_it_each_time() -> None:
    def energy(x, y):
        return np.sum(np.exp(-((x[:, None] - y) ** 2)))

    small = total(energy, np.ones(40), np.ones(1000))
    assert small.bytes == pytest.approx(8 * (40 + 1000), rel=0.01)
    many = CACHE // 4
    large = total(energy, np.ones(40), np.ones(many))
    assert large.bytes > 30 * 8 * many


def test_calls_that_are_not_counted_are_named() -> None:
    cost = total(lambda x: np.sum(np.sort(x)), np.ones(100))
    assert "argsort_rows" in cost.unknown


def test_the_machine_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(tmp_path))
    machines.machine.cache_clear()
    first = machines.machine()
    assert 1e8 < first.bandwidth < 1e13
    assert 1e8 < first.operations < 1e15
    machines.machine.cache_clear()
    monkeypatch.setattr(machines, "measure", lambda: pytest.fail("measured again"))
    assert machines.machine() == first
    machines.machine.cache_clear()
    (path,) = tmp_path.glob("*.json")
    path.write_text("{")
    monkeypatch.setattr(machines, "measure", lambda: first)
    assert machines.machine() == first
    machines.machine.cache_clear()


def test_arrays_as_long_as_the_iteration_says() -> None:
    def function(x, m):
        for _ in range(9):
            rows = []
            for i in range(9):
                row = np.zeros_like(x[i])
                for j in range(i + 1):
                    row = row + m[j] * np.sin(x[j] - x[i])
                rows.append(row)
            x = x + 0.1 * np.stack(rows)
        return np.sum(x)

    cost = total(function, np.ones((9, 3)), np.ones(9), gradient=True)
    sines = 9 * 45 * 3
    assert cost.operations > 20 * sines
