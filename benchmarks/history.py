"""irgrad's own times for pytest-benchmark, which keeps them and compares runs.

    pytest benchmarks/history.py --benchmark-autosave
    pytest benchmarks/history.py --benchmark-compare --benchmark-compare-fail=mean:10%

Value and gradient of every problem at its smallest size; who wants the others' times runs
`python -m benchmarks`.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.agreement import check
from benchmarks.contenders import ALL
from benchmarks.problem import Problem
from benchmarks.problems import load

CONTENDERS = ("irgrad", "handwritten")


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("problem", load(), ids=lambda problem: problem.name)
def test_value_and_gradient(problem: Problem, contender: str, benchmark: Any) -> None:
    arguments = problem.arguments(problem.sizes[0])
    call = ALL[contender].prepare(problem, arguments)
    reference = problem.handwritten_value_and_grad(*arguments)
    check(contender, call(), reference, problem.rtol)
    benchmark.group = problem.name
    benchmark(call)
