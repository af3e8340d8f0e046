"""Indexing against NumPy's: every kind of key, read and written."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from irgrad.errors import ConcreteValueError, OutOfRangeError, UnsupportedCallError
from tests.oracles import check, gradients, trace, values

NUMBERS = np.random.default_rng(0).uniform(-1.5, 1.5, (5, 4, 3, 17))


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Draw a key that is valid for an array of ``shape``."""
    batch = draw(st.sampled_from([(), (2,), (3,), (2, 1), (1, 3), (2, 3), (0,)]))
    entries: list[Any] = []
    axis = 0
    used = draw(st.integers(0, len(shape)))
    gap = draw(st.integers(0, used))
    ellipsis = draw(st.booleans())
    while axis < used:
        if ellipsis and axis == gap:
            entries.append(Ellipsis)
            axis += len(shape) - used
            used = len(shape)
            ellipsis = False
            continue
        size = shape[axis]
        kind = draw(st.sampled_from(["number", "slice", "array", "array", "none", "mask", "truth"]))
        if kind == "none":
            entries.append(None)
            if len(entries) > 8:
                break
            continue
        if kind == "truth":
            if draw(st.integers(0, 4)) == 0:
                entries.append(True)
                continue
            kind = "slice"
        if kind == "number":
            entries.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            bound = st.none() | st.integers(-size - 2, size + 2)
            step = st.sampled_from([None, 1, 2, 3, -1, -2])
            entries.append(slice(draw(bound), draw(bound), draw(step)))
        elif kind == "mask":
            count = int(np.prod(batch[-1:])) if batch else 1
            mask = np.zeros(size, bool)
            mask[:count] = True
            entries.append(np.roll(mask, draw(st.integers(0, size))))
            if mask.sum() != count or (batch and batch[-1] != count):
                entries[-1] = slice(None)
        else:
            own = batch[draw(st.integers(0, len(batch))) :]
            picked = draw(
                st.lists(
                    st.integers(-size, size - 1),
                    min_size=int(np.prod(own)),
                    max_size=int(np.prod(own)),
                )
            )
            array = np.array(picked, np.int64).reshape(own)
            entries.append(array.tolist() if own and array.size and draw(st.booleans()) else array)
        axis += 1
    return tuple(entries)


def numpy_accepts(x: np.ndarray, key: Any) -> bool:
    """Tell whether NumPy takes the key."""
    try:
        x[key]
    except IndexError:
        return False
    return True


@hypothesis.settings(max_examples=400)
@hypothesis.given(keys(NUMBERS.shape))
def test_getitem_places_axes_as_numpy(key: tuple[Any, ...]) -> None:
    if not numpy_accepts(NUMBERS, key):
        with pytest.raises(IndexError):
            values(lambda x: x[key], NUMBERS)
        return
    (found,) = values(lambda x: x[key], NUMBERS)
    np.testing.assert_array_equal(found, NUMBERS[key])


@hypothesis.settings(max_examples=300)
@hypothesis.given(keys(NUMBERS.shape[1:]), st.integers(0, 3))
def test_setitem_writes_what_numpy_writes(key: tuple[Any, ...], dropped: int) -> None:
    x = NUMBERS[0]
    hypothesis.assume(numpy_accepts(x, key))
    shape = x[key].shape
    # Each axis of the value may be stretched, and leading ones left out.
    value = np.arange(1.0, np.prod(shape, dtype=int) + 1).reshape(shape)
    if dropped and value.ndim:
        value = value[:1] if value.shape[0] else value
        value = value[0] if dropped > 1 and value.shape[0] else value

    def write(x: Any, value: Any) -> Any:
        y = x.copy()
        y[key] = value
        return y

    (found,) = values(write, x, value)
    np.testing.assert_array_equal(found, write(x, value))
    if np.unique(np.arange(x.size).reshape(x.shape)[key]).size == x[key].size:

        def double(x: Any, value: Any) -> Any:
            y = x.copy()
            y[key] += value
            return y

        (found,) = values(double, x, value)
        np.testing.assert_array_equal(found, double(x, value))


@hypothesis.settings(max_examples=60)
@hypothesis.given(keys((4, 3, 5)))
def test_gradients_of_reads_and_writes(key: tuple[Any, ...]) -> None:
    x = NUMBERS[0, :, :, :5]
    hypothesis.assume(numpy_accepts(x, key))

    def write(x: Any, value: Any) -> Any:
        y = x * 1.0
        y[key] = value * x[key]
        return y

    check(write, x, 1.5 + np.arange(1.0), order=1)


