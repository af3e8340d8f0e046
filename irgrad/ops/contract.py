"""Contractions: sums of products over shared indices, in all of NumPy's spellings."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import InternalError, ShapeError
from irgrad.ir import dims
from irgrad.ir.op import Contraction, Op, Operand, Sample
from irgrad.ir.types import ArrayType
from irgrad.ops.axes import dtype_of, normalized_axes, shape_of
from irgrad.ops.declare import real, ufunc_promotion
from irgrad.ops.outputs import delivered
from irgrad.ops.registry import REDUCERS, UFUNCS, declare, spelling
from irgrad.ops.stacking import operands_of

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _contract_type(
    x: ArrayType, y: ArrayType, *, left: str, right: str, result: str
) -> ArrayType:
    sizes: dict[str, dims.Dim] = {}
    for type, letters in ((x, left), (y, right)):
        for letter, dim in zip(letters, type.shape, strict=True):
            if not dims.same(sizes.setdefault(letter, dim), dim):
                raise ShapeError(
                    f"a contraction of {x} with {y} ({left},{right}->{result}): the sizes of "
                    f"{letter!r} disagree",
                    remedy="make the contracted axes equally long",
                )
    return x.with_shape(tuple(sizes[letter] for letter in result))


def _contract_pullback(
    cotangent: Any, out: Any, x: Any, y: Any, *, left: str, right: str, result: str
) -> tuple[Any, Any]:
    """Contract the cotangent with the other operand: d(sum xy) = y dx + x dy."""
    return (
        contract(cotangent, y, left=result, right=right, result=left),
        contract(x, cotangent, left=left, right=result, result=right),
    )


contract = declare(
    Op(
        name="contract",
        evaluate=lambda x, y, *, left, right, result: np.einsum(f"{left},{right}->{result}", x, y),
        infer=_contract_type,
        lowering=Contraction(),
        promote=ufunc_promotion(np.matmul),
        pullback=_contract_pullback,
        samples=(
            Sample((real(-1, 1), real(-1, 1, (4, 2))), dict(left="ij", right="jk", result="ik")),
            Sample((real(-1, 1), real(-1, 1, (4,))), dict(left="ij", right="j", result="i")),
            Sample((real(-1, 1, (4,)), real(-2, 1, (4,))), dict(left="i", right="i", result="")),
            Sample((real(-1, 1, (3,)), real(-2, 1, (4,))), dict(left="i", right="j", result="ij")),
            Sample(
                (real(-1, 1, (2, 3, 4)), real(-2, 1, (2, 4, 3))),
                dict(left="bij", right="bjk", result="bki"),
            ),
        ),
        spellings=("np.matmul", "np.dot", "np.einsum", "np.tensordot", "np.inner", "np.outer"),
    )
)
"""``einsum(f"{left},{right}->{result}")``: a letter occurs once in each operand at the most, and
one that is in a single operand is in the result too."""


def pair(x: Any, y: Any, left: str, right: str, result: str) -> Any:
    """Contract two operands; letters that only one of them has are summed first."""
    x, left = _presummed(x, left, right + result)
    y, right = _presummed(y, right, left + result)
    return contract(x, y, left=left, right=right, result=result)


def _presummed(x: Any, letters: str, needed: str) -> tuple[Any, str]:
    lonely = tuple(axis for axis, letter in enumerate(letters) if letter not in needed)
    if not lonely:
        return x, letters
    return np.sum(x, axis=lonely), "".join(c for c in letters if c in needed)


def _matmul(a: Any, b: Any, /, **options: Any) -> Any:
    """Multiply matrices, stacks of them broadcasting."""
    ranks = len(shape_of(a)), len(shape_of(b))
    if 0 in ranks:
        raise ShapeError("matmul of a scalar", remedy="multiply with *")
    if max(ranks) <= 2:
        left, right = "ij"[-ranks[0] :] if ranks[0] == 2 else "j", "jk"[: ranks[1]]
        return pair(a, b, left, right, left[:-1] + right[1:])
    batch_ranks = max(ranks[0] - 2, 0), max(ranks[1] - 2, 0)
    batch = dims.broadcast_shapes(shape_of(a)[: batch_ranks[0]], shape_of(b)[: batch_ranks[1]])
    if batch is None:
        raise ShapeError(
            f"matmul: the stacks of {shape_of(a)} and {shape_of(b)} can't be broadcast together",
            remedy="make the leading sizes equal or 1",
        )
    a, left = _batched(a, batch_ranks[0], batch, "yz"[-min(ranks[0], 2) :] if ranks[0] > 1 else "z")
    b, right = _batched(b, batch_ranks[1], batch, "zx" if ranks[1] > 1 else "z")
    batch_letters = LETTERS[: len(batch)]
    result = batch_letters + ("y" if ranks[0] > 1 else "") + ("x" if ranks[1] > 1 else "")
    return pair(a, b, left, right, result)


def _batched(x: Any, count: int, batch: dims.Shape, core: str) -> tuple[Any, str]:
    """Return ``x`` with stretched batch axes dropped, and the letters of what is left."""
    shape = shape_of(x)
    letters = LETTERS[len(batch) - count : len(batch)]
    own = batch[len(batch) - count :]
    stretched = tuple(i for i in range(count) if shape[i] == 1 and own[i] != 1)
    if stretched:
        x = np.squeeze(x, axis=stretched)
    return x, "".join(c for i, c in enumerate(letters) if i not in stretched) + core


UFUNCS[np.matmul] = _matmul


@spelling(np.linalg.matmul)
def _linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return _matmul(x1, x2)


@spelling(np.dot, method="dot")
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    a, b = operands_of((a, b))
    ranks = len(shape_of(a)), len(shape_of(b))
    if 0 in ranks:
        return delivered(np.multiply(_strong(a), _strong(b)), out, "np.dot")
    left = LETTERS[: ranks[0] - 1] + "z"
    rest = LETTERS[ranks[0] : ranks[0] + ranks[1] - 1]
    right = "z" if ranks[1] == 1 else rest[:-1] + "z" + rest[-1]
    return delivered(pair(a, b, left, right, left[:-1] + rest), out, "np.dot")


def _strong(x: Any) -> Any:
    """Return a number as NumPy's products take it: in a dtype of its own."""
    return x if isinstance(x, Operand) else np.asarray(x)


