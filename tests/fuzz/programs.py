"""Random NumPy programs, as text, so that a failure is printed as a program to paste.

Elementwise calls are those of the registry, each on operands brought into the range of the samples
of its declaration; the rest are spellings of arrays taken apart, folded and put together.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.special
from hypothesis import strategies as st

from irgrad.ir.op import Elementwise, Op
from irgrad.ops import OPS

SHAPES = ((), (3,), (20,), (3, 4), (20, 3), (4, 20), (2, 3, 4), (1, 4), (1,), (20, 20))

UNARY = (
    "np.tanh({})", "np.sin({})", "np.exp(-np.abs({}))", "np.sqrt({0} * {0} + 1.0)",
    "np.log1p({0} ** 2)", "np.square({})", "np.cos({})", "np.arctan({})", "-{}", "np.abs({})",
    "1.0 / (1.0 + np.exp(-{}))", "np.maximum({}, 0.1)", "np.minimum({}, 0.3)", "np.cbrt({} + 3.0)",
    "np.where({0} > 0.2, np.sqrt(np.abs({0})), {0})", "np.clip({}, -0.5, 0.7)", "{} ** 3",
    "np.logaddexp({}, 0.5)", "np.arcsinh({})", "np.sinc({})", "np.exp2({} * 0.5)", "2.0 * {} - 1.0",
    "np.expm1({} * 0.3)", "np.float64(0.5) * {}", "np.nan_to_num({})",
)  # fmt: skip
BINARY = (
    "{} + {}", "{} - {}", "{} * {}", "{} / ({} ** 2 + 1.0)", "np.maximum({}, {})",
    "np.minimum({}, {})", "np.arctan2({}, {} + 4.0)", "np.hypot({}, {} + 2.0)",
    "np.where({0} < {1}, {0}, {1} * 0.5)", "np.logaddexp({}, {})", "np.fmax({}, {})",
)  # fmt: skip
REDUCTIONS = (
    "np.sum({}, {})", "np.mean({}, {})", "np.max({}, {})", "np.min({}, {})", "np.prod({}, {})",
    "np.var({}, {})", "np.std(np.arange({0}.shape[-1]) + {0}, {1})", "np.ptp({}, {})",
    "np.median({}, {})", "np.quantile({}, 0.3, {})", "np.nansum({}, {})", "np.average({}, {})",
    "np.linalg.norm({}, {})", "np.nanmax({}, {})", "np.sum({0}, {1}, where={0} > 0.1)",
    "np.max({}, {}, initial=0.4)",
)  # fmt: skip
ALONG = (
    "np.cumsum({}, axis={})", "np.sort({}, axis={})", "np.flip({}, axis={})",
    "np.roll({}, 2, axis={})", "np.diff({}, axis={}, prepend=0.5)", "np.cumprod({}, axis={})",
    "np.maximum.accumulate({}, axis={})", "np.logaddexp.reduce({}, axis={})",
    "np.take_along_axis({0}, np.argsort({0}, axis={1}), axis={1})", "np.gradient({}, axis={})",
    "np.trapezoid({}, dx=0.5, axis={})", "np.repeat({}, 2, axis={})",
    "np.take({}, [0, -1, 0], axis={})", "np.append({0}, {0} * 0.5, axis={1})",
    "np.delete({}, 0, axis={})",
)  # fmt: skip


def _squeezed(low: float, high: float) -> str:
    """Return what takes any number strictly between two, as text with a place for the number."""
    return f"({(low + high) / 2:.6g} + {0.49 * (high - low):.6g} * np.tanh({{}}))"


def _calls(op: Op) -> Iterator[tuple[str, int]]:
    """Yield how an elementwise op is called on any real operands, and on how many.

    Operands that are whole numbers in the op's samples, such as the orders of Bessel functions,
    are numbers in the text.
    """
    named = re.fullmatch(r"(np|scipy\.special)\.[a-z]\w*", op.spellings[0] if op.spellings else "")
    if not named or not op.differentiable or not isinstance(op.lowering, Elementwise):
        return
    samples = [[np.asarray(x) for x in sample.operands] for sample in op.samples]
    real = [s for s in samples if "c" not in {x.dtype.kind for x in s}]
    if not real or "f" not in {x.dtype.kind for x in real[0]}:
        return
    operands = real[0]
    slots = [
        _squeezed(float(operand.min()), float(operand.max()))
        if operand.dtype.kind == "f" else str(operand.flat[-1])
        for operand in operands
    ]  # fmt: skip
    yield f"{named[0]}({', '.join(slots)})", sum("{}" in slot for slot in slots)


CALLS = tuple(call for op in OPS.values() for call in _calls(op))


@dataclass
class Program:
    """A function ``f`` of some arguments that returns one real number."""

    arguments: tuple[tuple[int, ...], ...]
    lines: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def source(self) -> str:
        """Return the program's text."""
        names = ", ".join(f"a{i}" for i in range(len(self.arguments)))
        return "\n".join([f"def f({names}):", *(f"    {line}" for line in self.lines)]) + "\n"

    def function(self) -> Callable[..., Any]:
        """Return the program as a function."""
        scope: dict[str, Any] = {"np": np, "scipy": scipy}
        exec(self.source(), scope)
        return scope["f"]  # type: ignore[no-any-return]

    def values(self, seed: int) -> tuple[Any, ...]:
        """Return arguments whose elements lie well apart, so that no step reorders them."""
        random = np.random.default_rng(seed)
        values = []
        for position, shape in enumerate(self.arguments):
            count = int(np.prod(shape))
            spread = np.linspace(-2.1, 2.2, count + 1)[:count] + 0.013 * (position + 1)
            spread = spread + random.uniform(0.0, 0.004, count)  # equal steps would be ties too
            values.append(random.permutation(spread).reshape(shape)[()])
        return tuple(values)


