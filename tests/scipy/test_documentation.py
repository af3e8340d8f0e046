"""docs/scipy.md lists the drop-ins, no more and no fewer, under the names SciPy has."""

import importlib
import re
from pathlib import Path

import pytest

import irgrad.scipy

PAGE = (Path(__file__).parents[2] / "docs" / "scipy.md").read_text(encoding="utf-8")
FOLDER = Path(irgrad.scipy.__file__).parent
FILES = [*FOLDER.glob("*.py"), *(path.parent for path in FOLDER.glob("*/__init__.py"))]
MODULES = sorted({path.stem for path in FILES} - {"__init__", "sliding", "traced", "transformed"})


@pytest.mark.parametrize("name", MODULES)
def test_the_page_lists_the_drop_ins(name: str) -> None:
    module = importlib.import_module(f"irgrad.scipy.{name}")
    original = importlib.import_module(f"scipy.{name}")
    (section,) = re.findall(rf"## irgrad\.scipy\.{name}\n\n(.*?)\n\n", PAGE + "\n\n", re.DOTALL)
    listed = re.findall(r"`(\w+)`", section)
    assert listed == sorted(module.__all__)
    assert all(hasattr(original, entry) for entry in listed)
