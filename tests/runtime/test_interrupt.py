"""Ctrl-C while tracing and while compiling: soon obeyed, and nothing is left behind."""

PROGRAM = """
import os, signal, sys, threading, time
import numpy as np
import irgrad

interrupting = True

def slow(x):
    y = x
    if interrupting and where == "tracing":
        os.kill(os.getpid(), signal.SIGINT)
    for step in range(5):
        y = np.sin(y) + np.tanh(y[::-1]) * step
    return np.sum(y)

where = sys.argv[1]
f = irgrad.compile(slow)
x = np.linspace(0.0, 1.0, 30)
expected = irgrad.compile(lambda x: np.sum(np.exp(x)), jit=False)
if where == "compiling":
    irgrad.compile(np.sum)(x)  # numba is imported and at work
    f.lower(x)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    f.grad(x)
except KeyboardInterrupt:
    print("interrupted")
interrupting = False
np.testing.assert_allclose(expected.grad(x), np.exp(x))
g = irgrad.compile(slow, jit=False)
np.testing.assert_allclose(f.grad(x), g.grad(x), rtol=1e-10)
print(f.stats.compiles)
"""


def test_ctrl_c_while_tracing(children) -> None:
    assert children.run(PROGRAM, "tracing")[0].split() == ["interrupted", "1"]


def test_ctrl_c_while_compiling(children) -> None:
    assert children.run(PROGRAM, "compiling")[0].split() == ["interrupted", "1"]
