"""The vector-math kernels against mpmath, in ulp, jitted inside a loop and as plain Python."""

import ast
import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit

from irgrad.emit.templates import template_folder
from irgrad.emit.vector_math import KERNELS, Kernel, closure, kernel, source
from irgrad.ir.op import Elementwise
from irgrad.ops.registry import OPS

STRICT: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": True}
EXACT: dict[str, Any] = STRICT | {"fastmath": {"contract"}}
LOOP: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}

INF = math.inf
NAN = math.nan
TINY = 5e-324
HUGE = 1.7976931348623157e308

# One entry per kernel name: the function in mpmath, and where to sample it (intervals for each
# argument) beside the whole range of exponents.
Interval = tuple[float, float]
CASES: dict[str, tuple[Callable[..., Any], list[Interval]]] = {
    "exp": (mpmath.exp, [(-1, 1), (-20, 20), (-746, 710), (-746, -707)]),
    "log": (mpmath.log, [(0.5, 2), (0.99, 1.01), (0, 100)]),
    "tanh": (mpmath.tanh, [(-1, 1), (0.6, 0.7), (-20, 20)]),
    "logistic": (lambda x: 1 / (1 + mpmath.exp(-x)), [(-4, 4), (-40, 40), (-746, -600)]),
    "log1p": (mpmath.log1p, [(-0.4, 0.6), (-1, 1), (-1e-3, 1e-3), (0, 100)]),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), [(-4, 4), (-40, 40), (-746, -600)]),
    "sin": (mpmath.sin, [(-4, 4), (-300, 300), (-2e6, 2e6), (1e9, 1e18)]),
    "cos": (mpmath.cos, [(-4, 4), (-300, 300), (-2e6, 2e6), (1e9, 1e18)]),
    "tan": (mpmath.tan, [(-4, 4), (-300, 300), (-2e6, 2e6), (1e9, 1e18)]),
    "logaddexp": (
        lambda x, y: max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y))),
        [(-4, 4), (-1, 0), (-400, 400)],
    ),
    "expm1": (mpmath.expm1, [(-1, 1), (-40, 40), (-0.36, -0.33), (0.33, 0.36), (700, 710)]),
    "exp2": (lambda x: mpmath.power(2, x), [(-1, 1), (-20, 20), (-1076, 1025), (-1076, -1020)]),
    "log2": (lambda x: mpmath.log(x, 2), [(0.5, 2), (0.99, 1.01), (0, 100)]),
    "log10": (mpmath.log10, [(0.5, 2), (0.99, 1.01), (0, 100)]),
    "sinh": (mpmath.sinh, [(-1, 1), (-3, 3), (-711, 711)]),
    "cosh": (mpmath.cosh, [(-1, 1), (-3, 3), (-711, 711)]),
    "atan": (mpmath.atan, [(-1, 1), (-3, 3), (-100, 100)]),
    "atan2": (lambda y, x: mpmath.atan2(y, x) if y else mpmath.mpf(1) / y, [(-1, 1), (-100, 100)]),
    "asin": (mpmath.asin, [(-1, 1), (0.49, 0.51), (0.99, 1)]),
    "acos": (mpmath.acos, [(-1, 1), (0.49, 0.51), (-1, -0.99)]),
    "erf": (mpmath.erf, [(-1, 1), (0.83, 0.85), (-7, 7)]),
    "erfc": (
        lambda x: mpmath.erfc(min(max(x, -30), 30)),
        [(-1, 1), (0.83, 0.9), (-7, 7), (1, 27.3)],
    ),
    "cbrt": (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), [(-1, 1), (1, 8)]),
    "pow": (lambda x, y: mpmath.power(x, y), [(0, 4), (0.9, 1.1), (-40, 40)]),
    "asinh": (mpmath.asinh, [(-1, 1), (-10, 10), (-1e17, 1e17)]),
    "acosh": (mpmath.acosh, [(1, 1.1), (1, 10), (1, 1e17)]),
    "atanh": (mpmath.atanh, [(-1, 1), (-0.4, 0.4), (0.99, 1)]),
    "tan_moderate": (mpmath.tan, [(-4, 4), (-300, 300), (-1048575, 1048575)]),
    "sin_moderate": (mpmath.sin, [(-4, 4), (-300, 300), (-1048575, 1048575)]),
    "cos_moderate": (mpmath.cos, [(-4, 4), (-300, 300), (-1048575, 1048575)]),
}

TRIGONOMETRIC = {"sin_moderate", "cos_moderate", "tan_moderate"}  # nan from 2**20 on

