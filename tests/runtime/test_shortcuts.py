"""Shortcuts past looking arguments up: who answers which call of a compiled function."""

import numpy as np
import pytest

import irgrad
from irgrad.errors import DifferentiationError
from irgrad.runtime.watch import entries, watch


def product(x, y):
    return np.sum(x * y * y)


def test_every_way_to_call_gives_the_same():
    compiled = irgrad.compile(product, argnums=(0, 1))
    early = compiled.value_and_grad  # before there is machine code
    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    answers = [early(x, y), early(x, y), compiled.value_and_grad(x, y)]
    answers.append(compiled.value_and_grad(x, y=y))
    for value, (by_x, by_y) in answers:
        assert type(value) is np.float64
        assert value == 59.0 == compiled(x, y)
        np.testing.assert_array_equal(by_x, [9.0, 25.0])
        np.testing.assert_array_equal(by_y, [6.0, 20.0])


def test_machine_code_is_made_at_the_second_call_of_a_kind():
    compiled = irgrad.compile(product)
    built = type(len)
    kinds = []
    for _ in range(3):
        compiled.value_and_grad(1.0, 2.0)
        kinds.append(type(compiled.value_and_grad) is built)
    compiled.value_and_grad(np.ones(3), 2.0)
    kinds.append(type(compiled.value_and_grad) is built)
    assert kinds == [False, True, True, False]
    plain = irgrad.compile(product, jit=False)
    for _ in range(3):
        plain.value_and_grad(1.0, 2.0)
    assert type(plain.value_and_grad) is not built


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_types_dtypes_and_sizes_may_change_from_call_to_call(rounds):
    compiled = irgrad.compile(product)
    calls = [
        (1.0, 2.0),
        (np.array([1.0, 2.0]), np.array([3.0, 5.0])),
        (np.array([1.0, 2.0], np.float32), np.array([3.0, 5.0], np.float32)),
        (np.array([[1.0, 2.0]]), np.array([3.0, 5.0])),
        (np.arange(30.0), np.arange(30.0)),
        (np.arange(60.0)[::2], np.arange(30.0)),
        (np.float64(1.0), 2.0),
    ]
    for _ in range(rounds):
        for x, y in calls:
            value, by_x = compiled.value_and_grad(x, y)
            np.testing.assert_allclose(value, product(x, y), rtol=1e-6)
            np.testing.assert_allclose(by_x, np.broadcast_to(y * y, np.shape(x)), rtol=1e-6)
            assert np.asarray(by_x).dtype == np.asarray(x).dtype
            np.testing.assert_allclose(compiled(x, y), product(x, y), rtol=1e-6)


def test_errors_are_those_of_a_first_call():
    compiled = irgrad.compile(product)
    compiled.value_and_grad(1.0, 2.0)
    with pytest.raises(DifferentiationError):
        compiled.value_and_grad(1, 2.0)
    with pytest.raises(irgrad.IrgradError, match="y"):
        compiled.value_and_grad(1.0)


def test_inside_another_trace_it_is_traced():
    compiled = irgrad.compile(product)
    compiled.value_and_grad(1.0, 2.0)
    slope = irgrad.grad(lambda x: compiled.value_and_grad(x, x)[1] * 1.0)
    assert slope(3.0) == pytest.approx(6.0)


def test_a_global_that_shares_an_attributes_name_is_not_watched():
    assert not watch(product, ()).variables
    assert [value for _, value in watch(lambda x: LIMIT + np.sum(x), ()).variables] == [1.5]


def test_globals_are_watched_at_every_call_and_closures_too(monkeypatch):
    x = np.linspace(0.0, 1.0, 5)
    compiled = irgrad.compile(lambda x: np.sum(LIMIT * x * x))
    for _ in range(4):
        np.testing.assert_allclose(compiled.grad(x), 2 * 1.5 * x)
        value, slope = compiled.value_and_grad(x)
        np.testing.assert_allclose((value, *slope), (1.5 * np.sum(x * x), *(3.0 * x)))
    monkeypatch.setitem(globals(), "LIMIT", 4.0)
    for _ in range(4):
        np.testing.assert_allclose(compiled.value_and_grad(x)[1], 8.0 * x)
    monkeypatch.undo()
    np.testing.assert_allclose(compiled.value_and_grad(x)[1], 3.0 * x)
    slope = 2.0
    closed = irgrad.compile(lambda x: np.sum(slope * x))
    for _ in range(4):
        np.testing.assert_allclose(closed.grad(x), slope)
    slope = 3.0
    np.testing.assert_allclose(closed.grad(x), slope)


def test_what_is_watched_in_dicts_alone_is_known_by_its_entries():
    (entry,) = entries(watch(lambda x: LIMIT + np.sum(x), ()))
    assert entry == (globals(), "LIMIT", 1.5)
    assert entries(watch(product, ())) == ()
    inside = 1.0
    assert entries(watch(lambda x: inside + LIMIT * x, ())) is None
    table = np.ones(3)
    assert entries(watch(lambda x: table * x, ())) is None


sum = 2.5  # what ``product`` names is an attribute
LIMIT = 1.5