READS = [
    lambda x, i: x[i],
    lambda x, i: x[:, i],
    lambda x, i: x[i, i],
    lambda x, i: x[..., i, None],
    lambda x, i: x[0, i],
    lambda x, i: x[np.array([1, 0]), i[0, :2]],
    lambda x, i: x[i[0, 0]],
    lambda x, i: x[i[0, 0], i[1, 1]],
    lambda x, i: x[i[0, 0], 1:],
    lambda x, i: x[[i[0, 0], i[1, 1]]],
    lambda x, i: x[[0, 2, 0], 1:, None],
    lambda x, i: x[range(2)],
    lambda x, i: x[np.array(1), :2],
    lambda x, i: x[np.int32(1)],
    lambda x, i: x[i - 2],
    lambda x, i: x[x.shape[0] - 1, : x.shape[1] // 2],
    lambda x, i: x[-x.shape[0] :, ::-1],
    lambda x, i: x[:, np.array([True, False, True])],
]


@pytest.mark.parametrize("function", READS)
@pytest.mark.parametrize("size", [3, 17])
def test_reads_with_traced_indices(function: Any, size: int) -> None:
    check(function, NUMBERS[0, 0].T[:, :3] if size == 17 else NUMBERS[0, :3, :, 0], INDICES)


INDICES = np.array([[2, 0, 1], [1, 1, 0]])


def written_row(x: Any, i: Any) -> Any:
    y = x.copy()
    row = y[i[0, 0]]
    row[1] = 5 * x[0, 0]
    row += x[1]
    y[i[0, 1]] *= 2
    return y, row


def written_number(x: Any, i: Any) -> Any:
    y = x.copy()
    y[i[0, 0], i[0, 1]] += x[1, 1]
    y[i[0, 0], 0] -= 3
    y[i[1, 0], i[1, 1]] = y[0, 0] * 2
    return y


def written_repeats(x: Any, i: Any) -> Any:
    y = x.copy()
    y[i[1]] = x[:3] * x[:3]
    y[i[1], 0] += x[0, :3]
    return y


@pytest.mark.parametrize("function", [written_row, written_number, written_repeats])
@pytest.mark.parametrize("size", [3, 17])
def test_writes_with_traced_indices(function: Any, size: int) -> None:
    check(function, NUMBERS[0, 0].T[:, :3] if size == 17 else NUMBERS[0, :3, :, 0], INDICES)


@pytest.mark.parametrize("size", [1, 2, 16, 17])
def test_every_size(size: int) -> None:
    x = np.linspace(-1.0, 1.4, size)
    check(lambda x: [x[0], x[-1], x[:1], x[::-1], x[::2], x[1:-1], x[:, None], x[...]], x)
    check(lambda x: [x[np.zeros(3, int)], x[[-1]], x[x.shape[0] // 2 :]], x)


def test_sizes_stay_open() -> None:
    traced = trace(lambda x: x[1:-1] + x[2:] - x[:-2][::-1] + x[-1], NUMBERS[0, 0, 0])
    assert not [guard for guard in traced.graph.guards if guard.relation == "=="]


def test_one_number_of_a_part_is_read_at_once() -> None:
    traced = trace(lambda x: x[1:][2][0], NUMBERS[0, 0].T)
    reads = [node for node in traced.graph.nodes if node.op.name == "strided"]
    assert traced.graph.outputs[0].inputs == traced.graph.inputs
    assert traced.graph.outputs[0].params["starts"] == (3, 0)
    assert len(reads) == 3


def test_adding_to_an_element_is_one_addition() -> None:
    def add(x: Any) -> Any:
        y = x.copy()
        y[3] += 2 * x[0]
        return y

    traced = trace(add, NUMBERS[0, 0, 0])
    assert [n.op.name for n in traced.graph.nodes if n.op.name.startswith("strided_")] == [
        "strided_add"
    ]


def test_adding_to_a_part_writes_once() -> None:
    def add(x: Any) -> Any:
        y = x.copy()
        y[1:3] += x[0]
        y[...] += 1
        return y

    traced = trace(add, NUMBERS[0, 0, 0])
    names = [node.op.name for node in traced.graph.nodes]
    assert names.count("strided_add") == 1
    assert "strided_set" not in names


def test_gather_of_repeats_sums_their_cotangents() -> None:
    (gradient,) = gradients(lambda x: np.sum(x[[1, 1, 2]]), np.arange(4.0))
    np.testing.assert_array_equal(gradient, [0, 2, 1, 0])


def test_the_last_of_repeated_writes_gets_the_cotangent() -> None:
    def write(x: Any) -> Any:
        y = np.zeros_like(x)
        y[[1, 1, 2]] = x[:3]
        return np.sum(y)

    (gradient,) = gradients(write, np.arange(4.0))
    np.testing.assert_array_equal(gradient, [0, 1, 1, 0])


@pytest.mark.parametrize("key", [
    7, -4, (0, 9), [0, 7], np.array([-5]), np.array([True]), (0, 0, 0), (..., ...),
    np.ones((3, 2), bool), (slice(None), [3, 9]),
], ids=str)  # fmt: skip
def test_keys_out_of_range_raise_while_tracing(key: Any) -> None:
    x = np.ones((3, 4))
    with pytest.raises(IndexError):
        x[key]
    with pytest.raises(OutOfRangeError, match="What to do") as caught:
        values(lambda x: x[key], x)
    assert "test_index.py" in str(caught.value)
    with pytest.raises(IndexError):
        values(lambda x: x.copy().__setitem__(key, 1.0), x)


@pytest.mark.parametrize("function, error", [
    (lambda x: x[0.5], UnsupportedCallError),
    (lambda x: x[x], UnsupportedCallError),
    (lambda x: x[[0.5, 1.0]], UnsupportedCallError),
    (lambda x: x["a"], UnsupportedCallError),
    (lambda x: x[x[0] :], ConcreteValueError),
    (lambda x: np.zeros(3)[np.argmax(x)], ConcreteValueError),
    (lambda x: x[x > 0, None], UnsupportedCallError),
    (lambda x: x[:0:0], ValueError),
    (lambda x: x[:, None][[0, 1], [0, 0, 0]], ValueError),
])  # fmt: skip
def test_keys_that_are_refused(function: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="What to do"):
        values(function, np.ones(3))
