"""The vector-math kernels: elementary functions that LLVM vectorises inside a loop.

A kernel is the text of one plain Python function of one or two scalars, kept in the template
folder as `vector_math/<function>.py.jinja`, without its decorator. An emitted file holds the
kernels it uses, each below `@njit(**EXACT)` (or `@njit(**STRICT)` for a strict one):

    EXACT = dict(cache=True, nogil=True, error_model="numpy", fastmath={"contract"},
                 forceinline=True)
    STRICT = dict(cache=True, nogil=True, error_model="numpy", forceinline=True)

Without `forceinline` LLVM leaves the larger kernels as calls, and the loop stays scalar. The
bounds below are proven against mpmath by the tests.

`sin` and `cos` are right for every argument, which costs them a multiplication by the bits of
1/(2 pi) on every element; `sin_moderate` and `cos_moderate` do without, three times as fast, and
give nan from 2**20 on. `fill_sin` and the like, which have the loop inside, are as fast and right
for every argument.

The other kernels named `_moderate` and `_small` are right on an interval only, which the op that
uses them declares: they are emitted where the argument is known to lie in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from irgrad.emit.templates import template_folder

__all__ = ["KERNELS", "Kernel", "closure", "kernel", "source"]


@dataclass(frozen=True)
class Kernel:
    """One vector-math function.

    name: what it computes, `exp`; dtype: of its arguments and result; function: its identifier
    in the emitted file; requires: the functions it calls; ulp: a bound on its error in units in
    the last place of the result; strict: whether it must be compiled without contraction;
    helper: whether it is only there to be called by kernels (it may return a tuple);
    fills: whether it is a function over many elements, `fill_sin(size, x, sine)`, with the loop
    inside: for what is fast only where no element of a block is out of the ordinary.
    """

    name: str
    dtype: Literal["float64", "float32"]
    function: str
    requires: tuple[str, ...]
    ulp: float
    strict: bool = False
    helper: bool = False
    fills: bool = False


def _float64(name: str, ulp: float, *requires: str) -> Kernel:
    return Kernel(name, "float64", name, requires, ulp)


def _float32(name: str, *requires: str) -> Kernel:
    return Kernel(name, "float32", f"{name}_float32", requires, 1.0)


def _helper(name: str, *requires: str) -> Kernel:
    return Kernel(name, "float64", name, requires, 0.0, helper=True)


def _fill(name: str, ulp: float, *requires: str, helper: bool = False) -> Kernel:
    return Kernel(name, "float64", f"fill_{name}", requires, ulp, helper=helper, fills=True)


KERNELS: tuple[Kernel, ...] = (
    _float64("exp", 1.0),
    _float64("log", 1.0),
    _float64("tanh", 1.5),
    _float64("logistic", 2.0, "exp"),
    _float64("log1p", 1.5),
    _helper("log1p_unit"),
    _float64("softplus", 2.0, "exp", "log1p_unit"),
    _float64("logaddexp", 2.0, "exp", "log1p_unit"),
    _float64("expm1", 1.5),
    _float64("exp2", 1.0),
    _float64("log2", 1.0),
    _float64("log10", 1.0),
    _helper("exp_half"),
    _float64("sinh", 2.0, "exp_half"),
    _float64("cosh", 1.5, "exp_half"),
    _helper("reduce_quadrant"),
    _helper("reduce_turns"),
    _helper("rotate"),
    _helper("sincos", "reduce_quadrant", "reduce_turns", "rotate"),
    _helper("sincos_moderate", "reduce_quadrant", "rotate"),
    _float64("sin", 2.0, "sincos"),
    _float64("cos", 2.0, "sincos"),
    _helper("rotate_tangent"),
    _float64("tan", 2.0, "reduce_quadrant", "reduce_turns", "rotate_tangent"),
    _float64("sin_moderate", 2.0, "sincos_moderate"),
    _float64("cos_moderate", 2.0, "sincos_moderate"),
    _float64("tan_moderate", 2.0, "reduce_quadrant", "rotate_tangent"),
    _fill("sin", 2.0, "sin", "sin_moderate"),
    _fill("cos", 2.0, "cos", "cos_moderate"),
    _fill("sincos", 2.0, "sincos", "sincos_moderate", helper=True),
    _fill("tan", 2.0, "tan", "tan_moderate"),
    _float64("atan", 1.5),
    _float64("atan2", 2.0),
    _float64("asin", 1.0),
    _float64("acos", 1.0),
    _helper("gauss_tail"),
    _float64("erf", 1.0, "gauss_tail"),
    _float64("erfc", 2.0, "gauss_tail"),
    _float64("cbrt", 1.0),
    _float64("asinh", 2.0, "log1p"),
    _helper("log1p_sum"),
    _float64("acosh", 2.0, "log1p_sum"),
    _float64("atanh", 2.0, "log1p"),
    _float64("pow", 1.5),
    _float64("exp_moderate", 1.0),
    _fill("exp", 1.0, "exp_moderate"),
    _float64("expm1_moderate", 1.5),
    _float64("log_moderate", 1.0),
    _float64("log1p_moderate", 1.5),
    _float64("sin_small", 1.0),
    _float64("cos_small", 1.5),
    _float64("sinh_small", 1.5),
    _float64("cosh_small", 1.5),
    _float64("tanh_small", 2.0),
    _helper("rank"),
    _helper("ranked"),
    _helper("exp_short"),
    _helper("log_short"),
    _float32("exp", "exp_short"),
    _float32("log", "log_short"),
    _float32("tanh", "exp"),
    _float32("logistic", "exp_short"),
    _float32("log1p", "log_short"),
    _float32("expm1", "exp"),
    _float32("softplus", "exp_short", "log1p_unit"),
    _float32("logaddexp", "logaddexp"),
    _float32("exp2", "exp_short"),
    _float32("log2", "log_short"),
    _float32("log10", "log_short"),
    _float32("sinh", "exp"),
    _float32("cosh", "exp_short"),
    _helper("sincos_float32"),
    _helper("sincos_moderate_float32"),
    _float32("sin", "sincos_float32"),
    _float32("cos", "sincos_float32"),
    _float32("tan", "sincos_float32"),
    _float32("sin_moderate", "sincos_moderate_float32"),
    _float32("cos_moderate", "sincos_moderate_float32"),
    _float32("tan_moderate", "sincos_moderate_float32"),
    _float32("atan", "atan"),
    _float32("atan2", "atan2"),
    _float32("asin", "asin"),
    _float32("acos", "acos"),
    _float32("erf", "erf"),
    _float32("erfc", "erfc"),
    _float32("cbrt", "cbrt"),
    _float32("asinh", "log_short"),
    _float32("acosh", "log_short"),
    _float32("atanh", "log_short"),
    _float32("pow", "exp_short", "log_short"),
)

_BY_NAME: dict[tuple[str, str], Kernel] = {
    (entry.name, entry.dtype): entry for entry in KERNELS if not (entry.helper or entry.fills)
}
BY_FUNCTION = {entry.function: entry for entry in KERNELS}


def kernel(name: str, dtype: str) -> Kernel | None:
    """Return the kernel that computes `name` in `dtype`, or None where there is none."""
    return _BY_NAME.get((name, dtype))


@cache
def source(function: str) -> str:
    """Return the text of a kernel, from `def` to its last newline, without a decorator.

    Raises: KeyError: no kernel has this function name.
    """
    entry = BY_FUNCTION[function]
    path = template_folder() / "vector_math" / f"{entry.function}.py.jinja"
    return path.read_text(encoding="utf-8")


def closure(functions: Iterable[str]) -> tuple[str, ...]:
    """Return kernels and all they call, each after what it calls, in the registry's order.

    Raises: KeyError: no kernel has one of these function names.
    """
    wanted: set[str] = set()
    waiting = list(functions)
    while waiting:
        entry = BY_FUNCTION[waiting.pop()]
        if entry.function not in wanted:
            wanted.add(entry.function)
            waiting.extend(entry.requires)
    ordered: list[str] = []
    for entry in KERNELS:
        if entry.function in wanted:
            _append_after_requirements(entry, ordered)
    return tuple(ordered)


def _append_after_requirements(entry: Kernel, ordered: list[str]) -> None:
    """Append a kernel's function to `ordered`, what it calls first. Calls go a few levels deep."""
    for required in entry.requires:
        _append_after_requirements(BY_FUNCTION[required], ordered)
    if entry.function not in ordered:
        ordered.append(entry.function)
