"""Which reshapes are views: random chains of views, against NumPy's own memory."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from irgrad.ops.layout import is_contiguous, is_fortran, strides_of
from tests.oracles import trace, values


@st.composite
def chains(draw: st.DrawFn) -> list[Any]:
    """Draw keys, orders of axes and shapes, each valid after the ones before."""
    shape = draw(st.sampled_from([(4, 3, 2), (2, 6), (12,), (3, 1, 4), (2, 2, 2, 2)]))
    array = np.zeros(shape)
    steps: list[Any] = [shape]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["key", "order", "shape", "shape", "new"]))
        step: Any
        if kind == "order":
            step = draw(st.permutations(range(array.ndim)))
            array = array.transpose(step)
        elif kind == "shape":
            step = draw(st.sampled_from(shapes_of(array.size)))
            array = array.reshape(step)
        elif kind == "new":
            step = draw(st.integers(0, array.ndim))
            array = np.expand_dims(array, step)
        else:
            step = tuple(draw(st.sampled_from(keys_of(size))) for size in array.shape)
            array = array[step]
            if array.ndim == 0 or array.size == 0:
                break
        steps.append((kind, step))
    return steps


def shapes_of(size: int) -> list[tuple[int, ...]]:
    pairs = [(a, size // a) for a in range(1, size + 1) if size % a == 0]
    triples = [
        (a, b, size // (a * b)) for a, rest in pairs for b in range(1, rest + 1) if rest % b == 0
    ]
    return [(size,), *pairs, *triples]


def keys_of(size: int) -> list[Any]:
    every = [slice(None), slice(None, None, -1), slice(None, None, 2)]
    return [*every, 0, slice(1, None)] if size > 1 else every


def follow(array: Any, steps: list[Any]) -> Any:
    for kind, step in steps:
        if kind == "key":
            array = array[step]
        elif kind == "order":
            array = array.transpose(step)
        elif kind == "shape":
            array = array.reshape(step)
        else:
            array = np.expand_dims(array, step)
    return array


@hypothesis.settings(max_examples=250)
@hypothesis.given(chains())
def test_views_lie_where_numpy_has_them(steps: list[Any]) -> None:
    shape, *rest = steps
    base = np.arange(float(np.prod(shape))).reshape(shape)
    expected = follow(base, rest)
    hypothesis.assume(expected.ndim > 0 and expected.size > 0)

    def look(x: Any) -> Any:
        root = x.copy()
        found = follow(root, rest)
        assert (found.root is root) == np.shares_memory(base, expected)
        assert is_contiguous(found) == expected.flags.c_contiguous
        if found.ndim > 1:
            assert is_fortran(found) == expected.flags.f_contiguous
        wide = [axis for axis, size in enumerate(expected.shape) if size > 1]
        strides = strides_of(found)
        assert [strides[a] for a in wide] == [expected.strides[a] // 8 for a in wide]
        return found

    trace(look, base)


@hypothesis.settings(max_examples=150)
@hypothesis.given(chains(), st.integers(0, 3))
def test_writes_go_where_numpy_has_them(steps: list[Any], written: int) -> None:
    shape, *rest = steps

    def write(x: Any) -> Any:
        root = x.copy()
        views = [root]
        for step in rest:
            views.append(follow(views[-1], [step]))
        target = views[written % len(views)]
        if np.ndim(target):
            target[...] = target * 2 + 100
            target[tuple(0 for _ in np.shape(target))] = -1
        return [np.array(view) if isinstance(view, np.ndarray) else view for view in views]

    x = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    for ours, theirs in zip(values(write, x), write(x), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("function, shared", [
    (lambda a: a.reshape(-1), True),
    (lambda a: a.T.reshape(-1), False),
    (lambda a: a[1:].reshape(-1), True),
    (lambda a: a[:, 1:].reshape(-1), False),
    (lambda a: a[:, 1:].reshape(-1, 1, 2), True),
    (lambda a: a.ravel(), True),
    (lambda a: a.T.ravel(order="F"), True),
    (lambda a: a.T.ravel(order="K"), True),
    (lambda a: a.flatten(), False),
    (lambda a: a.reshape(-1, copy=True), False),
])  # fmt: skip
def test_symbolic_sizes(function: Any, shared: bool) -> None:
    base = np.zeros((17, 3))
    assert np.shares_memory(function(base), base) == shared

    def look(x: Any) -> Any:
        root = x.copy()
        assert (function(root).root is root) == shared
        return root

    trace(look, base)
