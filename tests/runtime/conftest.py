"""A cache for each test, and programs in other processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irgrad.runtime import cache


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache directory of its own, and the process no memory of earlier tests."""
    chosen = tmp_path / "cache"
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(chosen))
    monkeypatch.delenv("IRGRAD_CACHE", raising=False)
    monkeypatch.setattr(cache, "_warned", set())
    return chosen


class Children:
    """Starts Python programs in processes of their own, which find the irgrad under test."""

    def __init__(self, working_directory: Path) -> None:
        self.working_directory = working_directory
        self.started: list[subprocess.Popen[str]] = []

    def start(
        self, program: str, *arguments: object, **variables: str | None
    ) -> "subprocess.Popen[str]":
        """Start a program. `variables` go into its environment; None removes one."""
        root = str(Path(cache.__file__).parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        merged: dict[str, str | None] = {**os.environ, "PYTHONPATH": path}
        merged.update({"PYTHONWARNINGS": "always::UserWarning", **variables})
        child = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=self.working_directory,
            env={name: value for name, value in merged.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that `stop` reaches what it started itself
        )
        self.started.append(child)
        return child

    def run(self, program: str, *arguments: object, **variables: str | None) -> tuple[str, str]:
        """Run a program to its end and return what it printed and what it warned."""
        child = self.start(program, *arguments, **variables)
        try:
            output, errors = child.communicate(timeout=60)
        finally:
            self.stop()
        assert child.returncode == 0, errors
        return output.strip(), errors

    def stop(self) -> None:
        """End those that a failed test left running."""
        for child in self.started:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Return a starter of child processes."""
    starter = Children(tmp_path)
    yield starter
    starter.stop()
