"""``out=``: gradients written into the user's own arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from irgrad.arguments import Call, flatten
from irgrad.errors import ArgumentError
from irgrad.runtime.assemble import joined
from irgrad.runtime.call import Executable
from irgrad.runtime.evaluated import evaluating
from irgrad.runtime.front import REFUSALS
from irgrad.specialise import INTO, Specialisation, begun, prepared

_NEEDED = "a contiguous, writable array of the gradient's dtype and shape"


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of a call: its structure, and where in the results its leaves are."""

    structure: Any
    places: tuple[tuple[int, int | None], ...]

    @classmethod
    def of(cls, call: Call, argnums: Sequence[int], wanted: Sequence[int], one: bool) -> Gradient:
        """Describe the gradient by ``argnums``, whose leaves ``wanted`` the compiled code yields.

        ``one`` says that it is that of one argument, without a tuple around it.
        """
        structures = [call.structures[argument] for argument in argnums]
        results = {leaf: place for place, leaf in enumerate(wanted)}
        places = tuple(
            (results[leaf], element)
            for argument in argnums
            for leaf, element in call.places(argument % len(call.parameters))
        )
        return cls(structures[0] if one else joined(structures), places)


@dataclass(frozen=True, slots=True)
class Buffers:
    """The user's arrays: ``arrays`` are a result each, ``parts`` numbers, or results once more."""

    arrays: dict[int, np.ndarray]
    parts: tuple[tuple[np.ndarray, int, int | None], ...]


