"""SciPy's C functions: the table agrees with SciPy, and files that call them work everywhere."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import irgrad
from irgrad.emit import foreign, library
from irgrad.emit.emit import emit
from irgrad.ir import loops
from irgrad.ir.text import digest
from irgrad.runtime.load import load_module

ROOT = str(Path(__file__).parents[2])
SPECIAL = [e for e in foreign.ENTRIES.values() if e.module == foreign.SPECIAL]
ROUTINES = [e for e in foreign.ENTRIES.values() if e.module != foreign.SPECIAL]


def name_of(entry: foreign.Entry) -> str:
    return entry.name


@pytest.mark.parametrize("entry", SPECIAL, ids=name_of)
def test_a_special_function_is_declared_as_irgrad_calls_it(entry: foreign.Entry) -> None:
    assert foreign.capsule_text(entry) == foreign.declared(entry)
    assert callable(getattr(scipy.special, entry.plain))


@pytest.mark.parametrize("entry", ROUTINES, ids=name_of)
def test_a_routine_takes_so_many_addresses(entry: foreign.Entry) -> None:
    text = foreign.capsule_text(entry)
    assert text.startswith("void (")
    parameters = text.removeprefix("void (").split(",")
    assert len(parameters) == entry.arguments
    assert all("*" in parameter for parameter in parameters)
    numbers = [p for p in parameters if not any(w in p for w in ("char", "int", "select"))]
    kinds = {"s": ("_s",), "d": ("_d",), "c": ("_complex", "_s"), "z": ("_complex", "_d")}
    assert all(p.rstrip(" *)").endswith(kinds[entry.name[0]]) for p in numbers)


def module_of(name: str, body: str) -> str:
    """Return the emitted text of a program that calls one kernel of this text."""
    vector = loops.Argument("x", np.dtype(np.float64), (3,))
    function = loops.Function(
        f"value_{name}", "Try a kernel.", (vector,),
        (loops.Argument("out", np.dtype(np.float64), (3,)),), (), (),
        (loops.Allocate("out", (3,), np.dtype(np.float64)), loops.Call("kernel", ("x", "out"))),
        (("kernel", body),),
    )  # fmt: skip
    return emit(loops.Program((function,)), title="trial.", notes=(), fastmath=False)


SOLVE = '''def kernel(x, out):
    """Solve a triangular system by LAPACK."""
    matrix = np.array([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.5, 0.25, 4.0]])
    upper = np.array([85], np.uint8)
    flipped = np.array([84], np.uint8)
    usual = np.array([78], np.uint8)
    size = np.array([3], np.int32)
    one = np.array([1], np.int32)
    info = np.zeros(1, np.int32)
    out[:] = x
    dtrtrs(
        upper.ctypes, flipped.ctypes, usual.ctypes, size.ctypes, one.ctypes,
        matrix.ctypes, size.ctypes, out.ctypes, size.ctypes, info.ctypes,
    )
'''


@pytest.mark.parametrize("jit", [True, False])
def test_a_kernel_calls_lapack(jit: bool) -> None:
    source = module_of("solve", SOLVE)
    x = np.array([1.0, -2.0, 0.5])
    module = load_module(source, digest(source), jit=jit)
    matrix = np.array([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.5, 0.25, 4.0]])
    expected = scipy.linalg.solve_triangular(matrix, x, lower=True)
    np.testing.assert_allclose(module.value_solve(x), expected, rtol=1e-15)
    assert "needs NumPy and SciPy" in source


EVERY = "def kernel(x, out):\n    for i in range(3):\n        out[i] = " + " + ".join(
    f"{e.name}({', '.join(['0.5 * x[i]'] * (e.arguments - 1) + ['x[i]'])})" for e in SPECIAL
)


def test_every_special_function_is_scipys() -> None:
    source = module_of("every", EVERY)
    x = np.array([0.25, 0.5, 0.75])
    expected = sum(
        getattr(scipy.special, e.plain)(*[0.5 * x] * (e.arguments - 1), x) for e in SPECIAL
    )
    for jit in (True, False):
        module = load_module(source, digest(source), jit=jit)
        np.testing.assert_allclose(module.value_every(x), expected, rtol=1e-14)


def test_a_changed_declaration_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another SciPy may put another function under a mangled name."""
    source = module_of("moved", EVERY).replace("__pyx_fuse_1psi", "__pyx_fuse_0psi")
    with pytest.raises(RuntimeError, match="emit the file again"):
        load_module(source, digest(source), jit=True)


def test_files_without_such_calls_bind_nothing() -> None:
    f = irgrad.compile(lambda x: np.sum(np.exp(x)))
    f.lower(np.ones(3))
    assert "scipy" not in f.source
    assert library.called("np.exp(x) + digamma(y) + digamma(z)") == ("digamma",)


_SECOND = """
import numpy as np, irgrad
from scipy.special import gammaln, digamma
f = irgrad.compile(lambda x, a: np.sum(gammaln(x) * a))
value, slope = f.value_and_grad(np.linspace(1.0, 2.0, 5), 2.0)
assert abs(slope - 2.0 * digamma(np.linspace(1.0, 2.0, 5))).max() < 1e-12
print(f.stats.compiles, f.stats.cache_hits)
"""


def run(*command: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, *command], env={**os.environ, "PYTHONPATH": ROOT, **environment},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(_SECOND)
    cache = {"IRGRAD_CACHE_DIR": str(tmp_path / "cache")}
    assert run(str(script), **cache).split() == ["1", "0"]
    assert run(str(script), **cache).split() == ["0", "1"]


_SAVED = """
import sys
if sys.argv[2] == "plain":
    sys.modules["numba"] = sys.modules["llvmlite"] = None
sys.modules["irgrad"] = None
import importlib.util, numpy as np
spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
function = next(v for k, v in vars(module).items() if k.startswith("value_and_grad_"))
print(repr(function(np.linspace(1.0, 2.0, 5))[1].tolist()))
if sys.argv[2] != "plain":
    print(sum(function.stats.cache_hits.values()))
"""


@pytest.mark.parametrize("way", ["numba", "plain", "interpreted"])
def test_a_saved_file_stands_alone(way: str, tmp_path: Path) -> None:
    f: Any = irgrad.compile(lambda x: np.sum(scipy.special.gammaln(x)), jit=False)
    f.lower(np.linspace(1.0, 2.0, 5))
    saved = f.save(tmp_path / "gradient.py")
    script = tmp_path / "alone.py"
    script.write_text(_SAVED)
    off = {"NUMBA_DISABLE_JIT": "1"} if way == "interpreted" else {}
    kind = "numba" if way == "numba" else "plain"
    expected = scipy.special.digamma(np.linspace(1.0, 2.0, 5))
    for hits in ("0", "1"):
        printed = run(str(script), str(saved), kind, **off).splitlines()
        np.testing.assert_allclose(ast.literal_eval(printed[0]), expected, rtol=1e-14)
        if way == "numba":
            assert printed[1] == hits  # numba's own cache holds no address either

