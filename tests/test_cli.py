"""The command line as a user meets it: what it prints, and how it fails."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import irgrad
from irgrad import cli
from irgrad.errors import ArgumentError, IrgradError

MODEL = """
import numpy as np
import irgrad

def loss(w, X, scale):
    return scale * np.sum(np.tanh(X @ w))

@irgrad.compile
def ready(x):
    return np.sum(x * x)

class Models:
    @staticmethod
    def double(x):
        return x * 2.0

number = 3
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder that holds a module of models."""
    (tmp_path / "models_of_the_user.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda *arguments: CliRunner().invoke(cli.app, list(arguments))
    sys.modules.pop("models_of_the_user", None)


def test_show_prints_a_source_that_computes_the_gradient(run, tmp_path):
    result = run("show", "models_of_the_user:loss", "float64[20]", "float64[50, 20]", "float64")
    assert result.exit_code == 0
    (tmp_path / "shown.py").write_text(result.stdout)
    namespace = runpy.run_path(str(tmp_path / "shown.py"))
    (name,) = [name for name in namespace if name.startswith("value_and_grad_")]
    w, X = np.linspace(-1, 1, 20), np.linspace(0, 1, 1000).reshape(50, 20)
    value, gradient = namespace[name](w, X, 2.0)
    assert value == pytest.approx(2 * np.sum(np.tanh(X @ w)), rel=1e-12)
    np.testing.assert_allclose(gradient, 2 * (1 - np.tanh(X @ w) ** 2) @ X, rtol=1e-10)


def test_report_writes_a_page(run, tmp_path):
    result = run("report", "models_of_the_user:loss", "float64[20]", "float64[50, 20]", "2.5")
    assert result.exit_code == 0
    text = (tmp_path / "irgrad-report.html").read_text(encoding="utf-8")
    assert "models_of_the_user.py" in text
    assert "value_and_grad_" in text


def test_show_by_other_arguments_and_into_a_file(run, tmp_path):
    target = tmp_path / "emitted.py"
    result = run(
        "show", "models_of_the_user:loss", "float32[3]", "float32[2,3]", "1.5", "--by", "1",
        "--save", str(target),
    )  # fmt: skip
    assert result.exit_code == 0
    assert str(target) in result.stdout
    assert "gradient with respect to X" in target.read_text()


def test_show_finds_attributes_and_what_is_compiled_already(run):
    assert "x * 2.0" in run("show", "models_of_the_user:Models.double", "float64").stdout
    assert "value_and_grad" in run("show", "models_of_the_user:ready", "float64[40]").stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["loss"], "names no function"),
        (["nowhere:loss"], "no module 'nowhere'"),
        (["models_of_the_user:lost"], "has no 'lost'"),
        (["models_of_the_user:number"], "is no function"),
        (["models_of_the_user:loss", "float6[4"], "is no type"),
        (["models_of_the_user:loss", "floof64"], "is no type"),
    ],
)
def test_show_says_what_it_cannot_find(run, arguments, complaint):
    result = run("show", *arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, ArgumentError)
    assert complaint in str(result.exception)


def test_types_and_numbers_become_arguments():
    assert cli.example("3") == 3
    assert type(cli.example("3")) is int
    assert cli.example("-2.5") == -2.5
    scalar = cli.example("float32")
    assert (scalar.dtype, scalar.shape) == (np.float32, ())
    array = cli.example("int64[2, 0]")
    assert (array.dtype, array.shape) == (np.int64, (2, 0))
    assert cli.example("float64[]").shape == ()


def test_cache_is_shown_and_cleared(run, tmp_path, monkeypatch):
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(tmp_path / "cache"))
    assert "0 emitted files, 0 bytes" in run("cache", "show").stdout
    irgrad.compile(lambda x: np.sum(np.sin(x) ** 2), jit=False).grad(np.ones(3))
    shown = run("cache", "show").stdout
    (stored,) = (tmp_path / "cache").glob("irgrad_*.py")
    assert stored.name in shown
    assert "1 emitted files" in shown
    assert "files deleted" in run("cache", "clear").stdout
    assert list((tmp_path / "cache").glob("irgrad_*.py")) == []
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    assert "no cache" in run("cache", "show").stdout


def test_doctor_names_versions_and_tries_both_engines(run):
    result = run("doctor")
    assert result.exit_code == 0
    for word in (irgrad.__version__, np.__version__, "compiling works", "drawing works"):
        assert word in result.stdout


def test_doctor_reports_what_fails(run, monkeypatch):
    def broken():
        raise IrgradError("the [bold]gradient[/] is off")

    monkeypatch.setattr(cli, "_compile_one", broken)
    result = run("doctor")
    assert result.exit_code == 1
    assert "compiling failed: IrgradError: the [bold]gradient[/] is off" in result.stdout
    assert "drawing works" in result.stdout


def test_errors_are_shown_without_a_python_stack(tmp_path):
    command = "import sys; from irgrad.cli import main; sys.argv[1:] = ['show', 'x']; main()"
    path = os.pathsep.join([str(Path(irgrad.__file__).parents[1]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: 'x' names no function")
    assert "What to do" in done.stderr
    assert "Traceback" not in done.stderr