@st.composite
def programs(draw: Any, steps: int = 6) -> Program:
    """Draw a program of up to ``steps`` statements whose every value reaches the result."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    program = Program(tuple(shapes))
    program.shapes.update({f"a{i}": shape for i, shape in enumerate(shapes)})
    for number in range(draw(st.integers(1, steps))):
        text = _statement(draw, program)
        if text is None:
            continue
        name = f"v{number}"
        lines = [f"{name} = {text}"] if isinstance(text, str) else [*text, f"{name} = w"]
        trial = Program(program.arguments, [*program.lines, *lines, f"return {name}"])
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = np.asarray(trial.function()(*trial.values(0)))
        except (ValueError, IndexError):
            continue  # the smallest of no elements, say
        wild = not np.isfinite(result).all() or np.abs(result).max(initial=0) > 50
        if result.size > 1000 or wild:
            continue
        program.lines.extend(lines)
        program.shapes[name] = result.shape
    sums = [
        f"np.sum({name} * np.cos(np.arange({int(np.prod(shape))}).reshape({shape})))"
        for name, shape in program.shapes.items()
    ]
    program.lines.append("return " + " + ".join(sums))
    return program


def _statement(draw: Any, program: Program) -> str | list[str] | None:
    """Draw the right-hand side of a statement, or lines that leave their value in ``w``."""
    name = draw(st.sampled_from(sorted(program.shapes)))
    shape = program.shapes[name]
    kind = draw(st.sampled_from(sorted(_KINDS)))
    return _KINDS[kind](draw, program, name, shape)


def _unary(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str:
    return draw(st.sampled_from(UNARY)).format(name)  # type: ignore[no-any-return]


def _partner(draw: Any, program: Program, shape: tuple[int, ...]) -> Any:
    """Draw a value whose shape broadcasts with ``shape``."""

    def fits(other: tuple[int, ...]) -> bool:
        try:
            np.broadcast_shapes(shape, other)
        except ValueError:
            return False
        return True

    return draw(st.sampled_from(sorted(n for n, s in program.shapes.items() if fits(s))))


def _binary(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str:
    partner = _partner(draw, program, shape)
    return draw(st.sampled_from(BINARY)).format(name, partner)  # type: ignore[no-any-return]


def _call(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str:
    text, count = draw(st.sampled_from(CALLS))
    operands = [name, *(_partner(draw, program, shape) for _ in range(count - 1))]
    return text.format(*operands)  # type: ignore[no-any-return]


def _reduce(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str | None:
    if not shape:
        return None
    axis = draw(st.sampled_from([None, *range(len(shape)), -1]))
    options = f"axis={axis}, keepdims={draw(st.booleans())}"
    return draw(st.sampled_from(REDUCTIONS)).format(name, options)  # type: ignore[no-any-return]


def _along(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str | None:
    if not shape:
        return None
    axis = draw(st.integers(0, len(shape) - 1))
    return draw(st.sampled_from(ALONG)).format(name, axis)  # type: ignore[no-any-return]


def _slice(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str | None:
    if not shape:
        return None
    parts = [
        draw(st.sampled_from([":", "::-1", "1:", ":-1", "0", "-1", "::2", "[0, -1, 0]", "None"]))
        for _ in shape
    ]
    if sum(part.startswith("[") for part in parts) > 1:
        return None
    return f"{name}[{', '.join(parts)}]"


def _rearrange(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str | None:
    choices = [
        "{}.reshape(-1)", "np.expand_dims({}, 0)", "np.transpose({})", "np.stack([{0}, {0} * 2.0])",
        "np.broadcast_to({}, (2, *{}.shape))" if len(shape) < 3 else "{}.reshape(-1)",
        "np.atleast_2d({})", "np.tile({}, 2)", "np.ravel({})[::-1]", "np.vstack([{0}, {0} + 1.0])",
        "np.outer({0}, {0})", "np.meshgrid({0}, {0})[1]", "np.diagflat({})",
        "np.interp({}, [-1.0, 0.0, 1.5], [0.3, 1.0, -0.4])",
        "np.select([{0} > 0.5, {0} < -0.5], [{0} ** 2, 0.1], default={0})",
    ]  # fmt: skip
    if shape:
        choices += [
            "np.concatenate([{0}, {0}], axis=-1)", "np.pad({}, 1)", "np.swapaxes({}, 0, -1)",
            "np.pad({}, 2, mode='reflect')", "np.pad({}, 1, mode='edge')", "np.moveaxis({}, 0, -1)",
            "np.pad({}, 1, mode='wrap')", "np.split({}, [1], axis=-1)[-1]", "np.roll({}, 3)",
        ]  # fmt: skip
    if len(shape) == 1:
        choices += [
            "np.convolve({}, [0.5, 1.0, -0.25])", "np.diag({})", "np.vander({}, 3)",
            "np.correlate({0}, {0})", "np.einsum('i,j->ij', {0}, {0})",
        ]  # fmt: skip
    if len(shape) >= 2:
        choices += [
            "np.rot90({})", "np.tril({})", "np.triu({}, 1)", "np.trace({})", "np.diagonal({}, 1)",
            "np.kron({}, [1.0, -0.5])", "np.einsum('ij...->j...', {})", "np.flip({})",
            "np.linalg.inv(0.2 * {0} @ np.swapaxes({0}, -1, -2) + np.eye({0}.shape[-2]))",
            "np.linalg.slogdet(0.2 * {0} @ np.swapaxes({0}, -1, -2) + np.eye({0}.shape[-2]))[1]",
        ]  # fmt: skip
    if len(shape) == 2:
        choices += ["np.cov({})", "np.einsum('ij,kj->ik', {0}, {0})", "np.column_stack([{0}, {0}])"]
    return str(draw(st.sampled_from(choices))).replace("{}", name).replace("{0}", name)


def _contract(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> str | None:
    if not shape:
        return None
    partners = sorted(
        n for n, other in program.shapes.items()
        if other and other[-2 if len(other) > 1 else -1] == shape[-1]
    )  # fmt: skip
    if not partners:
        return None
    partner = draw(st.sampled_from(partners))
    if len(shape) <= 2 and len(program.shapes[partner]) <= 2:
        return draw(st.sampled_from([f"0.3 * ({name} @ {partner})", f"np.dot({name}, {partner})"]))  # type: ignore[no-any-return]
    return f"0.3 * np.matmul({name}, {partner})"


def _write(draw: Any, program: Program, name: str, shape: tuple[int, ...]) -> list[str] | None:
    if not shape or shape[0] < 3:
        return None
    other = draw(st.sampled_from(sorted(program.shapes)))
    action = draw(
        st.sampled_from([
            f"w[1:] = np.sum({other})",
            f"w[:-1] += np.mean({other})",
            f"w[::2] *= np.tanh(np.sum({other}))",
            f"w[[0, 2, 0]] = w[1] + np.sum({other})",
            f"np.add.at(w, [0, 1, 0], np.sum({other}))",
            f"w.T[...] = np.cos(np.sum({other}))",
            f"w[1:-1] = 0.2 * (w[:-2] + w[2:]) + np.mean({other})",
        ])
    )  # fmt: skip
    return [f"w = {name} * 1.0", action]


_KINDS: dict[str, Callable[..., Any]] = {
    "along": _along,
    "binary": _binary,
    "call": _call,
    "contract": _contract,
    "rearrange": _rearrange,
    "reduce": _reduce,
    "slice": _slice,
    "unary": _unary,
    "write": _write,
}