NOT_FINITE = [((INF,), NAN), ((-INF,), NAN), ((NAN,), NAN)]  # for the periodic functions

# Doubles that lie uncommonly close to a multiple of pi/2: the worst of all, and good
# approximations of multiples within reach of the simpler reduction. Reference: J.-M. Muller,
# Elementary Functions, table of worst cases for range reduction.
CLOSE_TO_QUADRANT = [
    math.ldexp(6381956970095103, 797), math.ldexp(5706674932067741, 797), 6.0e5 * math.pi,
    *(k * math.pi / 2 for k in (1, 2, 3, 4, 11, 344, 355, 51819, 573204, 664000)),
]  # fmt: skip

# Arguments whose exact result is written down here; TINY and HUGE stand for the least and the
# largest number of the dtype.
SPECIAL: dict[str, list[tuple[tuple[float, ...], float]]] = {
    "exp": [((0.0,), 1.0), ((-0.0,), 1.0), ((INF,), INF), ((-INF,), 0.0), ((NAN,), NAN),
            ((709.7827128933841,), INF),
            ((-745.1332191019412,), 0.0), ((HUGE,), INF)],
    "log": [((0.0,), -INF), ((-0.0,), -INF), ((1.0,), 0.0), ((-1.0,), NAN), ((-INF,), NAN),
            ((INF,), INF), ((NAN,), NAN), ((-TINY,), NAN)],
    "tanh": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), 1.0), ((-INF,), -1.0), ((NAN,), NAN),
             ((TINY,), TINY), ((-25.0,), -1.0), ((HUGE,), 1.0)],
    "logistic": [((0.0,), 0.5), ((INF,), 1.0), ((-INF,), 0.0), ((NAN,), NAN), ((HUGE,), 1.0),
                 ((-HUGE,), 0.0), ((TINY,), 0.5)],
    "log1p": [((0.0,), 0.0), ((-0.0,), -0.0), ((-1.0,), -INF), ((-1.5,), NAN), ((INF,), INF),
              ((-INF,), NAN), ((NAN,), NAN), ((TINY,), TINY), ((-TINY,), -TINY)],
    "softplus": [((INF,), INF), ((-INF,), 0.0), ((NAN,), NAN), ((HUGE,), HUGE), ((-HUGE,), 0.0)],
    "sin": [((0.0,), 0.0), ((-0.0,), -0.0), ((TINY,), TINY), ((-TINY,), -TINY), *NOT_FINITE],
    "cos": [((0.0,), 1.0), ((-0.0,), 1.0), ((TINY,), 1.0), *NOT_FINITE],
    "tan": [((0.0,), 0.0), ((-0.0,), -0.0), ((TINY,), TINY), *NOT_FINITE],
    "tan_moderate": [((0.0,), 0.0), ((-0.0,), -0.0), ((1048576.0,), NAN), *NOT_FINITE],
    "logaddexp": [((INF, 1.0), INF), ((-INF, 1.0), 1.0), ((INF, INF), INF), ((-INF, -INF), -INF),
                  ((INF, -INF), INF), ((NAN, 1.0), NAN), ((1.0, NAN), NAN), ((NAN, INF), NAN),
                  ((HUGE, -HUGE), HUGE), ((1e3, 0.0), 1e3)],
    "expm1": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), INF), ((-INF,), -1.0), ((NAN,), NAN),
              ((TINY,), TINY), ((-TINY,), -TINY), ((-HUGE,), -1.0), ((709.7827128933841,), INF)],
    "exp2": [((0.0,), 1.0), ((10.0,), 1024.0), ((-1075.0,), 0.0),
             ((1024.0,), INF), ((INF,), INF), ((-INF,), 0.0), ((NAN,), NAN)],
    "log2": [((0.0,), -INF), ((-0.0,), -INF), ((1.0,), 0.0), ((-1.0,), NAN), ((INF,), INF),
             ((NAN,), NAN), ((1024.0,), 10.0)],
    "log10": [((0.0,), -INF), ((-0.0,), -INF), ((1.0,), 0.0), ((-1.0,), NAN), ((INF,), INF),
              ((NAN,), NAN), ((1000.0,), 3.0), ((1e22,), 22.0)],
    "sinh": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), INF), ((-INF,), -INF), ((NAN,), NAN),
             ((TINY,), TINY), ((711.0,), INF), ((-711.0,), -INF)],
    "cosh": [((0.0,), 1.0), ((-0.0,), 1.0), ((INF,), INF), ((-INF,), INF), ((NAN,), NAN),
             ((711.0,), INF), ((-711.0,), INF)],
    "atan": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), math.pi / 2), ((-INF,), -math.pi / 2),
             ((NAN,), NAN), ((TINY,), TINY), ((1.0,), math.pi / 4)],
    "atan2": [((0.0, 1.0), 0.0), ((-0.0, 1.0), -0.0), ((0.0, 0.0), 0.0), ((-0.0, 0.0), -0.0),
              ((0.0, -0.0), math.pi), ((-0.0, -0.0), -math.pi), ((0.0, -1.0), math.pi),
              ((-0.0, -1.0), -math.pi), ((1.0, 0.0), math.pi / 2), ((-1.0, -0.0), -math.pi / 2),
              ((INF, INF), math.pi / 4), ((INF, -INF), 3 * math.pi / 4),
              ((-INF, INF), -math.pi / 4), ((-INF, -INF), -3 * math.pi / 4),
              ((1.0, INF), 0.0), ((-1.0, INF), -0.0), ((1.0, -INF), math.pi),
              ((INF, 1.0), math.pi / 2), ((-INF, -1.0), -math.pi / 2), ((NAN, 1.0), NAN),
              ((1.0, NAN), NAN), ((NAN, INF), NAN), ((INF, NAN), NAN), ((NAN, 0.0), NAN),
              ((0.0, NAN), NAN), ((TINY, HUGE), 0.0), ((TINY, TINY), math.pi / 4),
              ((HUGE, HUGE), math.pi / 4), ((TINY, -HUGE), math.pi), ((TINY, 1.0), TINY)],
    "asin": [((0.0,), 0.0), ((-0.0,), -0.0), ((1.0,), math.pi / 2), ((-1.0,), -math.pi / 2),
             ((1.5,), NAN), ((-1.5,), NAN), *NOT_FINITE, ((TINY,), TINY)],
    "acos": [((0.0,), math.pi / 2), ((1.0,), 0.0), ((-1.0,), math.pi), ((1.5,), NAN),
             ((-1.5,), NAN), *NOT_FINITE],
    "erf": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), 1.0), ((-INF,), -1.0), ((NAN,), NAN),
            ((6.5,), 1.0), ((HUGE,), 1.0)],
    "erfc": [((0.0,), 1.0), ((-0.0,), 1.0), ((INF,), 0.0), ((-INF,), 2.0), ((NAN,), NAN),
             ((28.0,), 0.0), ((-28.0,), 2.0), ((HUGE,), 0.0)],
    "cbrt": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), INF), ((-INF,), -INF), ((NAN,), NAN),
             ((27.0,), 3.0), ((-8.0,), -2.0)],
    # C99, F.9.4.4
    "pow": [((0.0, 3.0), 0.0), ((-0.0, 3.0), -0.0), ((-0.0, 2.0), 0.0), ((0.0, -2.0), INF),
            ((-0.0, -3.0), -INF), ((-0.0, -2.0), INF), ((-0.0, 0.5), 0.0), ((0.0, INF), 0.0),
            ((0.0, -INF), INF), ((-1.0, INF), 1.0), ((-1.0, -INF), 1.0), ((1.0, NAN), 1.0),
            ((1.0, INF), 1.0), ((NAN, 0.0), 1.0), ((INF, 0.0), 1.0), ((0.0, 0.0), 1.0),
            ((-8.0, 1 / 3), NAN), ((-2.0, 3.0), -8.0), ((-2.0, 2.0), 4.0), ((0.5, -INF), INF),
            ((0.5, INF), 0.0), ((2.0, -INF), 0.0), ((2.0, INF), INF), ((-2.0, INF), INF),
            ((INF, -1.0), 0.0), ((INF, 2.0), INF), ((-INF, 3.0), -INF), ((-INF, 2.0), INF),
            ((-INF, 0.5), INF), ((-INF, -3.0), -0.0), ((-INF, -2.0), 0.0), ((NAN, 1.0), NAN),
            ((2.0, NAN), NAN), ((HUGE, 2.0), INF), ((HUGE, -2.0), 0.0), ((-HUGE, 3.0), -INF),
            ((TINY, 1.0), TINY), ((HUGE, 1.0), HUGE), ((2.0, 10.0), 1024.0), ((9.0, 0.5), 3.0),
            ((-1.0, HUGE), 1.0), ((2.0, HUGE), INF), ((0.5, HUGE), 0.0), ((-2.0, 0.0), 1.0)],
    "asinh": [((0.0,), 0.0), ((-0.0,), -0.0), ((INF,), INF), ((-INF,), -INF), ((NAN,), NAN),
              ((TINY,), TINY)],
    "acosh": [((1.0,), 0.0), ((INF,), INF), ((0.5,), NAN), ((-INF,), NAN), ((NAN,), NAN)],
    "atanh": [((0.0,), 0.0), ((-0.0,), -0.0), ((1.0,), INF), ((-1.0,), -INF), ((1.5,), NAN),
              *NOT_FINITE, ((TINY,), TINY)],
    "sin_moderate": [((0.0,), 0.0), ((-0.0,), -0.0), ((TINY,), TINY), ((1048576.0,), NAN),
                     ((-HUGE,), NAN), *NOT_FINITE],
    "cos_moderate": [((0.0,), 1.0), ((-0.0,), 1.0), ((TINY,), 1.0), ((1048576.0,), NAN),
                     ((-HUGE,), NAN), *NOT_FINITE],
}  # fmt: skip

