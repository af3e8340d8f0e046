"""The blocks of the tutorial and of other pages run, in order, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
TUTORIAL = DOCS / "tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """Return (line, code, what it prints) of every block of Python."""
    found = []
    for match in BLOCK.finditer(text):
        language, body = match.groups()
        line = text.count("\n", 0, match.start()) + 2
        if language == "python":
            found.append((line, body, ""))
        elif language == "text" and found:
            line, code, _ = found[-1]
            found[-1] = (line, code, body)
    return found


def run(text, name):
    """Run the blocks in one namespace.

    Raises: AssertionError, with the line, where one prints something else.
    """
    namespace = {"__name__": "tutorial"}
    for line, code, expected in blocks(text):
        printed = io.StringIO()
        padded = "\n" * (line - 1) + code  # so that a traceback names the tutorial's own line
        with contextlib.redirect_stdout(printed):
            exec(compile(padded, name, "exec"), namespace)
        assert printed.getvalue() == expected, f"{name}:{line} prints\n{printed.getvalue()}"


def test_tutorial_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = TUTORIAL.read_text(encoding="utf-8")
    assert len(blocks(text)) >= 20
    assert set(re.findall(r"^```(\w+)", text, re.MULTILINE)) == {"python", "text"}
    run(text, str(TUTORIAL))


@pytest.mark.parametrize(("page", "least"), [("complex.md", 4), ("solvers.md", 7)])
def test_page_prints_what_it_says(page, least):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert len(blocks(text)) >= least
    run(text, page)


@pytest.mark.parametrize("printed", ["2\n", ""])
def test_wrong_output_is_noticed(printed):
    with pytest.raises(AssertionError, match=r"page:4 prints\n +1"):
        run(f"# Title\n\n```python\nprint(1)\n```\n```text\n{printed}```\n", "page")


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)", TUTORIAL.read_text(encoding="utf-8")):
        assert (TUTORIAL.parent / target).exists(), target
