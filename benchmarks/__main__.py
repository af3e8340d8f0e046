"""`python -m benchmarks`: value and gradient of every problem through every contender."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import threads


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", help="problems, separated by commas")
    parser.add_argument("--contenders", help="contenders, separated by commas")
    parser.add_argument("--size", type=int, help="one size instead of each problem's own")
    parser.add_argument("--seconds", type=float, default=3.0, help="timing budget a problem")
    parser.add_argument("--threads", type=int, help="hold every library to so many threads")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--figure", type=Path, help="draw the ratios here; needs matplotlib")
    parser.add_argument(
        "--latency", action="store_true", help="first call in a new process, cold and warm, instead"
    )
    parser.add_argument(
        "--memory", action="store_true", help="peak memory in a new process instead"
    )
    parser.add_argument("--list", action="store_true", help="name problems and contenders")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the suite; return 1 if irgrad or a hand-written contender failed or anyone disagreed."""
    options = parse(words)
    if options.threads is not None:
        threads.limit(options.threads)
    # Only now: these import NumPy and numba, which read the thread settings.
    from benchmarks import contenders, figure, latency, suite, timing
    from benchmarks.problems import NAMES, load

    if options.list:
        for problem in load():
            sizes = ", ".join(f"{size:,}" for size in problem.sizes)
            print(f"{problem.name}: {problem.summary}; {problem.size_means}: {sizes}")
        for contender in contenders.ALL.values():
            print(f"{contender.name}: {contender.note}")
        return 0

    names = options.contenders.split(",") if options.contenders else list(contenders.ALL)
    try:
        problems = load(options.only.split(",") if options.only else NAMES)
        present, absent = suite.available([name.strip() for name in names])
    except ValueError as error:
        raise SystemExit(f"python -m benchmarks: {error}") from error
    facts = timing.machine()
    print(timing.describe(facts), flush=True)
    for name, reason in absent.items():
        print(f"{name}: left out: {reason}")
    if options.threads is not None and any(c.package == "torch" for c in present):
        import torch

        torch.set_num_threads(options.threads)

    if options.latency or options.memory:
        rows = latency.run(problems, present, options.size, memory=options.memory)
        if options.json is not None:
            suite.save(options.json, facts, rows)
        return 0

    outcomes = []
    for problem in problems:
        for size in problem.sizes if options.size is None else (options.size,):
            outcome = suite.run(problem, size, present, seconds=options.seconds)
            print("\n" + suite.report(problem, outcome), flush=True)
            outcomes.append(outcome)
    print("\n" + suite.overview(outcomes, [contender.name for contender in present]))
    rows = [suite.as_json(outcome) for outcome in outcomes]
    if options.json is not None:
        suite.save(options.json, facts, rows)
    if options.figure is not None:
        figure.draw(rows, timing.describe(facts).splitlines()[0], options.figure)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