# The intervals on which ops declare kernels that are right there only.
NARROW: dict[str, Interval] = {
    name: interval
    for op in OPS.values() if isinstance(op.lowering, Elementwise)
    for name, interval in op.lowering.narrow if name not in CASES
}  # fmt: skip
for _narrow, (_least, _most) in NARROW.items():
    _whole = _narrow.partition("_")[0]
    CASES[_narrow] = CASES[_whole][0], [
        (max(low, _least), min(high, _most)) for low, high in CASES[_whole][1]
        if low < _most and high > _least
    ]  # fmt: skip
    SPECIAL[_narrow] = [
        ((x,), value) for (x,), value in SPECIAL[_whole] if x != x or _least <= x <= _most
    ]

NAMES = [entry.function for entry in KERNELS if not entry.helper]
ALL = [entry.function for entry in KERNELS]
ENTRY = {entry.function: entry for entry in KERNELS}


def executed(decorate: Callable[[Kernel, Any], Any]) -> dict[str, Any]:
    """Execute every kernel's text, decorated, in one namespace as an emitted file would."""
    namespace: dict[str, Any] = {"np": np}
    for function in closure(ALL):
        exec(compile(source(function), f"{function}.py", "exec"), namespace)
        namespace[function] = decorate(ENTRY[function], namespace[function])
    return namespace


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    namespace = executed(lambda entry, function: function)
    return {name: one_by_one(name, function) for name, function in namespace.items()}


