"""Arrays in the memory of others: copies that vanish, memory taken over, results left alone."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad
from irgrad.ir import loops
from irgrad.ir.dims import symbol
from irgrad.schedule.reuse import in_freed_memory, without_copies
from tests.oracles import check

FLOAT = np.dtype(np.float64)
N = symbol("n")


def made(name: str, fill: Any = None) -> loops.Allocate:
    return loops.Allocate(name, (N,), FLOAT, fill)


def filled(target: str, source: str, index: Any = None) -> loops.Loop:
    i = symbol("i")
    read = loops.Apply("2.0 * x", (loops.Load(source, (i,)),), FLOAT)
    return loops.Loop("i", N, (loops.Store(target, (i if index is None else index,), read),))


def copied(target: str, source: str) -> loops.Loop:
    i = symbol("i")
    return loops.Loop("i", N, (loops.Store(target, (i,), loops.Load(source, (i,))),))


def allocated(statements: Any) -> list[str]:
    return [part.name for part in statements if isinstance(part, loops.Allocate)]


def test_a_copy_of_what_is_not_read_again_is_no_copy() -> None:
    body = [made("a"), made("b"), filled("a", "x"), copied("b", "a"), filled("c", "b")]
    lean = without_copies(body, frozenset())
    assert lean == [made("a"), filled("a", "x"), filled("c", "a")]


def test_a_result_keeps_its_name() -> None:
    body = [made("a", 0.0), made("b"), filled("a", "x"), loops.Copy("b", "a")]
    assert without_copies(body, frozenset({"b"})) == [made("b", 0.0), filled("b", "x")]


def test_copies_that_matter_stay() -> None:
    write = loops.Store("b", (0,), loops.Load("x", (0,)))
    read_later = [made("a"), made("b"), copied("b", "a"), write, filled("c", "a")]
    assert without_copies(read_later, frozenset()) == read_later
    of_an_argument = [made("b"), copied("b", "x"), filled("c", "b")]
    assert without_copies(of_an_argument, frozenset()) == of_an_argument
    both_returned = [made("a"), made("b"), filled("a", "x"), copied("b", "a")]
    assert without_copies(both_returned, frozenset({"a", "b"})) == both_returned


def element(name: str, array: str, index: Any) -> loops.Let:
    return loops.Let(name, loops.Load(array, (index,)))


def test_a_copy_that_is_never_written_where_its_source_is_read_again_is_no_copy() -> None:
    def stretch(first: int) -> loops.Loop:
        place = symbol("i") + first
        return loops.Loop("i", 3, (loops.Store("b", (place,), loops.Load("x", (place,))),))

    start = [made("a"), made("b"), filled("a", "x"), copied("b", "a")]
    apart = [*start, stretch(2), element("y", "a", 1), element("z", "b", 0)]
    assert allocated(without_copies(apart, frozenset())) == ["a"]
    before = [*start, element("y", "a", 4), stretch(2)]
    assert allocated(without_copies(before, frozenset())) == ["a"]
    behind = [*start, stretch(2), element("y", "a", 4)]
    assert without_copies(behind, frozenset()) == behind
    last = [*start, stretch(2), element("y", "a", N - 1)]
    assert without_copies(last, frozenset()) == last


def test_a_copy_that_a_view_may_write_stays() -> None:
    part = loops.Slice("part", "b", (loops.AxisSlice(1, N - 1, 1),))
    write = loops.Store("part", (0,), loops.Load("x", (0,)))
    body = [made("a"), made("b"), part, filled("a", "x"), copied("b", "a"), write]
    body.append(element("y", "a", 4))
    assert without_copies(body, frozenset()) == body


def test_what_shares_memory_by_two_copies_is_kept_apart_from_the_first() -> None:
    arrays = [made("a"), made("b"), made("c"), filled("a", "x"), copied("b", "a")]
    written = [loops.Store("b", (0,), loops.Load("x", (0,))), copied("c", "b")]
    reads_first = [*arrays, *written, element("y", "a", 1), element("z", "c", 0)]
    assert allocated(without_copies(reads_first, frozenset())) == ["a"]
    again = loops.Store("c", (1,), loops.Load("x", (1,)))
    reads_then = [*arrays, *written, again, element("y", "a", 1)]
    assert allocated(without_copies(reads_then, frozenset())) == ["a", "c"]


def test_memory_that_is_free_is_taken_over() -> None:
    back = N - 1 - symbol("i")
    body = [
        made("a"), made("b"), made("c"), filled("a", "x"), filled("b", "a", back),
        filled("c", "b", back), filled("r", "c"),
    ]  # fmt: skip
    lean = in_freed_memory(body, frozenset({"r"}))
    assert allocated(lean) == ["a", "b"]
    assert lean[4:] == [loops.Rearrange("c", "a"), filled("c", "b", back), filled("r", "c")]


def test_memory_is_taken_over_element_by_element() -> None:
    i, j = symbol("i"), symbol("j")
    square = loops.Allocate("a", (N, N), FLOAT), loops.Allocate("b", (N, N), FLOAT)
    made_first = loops.Call("np.dot", ("x", "y", "a"))

    def nest(*body: loops.Statement) -> loops.Loop:
        return loops.Loop("i", N, (loops.Loop("j", N, body),))

    def allocations(*statements: loops.Statement) -> list[str]:
        last = loops.Call("np.dot", ("b", "y", "z"))
        return allocated(in_freed_memory([*square, made_first, *statements, last], frozenset()))

    read, crossed = loops.Load("a", (i, j)), loops.Load("a", (j, i))
    set_b = loops.Store("b", (i, j), read)
    assert allocations(nest(set_b)) == ["a"]
    assert allocations(nest(loops.Let("y", read), set_b)) == ["a"]
    assert allocations(nest(loops.Store("b", (i, j), crossed))) == ["a", "b"]
    assert allocations(nest(set_b, loops.Let("y", read))) == ["a", "b"]
    assert allocations(nest(loops.Store("b", (i, 0), read))) == ["a", "b"]
    assert allocations(nest(loops.Let("y", crossed), set_b)) == ["a", "b"]
    view = loops.Slice("part", "a", (loops.AxisSlice(N - 1, N, -1), None))
    assert allocations(view, nest(loops.Let("y", loops.Load("part", (i, j))), set_b)) == ["a", "b"]


def test_views_follow_the_array_that_takes_memory_over() -> None:
    part, rows = loops.Rearrange("part", "b", (N, 1)), loops.Rearrange("rows", "part", (N,))
    body = [
        made("a"), made("b"), part, rows, filled("a", "x"), filled("y", "a"), filled("b", "y"),
        filled("z", "rows"),
    ]  # fmt: skip
    lean = in_freed_memory(body, frozenset({"y", "z"}))
    assert allocated(lean) == ["a"]
    assert lean[3:] == [
        loops.Rearrange("b", "a"), part, rows, filled("b", "y"), filled("z", "rows"),
    ]  # fmt: skip


def test_memory_that_a_view_still_looks_at_is_not_free() -> None:
    body = [
        made("a"), made("b"), loops.Rearrange("part", "a", (N, 1)), filled("a", "x"),
        filled("y", "a"), filled("b", "y"), filled("z", "part"),
    ]  # fmt: skip
    assert in_freed_memory(body, frozenset({"y", "z"})) == body


def test_zeros_and_results_take_no_memory_over() -> None:
    def lean(later: loops.Allocate, *more: Any, returned: tuple[str, ...] = ()) -> list[str]:
        body = [made("a"), later, *more, filled("a", "x"), filled("y", "a"), filled("b", "y")]
        return allocated(in_freed_memory(body, frozenset(returned)))

    assert lean(made("b")) == ["a"]
    assert lean(made("b", 0.0)) == ["a", "b"]
    assert lean(made("b"), returned=("b",)) == ["a", "b"]
    assert lean(made("b"), loops.Rearrange("part", "a", (N, 1))) == ["a"]
    part = loops.Rearrange("part", "a", (N, 1))
    assert lean(made("b"), part, returned=("part",)) == ["a", "b"]


def test_a_long_chain_of_products_needs_three_arrays() -> None:
    def function(x: Any, w: Any) -> Any:
        for _ in range(12):
            x = np.tanh(x @ w)
        return np.sum(x)

    x, w = np.ones((30, 20)), np.eye(20) * 0.5
    compiled = irgrad.compile(function, jit=False)
    compiled(x, w)
    value = compiled.source[compiled.source.index("def value_") :]
    value = value[: value.index("def value_and_grad")]
    assert value.count("np.empty((n, m))") <= 3
    np.testing.assert_allclose(compiled(x, w), function(x, w), rtol=1e-14)


def test_scratch_of_a_block_is_taken_over_within_it() -> None:
    def lean(*arrays: loops.Allocate, after: tuple[loops.Statement, ...] = ()) -> list[str]:
        inside = (filled("a", "x"), filled("b", "a"), filled("y", "b"))
        block = loops.Blocks("m", N, inside, size="rows", length=64)
        return allocated(in_freed_memory([*arrays, block, *after], frozenset({"y"})))

    def own(name: str, **options: Any) -> loops.Allocate:
        return loops.Allocate(name, (N,), FLOAT, **{"scratch": True, **options})

    assert lean(own("a"), own("b")) == ["a"]
    assert lean(own("a"), own("b", scratch=False)) == ["a", "b"]
    assert lean(own("a"), own("b", fill=0.0)) == ["a", "b"]
    assert lean(own("a"), own("b"), after=(filled("y", "b"),)) == ["a", "b"]


def product(left: str, right: str, target: str) -> loops.Call:
    return loops.Call("np.dot", (left, right, target))


def test_a_product_that_frees_an_array_comes_before_one_that_begins_another() -> None:
    body = [made("a"), made("b"), filled("a", "x"), product("y", "z", "b"), product("a", "y", "w")]
    lean = in_freed_memory([*body, filled("out", "b")], frozenset({"out"}))
    assert [part.arguments[-1] for part in lean if isinstance(part, loops.Call)] == ["w", "b"]


def test_products_that_wait_for_one_another_keep_their_order() -> None:
    for second in (product("a", "b", "w"), product("a", "y", "z"), product("a", "y", "x")):
        first = product("x", "z", "b")
        body = [made("a"), made("b"), filled("a", "x"), first, second, filled("out", "b")]
        lean = in_freed_memory(body, frozenset({"out"}))
        assert [part for part in lean if isinstance(part, loops.Call)] == [first, second]


def kernel(source: str, target: str, *others: str) -> loops.Call:
    return loops.Call("fill", (*others, source, target), (), (source, target))


def test_a_kernel_fills_the_memory_of_what_it_reads_last() -> None:
    views = [loops.Rearrange("a_rows", "a", (1, N)), loops.Rearrange("b_rows", "b", (1, N))]
    body = [made("a"), made("b"), *views, filled("a", "x"), kernel("a_rows", "b_rows")]
    lean = in_freed_memory([*body, filled("out", "b")], frozenset({"out"}))
    assert "b" not in allocated(lean)


def test_a_kernel_keeps_memory_apart_that_it_reads_otherwise_or_later() -> None:
    for call, last in (
        (kernel("a", "b", "a"), filled("out", "b")),  # another argument looks at it too
        (kernel("a", "b"), loops.Call("np.dot", ("a", "b", "out"))),  # it is read again
        (loops.Call("fill", ("a", "b")), filled("out", "b")),  # not said to be in place
        (kernel("x", "b", "a"), filled("out", "b")),  # in the memory of another argument
    ):
        body = [made("a"), made("b"), filled("a", "x"), call, last]
        assert allocated(in_freed_memory(body, frozenset({"out"}))) == ["a", "b"]


def test_factors_of_what_is_used_again_are_right() -> None:
    def function(a: Any, x: Any) -> Any:
        k = a @ a.T + 4.0 * np.eye(a.shape[0])
        factor = np.linalg.cholesky(k)
        again = np.linalg.cholesky(k + 1.0)
        return np.sum(factor * k) + np.sum(np.linalg.solve(again, x) * np.linalg.solve(factor, x))

    a, x = (0.2 * np.random.default_rng(seed).normal(size=(30, 30)) for seed in (0, 1))
    check(function, a, x, order=1, fixed=True)


def test_scratch_of_a_loop_is_taken_over_within_it() -> None:
    def function(q: Any, k: Any) -> Any:
        scores = np.tanh(q @ np.swapaxes(k, 1, 2))
        return np.sum(np.cos(scores @ k) * q)

    q, k = (0.1 * np.random.default_rng(seed).normal(size=(3, 40, 40)) for seed in (0, 1))
    source = irgrad.compile(function, argnums=(0, 1), jit=False).lower(q, k).module.source
    gradient = source[source.index("def value_and_grad") :]
    assert gradient.count("its memory, used again") >= 2
    check(function, q, k, order=1)
