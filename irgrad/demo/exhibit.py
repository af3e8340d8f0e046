"""Where the parts of the demo print, draw and write, and how they check what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from irgrad.errors import IrgradError


class Exhibit:
    """A console and a folder."""

    def __init__(self, folder: Path, console: Console) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.console = console
        self.files: list[tuple[Path, str]] = []

    @property
    def paths(self) -> list[Path]:
        """The files written so far."""
        return [path for path, _ in self.files]

    def title(self, text: str) -> None:
        """Begin a part."""
        self.console.print()
        self.console.rule(f"[bold]{text}")

    def file(self, name: str, what: str) -> Path:
        """Return the path for a file called ``name`` and remember ``what`` it is."""
        path = self.folder / name
        self.files.append((path, what))
        return path

    def check(self, what: str, got: Any, expected: Any, tolerance: float) -> float:
        """Return the largest difference.

        Raises: IrgradError where it is more than ``tolerance``.
        """
        difference = float(np.max(np.abs(np.subtract(got, expected)), initial=0.0))
        if not difference <= tolerance:
            raise IrgradError(
                f"{what} is off by {difference:.3g}, more than {tolerance:.3g}",
                remedy="run `irgrad doctor`, and report what it says",
            )
        return difference

    def list_files(self) -> None:
        """Say what has been written, and where."""
        self.title("Written")
        table = Table(show_header=False, box=None, pad_edge=False)
        for path, what in self.files:
            table.add_row(path.name, f"[dim]{what}")
        self.console.print(table)
        self.console.print(f"\nin [bold]{self.folder.resolve()}", soft_wrap=True)