def one_by_one(name: str, function: Any) -> Any:
    """Return a function over many elements as one of a single number."""
    if name not in ENTRY or not ENTRY[name].fills or ENTRY[name].helper:
        return function

    def single(x: float) -> Any:
        out = np.empty(1)
        function(1, np.array([x]), out)
        return out[0]

    return single


@pytest.fixture(scope="module")
def jitted() -> dict[str, Any]:
    def decorated(entry: Kernel, function: Any) -> Any:
        return njit(**(LOOP if entry.fills else STRICT if entry.strict else EXACT))(function)

    return executed(decorated)


def looped(function: Any, arity: int, fills: bool) -> Callable[..., Any]:
    """Return a loop over arrays that calls a kernel, compiled as emitted loops are."""
    if fills:

        @njit(**LOOP)
        def filled(x, out):
            function(x.shape[0], x, out)

        return filled
    if arity == 1:

        @njit(**LOOP)
        def unary(x, out):
            for i in range(x.shape[0]):
                out[i] = function(x[i])

        return unary

    @njit(**LOOP)
    def binary(x, y, out):
        for i in range(x.shape[0]):
            out[i] = function(x[i], y[i])

    return binary


def arity_of(function: str) -> int:
    definition = ast.parse(source(function)).body[0]
    assert isinstance(definition, ast.FunctionDef)
    return 1 if ENTRY[function].fills else len(definition.args.args)


class Loops:
    """The compiled loop of each kernel, made on first use and kept: call(function, *arrays)."""

    def __init__(self, jitted: dict[str, Any]) -> None:
        self.jitted = jitted
        self.made: dict[str, Callable[..., Any]] = {}

    def __call__(self, function: str, *arguments: Any) -> Any:
        if function not in self.made:
            self.made[function] = looped(
                self.jitted[function], len(arguments), ENTRY[function].fills
            )
        arrays = [np.array(a, dtype=ENTRY[function].dtype) for a in arguments]
        out = np.empty_like(arrays[0])
        self.made[function](*arrays, out)
        return out


