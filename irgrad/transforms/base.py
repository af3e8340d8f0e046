"""``Transformed``: a function made from another, which compiles itself where it is called."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from irgrad.api import CompiledFunction, compile
from irgrad.arguments import flatten
from irgrad.errors import ArgumentError, IrgradError
from irgrad.trace.origins import location_here
from irgrad.trace.trace import current_trace

_KEPT = 256
_lock = threading.Lock()


class Transformed:
    """A transform of ``function``.

    On traced values it is recorded where they are: inside ``irgrad.compile``, or inside another
    transform. On numbers it is compiled, as one function, and kept for the next call; so is what
    an equal transform of the same function makes.

    A subclass says in ``inline`` what to record.
    """

    __wrapped__: Callable[..., Any]
    is_derived = True
    """A derivative may well be constant: no one is warned of that."""

    def __init__(
        self, function: Callable[..., Any], static_argnames: Sequence[str] = (), **settings: Any
    ) -> None:
        if not callable(function):
            raise ArgumentError(
                f"{type(self).__name__.lower()} needs a function, not a {type(function).__name__}",
                remedy="pass the function itself, and the arguments to what comes back: "
                "irgrad.grad(f)(x)",
                location=location_here(),
            )
        if not isinstance(function, functools.partial):
            functools.update_wrapper(self, function, updated=())
        self.function = function
        self.static_argnames = tuple(
            (static_argnames,) if isinstance(static_argnames, str) else static_argnames
        )
        self.settings = settings
        self._compiled: CompiledFunction | None = None

    def inline(self, *args: Any, **kwargs: Any) -> Any:
        """Record the transform of the function at ``args``, of which one is traced."""
        raise NotImplementedError  # pragma: no cover - abstract

    @property
    def compiled(self) -> CompiledFunction:
        """What a call on numbers runs: its ``source``, ``stats``, ``explain()``."""
        if self._compiled is None:
            with _lock:
                self._compiled = _kept(self)
        return self._compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the transform at ``args``."""
        if current_trace() is not None:
            return self.inline(*args, **kwargs)
        try:
            return self.compiled(*args, **kwargs)
        except IrgradError as error:
            if error.location is None:
                error.location = location_here()
            raise

    def _key(self) -> tuple[Any, ...]:
        return type(self), self.function, self.static_argnames, _frozen(self.settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transformed) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"<irgrad.{type(self).__name__.lower()} of {name}>"


def parameters(*names: str) -> inspect.Signature:
    """Return the signature of a transform that is called with other arguments than its function."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])


def _frozen(settings: dict[str, Any]) -> Any:
    leaves, structure = flatten(settings)
    return tuple(leaves), structure


class _Recorder:
    """What a transform compiles: itself, recorded."""

    def __init__(self, transformed: Transformed) -> None:
        functools.update_wrapper(self, transformed, updated=())
        self.transformed = transformed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.transformed.inline(*args, **kwargs)


@lru_cache(maxsize=_KEPT)
def _kept(transformed: Transformed) -> CompiledFunction:
    """Return the compiled function of a transform, the same for an equal one."""
    names = transformed.static_argnames
    return compile(_Recorder(transformed), argnums=(), static_argnames=names)
