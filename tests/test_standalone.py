"""Emitted files: the same to the byte everywhere, safe whatever the names, alone in the world."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgrad

ROOT = str(Path(__file__).parents[1])

_EMIT = """
import hashlib, numpy as np, irgrad
def model(p, x):
    h = np.tanh(x @ p["w"] + p["b"])
    return np.sum(np.where(h > 0.2, np.sqrt(np.abs(h)), h)) + np.max(p["b"])
f = irgrad.compile(model)
f.lower({"w": np.ones((20, 3)), "b": np.ones(3)}, np.ones((30, 20)))
print(hashlib.sha256(f.source.encode()).hexdigest())
"""


def test_the_text_is_the_same_in_every_process(tmp_path: Path) -> None:
    script = tmp_path / "emit.py"
    script.write_text(_EMIT)
    digests = {
        subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": ROOT},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(digests) == 1


def test_moving_a_function_leaves_its_text_alone() -> None:
    text = "import numpy as np\ndef f(x):\n    return np.sum(np.tanh(x) * x)\n"
    sources = set()
    for prefix in ("", "\n\n# moved down\n\n"):
        scope: dict[str, Any] = {}
        exec(compile(prefix + text, "<moved>", "exec"), scope)
        f = irgrad.compile(scope["f"], jit=False)
        f.lower(np.ones(30))
        sources.add(f.source)
    assert len(sources) == 1


_ALONE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numba", "irgrad"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import importlib.util, numpy as np
spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
functions = [v for k, v in vars(module).items() if k.startswith("value_and_grad_")]
X = np.arange(40.0).reshape(20, 2) / 40
value, slope = functions[0](np.array([0.5, -0.25]), X, np.ones(20))
print(repr(float(value)), repr(slope.tolist()))
"""


def test_a_saved_file_runs_without_irgrad_and_numba(tmp_path: Path) -> None:
    def loss(w, X, y):
        return np.mean(np.logaddexp(0.0, X @ w) - y * (X @ w))

    f = irgrad.compile(loss, jit=False)
    w, X, y = np.array([0.5, -0.25]), np.arange(40.0).reshape(20, 2) / 40, np.ones(20)
    value, slope = f.value_and_grad(w, X, y)
    saved = f.save(tmp_path / "gradient.py")
    script = tmp_path / "alone.py"
    script.write_text(_ALONE)
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(saved)], capture_output=True, text=True, check=True
    )
    printed_value, printed_slope = done.stdout.split(" ", 1)
    assert float(printed_value) == pytest.approx(float(value), rel=1e-14)
    np.testing.assert_allclose(ast.literal_eval(printed_slope), slope, rtol=1e-13)


_HOSTILE = (
    "def f(np_, out, LOOP): return np.sum(np_ * out) + LOOP",
    "def f(exp, value, njit): return np.sum(np.exp(exp) * value) + njit",
    "def f(ñandú, 变量, i): return np.sum(ñandú * 变量) + i",
    "def __import__(n, m, sum): return np.sum(n * m) + sum",
    "def f(x, y, z):\n    '''\"\"\" {{7*7}} '''\n    return np.sum(x * y) + z",
)


@pytest.mark.parametrize("text", _HOSTILE)
def test_hostile_names_stay_out_of_the_text(text: str) -> None:
    scope: dict[str, Any] = {"np": np}
    exec(text, scope)
    function = next(v for k, v in scope.items() if callable(v) and getattr(v, "__code__", None))
    f = irgrad.compile(function, argnums=(0, 1, 2), jit=False)
    a, b = np.linspace(0.0, 1.0, 20), np.linspace(1.0, 2.0, 20)
    value, slopes = f.value_and_grad(a, b, 0.5)
    assert value == pytest.approx(function(a, b, 0.5))
    assert slopes[2] == 1.0
    tree = ast.parse(f.source)
    allowed = (
        ast.Import, ast.Try, ast.Assign, ast.FunctionDef, ast.Expr,
    )  # fmt: skip
    assert all(isinstance(statement, allowed) for statement in tree.body)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert all(name.isascii() for name in names)
    assert "__import__" not in names
    assert "7*7" not in f.source
    imports = [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    assert imports == ["numpy"]