@pytest.fixture(scope="module")
def loops(jitted: dict[str, Any]) -> Loops:
    return Loops(jitted)


def samples(entry: Kernel, count: int) -> list[Any]:
    """Return test arguments: every exponent, the case's intervals, the awkward points."""
    generator = np.random.default_rng(20240607)
    dtype = np.dtype(entry.dtype)
    integer = np.int64 if dtype == np.float64 else np.int32
    top = int(np.array(np.inf, dtype).view(integer))
    arity = arity_of(entry.function)
    intervals = CASES[entry.name][1]
    awkward = [0.0, 1.0, 0.5, 2.0, math.pi, math.pi / 2, math.e, math.sqrt(0.5), math.sqrt(2)]
    info = np.finfo(dtype)
    awkward += [info.tiny, info.smallest_subnormal, info.max, info.eps, info.eps / 2]
    with np.errstate(over="ignore"):
        points = np.array(awkward + CLOSE_TO_QUADRANT, dtype)
    with np.errstate(over="ignore"):
        outward = np.nextafter(points, dtype.type(np.inf))
    points = np.concatenate([points, outward, np.nextafter(points, dtype.type(0))])
    points = np.concatenate([points, -points])
    arrays = []
    for position in range(arity):
        whole = generator.integers(0, top, count).astype(integer).view(dtype)
        whole = np.where(generator.random(count) < 0.5, whole, -whole)
        parts = [whole] + [generator.uniform(*i, count).astype(dtype) for i in intervals]
        edges = points if position == 0 else generator.permutation(points)
        arrays.append(np.concatenate([edges, *parts]))
    low, high = NARROW.get(entry.name, (-info.max, info.max))
    return [a[np.all([(low <= b) & (b <= high) for b in arrays], axis=0)] for a in arrays]


def error_in_ulp(got: Any, exact: Any, dtype: str, scale: Any = 0.0) -> float:
    """Return |got - exact| in units in the last place of exact, or of scale where it is larger.

    Infinite where one of them is not finite and the other is not the same.
    """
    digits, least, top = (53, -1074, 1024) if dtype == "float64" else (24, -149, 128)
    if math.isnan(got):
        return 0.0 if isinstance(exact, mpmath.mpc) or mpmath.isnan(exact) else INF
    if isinstance(exact, mpmath.mpc) or mpmath.isnan(exact):
        return INF
    largest = mpmath.ldexp(1 - mpmath.ldexp(1, -digits - 1), top)
    if abs(exact) >= largest:
        return 0.0 if got == (INF if exact > 0 else -INF) else INF
    if math.isinf(got):
        return INF
    largest = max(abs(exact), abs(scale))
    exponent = mpmath.frexp(largest)[1] if largest else least
    unit = mpmath.ldexp(1, max(exponent - digits, least))
    return float(abs(mpmath.mpf(float(got)) - exact) / unit)


@pytest.mark.parametrize("function", NAMES)
def test_error_stays_within_the_stated_bound(
    function: str, loops: Loops, record_property: Callable[[str, object], None]
) -> None:
    entry = ENTRY[function]
    assert entry.ulp <= 2.0
    arguments = samples(entry, 400 if entry.dtype == "float64" else 120)
    got = loops(function, *arguments)
    worst = (-1.0, ())
    with mpmath.workprec(140):
        for result, point in zip(got, zip(*arguments, strict=True), strict=True):
            if entry.name in TRIGONOMETRIC and abs(point[0]) >= 2.0**20:
                assert math.isnan(result)
                continue
            try:
                exact = CASES[entry.name][0](*(mpmath.mpf(float(p)) for p in point))
            except (ValueError, ZeroDivisionError):
                continue  # a pole or outside the domain: among the special values
            scale = 0.0
            if entry.name == "logaddexp":  # its two terms may cancel
                scale = max(exact - max(point), abs(max(point)))
            worst = max(worst, (error_in_ulp(result, exact, entry.dtype, scale), point))
    record_property("max_ulp", worst[0])
    print(f"{function}: {worst[0]:.3f} ulp at {worst[1]}")
    assert worst[0] <= entry.ulp, worst


