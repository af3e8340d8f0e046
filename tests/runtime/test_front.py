"""Functions in machine code in front of others: what they pass on, refuse and put together."""

import gc
import inspect
import sys
import threading
import weakref

import numpy as np
import pytest

from irgrad.runtime.front import Container, Layout, Part, front, layouts_are_known


def others(*args, **kwargs):
    return "others", args, kwargs


def refused(*args, **kwargs):
    return "refused", args, kwargs


def made(run, types=(float, float), results=None):
    return front("named", "What it does.", types, run, results, others, refused)


def flat(x, y):
    return x, y, x + y


def test_results_come_as_they_are_where_nothing_is_put_together():
    result = flat(1.0, 2.0)
    assert made(lambda x, y: result)(1.0, 2.0) is result


def test_what_stands_in_dicts_must_still_be_the_same_object():
    limit, other = 1000.5, float("1000.5")
    scope = {"limit": limit}
    entries = [(scope, "limit", limit)]
    call = front("named", "", (float,), lambda x: x, None, others, refused, (), entries)
    assert call(1.0) == 1.0
    scope["limit"] = other  # equal, but who knows
    assert call(1.0) == ("others", (1.0,), {})
    scope["limit"] = limit
    assert call(2.0) == 2.0
    del scope["limit"]
    assert call(1.0) == ("others", (1.0,), {})
    counts = sys.getrefcount(limit), sys.getrefcount(scope)
    for _ in range(100):
        call(1.0)
    assert (sys.getrefcount(limit), sys.getrefcount(scope)) == counts


def test_results_are_put_together_in_any_nesting():
    wanted = Container(
        tuple,
        (
            Part(2, np.float64),
            Container(list, (Part(0), Container(tuple, ()), Container(list, (Part(1),)))),
            Container(dict, (Part(1, str), Container(dict, (Part(0),), (4,))), ("k", (1, 2))),
        ),
    )
    value, numbers, named = made(flat, results=wanted)(1.0, 2.0)
    assert type(value) is np.float64
    assert value == 3.0
    assert numbers == [1.0, (), [2.0]]
    assert named == {"k": "2.0", (1, 2): {4: 1.0}}
    assert list(named) == ["k", (1, 2)]


def test_the_only_result_may_be_converted():
    assert type(made(lambda x, y: x, results=Part(None, np.float32))(1.5, 2.0)) is np.float32


@pytest.mark.parametrize(
    "number",
    [0.1, -0.0, 5e-324, float("inf"), 2, True, np.float64(0.3), np.float32(0.1)],
)
def test_numbers_become_those_of_numpy(number):
    call = made(lambda x, y: (number,), results=Container(list, (Part(0, np.float64),)))
    (converted,) = call(1.0, 2.0)
    assert type(converted) is np.float64
    assert converted.tobytes() == np.float64(number).tobytes()


def test_what_is_no_number_is_an_error():
    call = made(lambda x, y: ("word",), results=Container(list, (Part(0, np.float64),)))
    with pytest.raises(ValueError, match="word"):
        call(1.0, 2.0)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1.0, 2), {}),
        ((np.float64(1.0), 2.0), {}),
        ((1.0,), {}),
        ((), {}),
        ((1.0, 2.0, 3.0), {}),
        ((1.0,), {"y": 2.0}),
    ],
)
def test_other_arguments_are_passed_on(args, kwargs):
    assert made(flat)(*args, **kwargs) == ("others", args, kwargs)


def test_an_empty_dict_of_keywords_is_none():
    keywords = {}
    assert made(flat)(1.0, 2.0, **keywords) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("error", [TypeError, ValueError, LookupError, KeyError])
def test_refusals_are_passed_on(error):
    def run(x, y):
        raise error("not for me")

    assert made(run)(1.0, 2.0) == ("refused", (1.0, 2.0), {})


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt])
def test_other_errors_are_raised(error):
    def run(x, y):
        raise error("mine")

    with pytest.raises(error, match="mine"):
        made(run)(1.0, 2.0)


def test_errors_while_results_are_put_together_are_raised_and_leak_nothing():
    def fail(value):
        raise RuntimeError(f"no room for {value}")

    class Fails:
        def __new__(cls, value):
            return fail(value)

    kept = object()
    result = (kept, 1.0)
    wanted = Container(tuple, (Part(0), Container(list, (Part(0), Part(1, Fails)))))
    call = made(lambda x, y: result, results=wanted)
    before = sys.getrefcount(kept), sys.getrefcount(result)
    for _ in range(5):
        with pytest.raises(RuntimeError, match=r"no room for 1\.0"):
            call(1.0, 2.0)
    gc.collect()
    assert (sys.getrefcount(kept), sys.getrefcount(result)) == before


def test_references_are_neither_lost_nor_kept():
    kept = np.ones(3)
    result = (kept, kept)
    nested = Container(list, (Part(1),))
    wanted = Container(tuple, (Part(0), Container(dict, (Part(1), nested), ("a", "b"))))
    call = made(lambda x, y: result, results=wanted)
    before = sys.getrefcount(kept), sys.getrefcount(result)
    for _ in range(5):
        call(1.0, 2.0)
    assert (sys.getrefcount(kept), sys.getrefcount(result)) == before


def test_it_has_a_name_a_docstring_and_a_signature():
    call = made(flat)
    assert call.__name__ == "named"
    assert call.__doc__ == "What it does."
    assert str(inspect.signature(call)) == "(*args, **kwargs)"


def test_it_goes_with_what_it_calls():
    class Run:
        def __call__(self, x, y):
            return x

    run = Run()
    gone = weakref.ref(run)
    call = made(run)
    call(1.0, 2.0)
    del run, call
    gc.collect()
    assert gone() is None


def test_threads_may_call_it_at_once():
    wanted = Container(tuple, (Part(2, np.float64), Container(list, (Part(0), Part(1)))))
    call = made(flat, results=wanted)
    wrong = []

    def work(number):
        for step in range(2000):
            x, y = float(number), float(step)
            if call(x, y) != (x + y, [x, y]):
                wrong.append((x, y))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


READONLY = np.ones((2, 3))
READONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("array", "taken"),
    [
        (np.ones((2, 3)), True),
        (np.ones((0, 7)), True),
        (np.ones((4, 3))[1:], True),
        (np.ones((3, 2)).T, False),
        (np.ones((2, 6))[:, ::2], False),
        (np.ones(6), False),
        (np.ones((1, 2, 3)), False),
        (np.ones((2, 3), np.float32), False),
        (np.ones((2, 3), np.int64), False),
        (np.ones((2, 3), ">f8"), False),
        (READONLY, False),
        (np.ones(49, np.int8)[1:].view(np.float64).reshape(2, 3), False),
    ],
)
def test_arrays_are_taken_as_they_are_laid_out(array, taken):
    layouts = (None, Layout(np.dtype(np.float64), 2))
    call = front(
        "named", "", (float, np.ndarray), lambda x, y: "run", None, others, refused, layouts
    )
    found = call(1.0, array)
    assert (found == "run") == taken
    if not taken:
        assert found[0] == "others"
        assert found[1][1] is array


def test_arrays_of_this_numpy_are_laid_out_as_expected():
    assert layouts_are_known()
