"""Checking derivatives of your own functions: against differences, and against one another.

The differences are taken of the function itself, run by NumPy in float64, so they share nothing
with irgrad's derivative rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from irgrad.api import compile
from irgrad.arguments import flatten
from irgrad.errors import ArgumentError
from irgrad.inline.leaves import leaf_name
from irgrad.transforms.gradients import jvp, vjp

Arrays = list[Any]

_STEP = 1e-3
_SMALLEST_SCALE = 1e-2
_ENTRIES = 24
_TOLERANCES = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 2e-3}
_WORDS = {"rev": "reverse", "fwd": "forward"}


@dataclass(frozen=True, slots=True)
class _Flat:
    """A function of floating-point leaves that returns floating-point leaves, and their names."""

    function: Callable[..., Arrays]
    points: Arrays
    inputs: list[str]
    outputs: list[str]

    def at(self, points: Sequence[Any]) -> Arrays:
        """Return the results in float64."""
        return [np.asarray(result, np.float64) for result in self.function(*points)]

    def exact_points(self) -> Arrays:
        """Return the points in float64."""
        return [np.asarray(point, np.float64)[()] for point in self.points]


def check_grads(
    fun: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("rev", "fwd"),
    *,
    atol: float | None = None,
    rtol: float | None = None,
    seed: int = 0,
    jit: bool = False,
) -> None:
    """Check the derivatives of ``fun`` at ``args`` against central differences.

    args: a tuple of pytrees; leaves that are no floating-point numbers are held fixed. Of complex
    ones the real and the imaginary part are moved.
    order: up to which order; 2 checks derivatives of derivatives, in every mix of ``modes``.
    modes: "rev" for the pullback, "fwd" for the pushforward; with both, also that each is the
    other's transpose.
    atol, rtol: how far they may be apart; by the dtype if None (1e-6 in float64, 2e-3 in float32).
    jit: compile the derivatives with numba instead of running the emitted source as Python.

    At most 24 entries of each argument are tried.

    Raises: AssertionError naming argument, entry, and both numbers.

    >>> import numpy as np
    >>> check_grads(lambda x: np.sin(x) * x, (np.array([0.5, 1.0]),))
    """
    for mode in modes:
        if mode not in _WORDS:
            raise ArgumentError(f"mode {mode!r}", remedy='the modes are "rev" and "fwd"')
    flat = _flattened(fun, args)
    tolerance = max((_tolerance(point) for point in flat.points), default=1e-6)
    limits = (tolerance if atol is None else atol, tolerance if rtol is None else rtol)
    _check(flat, order, tuple(modes), limits, np.random.default_rng(seed), jit, "")


def check_adjoint(
    fun: Callable[..., Any],
    args: Sequence[Any],
    *,
    rtol: float | None = None,
    seed: int = 0,
    jit: bool = False,
) -> None:
    """Check that pushforward and pullback are transposes: ``<w, J v> = <J^T w, v>``.

    It needs no differences, so holds to rounding also where ``fun`` is rough or large.

    Raises: AssertionError.
    """
    flat = _flattened(fun, args)
    limit = max((_tolerance(x) for x in flat.points), default=1e-6) * 1e-3 if rtol is None else rtol
    _check_transposed(flat, limit, np.random.default_rng(seed), jit, "")


def _tolerance(value: Any) -> float:
    return _TOLERANCES.get(np.asarray(value).dtype, 2e-3)


def _kind(leaf: Any) -> str:
    return np.asarray(leaf).dtype.kind


def _real_parts(leaf: Any, is_complex: bool) -> list[Any]:
    return [np.real(leaf), np.imag(leaf)] if is_complex else [leaf]


def _part_names(name: str, is_complex: bool) -> list[str]:
    return [f"{name}.real", f"{name}.imag"] if is_complex else [name]


def _flattened(fun: Callable[..., Any], args: Sequence[Any]) -> _Flat:
    """Return ``fun`` as a function of its floating-point leaves, complex ones as two.

    Raises: ArgumentError where there is none, among the arguments or among the results.
    """
    if not isinstance(args, tuple | list):
        raise ArgumentError("args is no tuple", remedy="pass the arguments as a tuple: (x,)")
    leaves, structure = flatten(tuple(args))
    places = {i: _kind(leaf) == "c" for i, leaf in enumerate(leaves) if _kind(leaf) in "fc"}
    results, result_structure = flatten(fun(*args))
    kept = {i: _kind(leaf) == "c" for i, leaf in enumerate(results) if _kind(leaf) in "fc"}
    if not places or not kept:
        raise ArgumentError(
            "there is nothing to differentiate: no floating-point "
            + ("results" if places else "arguments"),
            remedy="pass floats: 2.0 for 2",
        )

    def function(*points: Any) -> Arrays:
        own = list(leaves)
        given = iter(points)
        for place, is_complex in places.items():
            own[place] = next(given) + 1j * next(given) if is_complex else next(given)
        found, _ = flatten(fun(*optree.tree_unflatten(structure, own)))
        return [part for i, c in kept.items() for part in _real_parts(found[i], c)]

    return _Flat(
        function,
        [part for i, c in places.items() for part in _real_parts(leaves[i], c)],
        [n for i, c in places.items() for n in _part_names(leaf_name(structure, i, "args"), c)],
        [
            n
            for i, c in kept.items()
            for n in _part_names(leaf_name(result_structure, i, "result"), c)
        ],
    )


def _check(
    flat: _Flat,
    order: int,
    modes: tuple[str, ...],
    limits: tuple[float, float],
    draws: np.random.Generator,
    jit: bool,
    before: str,
) -> None:
    if order < 1:
        return
    results = flat.at(flat.points)
    weights = [draws.uniform(0.5, 1.5, np.shape(r)) for r in results]
    tangents = _tangents(flat, draws)
    derived: list[tuple[str, Callable[..., Arrays], list[str]]] = []
    if "rev" in modes:
        _check_reverse(flat, weights, limits, draws, jit, _word(before, "rev"))
        derived.append(("rev", _pullback(flat, weights), flat.inputs))
    if "fwd" in modes:
        _check_forward(flat, tangents, limits, jit, _word(before, "fwd"))
        derived.append(("fwd", _pushforward(flat, tangents), flat.outputs))
    if len(modes) == 2:
        _check_transposed(flat, limits[1], draws, jit, before)
    if order == 1:
        return
    for mode, function, names in derived:
        compiled = compile(function, argnums=(), jit=jit)
        word = _word(before, mode)
        inner = _Flat(
            function, flat.points, flat.inputs, [f"{word} derivative of {n}" for n in names]
        )
        _check(_Evaluated(inner, compiled).flat, order - 1, modes, limits, draws, jit, word)


def _word(before: str, mode: str) -> str:
    return _WORDS[mode] + (f" over {before}" if before else "")


class _Evaluated:
    """A derivative whose values come from the compiled function, for differences of it."""

    def __init__(self, flat: _Flat, compiled: Callable[..., Any]) -> None:
        def function(*points: Any) -> Arrays:
            traced = any(hasattr(point, "node") for point in points)
            return list(flat.function(*points) if traced else compiled(*points))

        self.flat = _Flat(function, flat.points, flat.inputs, flat.outputs)


def _pullback(flat: _Flat, weights: Arrays) -> Callable[..., Arrays]:
    """Return the gradient of the weighted sum of the results."""

    def gradient(*points: Any) -> Arrays:
        value, pull = vjp(flat.function, *points)
        seeds = [np.asarray(w, leaf.dtype)[()] for w, leaf in zip(weights, value, strict=True)]
        return list(pull(seeds))

    return gradient


def _pushforward(flat: _Flat, tangents: Arrays) -> Callable[..., Arrays]:
    def tangent(*points: Any) -> Arrays:
        along = tuple(
            np.asarray(v, point.dtype)[()] for v, point in zip(tangents, points, strict=True)
        )
        return list(jvp(flat.function, points, along)[1])

    return tangent


def _tangents(flat: _Flat, draws: np.random.Generator) -> Arrays:
    """Return a direction in which no entry changes by much more than its own size."""
    return [
        np.maximum(np.abs(point), _SMALLEST_SCALE)
        * draws.uniform(0.5, 1.5, np.shape(point))
        * draws.choice([-1.0, 1.0], np.shape(point))
        for point in flat.exact_points()
    ]


def _difference(function: Callable[[float], Any], step: float) -> Any:
    """Return the derivative at 0 by the five-point formula; the error is of order step**4.

    Reference: DLMF 3.4.
    """
    near = function(step) - function(-step)
    far = function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def _check_reverse(
    flat: _Flat,
    weights: Arrays,
    limits: tuple[float, float],
    draws: np.random.Generator,
    jit: bool,
    word: str,
) -> None:
    gradients = compile(_pullback(flat, weights), argnums=(), jit=jit)(*flat.points)
    points = flat.exact_points()

    def weighted(moved: Arrays) -> float:
        results = flat.at(moved)
        return float(sum(np.sum(w * r) for w, r in zip(weights, results, strict=True)))

    for position, (point, gradient) in enumerate(zip(points, gradients, strict=True)):
        shape = np.shape(point)
        if np.shape(gradient) != shape:
            raise AssertionError(
                f"{flat.inputs[position]}: the {word} derivative has shape {np.shape(gradient)}, "
                f"the argument {shape}"
            )
        entries = list(np.ndindex(*shape))
        if len(entries) > _ENTRIES:
            entries = [entries[i] for i in sorted(draws.permutation(len(entries))[:_ENTRIES])]
        for entry in entries:

            def shifted(step: float, entry: Any = entry, position: int = position) -> float:
                moved = list(points)
                changed = np.array(moved[position])
                changed[entry] += step
                moved[position] = changed[()]
                return weighted(moved)

            step = _STEP * max(abs(float(np.asarray(point)[entry])), _SMALLEST_SCALE)
            numeric = _difference(shifted, step)
            analytic = float(np.asarray(gradient)[entry])
            _compare(analytic, numeric, limits, f"{flat.inputs[position]}{_place(entry)}", word)


def _check_forward(
    flat: _Flat, tangents: Arrays, limits: tuple[float, float], jit: bool, word: str
) -> None:
    found = compile(_pushforward(flat, tangents), argnums=(), jit=jit)(*flat.points)
    points = flat.exact_points()

    def along(step: float) -> np.ndarray:
        moved = [(p + step * v)[()] for p, v in zip(points, tangents, strict=True)]
        return np.concatenate([np.ravel(result) for result in flat.at(moved)])

    numeric = _difference(along, _STEP)
    start = 0
    for name, tangent in zip(flat.outputs, found, strict=True):
        for entry in np.ndindex(*np.shape(tangent)):
            analytic = float(np.asarray(tangent)[entry])
            _compare(analytic, float(numeric[start]), limits, f"{name}{_place(entry)}", word)
            start += 1


def _place(entry: tuple[int, ...]) -> str:
    return f", entry {entry if len(entry) != 1 else entry[0]}" if entry else ""


def _compare(
    analytic: float, numeric: float, limits: tuple[float, float], place: str, word: str
) -> None:
    absolute, relative = limits
    difference = abs(analytic - numeric)
    if difference <= absolute + relative * max(abs(analytic), abs(numeric)):
        return
    raise AssertionError(
        f"{place}: the {word} derivative is {analytic:.9g}, differences give {numeric:.9g} "
        f"(apart by {difference:.2g}; allowed are {absolute:.2g} + {relative:.2g} of the larger)"
    )


def _check_transposed(
    flat: _Flat, limit: float, draws: np.random.Generator, jit: bool, word: str
) -> None:
    results = flat.at(flat.points)
    weights = [draws.uniform(0.5, 1.5, np.shape(r)) for r in results]
    tangents = _tangents(flat, draws)
    pushed = compile(_pushforward(flat, tangents), argnums=(), jit=jit)(*flat.points)
    pulled = compile(_pullback(flat, weights), argnums=(), jit=jit)(*flat.points)
    left = [float(np.sum(w * np.asarray(t, float))) for w, t in zip(weights, pushed, strict=True)]
    right = [float(np.sum(v * np.asarray(g, float))) for v, g in zip(tangents, pulled, strict=True)]
    scale = sum(float(np.sum(np.abs(v * g))) for v, g in zip(tangents, pulled, strict=True))
    scale += sum(float(np.sum(np.abs(w * t))) for w, t in zip(weights, pushed, strict=True))
    if not abs(sum(left) - sum(right)) <= limit * scale:
        of = f" of the {word} derivative" if word else ""
        raise AssertionError(
            f"pushforward and pullback{of} are no transposes: <w, J v> = {sum(left):.12g}, "
            f"<J^T w, v> = {sum(right):.12g}"
        )


__all__ = ["check_adjoint", "check_grads"]
