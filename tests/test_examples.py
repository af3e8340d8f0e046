"""The examples run as scripts, and their results are right."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def load(name):
    """Return the namespace of an example without running its main part."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_neuron_is_the_same_in_every_way(capsys):
    runpy.run_path(str(EXAMPLES / "neuron.py"), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["by", "hand", "differences", "Value", "compiled"]
    rows = {name: numbers for name, *numbers in (line.split() for line in printed[1:])}
    assert set(rows) == {"x1", "x2", "w1", "w2", "b"}
    for numbers in rows.values():
        assert len(numbers) == 4
        assert len(set(map(float, numbers))) == 1
    assert rows["x1"][0] == "-1.904219"


def test_minimisation_ends_where_the_gradient_vanishes():
    example = load("scipy_minimize")
    result = example["fit"](n=300, d=5)
    assert result.success
    X, y = example["sample"](300, 5)
    chances = 1 / (1 + np.exp(-X @ result.x))
    gradient = X.T @ (chances - y) / 300 + 2 * example["PENALTY"] * result.x
    np.testing.assert_allclose(gradient, 0.0, atol=2e-5)


def test_digits_are_learnt(capsys):
    right = load("digits")["train"](epochs=4)
    assert right >= 0.93
    assert capsys.readouterr().out.count("epoch") == 4


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_say_what_they_show(path):
    assert path.read_text(encoding="utf-8").startswith('"""')
