"""``irgrad demo``: a neuron by hand, a small network in both engines, and handwritten digits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from rich.console import Console

from irgrad.demo import digits, neuron, two_moons
from irgrad.demo.exhibit import Exhibit
from irgrad.errors import IrgradError

EXTRA = {"matplotlib": "matplotlib", "sklearn": "scikit-learn"}


def run(folder: Path, *, quick: bool = False, console: Console | None = None) -> list[Path]:
    """Run the three parts, leave sources and pictures in ``folder`` and return their paths.

    Raises: IrgradError where the extra is not installed, or a result is not what it must be.
    """
    missing = [name for module, name in EXTRA.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise IrgradError(
            f"the demo needs {' and '.join(missing)}", remedy="pip install 'irgrad[demo]'"
        )
    exhibit = Exhibit(folder, console or Console())
    neuron.show(exhibit)
    two_moons.show(exhibit, quick=quick)
    digits.show(exhibit, quick=quick)
    exhibit.list_files()
    return exhibit.paths