class Writer:
    """What answers the calls of one function with ``out=``."""

    def __init__(self) -> None:
        self._known: dict[Any, Callable[..., Any]] = {}

    def known(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        """Return value and gradient of a call with ``out=`` like one before; else None."""
        if len(kwargs) != 1:
            return None
        try:
            out = kwargs["out"]
            return self._known[type(out), *map(type, args)](args, out), out
        except REFUSALS:
            return None  # the slow way says what is wrong, if anything is

    def write(
        self, chosen: Specialisation, call: Call, gradient: Gradient, out: Any
    ) -> tuple[Any, Executable | None]:
        """Write the gradient into ``out``; return the value, and what has found it.

        Raises: ArgumentError where ``out`` doesn't fit.
        """
        buffers = _checked(call, chosen, gradient, out)
        ready = _ready(chosen)
        wanted = chosen.wanted or ()
        arrays = [
            buffers.arrays.get(place, np.empty(leaf.shape, leaf.dtype) if leaf.shape else None)
            for place, leaf in enumerate(call.leaves[position] for position in wanted)
        ]
        outside = [np.require(a, requirements=["C", "A", "W"]) for a in chosen.traced.captured]
        given = (*call.values, *outside)
        if ready is None:
            run = chosen.explained(evaluating(chosen.graph(True)), gradient=True)
            results = list(run(*given))
            value, slopes = results[0], results[1:]
            for array, slope in zip(arrays, slopes, strict=True):
                if array is not None:
                    array[...] = slope
        else:
            run = chosen.explained(ready.call, gradient=True)
            found = run(*given, *(array for array in arrays if array is not None))
            value, *numbers = found if isinstance(found, tuple) else (found,)
            rest = iter(numbers)
            slopes = [next(rest) if array is None else array for array in arrays]
        for buffer, place, element in buffers.parts:
            buffer[...] = slopes[place] if element is None else slopes[place][element]
        value = chosen.result_types(gradient=True)[0].dtype.type(value)
        return optree.tree_unflatten(chosen.traced.structure, [value]), ready

    def remember(
        self, chosen: Specialisation, call: Call, args: tuple[Any, ...], out: Any, run: Any
    ) -> None:
        """Answer such calls by ``run`` at once, where the arguments and ``out`` are arrays only."""
        watched = chosen.watched
        if chosen.traced.captured or watched.variables or watched.contents:
            return
        leaves = [out] if isinstance(out, np.ndarray) else out
        if type(out) not in (np.ndarray, tuple, list) or len(leaves) != len(chosen.wanted or ()):
            return
        if not all(type(leaf) is np.ndarray and leaf.ndim for leaf in leaves):
            return
        if len(args) != len(call.values) or chosen.traced.structure.num_nodes != 1:
            return
        kind = chosen.result_types(gradient=True)[0].dtype.type
        run = chosen.explained(run, gradient=True)
        places = [place for place, value in enumerate(args) if type(value) is np.ndarray]
        self._known[type(out), *map(type, args)] = _quick(run, kind, places, type(out))

    def clear(self) -> None:
        """Look everything up again."""
        self._known.clear()


def _quick(
    run: Callable[..., Any], kind: Callable[[Any], Any], places: Sequence[int], form: type
) -> Callable[[tuple[Any, ...], Any], Any]:
    """Return what runs ``run`` on arguments, arrays at ``places``, and ``out`` of a ``form``.

    It raises ValueError where ``out`` isn't made of arrays apart from the others. Those that own
    what they hold share nothing: most are such, and asking NumPy takes longer than the rest.
    """
    ndarray, single = np.ndarray, form is np.ndarray

    def quick(args: tuple[Any, ...], out: Any) -> Any:
        arrays = (out,) if single else out
        owned = True
        for array in arrays:
            if type(array) is not ndarray:
                raise ValueError("no array")
            if not array.flags.owndata:
                owned = False
        for place in places:
            other = args[place]
            if not other.flags.owndata:
                owned = False
            for array in arrays:
                if array is other:
                    raise ValueError("an argument")
        if not single and len(set(map(id, arrays))) < len(arrays):
            raise ValueError("an array is given twice")
        if not owned and _overlap(arrays, [args[place] for place in places]):
            raise ValueError("arrays share memory")
        return kind(run(*args, *arrays))

    return quick


def _overlap(arrays: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    return any(
        np.may_share_memory(array, other)
        for number, array in enumerate(arrays)
        for other in (*others, *arrays[:number])
    )


def _ready(chosen: Specialisation) -> Executable | None:
    """Return the compiled function; None while the compiler is at work in the background."""
    if chosen.options.tier == "auto" and chosen.options.jit:
        return begun(chosen, INTO).ready
    return prepared(chosen, INTO)


def _checked(call: Call, chosen: Specialisation, gradient: Gradient, out: Any) -> Buffers:
    leaves, structure = flatten(out)
    if structure != gradient.structure:
        ours, theirs = _shown(structure), _shown(gradient.structure)
        raise ArgumentError(
            f"out has the structure {ours}, and the gradient {theirs}",
            remedy="give arrays in the structure of the gradient, arrays without dimensions for "
            "numbers",
        )
    wanted = chosen.wanted or ()
    arrays: dict[int, np.ndarray] = {}
    parts = []
    for number, (buffer, (place, element)) in enumerate(zip(leaves, gradient.places, strict=True)):
        leaf = call.leaves[wanted[place]]
        shape = leaf.shape if element is None else ()
        where = structure.accessors()[number].codify("out")
        _check(buffer, where, leaf.dtype, shape)
        if shape and place not in arrays:
            arrays[place] = buffer
        else:
            parts.append((buffer, place, element))
    _check_apart(leaves, structure, call, chosen)
    return Buffers(arrays, tuple(parts))


def _check(buffer: Any, where: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raise where a leaf of ``out`` is not an array for a gradient of this dtype and shape."""
    wanted = f"{dtype.name}{list(shape)}"
    if not isinstance(buffer, np.ndarray):
        problem = f"is a {type(buffer).__name__}"
    elif buffer.dtype != dtype or buffer.shape != shape:
        problem = f"is {buffer.dtype.name}{list(buffer.shape)}, and the gradient {wanted}"
    elif not buffer.flags.c_contiguous:
        problem = "is not contiguous"
    elif not buffer.flags.writeable:
        problem = "is read-only"
    else:
        return
    raise ArgumentError(f"{where} {problem}", remedy=f"give {_NEEDED}: np.empty_like(x) is one")


def _check_apart(
    leaves: Sequence[np.ndarray], structure: Any, call: Call, chosen: Specialisation
) -> None:
    """Raise where an array of ``out`` shares memory with an argument, or with another of them."""
    names = [accessor.codify("out") for accessor in structure.accessors()]
    named: list[tuple[str, Any]] = [
        (f"argument {leaf.name!r}", value)
        for leaf, value in zip(call.leaves, call.values, strict=True)
    ]
    named += [("an array that the function reads", array) for array in chosen.traced.captured]
    for name, buffer in zip(names, leaves, strict=True):
        for other, array in named:
            if isinstance(array, np.ndarray) and np.may_share_memory(buffer, array):
                raise ArgumentError(
                    f"{name} shares memory with {other}",
                    remedy="give out arrays of its own: it is written while others are still read",
                )
        named.append((name, buffer))


def _shown(structure: Any) -> str:
    return str(structure).removeprefix("PyTreeSpec(").split(", namespace")[0].removesuffix(")")
