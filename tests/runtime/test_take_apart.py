"""Arguments taken apart by generated code: as optree does, or not at all."""

from collections import namedtuple

import numpy as np
import optree
import pytest

from irgrad.runtime.take_apart import taking_apart

Point = namedtuple("Point", "x y")
TREES = [
    (1.0,),
    ([1.0, 2.0], (3.0, [4.0, ()]), None),
    ({"b": [1.0, {"c": 2.0}], "a": (3.0,), 4: 5.0, (1, 2): 6.0},),
    (Point(1.0, [2.0, 3.0]), [Point(4.0, 5.0)], {"p": Point(6.0, None)}),
    ([[]], {}, [[[1.0]]]),
]


@pytest.mark.parametrize("arguments", TREES)
def test_leaves_come_in_the_order_of_optree(arguments):
    leaves = optree.tree_leaves(arguments, namespace="irgrad")
    take_apart = taking_apart(arguments, list(range(len(leaves))), "irgrad")
    assert take_apart(*arguments) == leaves


def test_leaves_are_put_together_in_arrays():
    take_apart = taking_apart(([1.0, 2.0, 3, 4.0],), [(np.dtype(float), [0, 1, 3]), 2], "irgrad")
    array, count = take_apart([5.0, 6.0, 7, 8.0])
    np.testing.assert_array_equal(array, [5.0, 6.0, 8.0])
    assert count == 7


@pytest.mark.parametrize(
    "other",
    [
        ([1.0, 2.0], {"k": [3.0]}),
        ([1.0, 2.0, 3.0], {"k": (3.0,)}),
        ((1.0, 2.0), {"k": (3.0,)}),
        ([1.0, 2], {"k": (3.0,)}),
        ([1.0, [2.0]], {"k": (3.0,)}),
        ([1.0, 2.0], {"j": (3.0,)}),
        ([1.0, 2.0], {"k": (3.0,), "l": 1.0}),
        ([1.0, 2.0], {"k": None}),
        ([1.0, 2.0], Point(1.0, 2.0)),
    ],
)
def test_another_structure_or_kind_is_noticed(other):
    take_apart = taking_apart(([1.0, 2.0], {"k": (3.0,)}), [0, 1, 2], "irgrad")
    with pytest.raises(LookupError):
        take_apart(*other)


def test_many_floats_are_collected_beside_other_arguments():
    model = [[float(k) for k in range(20)], [20.0]]
    arguments = (1.0, model, [2.0, 3.0])
    parts = [0, (np.dtype(float), range(1, 22)), (np.dtype(float), [22, 23])]
    take_apart = taking_apart(arguments, parts, "irgrad")
    for scale in (1.0, 2.0):
        scaled = optree.tree_map(lambda leaf: leaf * scale, arguments)  # noqa: B023
        first, second, third = take_apart(*scaled)
        assert first == scale
        np.testing.assert_array_equal(second, scale * np.arange(21.0))
        np.testing.assert_array_equal(third, [2 * scale, 3 * scale])
    with pytest.raises(LookupError):
        take_apart(1.0, [[*range(20)], [20.0]], [2.0, 3.0])
    with pytest.raises(LookupError):
        take_apart(1, model, [2.0, 3.0])
