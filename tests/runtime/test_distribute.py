"""Nested lists made of an array by machine code: the same floats as ``tolist``, owned by no one."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import optree
import pytest

import irgrad
from irgrad.runtime.distribute import distributing

TREES: list[Any] = [
    [[[0.5, -1.0], 2.0], ([], (3.0, [4.0, 5.0])), 6.0],
    [1.0],
    (2.0, 3.0),
    [float(k) for k in range(5000)],
    [],
]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: str(tree)[:20])
def test_elements_come_in_the_order_of_optree(tree: Any) -> None:
    leaves, structure = optree.tree_flatten(tree, namespace="irgrad")
    distribute = distributing(structure)
    assert distribute is not None
    numbers = np.random.default_rng(0).normal(size=len(leaves))
    made = distribute(numbers)
    assert made == optree.tree_unflatten(structure, numbers.tolist())
    assert {type(leaf) for leaf in optree.tree_leaves(made)} <= {float}


def test_other_containers_are_left_to_python() -> None:
    for tree in ({"a": 1.0}, [None, 1.0], [{"b": [1.0]}]):
        assert distributing(optree.tree_structure(tree, namespace="irgrad")) is None


def test_results_are_new_and_freed_with_their_last_reader() -> None:
    structure = optree.tree_structure(TREES[0], namespace="irgrad")
    distribute = distributing(structure)
    assert distribute is not None
    numbers = np.arange(6.0)
    first = distribute(numbers)
    numbers[0] = 7.0
    assert first[0][0][0] == 0.0
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(200):
        distribute(numbers)
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_gradients_by_lists_are_lists_alike() -> None:
    tree = [[0.1 * k for k in range(20)], ([0.5, 0.25], 2.0)]

    def function(tree: Any) -> Any:
        return sum(x * x for x in optree.tree_leaves(tree))

    compiled = irgrad.compile(function)
    for _ in range(3):
        slopes = compiled.grad(tree)
        assert slopes == optree.tree_map(lambda x: 2 * x, tree)
