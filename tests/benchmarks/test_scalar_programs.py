"""The programs written for `Value` against the hand-written derivatives, and the engines' run."""

from __future__ import annotations

import pytest

from benchmarks import engines
from benchmarks.agreement import check
from benchmarks.problems import load
from benchmarks.scalar_programs import PROGRAMS
from irgrad.interpret.value import Value


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_numbers_agree_with_the_expert(name: str) -> None:
    (problem,) = load([name])
    arguments = problem.arguments(problem.tiny)
    answer = problem.handwritten_value_and_grad(*arguments)
    check(name, PROGRAMS[name](Value, arguments), answer, problem.rtol)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_evaluated_graph_agrees_with_the_expert(name: str) -> None:
    (problem,) = load([name])
    arguments = problem.arguments(problem.tiny)
    answer = problem.handwritten_value_and_grad(*arguments)
    check(name, engines.evaluated_graph(problem, arguments)(), answer, problem.rtol)


def spin_for_ever() -> None:
    with engines.time_limit(1):
        while True:
            pass


def test_a_call_over_the_limit_is_left_out_with_the_reason() -> None:
    with pytest.raises(engines.NotRun, match="more than 1 s"):
        spin_for_ever()


def test_the_outcome_says_what_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: engines.ENGINES[name] for name in ("Value, arrays", "graph evaluated")}
    monkeypatch.setattr(engines, "ENGINES", {**chosen, "handwritten": engines.handwritten})
    (problem,) = load(["neuron"])
    outcome = engines.run(problem, 1, seconds=0.02, limit=20)
    assert set(outcome["engines"]) == {"graph evaluated", "handwritten"}
    assert outcome["not_run"] == {"Value, arrays": "the problem has no arrays"}
    assert not outcome["failed"]
    assert "Value, arrays: not run" in engines.report(outcome)
