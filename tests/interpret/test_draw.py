"""Drawings of values and of IR graphs: what they show, hostile labels, size, and what renders."""

import os
import re
import stat
import xml.etree.ElementTree as ElementTree

import graphviz
import numpy as np
import pytest

from irgrad.errors import ArgumentError
from irgrad.interpret.draw import draw_graph
from irgrad.interpret.value import Value
from irgrad.ir.types import ArrayType
from irgrad.trace.trace import InputSpec, run_traced


def neuron():
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(6.7, label="b")
    n = x * w + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    o.backward()
    return o


def shown(svg):
    """Return the texts of a picture, node by node: {title: [text, ...]}."""
    space = {"s": "http://www.w3.org/2000/svg"}
    groups = ElementTree.fromstring(svg).iterfind(".//s:g[@class='node']", space)
    return {
        group.findtext("s:title", namespaces=space): [
            "".join(text.itertext()) for text in group.iterfind(".//s:text", space)
        ]
        for group in groups
    }


def traced():
    def function(x, y):
        return np.sum(np.tanh(x) * y) + 0.25

    type = ArrayType(np.dtype(np.float64), (3,))
    specs = [InputSpec("x", type), InputSpec("y", type)]
    return run_traced(function, specs, lambda leaf: ([leaf], None), hints={}, name="f").graph


def test_value_is_a_record_of_label_data_gradient_and_operation_an_oval():
    drawing = draw_graph(neuron())
    assert isinstance(drawing.digraph, graphviz.Digraph)
    assert "rankdir=LR" in drawing.source
    texts = sorted(shown(drawing.pipe("svg")).values())
    slope = 1 - np.tanh(0.7) ** 2
    assert texts == sorted(
        [
            ["x", "data 2.000", f"grad {-3 * slope:.3f}"],
            ["w", "data -3.000", f"grad {2 * slope:.3f}"],
            ["b", "data 6.700", f"grad {slope:.3f}"],
            ["data -6.000", f"grad {slope:.3f}"],
            ["n", "data 0.700", f"grad {slope:.3f}"],
            ["o", "data 0.604", "grad 1.000"],
            ["*"],
            ["+"],
            ["tanh"],
        ]
    )


def test_edges_lead_from_operands_through_the_operation_to_the_result():
    a = Value(1.0, label="a")
    source = draw_graph(2 * a + a).source
    names = dict(re.findall(r'(value\w+) \[label="?\{? ?([^ "\]]+)', source))
    edges = {(names[x], names[y]) for x, y in re.findall(r"(\w+) -> (\w+)", source)}
    assert edges == {("2.000", "*"), ("a", "*"), ("*", "data"), ("data", "+"), ("a", "+"),
                     ("+", "data")}  # fmt: skip


@pytest.mark.parametrize(
    "label",
    ['"', '"];x->y[', "{a|b}", "a|b", "<b>bold</b>", "<", "\\N", "\\", "a\\nb", "&lt;", "&",
     "é漢字🙂", "%3", "}", "]]>", "<!-- -->", "-->"],
)  # fmt: skip
@pytest.mark.parametrize("on", ["value", "graph"])
def test_hostile_label_is_shown_as_it_is(label, on):
    if on == "value":
        svg = draw_graph(Value(1.0, label=label)).pipe("svg")
        (texts,) = shown(svg).values()
        assert texts == [label, "data 1.000", "grad 0.000"]
    else:
        type = ArrayType(np.dtype(np.float64))
        graph = run_traced(
            np.sin, [InputSpec(label, type)], lambda leaf: ([leaf], None), hints={}, name="f"
        ).graph
        assert shown(draw_graph(graph).pipe("svg"))["node0"] == ["%0", label, "float64[]"]


def test_labels_of_several_lines_and_control_characters_stay_readable():
    svg = draw_graph(Value(1.0, label="first\nsecond \x00\x1b \ud800")).pipe("svg")
    (texts,) = shown(svg).values()
    assert texts[:2] == ["first", "second \\x00\\x1b \\ud800"]
    (texts,) = shown(draw_graph(Value(1.0, label="long " * 100)).pipe("svg")).values()
    assert len(texts[0]) < 60
    assert texts[0].endswith("…")


def test_arrays_are_shown_by_their_type_or_if_short_by_their_elements():
    short, long = Value(np.array([1.0, -2.5]), label="s"), Value(np.zeros((3, 4)), label="l")
    texts = shown(draw_graph(np.sum(short) + np.sum(long)).pipe("svg")).values()
    assert ["s", "data [ 1.000, -2.500]", "grad [0.000, 0.000]"] in texts
    assert ["l", "data float64[3, 4]", "grad float64[3, 4]"] in texts


def test_graph_has_a_node_per_op_with_its_type():
    texts = shown(draw_graph(traced(), rankdir="TB").pipe("svg"))
    assert texts["node0"] == ["%0", "x", "float64[3]"]
    assert ["%2", "tanh", "float64[3]"] in texts.values()
    assert any(text[1].startswith("sum axes=(0,)") for text in texts.values())
    assert [text[1] for text in texts.values() if text[-1] == "output 0"] == ["add"]


def test_large_graph_is_refused_by_its_size_and_drawn_on_demand():
    value = Value(1.0)
    for _ in range(100_000):
        value = value.tanh()
    with pytest.raises(ArgumentError, match=r"100,001 nodes.*\n.*limit=100001"):
        draw_graph(value)
    assert draw_graph(value, limit=10**6).source.count("->") == 2 * 100_000
    with pytest.raises(ArgumentError, match="limit 3"):
        draw_graph(traced(), limit=3)


def test_suffix_names_the_format_and_notebooks_get_svg(tmp_path):
    drawing = draw_graph(neuron())
    assert drawing.render(tmp_path / "new" / "a").name == "a.svg"
    assert drawing.render(tmp_path / "a.gv").read_text() == drawing.source
    assert "<svg" in drawing._repr_svg_()
    assert (tmp_path / "new" / "a.svg").read_bytes().startswith(b"<?xml")


def test_dot_on_the_path_is_used(tmp_path, monkeypatch):
    dot = tmp_path / "dot"
    dot.write_text('#!/bin/sh\ncat > /dev/null\nprintf "drawn by dot $*"\n')
    dot.chmod(dot.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert draw_graph(neuron()).pipe("png") == b"drawn by dot -Kdot -Tpng"


def test_without_dot_svg_is_drawn_and_png_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert b"<svg" in draw_graph(neuron()).pipe("svg")
    with pytest.raises(ArgumentError, match="not on PATH"):
        draw_graph(neuron(), format="png").pipe()


def test_what_is_no_graph_is_refused():
    with pytest.raises(ArgumentError, match="can't draw a float"):
        draw_graph(1.0)
    with pytest.raises(ArgumentError, match="no rankdir"):
        draw_graph(Value(1.0), rankdir="LR; evil")
