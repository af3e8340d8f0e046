"""Writes in place: NumPy's aliasing, functional underneath; the caller's arrays stay unchanged."""

from typing import Any

import numpy as np
import pytest

from irgrad.errors import ConcreteValueError, MutationError
from tests.effort import calls
from tests.oracles import check, trace, values


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


def write_through_a_view(x: Any) -> Any:
    a = x.copy()
    b = a[1:]
    b[0] = 10 * x[0, 0]
    a[2] = b[1] * 2
    return a, b


def write_then_read_again(x: Any) -> Any:
    a = x * 1.0
    b = a[1:]
    before = b + 0
    a[1] = 0
    return before, b, a


def siblings(x: Any) -> Any:
    a = x.copy()
    left, right = a[:2], a[1:3]
    left[1] = x[0] * x[0]
    right += 1
    left *= 2
    return a, left, right


def chained(x: Any) -> Any:
    a = x.copy()
    b = a[1:]
    c = b[::2]
    d = c[:, 1]
    d += x[0, 0]
    a[1] *= 3
    b[2, 1] = 7
    return a, b, c, d


def transposed(x: Any) -> Any:
    a = x.copy()
    t = a.T
    t[0] = x[:, 1] * 2
    a[0, 1] = 5
    u = t[1:].T
    u[1] -= x[0, 0]
    return a, t, u


def reshaped(x: Any) -> Any:
    a = x.copy()
    flat = a.reshape(-1)
    flat[1::2] *= x[0, 0]
    grid = flat.reshape(3, -1)
    grid[1] = 0
    wide = a[None, :, None]
    wide[0, 0, 0] += 2
    return a, flat, grid, wide


def reshaped_by_copy(x: Any) -> Any:
    """A reshape that NumPy can only make by copying is no view."""
    a = x.copy()
    copied = a.T.reshape(-1)
    copied[0] = 100
    part = a[:, 1:].reshape(-1)
    part[:] = 0
    flat = a.T.flatten()
    flat += 1
    split = a[:, 1:].reshape(-1, 2, 1)
    split[0] = 3
    merged = a[1:3].reshape(-1)
    merged[0] = 4
    return a, copied, part, flat, split, merged


def raveled(x: Any) -> Any:
    a = x.copy()
    r = a.ravel()
    r[0] = 1
    s = a.T.ravel()
    s[0] = 50
    f = a.T.ravel("F")
    f[1] = 9
    a.flat[2] = 8
    a.T.flat[1] = 6
    return a, r, s, f


def copies_stand_alone(x: Any) -> Any:
    a = x.copy()
    b, c, d = a.copy(), a[[0, 1]], a + 0
    a[0] = 3
    b[1] = 4
    c[0] = 5
    d += 6
    return a, b, c, d, np.copy(a[1:])


def numbers_are_no_views(x: Any) -> Any:
    a = x.copy()
    s = a[0, 0]
    s += 1
    a[0, 0] = 9
    t = a[0][1]
    a[0, 1] = 8
    u = a[0, 1, ...]
    total = np.sum(a)
    same = total
    total += 1
    a[0, 1] = 7
    return a, s, t, u * 1, total, same


def added_once(x: Any) -> Any:
    a = x.copy()
    a[1:3] += x[0]
    a[[0, 0]] += 1
    a[:, 1] -= x[:, 0]
    a[0][1] *= 2
    a[1:][0] += 3
    a.T[0] += 4
    a[1] /= 2
    a[2] **= 2
    a[0, 0] += x[1, 1] + x[0, 1]
    a += 1
    b = a
    b *= 2
    return a, b


def all_operators(x: Any) -> Any:
    a = abs(x)
    a += 1
    a -= x[0]
    a *= 2
    a /= 3
    a **= 2
    b = (10 * a).astype(int)
    b //= 2
    b %= 5
    b |= 8
    b &= 11
    b ^= 2
    c = a[:2, :2].copy()
    c @= c.copy()
    return a, b, c


def views_by_function(x: Any) -> Any:
    a = x.copy()
    np.flip(a, 0)[0] = 1
    np.rot90(a)[0] *= 2
    np.swapaxes(a, 0, 1)[1] += 3
    np.moveaxis(a, 0, 1)[0, 0] = 4
    np.expand_dims(a, 1)[1, 0] = 5
    np.squeeze(a[:1])[1] = 6
    np.split(a, [1])[1][0] = 7
    np.atleast_2d(a)[0, 0] = 8
    np.atleast_3d(a)[0, 1] = 9
    return a


def growing(x: Any) -> Any:
    a = np.zeros_like(x)
    for i in range(1, 4):
        a[i] = a[i - 1] * x[i] + x[0]
        a[0] += a[i]
    return a


