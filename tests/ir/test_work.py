"""What operations are counted, and what isn't known."""

import numpy as np

from irgrad.ir import dims
from irgrad.ir.work import VECTOR_MATH, operations
from tests.oracles import trace


def test_operations_by_kind():
    def function(x, y):
        return np.sum(np.exp(x @ y) - 1.0)

    graph = trace(function, np.ones((20, 30)), np.ones((30, 40))).graph
    work = dims.evaluate(operations(graph), graph.hints)
    assert work == 2 * 20 * 30 * 40 + (VECTOR_MATH + 1 + 1) * 20 * 40


def test_what_is_not_known():
    assert operations(trace(np.linalg.inv, np.eye(30)).graph) is None
