"""`python -m benchmarks.engines`: what each step from interpreting to compiling buys.

Five engines run the same problems: `Value` one number at a time, `Value` on arrays, the traced
graph of value and gradient evaluated node by node on ndarrays, the emitted source as plain Python,
and the emitted source jitted. Each must agree with the hand-written answer before it is timed.
What takes too long is not scaled from a smaller run: it is run once, or left out with the reason.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import suite, table, timing
from benchmarks.agreement import Disagreement, check
from benchmarks.contenders import NotRun
from benchmarks.problem import Arguments, Problem
from benchmarks.problems import load
from benchmarks.scalar_programs import PROGRAMS

CASES = (
    ("neuron", 1),
    ("rosenbrock", 10),
    ("rosenbrock", 1_000),
    ("two_moons", 100),
    ("logistic", 10_000),
    ("gaussian_mixture", 1_000),
)
ONCE_ABOVE_SECONDS = 2.0
LIMIT_SECONDS = 120
REFERENCE = "jitted"

Call = Callable[[], Any]


def value_by_number(problem: Problem, arguments: Arguments) -> Call:
    """Run `Value` on single numbers, in Python loops."""
    from irgrad.interpret.value import Value

    program = PROGRAMS[problem.name]
    return lambda: program(Value, arguments)


def value_on_arrays(problem: Problem, arguments: Arguments) -> Call:
    """Run `Value` on whole arrays: the plain NumPy function, one node an operation."""
    from irgrad.interpret.value import Value

    if not any(isinstance(argument, np.ndarray) for argument in arguments):
        raise NotRun("the problem has no arrays")
    positions = problem.positions

    def call() -> Any:
        inputs = list(arguments)
        for position in positions:
            inputs[position] = Value(arguments[position])
        result = problem.function(*inputs)
        result.backward()
        return result.data, tuple(inputs[position].grad for position in positions)

    return call


def evaluated_graph(problem: Problem, arguments: Arguments) -> Call:
    """Evaluate the traced graph of value and gradient, not simplified, node by node."""
    from irgrad.differentiate.reverse import value_and_gradient
    from irgrad.interpret.evaluate import evaluate
    from irgrad.ir.types import ArrayType
    from irgrad.trace.trace import InputSpec, run_traced

    specs = [
        InputSpec(f"a{i}", ArrayType(np.dtype(np.float64), np.shape(argument)))
        for i, argument in enumerate(arguments)
    ]
    traced = run_traced(
        problem.function, specs, lambda result: ([result], None), hints={}, name=problem.name
    )
    graph = value_and_gradient(traced.graph, problem.positions)

    def call() -> Any:
        value, *gradients = evaluate(graph, *arguments, *traced.captured)
        return value, tuple(gradients)

    return call


def plain_python(problem: Problem, arguments: Arguments) -> Call:
    """Run the emitted source as plain Python."""
    import irgrad

    compiled = irgrad.compile(problem.function, argnums=problem.argnums, jit=False)
    return lambda: compiled.value_and_grad(*arguments)


def jitted(problem: Problem, arguments: Arguments) -> Call:
    """Run the emitted source jitted."""
    import irgrad

    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    return lambda: compiled.value_and_grad(*arguments)


def bound(problem: Problem, arguments: Arguments) -> Call:
    """Run the emitted source jitted and bound to the types of numbers."""
    import irgrad

    if any(isinstance(argument, np.ndarray) for argument in arguments):
        raise NotRun("for numbers alone; arrays gain little")
    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    run = compiled.bind(*arguments).value_and_grad

    return lambda: run(*arguments)


def handwritten(problem: Problem, arguments: Arguments) -> Call:
    """Run the expert's numba, for comparison."""
    return lambda: problem.handwritten_value_and_grad(*arguments)


