"""Traces that grow too long, or take long, say so; nothing is left behind."""

import logging

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceSizeError
from irgrad.trace import size_limit


def rambling(x, steps):
    y = x * 2.0
    for _ in range(steps):
        y = y * 0.5 + x  # the line that records the most
    return y


def endless(x):
    y = x
    while True:
        y = y + x


@pytest.mark.parametrize("argument", [0.5, np.ones(3)], ids=["scalar", "array"])
def test_a_trace_that_is_too_long_names_count_line_and_remedy(argument) -> None:
    f = irgrad.compile(
        lambda x: np.sum(rambling(x, 80)), jit=False, max_nodes=100, static_argnames=()
    )
    with pytest.raises(TraceSizeError) as caught:
        f(argument)
    text = str(caught.value)
    assert "max_nodes is 100" in text
    assert "y * 0.5 + x" in text
    assert "irgrad.scan" in text
    assert "IRGRAD_MAX_NODES" in text
    # The same function with room, and others, compile as if nothing had happened.
    again = irgrad.compile(lambda x: np.sum(rambling(x, 80)), jit=False)
    assert again(argument) == pytest.approx(np.sum(rambling(argument, 80)))


def test_an_endless_loop_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_MAX_NODES", "70000")
    with pytest.raises(TraceSizeError, match=r"endless\n +y = y \+ x"):
        irgrad.compile(endless, jit=False)(1.0)
    with pytest.raises(TraceSizeError, match="max_nodes is 70,000"):
        irgrad.compile(endless, jit=False)(np.ones(2))


def test_the_bodies_of_loops_count(monkeypatch: pytest.MonkeyPatch) -> None:
    f = irgrad.compile(
        lambda x: irgrad.fori_loop(0, 3, lambda i, c: endless(c), x), jit=False, max_nodes=65_000
    )
    with pytest.raises(TraceSizeError):
        f(1.0)


def test_a_long_trace_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(size_limit, "_SHARE", 0.0)
    with caplog.at_level(logging.WARNING, logger="irgrad"), pytest.raises(TraceSizeError):
        irgrad.compile(endless, jit=False, max_nodes=150_000)(1.0)
    (record,) = caplog.records
    assert "65,536 nodes" in record.message
    assert "irgrad.scan" in record.message


def test_the_hottest_line_of_nodes_without_one() -> None:
    assert size_limit.hottest([]) == (None, 0.0)
