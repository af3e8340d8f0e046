"""Functions that only compiled code calls are compiled as far as their callers need them.

numba makes whatever it compiles ready to be called from Python and from C: it writes two wrappers,
runs all of LLVM's passes, and has native code made. A caller then takes in the module of LLVM's
that this began with, and has it optimised and translated once more, so that for a function which
nobody else calls the first time was for nothing. Here modules stay modules until somebody asks
where a function stands in memory. Emitted code has many small callees: the first call of a chain of
ten elementary functions, or of a Gaussian process, is a quarter shorter by that *(measured)*.

Everything here leans on names inside of numba; where they are missing, it compiles as it would.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from irgrad.runtime.alignment import arrays_on_cache_lines

_NAMES_OF_A_LIBRARY = (
    "_ensure_finalized",
    "_finalize_final_module",
    "_optimize_final_module",
    "get_pointer_to_function",
)


class _Depth(threading.local):
    """How many compilations of emitted functions this thread is inside of."""

    value = 0


_depth = _Depth()


def compile_as_needed(dispatcher: Any) -> None:
    """Have a dispatcher compile without what only calls from Python need, wherever it can.

    A function that was compiled for compiled callers is compiled anew if Python calls it.
    """
    compiler = dispatcher._compiler
    context = dispatcher.targetctx
    library = getattr(context.codegen(), "_library_class", None)
    if not all(hasattr(library, name) for name in _NAMES_OF_A_LIBRARY):
        return
    compile_types, customise = compiler.compile, compiler._customize_flags
    compile_signature, add_overload = dispatcher.compile, dispatcher.add_overload
    for_callers: set[tuple[Any, ...]] = set()

    def compile_one_deeper(types: Any, return_type: Any) -> Any:
        with _one_deeper(context.codegen()), arrays_on_cache_lines(context):
            return compile_types(types, return_type)

    def without_wrappers(flags: Any) -> Any:
        flags = customise(flags)
        flags.no_cfunc_wrapper = True
        if _depth.value > 1:
            flags.no_cpython_wrapper = True
        return flags

    def add(result: Any) -> None:
        if not _depth.value:
            add_overload(result)
            return
        types = tuple(result.signature.args)
        for_callers.add(types)
        dispatcher.overloads[types] = result  # where Python does not look for it

    def compile_for_whom(signature: Any) -> Any:
        from numba.core import sigutils

        if not _depth.value and for_callers:
            normalised: Any = sigutils.normalize_signature
            types = tuple(normalised(signature)[0])
            if types in for_callers:
                for_callers.discard(types)
                dispatcher.overloads.pop(types, None)
        return compile_signature(signature)

    compiler.compile, compiler._customize_flags = compile_one_deeper, without_wrappers
    dispatcher.compile, dispatcher.add_overload = compile_for_whom, add


def is_native(library: Any) -> bool:
    """Tell whether a library of numba's has native code, and not only a module to link."""
    return bool(getattr(library, "native", True))


@contextmanager
def _one_deeper(code_generator: Any) -> Iterator[None]:
    """Compile something; the outermost such block has numba keep modules what they are."""
    _depth.value += 1
    try:
        if _depth.value > 1:
            yield
        else:
            with _modules_kept(code_generator):
                yield
    finally:
        _depth.value -= 1


@contextmanager
def _modules_kept(code_generator: Any) -> Iterator[None]:
    # numba's lock on compilation is held, so nobody else sees these attributes.
    library = code_generator._library_class
    set_environment: Callable[[str, Any], None] = code_generator.set_env
    waiting: dict[str, Any] = {}

    def set_where_there_is_one(name: str, environment: Any) -> None:
        if code_generator._engine.get_global_value_address(name):
            set_environment(name, environment)
        else:
            waiting[name] = environment

    code_generator._library_class = _keeping_modules(library)
    code_generator.set_env = set_where_there_is_one
    try:
        yield
    finally:
        del code_generator._library_class, code_generator.set_env
        _set_environments(code_generator, waiting)


def _set_environments(code_generator: Any, environments: Mapping[str, Any]) -> None:
    """Let the variables that hold Python objects of functions be there, and set them.

    A function has one, wherever its module is linked in: what is linked later finds it by name.
    """
    from llvmlite import binding, ir

    engine = code_generator._engine
    absent = [name for name in environments if not engine.get_global_value_address(name)]
    if absent:
        module = code_generator._create_empty_module("environments")
        pointer = ir.IntType(8).as_pointer()
        for name in absent:
            variable = ir.GlobalVariable(module, pointer, name)
            variable.linkage = "common"
            variable.initializer = ir.Constant(pointer, None)
        code_generator._add_module(binding.parse_assembly(str(module)))
        engine.finalize_object()
    for name, environment in environments.items():
        code_generator.set_env(name, environment)


@functools.cache
def _keeping_modules(base: Any) -> Any:
    """Return a kind of numba's libraries that have native code made when they are asked for it."""

    class Library(base):  # type: ignore[misc]
        native = False

        def _optimize_final_module(self) -> None:
            if self.native:
                super()._optimize_final_module()

        def _finalize_final_module(self) -> None:
            # One that was stored comes with its object code.
            if self.native or getattr(self, "_compiled_object", None) is not None:
                self.native = True
                super()._finalize_final_module()
            else:
                self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:
            self._ensure_finalized()
            if not self.native and self._defines(name):
                self.native = True
                self._optimize_final_module()
                self._final_module.verify()
                self._finalize_final_module()
            address: int = super().get_pointer_to_function(name)
            return address

        def _defines(self, name: str) -> bool:
            try:
                return not self._final_module.get_function(name).is_declaration
            except NameError:
                return False

    return Library
