"""The contenders: each turns a problem into a call that returns (value, gradient), ready to time.

Preparation (tracing, compiling, moving inputs to where the library wants them) is not timed here.
A call counts as over when its results can be read.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.agreement import central_difference
from benchmarks.problem import Arguments, Problem

Call = Callable[[], Any]


class NotRun(Exception):
    """This contender does not run this problem; the message says why."""


@dataclass(frozen=True)
class Contender:
    """Name a way to get value and gradient, the package it needs, and how to make the call."""

    name: str
    package: str
    prepare: Callable[[Problem, Arguments], Call]
    note: str
    rtol: float = 0.0  # where the method itself is less exact than the problem's tolerance

    def missing(self) -> str | None:
        """Return why the package cannot be used, or None."""
        try:
            importlib.import_module(self.package)
        except ImportError as error:
            return f"{self.package} is not installed ({error})"
        return None


def _irgrad(problem: Problem, arguments: Arguments) -> Call:
    irgrad: Any = importlib.import_module("irgrad")
    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    return lambda: compiled.value_and_grad(*arguments)


def _irgrad_bound(problem: Problem, arguments: Arguments) -> Call:
    irgrad: Any = importlib.import_module("irgrad")
    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    try:
        run = compiled.bind(*arguments).value_and_grad
    except irgrad.errors.ArgumentError as error:
        raise NotRun(str(error).splitlines()[0]) from error

    return lambda: run(*arguments)


def _irgrad_parallel(problem: Problem, arguments: Arguments) -> Call:
    irgrad: Any = importlib.import_module("irgrad")
    compiled = irgrad.compile(problem.function, argnums=problem.argnums, parallel=True)
    compiled.value_and_grad(*arguments)
    if "prange" not in compiled.source:
        raise NotRun("no loop with work enough for two threads: the same code as irgrad")
    return lambda: compiled.value_and_grad(*arguments)


def _irgrad_value(problem: Problem, arguments: Arguments) -> Call:
    irgrad: Any = importlib.import_module("irgrad")
    compiled = irgrad.compile(problem.function, argnums=problem.argnums)
    return lambda: compiled(*arguments)


def _handwritten(problem: Problem, arguments: Arguments) -> Call:
    value_and_grad = problem.handwritten_value_and_grad
    return lambda: value_and_grad(*arguments)


def _handwritten_value(problem: Problem, arguments: Arguments) -> Call:
    value = problem.handwritten_value
    return lambda: value(*arguments)


def _handwritten_libm(problem: Problem, arguments: Arguments) -> Call:
    value_and_grad = problem.handwritten_libm
    if value_and_grad is None:
        raise NotRun("no separate libm form")
    return lambda: value_and_grad(*arguments)


def _jax_compiled(problem: Problem) -> tuple[Any, Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.jit(jax.value_and_grad(problem.jax_function, argnums=problem.argnums))


def _jax(problem: Problem, arguments: Arguments) -> Call:
    jax, compiled = _jax_compiled(problem)
    placed = jax.device_put(arguments)
    return lambda: jax.block_until_ready(compiled(*placed))


def _jax_numpy(problem: Problem, arguments: Arguments) -> Call:
    _, compiled = _jax_compiled(problem)
    if isinstance(problem.argnums, int):

        def call() -> Any:
            value, gradient = compiled(*arguments)
            return float(value), np.asarray(gradient)

    else:

        def call() -> Any:
            value, gradient = compiled(*arguments)
            return float(value), tuple(np.asarray(part) for part in gradient)

    return call


def _torch_inputs(torch: Any, problem: Problem, arguments: Arguments) -> tuple[Any, Any]:
    tensors = [torch.tensor(argument, dtype=torch.float64) for argument in arguments]
    wanted = [tensors[position].requires_grad_() for position in problem.positions]
    return tensors, wanted


def _torch(problem: Problem, arguments: Arguments) -> Call:
    import torch

    function = problem.torch_function(torch)
    tensors, wanted = _torch_inputs(torch, problem, arguments)

    def call() -> Any:
        value = function(*tensors)
        return value.detach(), torch.autograd.grad(value, wanted)

    return call


def _torch_compiled(problem: Problem, arguments: Arguments) -> Call:
    import torch

    torch.compiler.reset()
    function = torch.compile(problem.torch_function(torch), dynamic=False)
    tensors, wanted = _torch_inputs(torch, problem, arguments)

    def call() -> Any:
        value = function(*tensors)
        return value.detach(), torch.autograd.grad(value, wanted)

    return call


class _PyTensorNamespace:
    """Answer NumPy's names with PyTensor's functions, and constants with NumPy's own."""

    def __init__(self) -> None:
        import pytensor.tensor as symbolic

        self.symbolic = symbolic

    def __getattr__(self, name: str) -> Any:
        if name in ("pi", "inf", "float64"):
            return getattr(np, name)
        return getattr(self.symbolic, name)


