"""The expected time of a compilation."""

import logging
import time

import numpy as np
import pytest

import irgrad
from irgrad.runtime.estimate import announce, compile_seconds


def chain(steps):
    def function(x):
        y = x
        for step in range(steps):
            y = y - np.mean(y) * (0.1 * step)
            y = np.abs(y) if step * step * step % 11 > 5 else -y  # no regular loop
        return np.sum(y)

    return function


def of(function, *arguments):
    compilation = irgrad.compile(function).lower(*arguments)
    return compilation.program.functions[-1], compilation.module


def test_the_estimate_follows_the_measured_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    x = np.linspace(0.0, 1.0, 40)
    irgrad.compile(lambda x: np.sum(x * x)).grad(x)  # numba at work
    f = irgrad.compile(chain(12))
    began = time.process_time()
    f.grad(x)
    measured = time.process_time() - began
    expected = compile_seconds(*of(chain(12), x))
    assert measured / 4 < expected < measured * 4


def test_more_work_takes_longer() -> None:
    x = np.linspace(0.0, 1.0, 40)
    short, long = (compile_seconds(*of(chain(steps), x)) for steps in (2, 25))
    assert long > 3 * short
    plain = compile_seconds(*of(lambda x: np.sum(x * x), x))
    with_kernels = compile_seconds(*of(lambda x: np.sum(np.exp(x) * np.sin(x)), x))
    assert with_kernels > plain + 0.3


def test_only_long_compilations_are_announced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    function, module = of(chain(3), np.ones(40))
    with caplog.at_level(logging.WARNING, logger="irgrad"):
        announce("chain", function, module)
        assert not caplog.records
        monkeypatch.setattr("irgrad.runtime.estimate.LONG_SECONDS", 0.1)
        announce("chain", function, module)
    (record,) = caplog.records
    assert "compiling chain with numba" in record.message
    assert 'tier="auto"' in record.message
