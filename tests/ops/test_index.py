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
