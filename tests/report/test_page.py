"""The page that links the user's lines, the graphs and the emitted file."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

import irgrad


def squared(a: Any, b: Any) -> Any:
    return (a - b) ** 2  # <the helper>


def loss(w: Any, X: Any, y: Any) -> Any:
    z = np.tanh(X @ w)  # & the product
    return np.mean(squared(z, y))


class Lines(HTMLParser):
    """Collect each line of the page with its keys; complain where tags don't match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.lines: list[tuple[str, set[str]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("meta", "link"):
            return
        self.open.append(tag)
        if tag == "code":
            self.lines.append(("", set(dict(attrs)["data-keys"].split())))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" in self.open:
            text, keys = self.lines[-1]
            self.lines[-1] = (text + data, keys)


def written(tmp_path: Path, **options: Any) -> tuple[str, list[tuple[str, set[str]]]]:
    random = np.random.default_rng(0)
    compiled = irgrad.compile(loss, **options)
    compiled.lower(random.normal(size=20), random.normal(size=(40, 20)), random.normal(size=40))
    text = compiled.report(tmp_path / "report.html").read_text(encoding="utf-8")
    parser = Lines()
    parser.feed(text)
    assert parser.open == []
    return text, parser.lines


def keys_of(lines: list[tuple[str, set[str]]], part: str) -> set[str]:
    return set().union(*(keys for text, keys in lines if part in text))


def test_a_line_lights_up_with_its_nodes_and_its_emitted_line(tmp_path: Path) -> None:
    _, lines = written(tmp_path)
    product = keys_of(lines, "& the product")
    assert product & keys_of(lines, "np.dot(X")
    assert product & keys_of(lines, "= tanh(%")
    assert not product & keys_of(lines, "<the helper>")


def test_a_helper_and_its_caller_share_what_it_does(tmp_path: Path) -> None:
    _, lines = written(tmp_path)
    assert keys_of(lines, "<the helper>") < keys_of(lines, "np.mean(squared(")


def test_the_page_holds_the_whole_file_and_loads_nothing(tmp_path: Path) -> None:
    text, lines = written(tmp_path, parallel=True)
    shown = "\n".join(re.sub(r"^\d+", "", line) for line, _ in lines)
    compiled = irgrad.compile(loss, parallel=True)
    random = np.random.default_rng(0)
    compiled.lower(random.normal(size=20), random.normal(size=(40, 20)), random.normal(size=40))
    for line in compiled.source.splitlines():
        assert html.unescape(line) in shown
    assert "http" not in re.sub(r"<script>.*</script>", "", text, flags=re.S)
    assert 'src="' not in text