@pytest.mark.parametrize("function", NAMES)
def test_special_values_are_exact(function: str, loops: Loops, plain: dict[str, Any]) -> None:
    entry = ENTRY[function]
    dtype = np.dtype(entry.dtype).type
    info = np.finfo(dtype)
    ends = {TINY: info.smallest_subnormal, HUGE: info.max}
    ends |= {-number: -end for number, end in ends.items()}
    for point, value in SPECIAL[entry.name]:
        *arguments, expected = [ends[p] if p in ends else dtype(p) for p in (*point, value)]
        columns = [[a] * 9 for a in arguments]  # long enough to enter the vector loop
        for result in (*loops(function, *columns)[[0, 8]], plain[function](*arguments)):
            assert np.array_equal(result, expected, equal_nan=True), (point, result)
            if expected == 0.0:
                assert math.copysign(1.0, result) == math.copysign(1.0, expected), point


@pytest.mark.parametrize("function", NAMES)
def test_plain_python_agrees_with_the_jitted_loop(
    function: str, loops: Loops, plain: dict[str, Any]
) -> None:
    entry = ENTRY[function]
    arguments = [a[::7] for a in samples(entry, 20)]
    got = loops(function, *arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = np.array([plain[function](*p) for p in zip(*arguments, strict=True)])
    both = np.isnan(got) & np.isnan(expected)
    same = both | (got == expected)
    assert expected.dtype == got.dtype
    apart, expected = got[~same], expected[~same]
    assert np.isfinite(apart).all()
    assert (np.abs(apart - expected) <= np.spacing(np.abs(expected))).all()


@pytest.mark.parametrize(
    "function", ["exp", "log", "tanh", "sin", "sin_moderate", "fill_sin", "exp_float32"]
)
def test_a_loop_that_calls_a_kernel_is_vectorised(function: str, loops: Loops) -> None:
    loops(function, [1.0])
    (text,) = loops.made[function].inspect_llvm().values()
    assert re.search(r"fmul [a-z ]*<\d+ x double>", text)


def test_sine_and_cosine_at_once_are_those_of_the_functions_apart(
    loops: Loops, jitted: dict[str, Any]
) -> None:
    (x,) = samples(ENTRY["fill_sin"], 50)
    sine, cosine = np.empty_like(x), np.empty_like(x)
    jitted["fill_sincos"](x.size, x, sine, cosine)
    np.testing.assert_array_equal(sine, loops("fill_sin", x))
    np.testing.assert_array_equal(cosine, loops("fill_cos", x))


def test_a_function_over_many_elements_leaves_the_others_alone(jitted: dict[str, Any]) -> None:
    out = np.full(5, 7.0)
    jitted["fill_sin"](3, np.array([0.5, 1e300, 2.0, 3.0, 4.0]), out)
    np.testing.assert_allclose(out, [*np.sin([0.5, 1e300, 2.0]), 7.0, 7.0], rtol=1e-15)


def test_every_kernel_has_one_template_and_each_template_one_kernel() -> None:
    files = {path.name for path in (template_folder() / "vector_math").glob("*.jinja")}
    assert files == {f"{name}.py.jinja" for name in ALL}


@pytest.mark.parametrize("function", ALL)
def test_source_is_one_documented_function_that_calls_what_it_requires(function: str) -> None:
    tree = ast.parse(source(function))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    assert definition.name == function
    assert ast.get_docstring(definition)
    assert source(function).startswith(f"def {function}(")
    called = {n.func.id for n in ast.walk(tree)
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
    assert called - {"abs", "float", "max", "min", "range"} == set(ENTRY[function].requires)


def test_closure_puts_what_is_called_first_in_a_fixed_order() -> None:
    assert closure(["sinh"]) == ("exp_half", "sinh")
    assert closure(["softplus", "tanh"]) == closure(["tanh", "softplus", "exp"])
    for function in ALL:
        ordered = closure([function])
        assert ordered[-1] == function
        for position, called in enumerate(ordered):
            assert set(ENTRY[called].requires) <= set(ordered[:position])


def test_ops_declare_kernels_that_there_are_with_the_narrowest_first() -> None:
    assert NARROW
    for op in OPS.values():
        narrow = op.lowering.narrow if isinstance(op.lowering, Elementwise) else ()
        spans = [interval for _, interval in narrow]
        assert all(kernel(name, "float64") for name, _ in narrow)
        assert spans == sorted(spans, key=lambda span: span[1] - span[0])


def test_unknown_names_have_no_kernel() -> None:
    assert kernel("exp", "float64") is ENTRY["exp"]
    assert kernel("exp", "complex128") is None
    assert kernel("rotate", "float64") is None, "a helper"
    assert kernel("no such function", "float64") is None
    with pytest.raises(KeyError):
        source("no_such_function")
    with pytest.raises(KeyError):
        closure(["no_such_function"])