ENGINES: Mapping[str, Callable[[Problem, Arguments], Call]] = {
    "Value, numbers": value_by_number,
    "Value, arrays": value_on_arrays,
    "graph evaluated": evaluated_graph,
    "plain Python": plain_python,
    REFERENCE: jitted,
    "jitted, bound": bound,
    "handwritten": handwritten,
}


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise NotRun in the main thread after so many seconds, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(*_: Any) -> None:
        raise NotRun(f"one call takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(problem: Problem, size: int, *, seconds: float, limit: int) -> dict[str, Any]:
    """Check and time every engine on one problem; return the figures as plain data."""
    arguments = problem.arguments(size)
    answer = problem.handwritten_value_and_grad(*arguments)
    fast: dict[str, Call] = {}
    once: dict[str, float] = {}
    not_run: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name, prepare in ENGINES.items():
        try:
            with time_limit(limit):
                call = prepare(problem, arguments)
                # The second call is the one that counts: the first may trace and compile. Where it
                # already took the engine long, the agreement check and the time are one and the
                # same call.
                start = time.perf_counter()
                result = call()
                cost = time.perf_counter() - start
            check(name, result, answer, problem.rtol)
            if cost > ONCE_ABOVE_SECONDS and name not in (REFERENCE, "plain Python"):
                once[name] = cost
                continue
            if cost > ONCE_ABOVE_SECONDS:
                with time_limit(limit):
                    cost = timing.sample(call, 1)
                if cost > ONCE_ABOVE_SECONDS:
                    once[name] = cost
                    continue
            fast[name] = call
        except NotRun as reason:
            not_run[name] = str(reason)
        except Disagreement as error:
            failed[name] = f"DISAGREES, not timed: {error}"
        except Exception as error:
            failed[name] = suite.first_line(error)
    timings = timing.interleave(fast, seconds=seconds)
    return {
        "problem": problem.name,
        "size": size,
        "engines": timings.summary(REFERENCE),
        "once_seconds": once,
        "not_run": not_run,
        "failed": failed,
    }


def report(outcome: dict[str, Any]) -> str:
    """Return one outcome as a table."""
    figures = outcome["engines"]
    base = figures.get(REFERENCE, {}).get("microseconds")
    rows = []
    for name in ENGINES:
        if name in figures:
            row = figures[name]
            cells = [name, table.microseconds(row["microseconds"] * 1e-6)]
            if base is not None:
                spread = f"{row['ratio_low']:,.1f}-{row['ratio_high']:,.1f}"
                cells += [f"{row['ratio']:,.1f}", spread]
            else:
                cells += ["", ""]
            rows.append(cells)
        elif name in outcome["once_seconds"]:
            seconds = outcome["once_seconds"][name]
            ratio = "" if base is None else f"{seconds * 1e6 / base:,.0f}"
            rows.append([name, table.microseconds(seconds), ratio, "run once"])
    lines = [f"{outcome['problem']}, {outcome['size']:,}"]
    lines.append(table.render(["engine", "µs a call", f"x {REFERENCE}", "quartiles"], rows))
    lines += [f"  {name}: not run: {reason}" for name, reason in outcome["not_run"].items()]
    lines += [f"  {name}: FAILED: {reason}" for name, reason in outcome["failed"].items()]
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Run the cases; return 1 if an engine failed or disagreed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--only", help="problems, separated by commas")
    parser.add_argument("--seconds", type=float, default=5.0, help="timing budget a case")
    parser.add_argument("--limit", type=int, default=LIMIT_SECONDS, help="seconds a call may take")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(words)
    facts = timing.machine()
    print(timing.describe(facts), flush=True)
    wanted = options.only.split(",") if options.only else [name for name, _ in CASES]
    outcomes = []
    for name, size in CASES:
        if name not in wanted:
            continue
        (problem,) = load([name])
        outcome = run(problem, size, seconds=options.seconds, limit=options.limit)
        outcomes.append(outcome)
        print("\n" + report(outcome), flush=True)
    if options.json is not None:
        suite.save(options.json, facts, outcomes)
    return 1 if any(outcome["failed"] for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
