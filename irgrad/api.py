"""``compile``: from a plain NumPy function to its compiled value and gradient."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from irgrad.arguments import NAMESPACE, Call, Signature, is_traced
from irgrad.buffers import Gradient, Writer
from irgrad.errors import ArgumentError, CompileWarning, DifferentiationError
from irgrad.garbage import full_collections_put_off
from irgrad.ir.graph import Graph
from irgrad.options import Options, most_nodes
from irgrad.runtime.assemble import assembled, joined, parts
from irgrad.runtime.call import Bound, Executable
from irgrad.runtime.evaluated import evaluating
from irgrad.runtime.shortcuts import Made, Shortcuts
from irgrad.runtime.statistics import Statistics
from irgrad.runtime.take_apart import taking_apart
from irgrad.runtime.threads import forget_in_child, threads_are_safe
from irgrad.runtime.watch import entries, watching
from irgrad.specialise import (
    GRADIENT,
    VALUE,
    Specialisation,
    begun,
    import_what_answers,
    layouts_of,
    prepared,
    specialise,
    warn_of_independence,
)
from irgrad.trace.origins import warn_here

if TYPE_CHECKING:
    from irgrad.pipeline import Compilation


class CompiledFunction:
    """A function compiled for values and gradients; made by ``compile``.

    Arguments and results are pytrees of arrays and scalars. The first call with new dtypes or
    ranks traces and compiles; a new size normally costs nothing.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        argnums: int | Sequence[int],
        static_argnames: Sequence[str],
        options: Options,
        shapes: str,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._one = isinstance(argnums, int | np.integer)
        self._argnums: tuple[int, ...] = (
            (int(argnums),) if isinstance(argnums, int | np.integer) else tuple(argnums)
        )
        self._signature = Signature(function, tuple(static_argnames))
        self._options = options
        self._shapes = shapes
        self._table: dict[Any, list[Specialisation]] = {}
        self._seen: dict[Any, list[tuple[tuple[int, ...], ...]]] = {}
        self._writer = Writer()
        self._values = Shortcuts("value", self.__call__.__doc__, self._value)
        self._gradients = Shortcuts(
            "value_and_grad", self.value_and_grad.__doc__, self._gradient,
            self._without_a_method, None if self._signature.takes("out") else self._writer.known,
        )  # fmt: skip
        self._takers: dict[Any, Callable[..., list[Any]]] = {}
        self._latest: Specialisation | None = None
        self._counted: list[Executable] = []
        self._lock = threading.RLock()
        self.stats = Statistics()
        if options.parallel:
            forget_in_child(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the function's value."""
        return self._values.call(*args, **kwargs)

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Return the value and the gradient with respect to ``argnums``.

        The gradient has the structure of the argument; a tuple of them for a tuple ``argnums``.
        ``out=``, arrays in that structure, is written into and returned as the gradient; a function
        with a parameter of that name gets it as any other argument.

        Raises: DifferentiationError where the function returns no single real number;
        ArgumentError where arrays of ``out`` have another dtype or shape, are not contiguous, or
        share memory with an argument or each other.

        >>> import numpy as np
        >>> f = compile(lambda x: np.sum(x * x), jit=False)
        >>> slopes = np.empty(2)
        >>> f.value_and_grad(np.array([1.0, 2.0]), out=slopes)[1] is slopes
        True
        >>> slopes
        array([2., 4.])
        """
        return self._gradients.call(*args, **kwargs)  # type: ignore[no-any-return]

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient with respect to ``argnums``; see ``value_and_grad`` for ``out=``."""
        return self.value_and_grad(*args, **kwargs)[1]

    def _value(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_traced((args, kwargs)):
            return self._function(*args, **kwargs)
        return self._run(args, kwargs, gradient=False)

    def _gradient(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if "out" in kwargs and not self._signature.takes("out"):
            rest = dict(kwargs)
            out = rest.pop("out")
            return self._written(args, rest, out)
        if is_traced((args, kwargs)):
            from irgrad.inline.reverse import inline_value_and_grad

            argnums = self._argnums[0] if self._one else self._argnums
            return inline_value_and_grad(self._function, argnums, args, kwargs)
        return self._run(args, kwargs, gradient=True)

    def _without_a_method(self, call: Callable[..., Any]) -> None:
        """Let ``value_and_grad`` be the quickest way itself, which a method would double."""
        self.__dict__["value_and_grad"] = call

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, gradient: bool) -> Any:
        call = self._signature.take_apart(args, kwargs)
        chosen = self._specialisation(call)
        if gradient and chosen.complaint is not None:
            raise chosen.complaint
        if self._options.tier == "auto" and self._options.jit:
            job = chosen.jobs.get(GRADIENT if gradient else VALUE)
            if job is None or job.ready is None:
                return self._meanwhile(chosen, call, gradient)
        made = self._made(chosen, call, gradient)
        if not kwargs and not call.static:
            shortcuts = self._gradients if gradient else self._values
            whole = made if call.is_flat() else self._from_trees(call, args, made.run)
            shortcuts.add(args, whole, compiled=self._options.jit)
        return (made.first or made.run)(*call.values)

    def _written(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> tuple[Any, Any]:
        """Return value and gradient, the latter written into ``out``."""
        if is_traced((args, kwargs, out)):
            raise ArgumentError(
                "out= is given while another function is traced",
                remedy="leave it out there: what is traced has no arrays yet",
            )
        call = self._signature.take_apart(args, kwargs)
        chosen = self._specialisation(call)
        if chosen.complaint is not None:
            raise chosen.complaint
        gradient = Gradient.of(call, self._argnums, chosen.wanted or (), self._one)
        value, ready = self._writer.write(chosen, call, gradient, out)
        if ready is not None:
            self._count(ready)
            if not kwargs and not call.static and call.is_flat():
                self._writer.remember(chosen, call, args, out, ready.call)
        return value, out

    def _meanwhile(self, chosen: Specialisation, call: Call, gradient: bool) -> Any:
        """Answer a call while the compiler is at work, which is set to work after the first."""
        kind = GRADIENT if gradient else VALUE
        job = chosen.jobs.get(kind)
        plain = None if job is None else job.plain
        run = evaluating(chosen.graph(gradient)) if plain is None else plain.call
        try:
            result = self._assembled(chosen, call, gradient, run).run(*call.values)
        finally:
            begun(chosen, kind)
        with self._lock:
            if plain is None:
                self.stats.evaluated += 1
            else:
                self.stats.plain += 1
            self.stats.tier = "evaluated" if plain is None else "plain"
        news = None if job is None else job.news()
        if news is not None:
            warn_here(news, CompileWarning)
        if gradient and job is None:
            self._warn_of_independence(chosen)
        return result

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is compiling in the background; tell whether that is so.

        timeout: seconds to wait at most.

        Raises: what a compilation in the background raised.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            jobs = [job for known in self._table.values() for one in known for job in one.pending()]
        for job in jobs:
            if not job.wait(None if ends is None else max(0.0, ends - time.monotonic())):
                return False
        return True

    def _from_trees(self, call: Call, args: tuple[Any, ...], run: Callable[..., Any]) -> Made:
        """Return ``run`` on arguments like ``args``, which hold leaves in containers."""
        key = call.key()
        take_apart = self._takers.get(key)
        if take_apart is None:
            take_apart = self._takers[key] = taking_apart(args, call.parts(), NAMESPACE)

        def taken_apart(*args: Any) -> Any:
            return run(*take_apart(*args))

        return Made(taken_apart, taken_apart)

    def _specialisation(self, call: Call) -> Specialisation:
        """Return the trace that serves a call, tracing where none does."""
        key = call.key()
        with self._lock:
            known = self._table.setdefault(key, [])
            for candidate in known:
                if candidate.fits(call):
                    self._latest = candidate
                    return candidate
            known[:] = [old for old in known if old.watched.unchanged()]
            seen = self._seen.setdefault(key, [])
            seen.append(tuple(leaf.shape for leaf in call.leaves))
            history = seen if self._shapes == "auto" else None
            name = getattr(self._function, "__name__", "function")
            options = self._options
            if options.parallel and options.jit and not threads_are_safe():
                options = replace(options, parallel=False)
            with full_collections_put_off():
                chosen = specialise(self._signature, call, history, self._argnums, options, name)
            self.stats.traces += 1
            self.stats.stages.append(chosen.stages)
            known.insert(0, chosen)
            self._latest = chosen
            return chosen

    def _made(self, chosen: Specialisation, call: Call, gradient: bool) -> Made:
        """Return the function from flat arguments to the result in the user's structure."""
        ready = prepared(chosen, GRADIENT if gradient else VALUE)
        new = self._count(ready)
        if new and gradient and self._options.tier != "auto":
            self._warn_of_independence(chosen)
        return self._assembled(chosen, call, gradient, ready.call, ready.unchecked, new)

    def _count(self, ready: Executable) -> bool:
        """Add what a compiled function has cost to the statistics; tell whether it is new."""
        with self._lock:
            self.stats.tier = "compiled"
            if ready in self._counted:
                return False
            self._counted.append(ready)
            self.stats.compiles += ready.compiled
            self.stats.cache_hits += ready.loaded
            return True

    def _warn_of_independence(self, chosen: Specialisation) -> None:
        warn_of_independence(chosen, getattr(self._function, "__name__", "the function"))

    def _assembled(
        self,
        chosen: Specialisation,
        call: Call,
        gradient: bool,
        jitted: Callable[..., Any],
        unchecked: Callable[..., Any] | None = None,
        new: bool = False,
    ) -> Made:
        """Return a function of flat arguments made to give results in the user's structure."""
        types = chosen.result_types(gradient)
        # Arrays from outside, whatever they have become, are looked at by ``jitted`` alone.
        looked_at = unchecked is None or chosen.traced.captured
        layouts = None if looked_at else layouts_of(call.leaves)
        inner = jitted if unchecked is None or layouts is None else unchecked
        jitted, inner = (chosen.explained(each, gradient) for each in (jitted, inner))
        unwatched, outside = inner, None if chosen.traced.captured else entries(chosen.watched)
        if chosen.traced.captured or chosen.watched.variables or chosen.watched.contents:
            jitted, inner = (
                watching(each, chosen.watched, chosen.traced.captured) for each in (jitted, inner)
            )
        structure = chosen.traced.structure
        plain = [False] * len(types)
        places: list[tuple[int, int | None]] = [(place, None) for place in range(len(types))]
        if gradient and chosen.wanted is not None:
            first = len(types) - len(chosen.wanted)
            # The gradient of a Python number is one, as the argument is.
            plain[first:] = [call.leaves[i].weak in (float, complex) for i in chosen.wanted]
            slopes = Gradient.of(call, self._argnums, chosen.wanted, self._one)
            structure = joined([structure, slopes.structure])
            places[first:] = [(first + place, element) for place, element in slopes.places]
        how = (len(call.leaves), types, structure, plain, places)
        run, form = assembled(jitted, *how), parts(types, structure, plain, places)
        fresh = assembled(inner, *how) if new and layouts else None
        if form is None:
            return Made(run, run, first=fresh)
        quick = unwatched if outside else inner
        return Made(run, quick, form, layouts or (), fresh, outside or ())

    def forget(self) -> None:
        """Trace and compile anew at the next call."""
        self._lock = threading.RLock()
        for table in (self._table, self._seen, self._values, self._gradients, self._writer):
            table.clear()

    def bind(self, *args: Any) -> Bound:
        """Return the compiled functions for arguments of exactly these types, unwrapped.

        They take the flat leaves of the arguments and return the emitted function's own results,
        and check sizes but look nothing up: the fastest way to call from Python.

        >>> import numpy as np
        >>> f = compile(lambda x, y: np.tanh(x * y), argnums=(0, 1), jit=False)
        >>> f.bind(0.0, 1.0).value_and_grad(0.0, 2.0)
        (np.float64(0.0), np.float64(2.0), np.float64(0.0))
        """
        chosen = self._specialisation(self._signature.take_apart(args, {}))
        if chosen.traced.captured:
            raise ArgumentError(
                "bind needs a function that reads no arrays from outside",
                remedy="pass them as arguments",
            )
        gradient = None
        if chosen.wanted is not None:
            gradient = prepared(chosen, GRADIENT).call
        return Bound(prepared(chosen, VALUE).call, gradient)

    def lower(self, *args: Any, **kwargs: Any) -> Compilation:
        """Return every stage of the compilation for such arguments, without running numba."""
        return self._specialisation(self._signature.take_apart(args, kwargs)).compilation

    @property
    def _compilation(self) -> Compilation:
        if self._latest is None:
            raise ArgumentError(
                f"{getattr(self, '__name__', 'the function')} hasn't been traced yet",
                remedy="call it, or f.lower(*example_arguments), first",
            )
        return self._latest.compilation

    @property
    def source(self) -> str:
        """The emitted file of the latest call."""
        return self._compilation.module.source

    @property
    def graph(self) -> Graph:
        """The simplified graph of the latest call."""
        return self._compilation.primal

    @property
    def adjoint(self) -> Graph:
        """The simplified graph of value and gradient of the latest call."""
        joint = self._compilation.joint
        if joint is None:
            assert self._latest is not None
            raise self._latest.complaint or DifferentiationError("there is no gradient")
        return joint

    def save(self, path: str | Path) -> Path:
        """Write the emitted file, which runs without irgrad, to ``path``."""
        target = Path(path)
        target.write_text(self.source, encoding="utf-8")
        return target

    def explain(self, *args: Any) -> str:
        """Return what the compiler did: loops and the lines they come from, memory, work, time.

        With flat ``args`` the compiled functions are timed on them; the report is on the latest
        call otherwise.
        """
        from irgrad.report.explain import explain
        from irgrad.report.machine import seconds_a_call

        if not args:
            return explain(self._compilation, self.stats)
        compilation = self.lower(*args)
        measured = {}
        for function in compilation.program.functions:
            gradient = function.name.startswith("value_and_grad")
            call = self.value_and_grad if gradient else self
            measured[function.name] = seconds_a_call(functools.partial(call, *args))
        return explain(compilation, self.stats, measured)

    def report(self, path: str | Path) -> Path:
        """Write an HTML file that links the user's lines, the graphs and the emitted lines.

        It is on the latest call, and needs no other file.
        """
        from irgrad.report.page import page

        target = Path(path)
        target.write_text(page(self._compilation, self.explain()), encoding="utf-8")
        return target

    def draw(self, *, adjoint: bool = False, **options: Any) -> Any:
        """Return a drawing of the graph, or of the one with the gradient."""
        from irgrad.interpret.draw import draw_graph

        return draw_graph(self.adjoint if adjoint else self.graph, **options)

    def __repr__(self) -> str:
        return f"<irgrad.compile of {getattr(self._function, '__qualname__', self._function)}>"

    def __reduce__(self) -> Any:
        """Pickle the function by reference, with the options; never machine code."""
        argnums = self._argnums[0] if self._one else self._argnums
        static = self._signature.static_names
        return CompiledFunction, (self._function, argnums, static, self._options, self._shapes)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


@overload
def compile(
    function: Callable[..., Any], *, argnums: int | Sequence[int] = ...,
    static_argnames: Sequence[str] = ..., jit: bool = ..., parallel: bool = ...,
    fastmath: bool = ..., shapes: str = ..., tier: str = ...,
    max_nodes: int | None = ...,
) -> CompiledFunction: ...  # fmt: skip


@overload
def compile(
    function: None = ..., *, argnums: int | Sequence[int] = ...,
    static_argnames: Sequence[str] = ..., jit: bool = ..., parallel: bool = ...,
    fastmath: bool = ..., shapes: str = ..., tier: str = ...,
    max_nodes: int | None = ...,
) -> Callable[[Callable[..., Any]], CompiledFunction]: ...  # fmt: skip


def compile(
    function: Callable[..., Any] | None = None,
    *,
    argnums: int | Sequence[int] = 0,
    static_argnames: Sequence[str] = (),
    jit: bool = True,
    parallel: bool = False,
    fastmath: bool = False,
    shapes: str = "auto",
    tier: str = "compiled",
    max_nodes: int | None = None,
) -> Any:
    """Compile a plain NumPy function and its gradient; also a decorator.

    argnums: the argument, or arguments, to differentiate by.
    static_argnames: arguments that are no numbers, or decide what the function does.
    jit: False runs the emitted source as plain Python.
    parallel: True lets threads share the outer loops of calls that have work enough for them;
    sums are then added in another order, which rounds differently.
    fastmath: promise that no value is NaN or infinite.
    shapes: "auto" lets one compilation serve many sizes, "static" compiles for each size.
    tier: "auto" answers the first calls by evaluating the graph, while a child process compiles;
    "compiled" makes the first call wait for the compiler.
    max_nodes: the length of a trace that stops it with an error; IRGRAD_MAX_NODES, or 20 million.

    >>> import numpy as np
    >>> f = compile(lambda x: np.sum(x * x), jit=False)
    >>> f.grad(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    if shapes not in ("auto", "static"):
        raise ArgumentError(f"shapes={shapes!r}", remedy='give "auto" or "static"')
    if tier not in ("auto", "compiled"):
        raise ArgumentError(f"tier={tier!r}", remedy='give "auto" or "compiled"')
    if tier == "auto":
        import_what_answers()
    options = Options(
        jit=jit,
        parallel=parallel,
        fastmath=fastmath,
        tier=tier,
        max_nodes=most_nodes() if max_nodes is None else max_nodes,
    )

    def wrap(plain: Callable[..., Any]) -> CompiledFunction:
        if not callable(plain):
            raise ArgumentError(f"{plain!r} is no function", remedy="pass a function")
        return CompiledFunction(plain, argnums, static_argnames, options, shapes)

    return wrap if function is None else wrap(function)


__all__ = ["CompiledFunction", "Statistics", "compile"]
