"""Cleaning: the order in which a graph is left."""

from __future__ import annotations

import numpy as np

from irgrad.ops.views import strided, strided_set
from irgrad.simplify import simplify
from tests.oracles import trace


def test_reads_stand_before_the_writes_that_a_rule_takes_them_past() -> None:
    def shifted(x):
        a = x * 2.0
        a[0] = a[1] * a[2]
        return a[0] + np.sum(a[2:] * a[3]) + np.sum(a)

    nodes = simplify(trace(shifted, np.arange(6.0)).graph).nodes
    (write,) = (node for node in nodes if node.op is strided_set)
    reads = [node for node in nodes if node.op is strided and node.inputs == write.inputs[:1]]
    assert len(reads) >= 3
    assert all(nodes.index(read) < nodes.index(write) for read in reads)
