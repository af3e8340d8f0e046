"""The run of one problem: who is refused, who is left out, and what is written down."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import suite
from benchmarks.contenders import ALL, Contender, NotRun
from benchmarks.figure import draw
from benchmarks.latency import child
from benchmarks.problems import load

(NEURON,) = load(["neuron"])
(CURVE,) = load(["curve_fit"])


def wrong(problem, arguments):
    def call():
        value, gradient = problem.handwritten_value_and_grad(*arguments)
        return value, (*gradient[:-1], gradient[-1] * 1.001)

    return call


def unwilling(problem, arguments):
    raise NotRun("does not care for neurons")


def broken(problem, arguments):
    raise RuntimeError("first line\nsecond line")


def test_who_disagrees_is_not_timed() -> None:
    others = [
        Contender("wrong", "numpy", wrong, ""),
        Contender("unwilling", "numpy", unwilling, ""),
        Contender("broken", "numpy", broken, ""),
    ]
    outcome = suite.run(NEURON, 1, [ALL["handwritten"], *others], seconds=0.02)
    assert outcome.timings is not None
    assert set(outcome.timings.rounds) == {"handwritten", "handwritten value"}
    assert outcome.failed["wrong"].startswith("DISAGREES, not timed: wrong: gradient 4")
    assert outcome.not_run == {
        "unwilling": "does not care for neurons",
        "broken": "RuntimeError: first line",
    }
    text = suite.report(NEURON, outcome)
    assert "wrong: FAILED: DISAGREES" in text
    assert "broken: not run: RuntimeError: first line" in text
    assert "FAILED" in suite.overview([outcome], ["handwritten", "wrong"])


def test_our_own_failure_fails_the_run() -> None:
    own = dataclasses.replace(ALL["irgrad"], prepare=broken)
    outcome = suite.run(NEURON, 1, [own], seconds=0.02)
    assert outcome.failed == {"irgrad": "RuntimeError: first line"}
    assert outcome.timings is None


def test_finite_differences_and_libm_agree_and_are_timed() -> None:
    names = ["handwritten", "handwritten libm", "finite differences"]
    contenders, absent = suite.available(names)
    assert not absent
    outcome = suite.run(CURVE, CURVE.tiny, contenders, seconds=0.02)
    assert not outcome.failed
    assert outcome.timings is not None
    assert set(names) < set(outcome.timings.rounds)
    assert outcome.errors["finite differences"] < 1e-8


def test_finite_differences_leave_the_arguments_alone_and_refuse_many() -> None:
    arguments = CURVE.arguments(CURVE.tiny)
    before = [np.array(argument) for argument in arguments]
    ALL["finite differences"].prepare(CURVE, arguments)()
    for argument, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, copy)
    (rosenbrock,) = load(["rosenbrock"])
    with pytest.raises(NotRun, match="1000 parameters"):
        ALL["finite differences"].prepare(rosenbrock, rosenbrock.arguments(1_000))


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    absent_package = dataclasses.replace(ALL["casadi"], package="no_such_package_anywhere")
    monkeypatch.setitem(ALL, "casadi", absent_package)
    present, absent = suite.available(["handwritten", "casadi"])
    assert [contender.name for contender in present] == ["handwritten"]
    assert "no_such_package_anywhere is not installed" in absent["casadi"]


def test_an_unknown_contender_is_refused() -> None:
    with pytest.raises(ValueError, match="no contender named 'nobody'"):
        suite.available(["nobody"])


def test_results_are_plain_json(tmp_path: Path) -> None:
    outcome = suite.run(NEURON, 1, [ALL["handwritten"]], seconds=0.02)
    path = tmp_path / "folder" / "results.json"
    suite.save(path, {"processor": "one"}, [suite.as_json(outcome)])
    written = json.loads(path.read_text(encoding="utf-8"))
    figures = written["outcomes"][0]["contenders"]["handwritten"]
    assert figures["ratio"] == 1.0
    assert figures["microseconds"] >= figures["fastest_microseconds"] > 0.0


def test_a_new_process_reports_its_first_call(tmp_path: Path) -> None:
    result = child("curve_fit", 5, "finite differences", tmp_path)
    assert "error" not in result
    assert 0.0 < result["first_seconds"] < 60.0
    assert result["peak_bytes"] > 10 * 2**20
    assert 0 < result["traced_bytes"] < 2**20
    assert "error" in child("curve_fit", 5, "nobody", tmp_path)


def test_the_figure_shows_whoever_has_a_ratio(tmp_path: Path) -> None:
    contenders, _ = suite.available(["handwritten", "finite differences"])
    outcome = suite.run(CURVE, CURVE.tiny, contenders, seconds=0.02)
    unmeasured = suite.Outcome("nothing ran", 1)
    path = tmp_path / "deeper" / "figure.svg"
    draw([suite.as_json(outcome), suite.as_json(unmeasured)], "a machine", path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<?xml")


def test_the_gradient_is_timed_beside_the_value() -> None:
    contenders, _ = suite.available(["irgrad bound", "handwritten"])
    outcome = suite.run(NEURON, 1, contenders, seconds=0.02)
    assert outcome.timings is not None
    assert set(outcome.timings.rounds) == {"irgrad bound", "handwritten", "handwritten value"}
