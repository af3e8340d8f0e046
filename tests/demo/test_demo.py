"""The demo: it runs through, its numbers are right, and its files are what it says."""

import importlib.util
import io
import re
import runpy

import numpy as np
import pytest
from rich.console import Console

from irgrad import demo
from irgrad.demo import digits, neuron, two_moons
from irgrad.demo.exhibit import Exhibit
from irgrad.errors import IrgradError


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the quick demo once: its folder, its files, its text."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    out = io.StringIO()
    paths = demo.run(folder, quick=True, console=Console(file=out, width=100))
    return folder, {path.name: path for path in paths}, out.getvalue()


def test_everything_is_written_and_listed(shown):
    folder, files, text = shown
    assert set(files) == {
        "neuron.svg", "neuron_adjoint.svg", "neuron_gradient.py", "two_moons_gradient.py",
        "two_moons.png", "digits_gradient.py", "digits_loss.png",
    }  # fmt: skip
    assert {path.name for path in folder.iterdir()} == set(files)
    for name, path in files.items():
        assert name in text
        assert path.stat().st_size > 500
        if name.endswith(".png"):
            assert path.read_bytes().startswith(b"\x89PNG")
    assert str(folder) in text


def test_worked_neuron_is_printed_with_the_tutorials_numbers(shown):
    _, _, text = shown
    for name, number in {
        "o": "0.6044", "do/dn": "0.6347", "do/dx1": "-1.9042", "do/dw1": "1.2695",
        "do/dx2": "0.6347", "do/dw2": "0.0000", "do/db": "0.6347",
    }.items():  # fmt: skip
        (row,) = re.findall(rf"^│ {name} .*$", text, re.MULTILINE)
        numbers = set(re.findall(r"-?\d\.\d+", row))
        assert numbers == {number}
    assert "slope of d = a*b + c in c, by a step of 1e-4: 1.000000" in text


def test_digits_are_recognised(shown):
    _, _, text = shown
    (share,) = re.findall(r"([\d.]+)% of 359 images", text)
    assert float(share) >= 96.0


def test_compiled_network_is_faster_than_the_interpreted_one(shown):
    _, _, text = shown
    (times,) = re.findall(r"irgrad.compile, array form\D*[\d,.]+\D+[\d,.]+\D+([\d,]+)", text)
    assert int(times.replace(",", "")) > 20


def test_written_source_runs_on_its_own(shown):
    _, files, _ = shown
    module = runpy.run_path(str(files["neuron_gradient.py"]))
    (name,) = [name for name in module if name.startswith("value_and_grad_")]
    value, *gradient = module[name].py_func(*neuron.NUMBERS.values())
    exact = neuron.by_hand()
    assert value == pytest.approx(exact["o"], abs=1e-12)
    expected = [exact[name] for name in neuron.NUMBERS]
    assert gradient == pytest.approx(expected, abs=1e-12)


def test_hand_computed_gradient_is_the_finite_difference():
    exact = neuron.by_hand()
    for name in neuron.NUMBERS:
        ends = [
            neuron.neuron(**{**neuron.NUMBERS, name: neuron.NUMBERS[name] + step})
            for step in (1e-6, -1e-6)
        ]
        assert exact[name] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-9)


def test_two_moons_are_balanced_and_apart():
    X, y = two_moons.two_moons(np.random.default_rng(0))
    assert X.shape == (100, 2)
    assert np.sum(y) == 0
    centres = [X[y == label].mean(axis=0) for label in (-1, 1)]
    np.testing.assert_allclose(centres, [[0.0, 0.62], [1.0, -0.12]], atol=0.1)


def test_digits_loss_is_the_cross_entropy_of_softmax():
    generator = np.random.default_rng(0)
    parameters = digits.initial(generator, 6, 3)
    X, labels = generator.normal(size=(5, 6)), np.array([0, 2, 1, 1, 0])
    h = np.maximum(X @ parameters["W1"] + parameters["b1"], 0)
    exponentials = np.exp(h @ parameters["W2"] + parameters["b2"])
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    expected = -np.mean(np.log(probabilities[np.arange(5), labels]))
    assert digits.loss(parameters, X, np.eye(3)[labels]) == pytest.approx(expected, rel=1e-13)


def test_missing_extra_is_named(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name)
    )
    with pytest.raises(IrgradError, match=r"needs scikit-learn\n.*pip install 'irgrad\[demo\]'"):
        demo.run(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("got", [1.1, np.nan, [1.0, 2.0]])
def test_wrong_number_ends_the_demo(tmp_path, got):
    exhibit = Exhibit(tmp_path, Console(file=io.StringIO()))
    assert exhibit.check("a number", 1.0 + 1e-13, 1.0, 1e-12) < 1e-12
    with pytest.raises(IrgradError, match="a number is off"):
        exhibit.check("a number", got, 1.0, 1e-12)