PROGRAMS = [
    write_through_a_view, write_then_read_again, siblings, chained, transposed, reshaped,
    reshaped_by_copy, raveled, copies_stand_alone, numbers_are_no_views, added_once, all_operators,
    views_by_function, growing,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shape", [(6, 3), (18, 3)])
def test_programs(program: Any, shape: tuple[int, ...]) -> None:
    check(program, numbers(*shape), order=1 if program is all_operators else 2)


def test_broadcast_views_follow_and_refuse_writes() -> None:
    def read(x: Any) -> Any:
        a = x.copy()
        b = np.broadcast_to(a, (2, *a.shape))
        a[0] = 5 * x[1]
        return b

    check(read, numbers(17))
    for view in (np.broadcast_to, np.broadcast_arrays):
        arguments = ((2, 3),) if view is np.broadcast_to else (np.zeros((2, 1)),)
        with pytest.raises(MutationError, match="read-only"):
            values(
                lambda x, v=view, a=arguments: first(v(x.copy(), *a)).__setitem__(0, 1.0),
                np.ones(3),
            )


def first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


WRITES = [
    lambda x: x.__setitem__(0, 1.0),
    lambda x: x[1:].__setitem__(0, 1.0),
    lambda x: x.T[0].__setitem__(0, 1.0),
    lambda x: x.reshape(-1).__setitem__(0, 1.0),
    lambda x: x.__iadd__(1.0),
    lambda x: x[0].__imul__(2.0),
    lambda x: np.add(x, x, out=x),
    lambda x: np.copyto(x, 0.0),
    lambda x: np.fill_diagonal(x, 0.0),
    lambda x: np.add.at(x, 0, 1.0),
    lambda x: np.asarray(np.flip(x, 0).__setitem__(0, 1.0)),
]


@pytest.mark.parametrize("write", WRITES)
def test_writes_into_an_argument_raise(write: Any) -> None:
    x = numbers(3, 3)
    before = x.copy()
    with pytest.raises(MutationError, match=r"argument 'x0'[\s\S]*x\.copy\(\)") as caught:
        values(lambda x: (write(x), x)[1], x)
    assert "test_mutation.py" in str(caught.value)
    np.testing.assert_array_equal(x, before)


def test_a_copied_argument_may_be_written() -> None:
    def write(x: Any) -> Any:
        y = x.copy()
        y[0] = 1
        z = np.copy(x)
        z += y
        w = x.astype(x.dtype)
        w[1] = 3
        return x, y, z, w

    check(write, numbers(17))


def fill(x: Any) -> Any:
    a = np.zeros(3)
    a[0] = x[0]
    return a


def fill_part(x: Any) -> Any:
    a = np.zeros(3)
    a[:] = x
    return a


def add_in_place(x: Any) -> Any:
    a = np.zeros(3)
    a += x
    return a


def add_out(x: Any) -> Any:
    a = np.zeros(3)
    np.add(x, x, out=a)
    return a


@pytest.mark.parametrize("write, line", [
    (fill, "a[0] = x[0]"), (fill_part, "a[:] = x"), (add_in_place, "a += x"),
    (add_out, "np.add(x, x, out=a)"),
])  # fmt: skip
def test_plain_arrays_hold_no_traced_values(write: Any, line: str) -> None:
    with pytest.raises((MutationError, ConcreteValueError)) as caught:
        values(write, numbers(3))
    text = str(caught.value)
    assert line in text
    assert "What to do" in text
    assert "np.zeros_like" in text or "drop out=" in text


def test_dtypes_of_writes() -> None:
    def write(x: Any, i: Any) -> Any:
        y = x.copy()
        y[0] = i[0]
        y[1] = 2
        y += i
        j = i.copy()
        j[0] = 2.9
        j += 1
        return y, j

    check(write, numbers(3).astype(np.float32), np.arange(3))
    for refused in (
        lambda x, i: i.copy().__iadd__(0.5),
        lambda x, i: i.copy().__iadd__(x),
        lambda x, i: i.copy().__setitem__(0, x[0]),
        lambda x, i: i.copy().__itruediv__(2),
    ):
        with pytest.raises(MutationError, match="astype"):
            values(refused, numbers(3), np.arange(3))


def test_out_writes_in_place() -> None:
    def write(x: Any) -> Any:
        y = x.copy()
        v = y[1:]
        np.multiply(y, 2, out=y)
        np.exp(y[:1], out=y[:1])
        np.add(v, 1, out=v, where=x[1:] > 10)
        return y, v

    check(write, numbers(17))


def test_many_writes_are_linear() -> None:
    """A thousand element writes make a constant number of nodes each, in constant time each."""

    def program(count: int) -> Any:
        def write(x: Any) -> Any:
            a = np.zeros_like(x)
            row = a[3]
            for k in range(count):
                a[k % 7, k % 5] = x[k % 5, k % 7] * 2
                row[k % 5] += 1
            return a

        return write

    x = numbers(8, 8)
    short, long = (len(trace(program(k), x).graph.nodes) for k in (100, 1000))
    assert long <= 10.5 * short
    effort = [calls(lambda count=count: trace(program(count), x)) for count in (1000, 4000)]
    assert effort[1] < 4.4 * effort[0]


def test_long_chains_of_views() -> None:
    """A view of a view of a view, 5,000 deep, is read and written without recursion."""

    def write(x: Any) -> Any:
        a = x.copy()
        v = a
        for _ in range(5000):
            v = v.reshape(-1)
        v[0] = 5
        a[1] = 6
        return v, a

    found, whole = values(write, np.zeros(3))
    np.testing.assert_array_equal(found, [5, 6, 0])
    np.testing.assert_array_equal(whole, [5, 6, 0])
