"""``out=``: gradients written into the caller's arrays, and nothing else written."""

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError
from irgrad.pipeline import compile_into


def energy(x, y):
    return np.sum(np.exp(-x) * y * y) + np.sum(x[1:] * x[:-1])


def product(a, b):
    return np.sum((a @ b) ** 2)


def cholesky(a):
    return np.sum(np.log(np.diag(np.linalg.cholesky(a))))


def flipped(x):
    return np.sum(x[::-1] * np.arange(x.shape[0]))


def looped(x):
    total = 0.0
    for step in range(40):
        total = total + x[step % 3] * step
    return total


def nothing(x, y):
    return np.sum(y)


rng = np.random.default_rng(0)
SQUARE = rng.normal(size=(5, 5))
CASES = [
    (energy, (rng.normal(size=40), rng.normal(size=40)), (0, 1)),
    (energy, (rng.normal(size=4), rng.normal(size=4)), (1,)),
    (product, (rng.normal(size=(7, 30)), rng.normal(size=(30, 20))), (0, 1)),
    (cholesky, (SQUARE @ SQUARE.T + np.eye(5),), (0,)),
    (flipped, (rng.normal(size=9),), (0,)),
    (looped, (rng.normal(size=5),), (0,)),
    (
        energy,
        (rng.normal(size=40).astype(np.float32), rng.normal(size=40).astype(np.float32)),
        (0,),
    ),
]


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize(("function", "arguments", "argnums"), CASES)
def test_what_is_written_is_the_gradient(function, arguments, argnums, jit):
    compiled = irgrad.compile(function, argnums=argnums, jit=jit)
    value, gradient = compiled.value_and_grad(*arguments)
    before = [argument.copy() for argument in arguments]
    out = tuple(np.full_like(arguments[number], np.nan) for number in argnums)
    for _ in range(3):
        for buffer in out:
            buffer[...] = np.nan
        again, same = compiled.value_and_grad(*arguments, out=out)
        assert same is out
        assert type(again) is type(value)
        np.testing.assert_allclose(again, value, rtol=1e-6)
        for buffer, slope in zip(out, gradient, strict=True):
            np.testing.assert_allclose(buffer, slope, rtol=1e-5, atol=1e-12)
    for argument, kept in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, kept)
    assert compiled.grad(*arguments, out=out) is out


def test_a_gradient_by_nothing_is_written_as_zero():
    compiled = irgrad.compile(nothing, argnums=(0, 1))
    out = (np.ones(3), np.zeros(2))
    compiled.grad(np.ones(3), np.ones(2), out=out)
    np.testing.assert_array_equal(out[0], 0.0)
    np.testing.assert_array_equal(out[1], 1.0)


def test_one_compilation_serves_all_sizes():
    compiled = irgrad.compile(energy)
    for size in (40, 50, 40, 3):
        x, y = rng.normal(size=size), rng.normal(size=size)
        out = np.empty(size)
        value, slope = compiled.value_and_grad(x, y, out=out)
        assert slope is out
        np.testing.assert_allclose(value, energy(x, y))
        np.testing.assert_allclose(out, compiled.grad(x, y))


def test_trees_have_arrays_without_dimensions_for_numbers():
    def loss(parameters, x):
        return np.sum((parameters["w"] * x + parameters["b"]) ** 2)

    compiled = irgrad.compile(loss)
    parameters = {"w": np.array([1.0, 2.0, 3.0]), "b": 0.5}
    out = {"w": np.empty(3), "b": np.empty(())}
    x = np.array([1.0, -1.0, 2.0])
    for _ in range(2):
        value, same = compiled.value_and_grad(parameters, x, out=out)
        assert same is out
        expected_value, expected = compiled.value_and_grad(parameters, x)
        assert value == expected_value
        np.testing.assert_array_equal(out["w"], expected["w"])
        assert out["b"] == expected["b"]


def test_many_numbers_in_one_argument():
    compiled = irgrad.compile(lambda p: sum(v * v for v in p))
    numbers = [float(number) for number in range(70)]
    out = [np.empty(()) for _ in numbers]
    compiled.grad(numbers, out=out)
    assert [float(slope) for slope in out] == [2.0 * number for number in numbers]


def test_one_argument_twice():
    compiled = irgrad.compile(energy, argnums=(0, 0))
    x, y = rng.normal(size=4), rng.normal(size=4)
    out = (np.empty(4), np.empty(4))
    compiled.grad(x, y, out=out)
    np.testing.assert_allclose(out[0], irgrad.compile(energy).grad(x, y))
    np.testing.assert_array_equal(out[0], out[1])


