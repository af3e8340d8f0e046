"""Modules recalled by their traces: the same text, and a miss wherever something differs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.api import CompiledFunction
from irgrad.ops import OPS
from irgrad.ops.declare import elementwise, real
from irgrad.options import Options
from irgrad.runtime import cache, recall


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache of its own, and recall from it."""
    place = tmp_path / "cache"
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(place))
    monkeypatch.setattr("irgrad.specialise.recalled", recall.recalled)
    return place


def made(function: Any, *arguments: Any, **options: Any) -> Any:
    """Return the specialisation of a call, which has not been run."""
    compiled = CompiledFunction(function, 0, (), Options(**options), "auto")
    return compiled._specialisation(compiled._signature.take_apart(arguments, {}))


def stored(specialisation: Any) -> Any:
    """Put the emitted text where loading it would, and return the specialisation."""
    module = specialisation.module
    cache.store(module.source, module.digest)
    return specialisation


def softplus(x: np.ndarray) -> Any:
    """Return a sum that has a gradient."""
    return np.sum(np.log1p(np.exp(x)))


def test_the_text_that_is_recalled_is_the_one_that_would_be_emitted() -> None:
    first = stored(made(softplus, np.ones(100)))
    assert first.recalled is None
    again = made(softplus, np.ones(100))
    assert again.recalled == first.compilation.module
    assert again._compilation is None
    assert again._joint is None
    assert again.compilation.module == again.recalled  # the stages run when they are asked for
    assert again.result_types(True) == [node.array_type for node in again.joint.outputs]


def test_another_process_answers_without_the_compiler(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""
import sys
import numpy as np
import irgrad

@irgrad.compile
def f(x):
    return np.sum(np.tanh(x) * x)

print(f.value_and_grad(np.linspace(0, 1, 50))[1].tobytes().hex())
print("irgrad.pipeline" in sys.modules, "numpy.ma" in sys.modules)
assert f.stats.compiles + f.stats.cache_hits == 1
assert f.value_and_grad(np.linspace(0, 1, 50)[::-1])[1].tobytes().hex()
print(len(f.source), len(f.adjoint.nodes), "np.tanh" in f.explain())
""")
    lines = [
        subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert lines[0][0] == lines[1][0]
    assert lines[0][1].startswith("True")
    assert lines[1][1] == "False False"
    assert lines[0][2] == lines[1][2]


def test_what_has_no_derivative_says_so_again() -> None:
    def two(x: Any) -> Any:
        return x * x

    assert stored(made(two, np.ones(3))).complaint is not None
    again = made(two, np.ones(3))
    assert again.recalled is None
    with pytest.raises(irgrad.IrgradError):
        irgrad.compile(two).grad(np.ones(3))


def key(function: Any, *arguments: Any, **options: Any) -> str:
    """Return the name of the record of a call."""
    found = made(function, *arguments, **options).key
    assert found is not None
    return str(found)


def test_whatever_the_text_depends_on_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(y: Any) -> Any:
        return np.sum(np.log1p(np.exp(y)))

    def other(x: Any) -> Any:
        return np.sum(np.log1p(np.exp(2 * x)))

    x = np.ones(100)
    keys = [
        key(softplus, x),
        key(softplus, np.ones(101)),  # the stages choose by the sizes of the first call
        key(softplus, np.ones(3)),
        key(softplus, x.astype(np.float32)),
        key(softplus, np.ones((10, 10))),
        key(softplus, x, fastmath=True),
        key(softplus, x, parallel=True),
        key(renamed, x),
        key(other, x),
    ]
    monkeypatch.setattr(recall, "environment_key", lambda: "another version")
    keys.append(key(softplus, x))
    assert len(set(keys)) == len(keys)


def test_the_arguments_to_differentiate_by_are_in_the_key() -> None:
    graph = made(lambda x, y: np.sum(x * y), np.ones(3), np.ones(3)).traced.graph
    choices: list[tuple[int, ...] | None] = [None, (), (0,), (1,), (0, 1)]
    assert len({recall.trace_key(graph, wanted, Options()) for wanted in choices}) == 5


def test_a_function_that_moves_keeps_its_key() -> None:
    text = "def f(x):\n    return np.sum(x * x)\n"
    keys = set()
    for lines in ("", "\n\n"):
        scope: dict[str, Any] = {"np": np}
        exec(compile(lines + text, "moved.py", "exec"), scope)
        keys.add(key(scope["f"], np.ones(20)))
    assert len(keys) == 1


def test_rules_from_elsewhere_have_no_record() -> None:
    def slope(y: Any, x: Any) -> Any:
        return (3 * x * x,)

    cube = elementwise(
        lambda x: x * x * x, name="cube_for_recall", emit="x * x * x", partials=slope,
        promote=lambda dtypes: (dtypes[0], dtypes[0]), samples=[real(-1, 1)],
    )  # fmt: skip
    del OPS["cube_for_recall"]
    assert made(lambda x: np.sum(cube(x)), np.ones(3)).key is None


def test_rules_in_graphs_have_records_that_tell_them_apart() -> None:
    def with_slope(factor: float) -> Any:
        @irgrad.custom_vjp
        def square(x: Any) -> Any:
            return x * x

        square.defvjp(lambda x: (x * x, x), lambda x, g: (factor * x * g,))
        return lambda x: np.sum(square(x))

    assert key(with_slope(2.0), np.ones(5)) != key(with_slope(3.0), np.ones(5))


@pytest.mark.parametrize("ending", [".trace", ".py"])
def test_a_damaged_file_is_a_miss(ending: str, directory: Path) -> None:
    first = stored(made(softplus, np.ones(100)))
    name = first.key if ending == ".trace" else first.module.digest
    path = directory / f"irgrad_{name}{ending}"
    path.write_bytes(path.read_bytes().replace(b"value", b"velue"))
    if ending == ".trace":
        assert made(softplus, np.ones(100)).recalled is None
    else:
        with pytest.warns(irgrad.errors.CacheWarning):
            assert made(softplus, np.ones(100)).recalled is None


def test_a_text_that_is_gone_is_a_miss() -> None:
    first = stored(made(softplus, np.ones(100)))
    cache.purge(first.module.digest)
    assert made(softplus, np.ones(100)).recalled is None


def test_without_a_cache_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    assert made(softplus, np.ones(100)).key is None