@spelling(np.inner)
def _inner(a: Any, b: Any, /) -> Any:
    a, b = operands_of((a, b))
    ranks = len(shape_of(a)), len(shape_of(b))
    if 0 in ranks:
        return np.multiply(_strong(a), _strong(b))
    left = LETTERS[: ranks[0] - 1] + "z"
    right = LETTERS[ranks[0] : ranks[0] + ranks[1] - 1] + "z"
    return pair(a, b, left, right, left[:-1] + right[:-1])


@spelling(np.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    a, b = operands_of((a, b))
    return delivered(pair(np.ravel(a), np.ravel(b), "i", "j", "ij"), out, "np.outer")


@spelling(np.linalg.outer)
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = operands_of((x1, x2))
    if len(shape_of(x1)) != 1 or len(shape_of(x2)) != 1:
        raise ShapeError("np.linalg.outer needs two arrays of one axis", remedy="use np.outer")
    return _outer(x1, x2)


@spelling(np.vdot)
def _vdot(a: Any, b: Any, /) -> Any:
    a, b = operands_of((a, b))
    return pair(np.conj(np.ravel(a)), np.ravel(b), "i", "i", "")


@spelling(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = operands_of((a, b))
    ranks = len(shape_of(a)), len(shape_of(b))
    if isinstance(axes, int | np.integer):
        if not 0 <= axes <= min(ranks):
            raise ShapeError(
                f"tensordot over {axes} axes of arrays with {ranks[0]} and {ranks[1]}",
                remedy="contract axes that both have",
            )
        first, second = tuple(range(ranks[0] - axes, ranks[0])), tuple(range(axes))
    else:
        first, second = normalized_axes(axes[0], ranks[0]), normalized_axes(axes[1], ranks[1])
    if len(first) != len(second):
        raise ShapeError(
            f"tensordot: axes {axes} do not pair up", remedy="name as many on each side"
        )
    left = list(LETTERS[: ranks[0]])
    right = list(LETTERS[ranks[0] : sum(ranks)])
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    result = [c for i, c in enumerate(left) if i not in first]
    result += [c for j, c in enumerate(right) if j not in second]
    return pair(a, b, "".join(left), "".join(right), "".join(result))


@spelling(np.linalg.tensordot)
def _linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return _tensordot(x1, x2, axes)


@spelling(np.einsum)
def _einsum(
    *operands: Any, out: Any = None, optimize: Any = True, dtype: Any = None, **options: Any
) -> Any:
    """Contract in the order that opt_einsum finds for the sizes of the first call."""
    operands = _with_arrays(operands)
    if dtype is not None:
        operands = tuple(
            x if isinstance(x, str | list | tuple) or x is Ellipsis else _as_dtype(x, dtype)
            for x in operands
        )
    return delivered(contracted(operands), out, "np.einsum")


def _with_arrays(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the operands of an einsum with those made arrays that are lists of numbers."""
    if isinstance(operands[0], str):
        return (operands[0], *(np.asarray(x) if isinstance(x, list) else x for x in operands[1:]))
    arrays = range(0, len(operands) - len(operands) % 2, 2)
    return tuple(
        np.asarray(x) if place in arrays and isinstance(x, list) else x
        for place, x in enumerate(operands)
    )


def _as_dtype(x: Any, dtype: Any) -> Any:
    return x if dtype_of(x) == np.dtype(dtype) else x.astype(dtype)


def contracted(operands: tuple[Any, ...]) -> Any:
    """Return the einsum that ``operands`` spell, in either of NumPy's two forms."""
    import opt_einsum

    shapes_only = [
        operand if isinstance(operand, str | list | tuple) or operand is Ellipsis
        else _Shaped(operand)
        for operand in operands
    ]  # fmt: skip
    inputs, result, shaped = opt_einsum.parser.parse_einsum_input(shapes_only)
    arrays = operands_of([item.array for item in shaped])
    terms = inputs.split(",")
    reduced = [_without_repeats(x, term) for x, term in zip(arrays, terms, strict=True)]
    reduced = _without_stretched(reduced)
    arrays, terms = [x for x, _ in reduced], [term for _, term in reduced]
    sizes = _hinted_shapes(arrays)
    path, _ = opt_einsum.contract_path(",".join(terms) + "->" + result, *sizes, shapes=True)
    for chosen in path:
        picked = [(arrays.pop(i), terms.pop(i)) for i in sorted(chosen, reverse=True)]
        needed = result + "".join(terms)
        if len(picked) == 1:
            ((x, term),) = picked
            x, term = _presummed(x, term, needed)
        elif len(picked) > 2:
            raise InternalError(f"a contraction of {len(picked)} operands at once")
        else:
            (y, right), (x, left) = picked
            term = "".join(sorted({c for c in left + right if c in needed}))
            if not arrays:
                term = result
            x = pair(x, y, left, right, term)
        arrays.append(x)
        terms.append(term)
    (x,), (term,) = arrays, terms
    return np.transpose(x, tuple(term.index(c) for c in result))


class _Shaped:
    """An operand as the parser of einsum needs it: something with a shape and a rank."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = _hinted_shapes([array])[0]
        self.ndim = len(self.shape)


def _hinted_shapes(arrays: list[Any]) -> list[tuple[int, ...]]:
    """Return shapes in numbers, symbolic sizes taken from the first call without fixing them."""
    shapes = []
    for array in arrays:
        hints = array.tape.assumptions.hints if hasattr(array, "tape") else {}
        shapes.append(tuple(dims.evaluate(dim, hints) for dim in shape_of(array)))
    return shapes


def _without_repeats(x: Any, term: str) -> tuple[Any, str]:
    """Take the diagonal over letters that occur twice in a term."""
    for letter in term:
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            x = np.diagonal(x, axis1=i, axis2=j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + letter
    return x, term


def _without_stretched(terms: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Drop axes of size 1 from operands where another one has the letter with a greater size."""
    long: dict[str, dims.Dim] = {}
    for x, term in terms:
        for letter, dim in zip(term, shape_of(x), strict=True):
            if dim != 1 and not dims.same(long.setdefault(letter, dim), dim):
                raise ShapeError(
                    f"einsum: the axes named {letter!r} have the sizes {long[letter]} and {dim}",
                    remedy="make axes of one name equally long, or of size 1",
                )
    result = []
    for x, term in terms:
        stretched = tuple(
            axis
            for axis, (letter, dim) in enumerate(zip(term, shape_of(x), strict=True))
            if dim == 1 and letter in long
        )
        if stretched:
            x = np.squeeze(x, axis=stretched)
            term = "".join(c for axis, c in enumerate(term) if axis not in stretched)
        result.append((x, term))
    return result


def outer_of(ufunc: np.ufunc, a: Any, b: Any, **options: Any) -> Any:
    """Do ``ufunc.outer(a, b)``: every element of one operand with every one of the other."""
    x, y = operands_of((a, b))
    rank = len(shape_of(y))
    return ufunc(np.reshape(x, (*shape_of(x), *((1,) * rank))), y, **options)


REDUCERS["outer"] = outer_of