def _pytensor(problem: Problem, arguments: Arguments) -> Call:
    import pytensor
    import pytensor.tensor as symbolic

    inputs = [symbolic.tensor(dtype="float64", shape=np.shape(a)) for a in arguments]
    value = problem.function_with(_PyTensorNamespace())(*inputs)
    gradient = pytensor.grad(value, [inputs[position] for position in problem.positions])
    compiled = pytensor.function(inputs, [value, *gradient], mode="NUMBA", on_unused_input="ignore")
    compiled.trust_input = True
    ready = [np.asarray(argument, dtype=np.float64) for argument in arguments]

    def call() -> Any:
        answer = compiled(*ready)
        return answer[0], answer[1:]

    return call


def _casadi(problem: Problem, arguments: Arguments) -> Call:
    if problem.casadi_function is None:
        raise NotRun("CasADi is timed on the scalar problems only")
    import casadi

    symbols = [casadi.SX.sym(f"a{i}", np.size(a)) for i, a in enumerate(arguments)]
    value = problem.casadi_function(casadi)(*symbols)
    gradient = [casadi.gradient(value, symbols[position]) for position in problem.positions]
    compiled = casadi.Function("value_and_grad", symbols, [value, *gradient])
    shapes = [np.shape(arguments[position]) for position in problem.positions]

    def call() -> Any:
        answer = compiled(*arguments)
        return float(answer[0]), [
            np.asarray(part).reshape(shape) for part, shape in zip(answer[1:], shapes, strict=True)
        ]

    return call


def _autograd(problem: Problem, arguments: Arguments) -> Call:
    import autograd
    import autograd.numpy

    function = problem.function_with(autograd.numpy)
    value_and_grad = autograd.value_and_grad(function, argnum=problem.argnums)
    return lambda: value_and_grad(*arguments)


MOST_DIFFERENCED = 100


def _finite_differences(problem: Problem, arguments: Arguments) -> Call:
    count = sum(np.size(arguments[position]) for position in problem.positions)
    if count > MOST_DIFFERENCED:
        raise NotRun(f"{count} parameters would take {4 * count} evaluations")
    function = problem.function

    def slopes(position: int) -> Any:
        changed = list(arguments)
        base = arguments[position]
        if not isinstance(base, np.ndarray):

            def scalar(x: float) -> float:
                changed[position] = x
                return float(function(*changed))

            return central_difference(scalar, base, 1e-4 * max(1.0, abs(base)))
        moved = base.copy()
        changed[position] = moved
        gradient = np.empty(base.shape)
        flat, out = moved.reshape(-1), gradient.reshape(-1)
        for place in range(flat.size):
            x = float(flat[place])

            def along(at: float, place: int = place) -> float:
                flat[place] = at
                return float(function(*changed))

            out[place] = central_difference(along, x, 1e-4 * max(1.0, abs(x)))
            flat[place] = x
        return gradient

    return lambda: (function(*arguments), tuple(slopes(p) for p in problem.positions))


ALL: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender("irgrad", "irgrad", _irgrad, "compiled, NumPy in and out"),
        Contender("irgrad bound", "irgrad", _irgrad_bound, "by f.bind, results flat"),
        Contender("irgrad parallel", "irgrad", _irgrad_parallel, "parallel=True"),
        Contender("handwritten", "numba", _handwritten, "expert numba, value and gradient"),
        Contender("handwritten libm", "numba", _handwritten_libm, "libm instead of polynomials"),
        Contender("jax", "jax", _jax, "jit, float64, device arrays in and out"),
        Contender("jax numpy", "jax", _jax_numpy, "jit, float64, NumPy arrays in and out"),
        Contender("torch", "torch", _torch, "eager, tensors in and out"),
        Contender("torch compile", "torch", _torch_compiled, "torch.compile, tensors in and out"),
        Contender("pytensor", "pytensor", _pytensor, "numba mode"),
        Contender("casadi", "casadi", _casadi, "SX function, its own virtual machine"),
        Contender("autograd", "autograd", _autograd, "NumPy with a tape"),
        Contender(
            "finite differences", "numpy", _finite_differences, "five-point, NumPy", rtol=1e-4
        ),
    )
}

# Timed beside these contenders to know what the gradient costs over the value.
VALUE_ONLY: Mapping[str, Contender] = {
    "irgrad": Contender("irgrad value", "irgrad", _irgrad_value, "compiled, value only"),
    "handwritten": Contender(
        "handwritten value", "numba", _handwritten_value, "expert numba, value only"
    ),
}