def test_arrays_from_outside_are_read_anew():
    data = np.ones(60)[::2]
    compiled = irgrad.compile(lambda x: np.sum(data * x))
    out = np.empty(30)
    x = np.ones(30)
    assert compiled.value_and_grad(x, out=out)[0] == 30.0
    data[...] = 2.0
    assert compiled.value_and_grad(x, out=out)[0] == 60.0
    np.testing.assert_array_equal(out, 2.0)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda x: np.empty(4), r"out is float64\[4\], and the gradient float64\[5\]"),
        (lambda x: np.empty(5, np.float32), r"out is float32\[5\], and the gradient float64\[5\]"),
        (lambda x: np.empty((5, 1)), r"out is float64\[5, 1\]"),
        (lambda x: np.empty(10)[::2], "out is not contiguous"),
        (lambda x: np.broadcast_to(np.zeros(()), (5,)), "out is not contiguous"),
        (lambda x: np.frombuffer(bytes(40)), "out is read-only"),
        (lambda x: [0.0] * 5, "structure"),
        (lambda x: 1.0, "out is a float"),
        (lambda x: (np.empty(5),), "structure"),
        (lambda x: x, "out shares memory with argument 'x'"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_arrays_that_do_not_fit_are_refused(make, complaint, warm):
    compiled = irgrad.compile(lambda x: np.sum(x * x), jit=False)
    x = np.arange(5.0)
    if warm:
        compiled.grad(x, out=np.empty(5))
    with pytest.raises(ArgumentError, match=complaint):
        compiled.grad(x, out=make(x))
    np.testing.assert_array_equal(x, np.arange(5.0))


@pytest.mark.parametrize("warm", [False, True])
def test_memory_that_overlaps_is_refused(warm):
    compiled = irgrad.compile(energy, argnums=(0, 1))
    x, y, memory = np.ones(6), np.ones(6), np.zeros(12)
    if warm:
        compiled.grad(x, y, out=(np.empty(6), np.empty(6)))
    with pytest.raises(ArgumentError, match=r"out\[1\] shares memory with out\[0\]"):
        compiled.grad(x, y, out=(memory[:6], memory[3:9]))
    with pytest.raises(ArgumentError, match=r"out\[1\] shares memory with argument 'y'"):
        compiled.grad(x, memory[6:], out=(memory[:6], memory[6:]))
    np.testing.assert_array_equal(memory, 0.0)
    compiled.grad(x, y, out=(memory[:6], memory[6:]))
    np.testing.assert_allclose(memory[6:], 2.0 * np.exp(-1.0))


def test_a_captured_array_is_not_written():
    data = np.ones(6)
    compiled = irgrad.compile(lambda x: np.sum(data * x), jit=False)
    with pytest.raises(ArgumentError, match="shares memory with an array that the function reads"):
        compiled.grad(np.ones(6), out=data)


def test_a_parameter_called_out_is_the_functions_own():
    compiled = irgrad.compile(lambda x, out: np.sum(x * out), jit=False)
    np.testing.assert_array_equal(compiled.grad(np.ones(2), out=np.array([3.0, 4.0])), [3.0, 4.0])


def test_while_the_compiler_is_at_work_the_graph_answers():
    compiled = irgrad.compile(energy, tier="auto")
    x, y = rng.normal(size=20), rng.normal(size=20)
    expected = irgrad.compile(energy, jit=False).grad(x, y)
    for _ in range(2):
        out = np.empty(20)
        compiled.grad(x, y, out=out)
        np.testing.assert_allclose(out, expected)
        assert compiled.wait(60.0)


def test_the_emitted_function_makes_no_array_it_is_given():
    compiled = irgrad.compile(energy)
    arguments = rng.normal(size=40), rng.normal(size=40)
    compilation = compiled.lower(*arguments)
    source = compile_into(compilation, (0,), compiled._options)[1].source
    assert "def value_and_grad_into_" in source
    assert "x_bar = np." not in source
    assert "x_bar.shape[0] != n" in source
    assert "return value\n" in source


def test_inside_another_trace_it_is_refused():
    compiled = irgrad.compile(energy, jit=False)
    with pytest.raises(ArgumentError, match="out="):
        irgrad.grad(lambda x: np.sum(compiled.grad(x, x, out=np.empty(3))))(np.ones(3))
