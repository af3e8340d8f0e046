"""Where operations come from: the user's lines, however the calls between them nest."""

import gc
import weakref

import numpy as np

import irgrad


def _lines(function, *arguments):
    """Return the innermost lines of the recorded operations, relative to the function's first."""
    traced = irgrad.compile(function, jit=False, argnums=()).lower(*arguments).traced
    first = function.__code__.co_firstlineno
    return [
        node.origin.location().line - first
        for node in traced.nodes
        if node.inputs and node.origin is not None
    ]


def test_each_operation_has_its_own_line():
    def f(x):
        y = x * 2.0
        z = y + 1.0
        return z * y

    assert _lines(f, 1.0) == [1, 2, 3]


def test_the_same_helper_called_from_two_lines_has_two_origins():
    def helper(x):
        return x * 2.0

    def f(x):
        a = helper(x)
        b = helper(a)
        return a + b

    traced = irgrad.compile(f, jit=False, argnums=()).lower(1.0).traced
    first, second = [node.origin for node in traced.nodes if node.op.name == "multiply"]
    assert first is not second
    assert first.sites[0] == second.sites[0]
    assert first.sites[1] != second.sites[1]


def test_a_generator_resumed_from_two_places_is_told_apart():
    def f(x):
        def powers():
            y = x
            while True:
                y = y * x
                yield y

        source = powers()
        a = next(source)
        b = next(source)
        return a + b

    traced = irgrad.compile(f, jit=False, argnums=()).lower(1.0).traced
    first, second = [node.origin for node in traced.nodes if node.op.name == "multiply"]
    assert first.sites[0] == second.sites[0]
    assert first.sites[1:] != second.sites[1:]


def test_one_generator_below_another():
    def f(x):
        def doubled():
            for k in range(3):
                yield helper(k)

        def helper(k):
            return x * float(k)

        return sum(doubled()) + sum(helper(k) for k in range(2))

    traced = irgrad.compile(f, jit=False, argnums=()).lower(1.0).traced
    products = [node.origin for node in traced.nodes if node.op.name == "multiply"]
    assert len(set(map(id, products))) == 2, "one origin for each of the two generators"


def test_tracing_keeps_no_variable_of_the_user_alive():
    class Big:
        pass

    kept = []

    def inner(x):
        big = Big()
        kept.append(weakref.ref(big))
        return x * 2.0

    def f(x):
        return inner(x) + inner(x)

    irgrad.compile(f, jit=False).lower(np.float64(1.0))
    gc.collect()
    assert [reference() for reference in kept] == [None, None]
