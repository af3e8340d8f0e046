"""Compute the polynomial coefficients of the vector-math kernels and check the kernels for them.

    python codegen_templates/vector_math/generate.py          # print every polynomial
    python codegen_templates/vector_math/generate.py --check  # are these the ones in the kernels?

Each polynomial is the minimax approximation (E. Remez, 1934: exchange until the error has equal
extrema of alternating sign) of a function under an error weight, found in 60 digits and rounded
to float64, lowest degree first. Needs mpmath.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath as mp

mp.mp.dps = 60
Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Polynomial:
    """What to approximate: function on [low, high] by `degree`, errors weighed by `weight`.

    `limit` is the function's value where its formula is 0/0.
    """

    kernels: str
    what: str
    function: Function
    limit: Any
    low: Any
    high: Any
    degree: int
    weight: Function


def minimax(wanted: Polynomial, grid_size: int = 1500) -> tuple[list[float], Any]:
    """Return the coefficients, lowest degree first, and the largest weighted error."""
    low, high, size = mp.mpf(wanted.low), mp.mpf(wanted.high), wanted.degree + 2

    def chebyshev(count: int) -> list[Any]:
        middle, half = (low + high) / 2, (high - low) / 2
        return [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]

    def function(x: Any) -> Any:
        return wanted.function(x) if abs(x) > mp.mpf("1e-14") else mp.mpf(wanted.limit)

    points = chebyshev(size)
    grid = [(x, function(x), wanted.weight(x)) for x in chebyshev(grid_size)]
    for _ in range(12):
        matrix, right = mp.matrix(size, size), mp.matrix(size, 1)
        for i, x in enumerate(points):
            for j in range(size - 1):
                matrix[i, j] = x**j
            matrix[i, size - 1] = (-1) ** i / wanted.weight(x)
            right[i] = function(x)
        solution = mp.lu_solve(matrix, right)
        coefficients = [solution[j] for j in range(size - 1)]
        errors = [w * (f - mp.polyval(coefficients[::-1], x)) for x, f, w in grid]
        worst = max(abs(error) for error in errors)
        if worst - abs(solution[size - 1]) < worst / 1000:
            break
        points = [grid[i][0] for i in alternating(errors, size)]
    return [float(c) for c in coefficients], worst


def alternating(errors: list[Any], size: int) -> list[int]:
    """Return where the error is extremal between its changes of sign, `size` places."""
    places: list[int] = []
    for i, error in enumerate(errors):
        if not places or mp.sign(error) != mp.sign(errors[places[-1]]):
            places.append(i)
        elif abs(error) > abs(errors[places[-1]]):
            places[-1] = i
    while len(places) > size:
        places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
    return places


def odd(function: Function) -> Function:
    """Return g with function(x) = x + x**3 g(x**2)."""
    return lambda z: (function(mp.sqrt(z)) / mp.sqrt(z) - 1) / z


def at_least(least: str, power: int = 1) -> Function:
    """Return the weight |x|**power + least: relative errors, but solvable at 0."""
    return lambda x: abs(x) ** power + mp.mpf(least)


def scaled_erfc(t: Any) -> Any:
    """Return x exp(x**2) erfc(x) at x = K (1 + t) / (1 - t), K = 1.6875."""
    x = mp.mpf("1.6875") * (1 + t) / (1 - t)
    return x * mp.erfc(x) * mp.exp(x * x)


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.0001")
LOG_S2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.0001")
EIGHTH_TURN2 = (mp.pi / 4 * mp.mpf("1.0001")) ** 2
ERFC_LOW = (mp.mpf("0.84") - mp.mpf("1.6875")) / (mp.mpf("0.84") + mp.mpf("1.6875"))
ERFC_HIGH = (mp.mpf("27.3") - mp.mpf("1.6875")) / (mp.mpf("27.3") + mp.mpf("1.6875"))


def exp_tail(r: Any) -> Any:
    return (mp.exp(r) - 1 - r) / r**2


def exp2_tail(r: Any) -> Any:
    return (mp.power(2, r) - 1 - r * mp.log(2)) / r**2


def log_tail(z: Any) -> Any:
    return 2 * odd(mp.atanh)(z)


def cosh_tail(z: Any) -> Any:
    return (mp.cosh(mp.sqrt(z)) - 1 - z / 2) / z**2


def cos_tail(z: Any) -> Any:
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


POLYNOMIALS = [
    Polynomial("exp exp_moderate exp_half tanh gauss_tail", "(exp(r) - 1 - r) / r**2", exp_tail,
               0.5, -HALF_LN2, HALF_LN2 * mp.mpf("1.001"), 9, at_least("1e-3", 2)),
    Polynomial("expm1 expm1_moderate", "(exp(r) - 1 - r) / r**2", exp_tail, 0.5,
               -HALF_LN2, HALF_LN2 * mp.mpf("1.001"), 10, at_least("1e-3")),
    Polynomial("exp_short", "(exp(r) - 1 - r) / r**2", exp_tail, 0.5,
               -HALF_LN2, HALF_LN2 * mp.mpf("1.001"), 4, at_least("1e-2", 2)),
    Polynomial("exp2 pow", "(2**r - 1 - r ln 2) / r**2", exp2_tail, mp.log(2) ** 2 / 2,
               -0.5, 0.5005, 10, at_least("1e-3", 2)),
    Polynomial("log log_moderate log1p log1p_moderate log1p_sum log2 log10",
               "(2 atanh(s) / s - 2) / s**2 of s**2", log_tail, mp.mpf(2) / 3,
               0, LOG_S2, 6, at_least("1e-4")),
    Polynomial("log_short", "(2 atanh(s) / s - 2) / s**2 of s**2", log_tail,
               mp.mpf(2) / 3, 0, LOG_S2, 3, at_least("1e-3")),
    Polynomial("log1p_unit", "(2 atanh(s) / s - 2) / s**2 of s**2", log_tail,
               mp.mpf(2) / 3, 0, mp.mpf(1) / 9 * mp.mpf("1.0001"), 10, at_least("1e-4")),
    Polynomial("pow", "(3 atanh(s) / s - 3 - s**2) / s**4 of s**2",
               lambda z: (3 * odd(mp.atanh)(z) - 1) / z, 0.6, 0, LOG_S2, 6, at_least("1e-4", 2)),
    Polynomial("rotate rotate_tangent", "(sin(r) / r - 1) / r**2 of r**2",
               odd(mp.sin), -mp.mpf(1) / 6, 0, EIGHTH_TURN2, 5, at_least("1e-4")),
    Polynomial("rotate rotate_tangent", "(cos(r) - 1 + r**2 / 2) / r**4 of r**2",
               cos_tail, mp.mpf(1) / 24, 0, EIGHTH_TURN2, 5, at_least("1e-4", 2)),
    Polynomial("sincos_float32 sincos_moderate_float32", "(sin(r) / r - 1) / r**2 of r**2",
               odd(mp.sin), -mp.mpf(1) / 6, 0, EIGHTH_TURN2, 3, at_least("1e-2")),
    Polynomial("sincos_float32 sincos_moderate_float32", "(cos(r) - 1 + r**2 / 2) / r**4 of r**2",
               cos_tail, mp.mpf(1) / 24, 0, EIGHTH_TURN2, 2, at_least("1e-2", 2)),
    Polynomial("sinh", "(sinh(x) / x - 1) / x**2 of x**2", odd(mp.sinh), mp.mpf(1) / 6,
               0, mp.mpf("1.001"), 6, at_least("1e-3")),
    Polynomial("sin_small", "(sin(x) / x - 1) / x**2 of x**2", odd(mp.sin), -mp.mpf(1) / 6,
               0, mp.mpf("1.01") ** 2, 6, at_least("1e-3")),
    Polynomial("cos_small", "(cos(x) - 1 + x**2 / 2) / x**4 of x**2", cos_tail, mp.mpf(1) / 24,
               0, mp.mpf("1.01") ** 2, 5, at_least("1e-3", 2)),
    Polynomial("sinh_small", "(sinh(x) / x - 1) / x**2 of x**2", odd(mp.sinh), mp.mpf(1) / 6,
               0, mp.mpf("1.6") ** 2, 7, at_least("1e-3")),
    Polynomial("cosh_small", "(cosh(x) - 1 - x**2 / 2) / x**4 of x**2", cosh_tail, mp.mpf(1) / 24,
               0, mp.mpf("1.6") ** 2, 6, at_least("1e-3", 2)),
    Polynomial("atan atan2", "(atan(t) / t - 1) / t**2 of t**2", odd(mp.atan), -mp.mpf(1) / 3,
               0, mp.mpf("0.25") * mp.mpf("1.0001"), 11, at_least("1e-4")),
    Polynomial("asin acos", "(asin(x) / x - 1) / x**2 of x**2", odd(mp.asin), mp.mpf(1) / 6,
               0, mp.mpf("0.2501"), 12, at_least("1e-3")),
    Polynomial("erf erfc", "erf(x) / x - 1 of x**2", lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
               2 / mp.sqrt(mp.pi) - 1, 0, mp.mpf("0.85") ** 2, 11, lambda z: mp.mpf(1)),
    Polynomial("gauss_tail", "x exp(x**2) erfc(x) of t = (x - K) / (x + K)", scaled_erfc,
               scaled_erfc(mp.mpf(0)), ERFC_LOW, ERFC_HIGH, 22, lambda t: mp.mpf(1)),
    Polynomial("cbrt", "r**(-1/3)", lambda r: r ** (-mp.mpf(1) / 3), 1,
               mp.mpf("0.89"), mp.mpf("1.11"), 4, lambda r: mp.mpf(1)),
]  # fmt: skip


def rational_tanh(top: str, terms: int) -> list[float]:
    """Return P and then Q, monic: tanh(x) = x + x**3 P(x**2) / Q(x**2) for |x| <= top.

    By interpolation in Chebyshev points of x**2; the relative error is 2**-59 for 3 terms up to
    0.625, and 2**-62 for 4 up to 1.35.
    """
    end, size = mp.mpf(top) ** 2, 2 * terms
    matrix, right = mp.matrix(size, size), mp.matrix(size, 1)
    for i in range(size):
        z = end / 2 * (1 - mp.cos(mp.pi * (2 * i + 1) / (2 * size)))
        value = odd(mp.tanh)(z)
        for j in range(terms):
            matrix[i, j], matrix[i, terms + j] = z**j, -value * z**j
        right[i] = value * z**terms
    return [float(v) for v in mp.lu_solve(matrix, right)]


def numbers_in(kernel: str) -> set[float]:
    """Return the sizes of all numbers in a kernel's text."""
    text = (Path(__file__).parent / f"{kernel}.py.jinja").read_text(encoding="utf-8")
    return {float(number) for number in re.findall(r"\d+\.\d*(?:e[+-]?\d+)?", text)}


def main() -> int:
    """Print, or check, all polynomials. Return the number of kernels without theirs."""
    missing = 0
    results = [
        ("tanh: P / Q", "tanh", rational_tanh("0.625", 3)),
        ("tanh_small: P / Q", "tanh_small", rational_tanh("1.35", 4)),
    ]
    for wanted in POLYNOMIALS:
        coefficients, error = minimax(wanted)
        bits = mp.nstr(-mp.log(error, 2), 4)
        results.append((f"{wanted.what}, error 2**-{bits}", wanted.kernels, coefficients))
    for title, kernels, coefficients in results:
        print(title)
        if "--check" not in sys.argv:
            print("   ", *map(repr, coefficients), sep="\n    ")
            continue
        for kernel in kernels.split():
            absent = {abs(c) for c in coefficients} - numbers_in(kernel)
            missing += bool(absent)
            print(f"    {kernel}: {'all there' if not absent else f'absent: {sorted(absent)}'}")
    return missing


if __name__ == "__main__":
    sys.exit(main())
