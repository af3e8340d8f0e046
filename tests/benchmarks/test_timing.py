"""Interleaving, ratios, and the facts about the machine."""

from __future__ import annotations

import gc
import time

import pytest

from benchmarks.table import microseconds, render
from benchmarks.timing import Timings, calibrate, describe, interleave, machine


def test_every_contender_runs_in_every_round_and_the_order_turns() -> None:
    sequence: list[str] = []

    def contender(name: str):
        def call() -> None:
            if not sequence or sequence[-1] != name:
                sequence.append(name)
            time.sleep(0.002)

        return call

    timings = interleave({name: contender(name) for name in "abc"}, seconds=0.01)
    assert {name: len(rounds) for name, rounds in timings.rounds.items()} == dict.fromkeys("abc", 3)
    # a, b and c are calibrated; then the rounds are abc, bca, cab
    assert "".join(sequence) == "abc" + "abc" + "bca" + "cab"


def test_the_slower_one_is_slower() -> None:
    timings = interleave(
        {"short": lambda: time.sleep(0.002), "long": lambda: time.sleep(0.006)}, seconds=0.1
    )
    middle, low, high = timings.ratio("long", "short")
    assert low <= middle <= high
    assert middle > 1.5
    assert timings.seconds("short") >= 0.002


def test_ratios_are_taken_round_by_round() -> None:
    # the machine is twice as slow in the second round and four times in the third: no matter
    timings = Timings({"a": (1.0, 2.0, 4.0), "b": (3.0, 6.0, 12.0)})
    assert timings.ratio("b", "a") == (3.0, 3.0, 3.0)
    assert timings.summary("a")["b"]["microseconds"] == 6e6
    assert "ratio" not in timings.summary("absent")["b"]


def test_the_first_call_does_not_count() -> None:
    calls: list[float] = []

    def compiled_at_first() -> None:
        calls.append(0.0)
        if len(calls) == 1:
            time.sleep(0.2)

    repeats, cost = calibrate(compiled_at_first)
    assert cost < 0.01
    assert repeats > 10


def test_collection_is_on_again_after_a_failure() -> None:
    count = 0

    def fails_later() -> None:
        nonlocal count
        count += 1
        time.sleep(0.002)
        if not gc.isenabled():
            raise RuntimeError("in a round")

    with pytest.raises(RuntimeError, match="in a round"):
        interleave({"a": fails_later}, seconds=0.01)
    assert count > 1
    assert gc.isenabled()


def test_nothing_to_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to time"):
        interleave({})


def test_the_machine_is_described() -> None:
    facts = machine()
    text = describe(facts)
    assert f"numpy {facts['versions']['numpy']}" in text
    assert f"{facts['cores']} cores" in text
    assert "other work" in describe({**facts, "load_at_start": 3.0})
    assert "other work" not in describe({**facts, "load_at_start": 0.1})


def test_tables_align_and_figures_keep_three_digits() -> None:
    assert render(["a", "b"], [["long name", "1"], ["x", "22"]]).splitlines() == [
        "a           b",
        "-------------",
        "long name   1",
        "x          22",
    ]
    figures = [microseconds(s) for s in (1.234e-6, 12.34e-6, 123.4e-6, 1.2344e-3)]
    assert figures == ["1.23", "12.3", "123", "1,234"]
