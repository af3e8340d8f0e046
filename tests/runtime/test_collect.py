"""Nested lists of floats, collected by machine code: all of them, or none where they differ."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import optree
import pytest

from irgrad.runtime.collect import collecting

TREE = [[[0.5, -1.0], 2.0], ([], (3.0, [4.0, 5.0])), 6.0]


def collected(tree: Any) -> Any:
    collect = collecting(optree.tree_structure(tree, namespace="irgrad"))
    assert collect is not None
    return collect


def test_floats_come_in_the_order_of_optree() -> None:
    for tree in (TREE, [1.0], (2.0, 3.0), [float(k) for k in range(5000)], []):
        bytes_of = collected(tree)(tree)
        np.testing.assert_array_equal(np.frombuffer(bytes_of), optree.tree_leaves(tree))


def test_numbers_are_those_of_this_call() -> None:
    tree = [[1.0, 2.0], 3.0]
    collect = collected(tree)
    first = np.frombuffer(collect(tree))
    tree[0][1] = np.pi  # type: ignore[index]
    np.testing.assert_array_equal(np.frombuffer(collect(tree)), [1.0, np.pi, 3.0])
    np.testing.assert_array_equal(first, [1.0, 2.0, 3.0])
    assert first.flags.writeable


@pytest.mark.parametrize(
    "other",
    [
        [[[0.5, -1.0], 2.0], ([], (3.0, [4.0, 5.0])), 6],
        [[[0.5, True], 2.0], ([], (3.0, [4.0, 5.0])), 6.0],
        [[[0.5, np.float64(1.0)], 2.0], ([], (3.0, [4.0, 5.0])), 6.0],
        [[[0.5], 2.0], ([], (3.0, [4.0, 5.0])), 6.0],
        [[[0.5, -1.0, 1.0], 2.0], ([], (3.0, [4.0, 5.0])), 6.0],
        [[[0.5, -1.0], 2.0], ([], [3.0, [4.0, 5.0]]), 6.0],
        [[[0.5, -1.0], 2.0], ([1.0], (3.0, [4.0, 5.0])), 6.0],
        [[[0.5, -1.0], None], ([], (3.0, [4.0, 5.0])), 6.0],
        [[[0.5, -1.0], 2.0], ([], (3.0, [4.0, 5.0]))],
        7.0,
        {},
    ],
)
def test_another_structure_or_type_is_noticed(other: Any) -> None:
    with pytest.raises(LookupError):
        collected(TREE)(other)


def test_other_containers_are_left_to_python() -> None:
    for tree in ({"a": 1.0}, [None, 1.0], [{"b": [1.0]}]):
        assert collecting(optree.tree_structure(tree, namespace="irgrad")) is None


def test_nothing_is_kept_of_what_was_collected() -> None:
    tree = [float(k) + 0.5 for k in range(50)]
    collect = collected(tree)
    gc.collect()
    counts = [sys.getrefcount(number) for number in tree]
    for _ in range(100):
        collect(tree)
        with pytest.raises(LookupError):
            collect([*tree, 1.0])
    assert [sys.getrefcount(number) for number in tree] == counts
