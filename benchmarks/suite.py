"""Run the problems through the contenders: agreement first, then interleaved times."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import table, timing
from benchmarks.agreement import Disagreement, check
from benchmarks.contenders import ALL, VALUE_ONLY, Contender, NotRun
from benchmarks.problem import Problem

REFERENCE = "handwritten"
OWN = ("irgrad", "irgrad bound", "irgrad parallel", "handwritten", "handwritten libm")


@dataclass
class Outcome:
    """Collect what happened on one problem at one size."""

    problem: str
    size: int
    timings: timing.Timings | None = None
    errors: dict[str, float] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def available(names: Sequence[str]) -> tuple[list[Contender], dict[str, str]]:
    """Return the contenders whose package imports, and for the others the reason."""
    present, absent = [], {}
    for name in names:
        if name not in ALL:
            raise ValueError(f"no contender named {name!r}; there are {', '.join(ALL)}")
        reason = ALL[name].missing()
        if reason is None:
            present.append(ALL[name])
        else:
            absent[name] = reason
    return present, absent


def first_line(error: BaseException) -> str:
    """Return an exception as one line of at most 100 characters."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}"[:100]


def run(
    problem: Problem, size: int, contenders: Sequence[Contender], *, seconds: float = 3.0
) -> Outcome:
    """Check that all agree with the hand-written answer, then time those that do."""
    outcome = Outcome(problem.name, size)
    arguments = problem.arguments(size)
    reference = problem.handwritten_value_and_grad(*arguments)
    calls: dict[str, Callable[[], Any]] = {}
    for contender in contenders:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call = contender.prepare(problem, arguments)
                answer = call()
            rtol = max(problem.rtol, contender.rtol)
            outcome.errors[contender.name] = check(contender.name, answer, reference, rtol)
        except NotRun as reason:
            outcome.not_run[contender.name] = str(reason)
        except Disagreement as error:
            outcome.failed[contender.name] = f"DISAGREES, not timed: {error}"
        except Exception as error:
            # Libraries fail in their own ways (a missing function, a compiler that gives up); the
            # others' figures are still wanted. Our own failures make the run end with an error.
            own = contender.name in OWN
            (outcome.failed if own else outcome.not_run)[contender.name] = first_line(error)
        else:
            calls[contender.name] = call
    if calls:
        for name, value_only in VALUE_ONLY.items():
            if name in calls:
                calls[value_only.name] = value_only.prepare(problem, arguments)
        outcome.timings = timing.interleave(calls, seconds=seconds)
    return outcome


def report(problem: Problem, outcome: Outcome) -> str:
    """Return one problem's figures as text."""
    lines = [f"{problem.name}, {problem.size_means}: {outcome.size:,}   ({problem.summary})"]
    if outcome.timings is not None:
        reference = REFERENCE if REFERENCE in outcome.timings.rounds else None
        rows = []
        for name in sorted(outcome.timings.rounds, key=outcome.timings.seconds):
            row = [name, table.microseconds(outcome.timings.seconds(name))]
            if reference is None:
                row += ["", ""]
            else:
                middle, low, high = outcome.timings.ratio(name, reference)
                row += [f"{middle:.2f}", f"{low:.2f}-{high:.2f}"]
            error = outcome.errors.get(name)
            row.append("" if error is None else f"{error:.0e}")
            rows.append(row)
        header = ["contender", "µs a call", f"x {REFERENCE}", "quartiles", "error"]
        lines.append(table.render(header, rows))
    lines += [f"  {name}: not run: {reason}" for name, reason in outcome.not_run.items()]
    lines += [f"  {name}: FAILED: {reason}" for name, reason in outcome.failed.items()]
    return "\n".join(lines)


def overview(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Return µs a call, a row a problem and a column a contender."""
    rows = []
    for outcome in outcomes:
        row = [f"{outcome.problem} {outcome.size:,}"]
        for name in names:
            timings = outcome.timings
            if timings is not None and name in timings.rounds:
                row.append(table.microseconds(timings.seconds(name)))
            else:
                row.append("FAILED" if name in outcome.failed else "-")
        rows.append(row)
    return table.render(["µs a call", *names], rows)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data."""
    timings = outcome.timings
    return {
        "problem": outcome.problem,
        "size": outcome.size,
        "contenders": {} if timings is None else timings.summary(REFERENCE),
        "errors": outcome.errors,
        "not_run": outcome.not_run,
        "failed": outcome.failed,
    }


def save(path: Path, facts: dict[str, Any], outcomes: Sequence[dict[str, Any]]) -> None:
    """Write the machine and the outcomes as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": facts, "outcomes": list(outcomes)}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
