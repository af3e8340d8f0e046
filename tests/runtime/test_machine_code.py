"""Loading machine code in a new process without numba's declarations."""

from types import SimpleNamespace

import pytest

from irgrad.runtime.machine_code import _resolve, needed_symbols

PROGRAM = """
import sys
import numpy as np
import irgrad
f = irgrad.compile(lambda x: np.sum(np.tanh(x) * x))
x = np.linspace(-1.0, 1.0, 40)
np.testing.assert_allclose(f.grad(x), np.tanh(x) + x / np.cosh(x) ** 2, rtol=1e-14)
loaded = [name in sys.modules for name in ("numba.np.arraymath", "numba.np.arrayobj")]
print(f.stats.compiles, f.stats.cache_hits, any(loaded))
import numba
print(numba.njit(lambda x: x.sum() + np.linalg.norm(x))(np.ones(4)))
"""


def test_a_second_process_loads_without_what_only_compiling_needs(children) -> None:
    assert children.run(PROGRAM)[0].split() == ["1", "0", "True", "6.0"]
    # And numba compiles all the same for whoever asks it to afterwards.
    assert children.run(PROGRAM)[0].split() == ["0", "1", "False", "6.0"]


def test_declarations_are_loaded_where_a_symbol_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from numba.core.registry import cpu_target

    refreshed: list[bool] = []
    context = cpu_target.target_context
    monkeypatch.setattr(type(context), "refresh", lambda self: refreshed.append(True))
    _resolve(["malloc", "NRT_MemInfo_alloc"], context)
    assert refreshed == []
    _resolve(["malloc", "a_symbol_of_nobody"], context)
    assert refreshed == [True]


def test_what_code_needs_is_what_it_declares() -> None:
    def function(name: str, declared: bool) -> SimpleNamespace:
        return SimpleNamespace(name=name, is_declaration=declared)

    functions = [function("own", False), function("exp", True), function("llvm.fabs.f64", True)]
    library = SimpleNamespace(_final_module=SimpleNamespace(functions=functions))
    assert needed_symbols(library) == ["exp"]
