"""The README's example really compiles to the source printed beside it."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import irgrad

README = Path(__file__).resolve().parent.parent / "README.md"
EXAMPLE = re.compile(r"(?s)<!-- example:begin -->\n```python\n(.*?)```\n<!-- example:end -->")
EMITTED = re.compile(r"(?s)(<!-- emitted:begin -->\n)(.*?)(<!-- emitted:end -->)")


@pytest.fixture
def compiled(tmp_path: Path) -> irgrad.CompiledFunction:
    """The README's function, imported from a file of its own and compiled for its arguments."""
    (example,) = EXAMPLE.findall(README.read_text(encoding="utf-8"))
    path = tmp_path / "example.py"
    path.write_text(example, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("readme_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return irgrad.compile(module.loss)


@pytest.fixture
def arguments() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w: (20,), X: (300, 20), y: (300,): each size large enough to become a symbol."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 20))
    return rng.normal(size=20), X, (X[:, 0] > 0).astype(np.float64)


def test_emitted_source_is_the_readmes(compiled, arguments, update_golden) -> None:
    compiled.lower(*arguments)
    block = f"```python\n{compiled.source.rstrip()}\n```\n"
    text = README.read_text(encoding="utf-8")
    if update_golden:
        README.write_text(EMITTED.sub(lambda m: m[1] + block + m[3], text), encoding="utf-8")
        text = README.read_text(encoding="utf-8")
    ((_, printed, _),) = EMITTED.findall(text)
    assert printed == block, "python -m pytest tests/test_readme.py --update-golden rewrites it"


def test_readmes_gradient_is_right(compiled, arguments) -> None:
    w, X, y = arguments
    value, w_bar = compiled.value_and_grad(w, X, y)
    z = X @ w
    np.testing.assert_allclose(value, np.mean(np.logaddexp(0.0, z) - y * z), rtol=1e-13)
    np.testing.assert_allclose(w_bar, X.T @ (1 / (1 + np.exp(-z)) - y) / len(y), rtol=1e-11)
