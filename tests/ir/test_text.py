"""The text of a graph: stable, complete, free of origins and first sizes."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from irgrad.errors import InternalError
from irgrad.ir import dims
from irgrad.ir.graph import Graph, Node
from irgrad.ir.text import digest, graph_text
from irgrad.ir.types import ArrayType
from irgrad.ops.control import loop
from irgrad.ops.create import constant, input_, item
from irgrad.ops.elementwise import exp
from irgrad.trace.trace import InputSpec, run_traced

FLOAT = np.dtype(np.float64)
ROOT = Path(__file__).resolve().parents[2]


def traced(function, hints=None, **types):
    specs = [InputSpec(name, type) for name, type in types.items()]
    return run_traced(
        function, specs, lambda result: ([result], None), hints=hints or {}, name="loss"
    ).graph


def vector(name):
    return ArrayType(FLOAT, (dims.symbol(name),))


def test_the_text_of_a_small_graph():
    def loss(x, y):
        return np.sum(np.logaddexp(0, x) * y, axis=0)

    types = {"x": vector("n"), "y": ArrayType(FLOAT, (dims.symbol("m") - 1,))}
    text = graph_text(traced(loss, {"n": 20, "m": 21}, **types))
    assert text == textwrap.dedent(
        """\
        graph loss(%0 x: float64[n], %1 y: float64[m - 1]):
          %2: float64[] = constant(value=float64(0.0))
          %3: float64[n] = logaddexp(%2, %0)
          %4: float64[n] = multiply(%3, %1)
          %5: float64[] = sum(%4, axes=(0,))
          return %5
          where n == m - 1
        """
    )


def test_origins_and_first_sizes_stand_outside():
    def first(x):
        return np.exp(x) + 1

    def second(x):
        shifted = np.exp(x)
        return shifted + 1

    assert graph_text(traced(first, {"n": 20}, x=vector("n"))) == graph_text(
        traced(second, {"n": 999}, x=vector("n"))
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + 1.0000000000000002,
        lambda x: x + -0.0,
        lambda x: x + 0.0,
        lambda x: x + np.nan,
        lambda x: x - 1,
        lambda x: (x + 1).astype(np.float32),
        lambda x: 1 + x,
        lambda x: x[::-1] + 1,
    ],
)
def test_every_difference_shows(change):
    plain = graph_text(traced(lambda x: x + 1, {"n": 20}, x=vector("n")))
    other = graph_text(traced(change, {"n": 20}, x=vector("n")))
    assert plain != other
    assert digest(plain) != digest(other)


def test_the_digest_is_sixteen_digits():
    assert digest("") == "e3b0c44298fc1c14"  # the start of the SHA-256 of nothing
    assert len(digest("graph")) == 16


def test_params_of_every_kind():
    def node(**params):
        return Node(exp, (), params, ArrayType(FLOAT))

    def text(**params):
        made = node(**params)
        return graph_text(Graph((), (made,), (made,))).splitlines()[1].strip()

    assert text(p=None, q=True, r=-0.0) == "%0: float64[] = exp(p=None, q=True, r=-0.0)"
    assert text(p="a\nb", q=b"x") == r"%0: float64[] = exp(p='a\nb', q=b'x')"
    assert text(p=(1,), q=[2, 3]) == "%0: float64[] = exp(p=(1,), q=(2, 3))"
    assert text(p={"b": 1, "a": (2, 3)}) == "%0: float64[] = exp(p={'a': (2, 3), 'b': 1})"
    assert text(p=np.dtype("int32")) == "%0: float64[] = exp(p=int32)"
    assert text(p=np.float32(0.1)) == "%0: float64[] = exp(p=float32(0.10000000149011612))"
    assert text(p=np.arange(3)) == "%0: float64[] = exp(p=int64[3][0, 1, 2])"
    assert text(p=ArrayType(FLOAT, (3,))) == "%0: float64[] = exp(p=float64[3])"
    assert text(p=exp) == "%0: float64[] = exp(p=exp)"
    assert text(p=textwrap.dedent) == "%0: float64[] = exp(p=textwrap.dedent)"
    long = np.arange(100.0)
    assert text(p=long) == text(p=long.copy()) != text(p=long + 1)
    assert text(p=long) != text(p=long.reshape(10, 10))
    with pytest.raises(InternalError, match="no text"):
        text(p=iter([]))


def test_hostile_names_stay_on_their_line():
    argument = {"name": "x'):\n  return", "type": ArrayType(FLOAT), "position": 0}
    x = Node(input_, (), argument, ArrayType(FLOAT))
    text = graph_text(Graph((x,), (x,), (x,), name='f"\n{{7*7}}'))
    assert len(text.splitlines()) == 2


def test_several_results():
    types = (ArrayType(FLOAT, (2,)), ArrayType(np.dtype(np.int64)))
    pair = Node(exp, (), {}, types)
    second = Node(item, (pair,), {"index": 1}, types[1])
    lines = graph_text(Graph((), (pair, second), (second,))).splitlines()
    assert lines[1] == "  %0: (float64[2], int64[]) = exp()"
    assert lines[2] == "  %1: int64[] = item(%0, index=1)"


def test_bodies_are_printed_below_their_node():
    (sample, *_) = loop.samples
    operands = tuple(
        Node(constant, (), {"value": np.float64(i)}, ArrayType(FLOAT)) for i in range(4)
    )
    node = Node(loop, operands, sample.params, (ArrayType(FLOAT),))
    lines = graph_text(Graph((), (*operands, node), (node,))).splitlines()
    assert "body=@0" in lines[5]
    assert lines[6].startswith("    graph@0(%0 x0: float64[], ")
    assert lines[7].startswith("      %")
    assert lines[-2].startswith("      return %")
    assert lines[-1] == "  return %4"


def test_large_graphs_print_quickly_and_flat():
    x = Node(input_, (), {"name": "x", "type": ArrayType(FLOAT), "position": 0}, ArrayType(FLOAT))
    nodes = [x]
    for _ in range(50_000):
        nodes.append(Node(exp, (nodes[-1],), {}, ArrayType(FLOAT)))
    text = graph_text(Graph((x,), tuple(nodes), (nodes[-1],)))
    assert text.count("\n") == 50_002


PROGRAM = """
import numpy as np
from irgrad.differentiate.reverse import value_and_gradient
from irgrad.ir import dims
from irgrad.ir.text import digest, graph_text
from irgrad.ir.types import ArrayType
from irgrad.simplify import simplify
from irgrad.trace.trace import InputSpec, run_traced

def loss(w, x, y):
    scores = x @ w
    return np.mean(np.logaddexp(0, scores) - y * scores) + np.sum(w[1:] * w[:-1]) / len(w)

n, d = dims.symbol("n"), dims.symbol("d")
kind = np.dtype(np.float64)
specs = [InputSpec("w", ArrayType(kind, (d,))), InputSpec("x", ArrayType(kind, (n, d)))]
specs.append(InputSpec("y", ArrayType(kind, (n,))))
graph = run_traced(loss, specs, lambda r: ([r], None), hints={"n": 50, "d": 20}, name="loss").graph
print(digest(graph_text(simplify(value_and_gradient(graph, [0, 2])))))
"""


def test_the_text_is_the_same_in_every_process():
    digests = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        digests.add(run.stdout)
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 16
