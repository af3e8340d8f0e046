"""Callees that stay LLVM modules, and what must hold all the same."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from irgrad.runtime.callees import is_native
from irgrad.runtime.load import load_module

_digests = (f"callee{number:026x}" for number in itertools.count())


def module_of(source: str) -> Any:
    return load_module(textwrap.dedent(source), next(_digests), jit=True)


CALLER = """
    from numba import njit

    @njit(cache=True)
    def square(x):
        return x * x

    @njit(cache=True)
    def fourth(x):
        return square(square(x))
"""


def test_a_callee_is_compiled_without_native_code() -> None:
    module = module_of(CALLER)
    assert module.fourth(3.0) == 81.0
    (callee,) = module.square.overloads.values()
    (caller,) = module.fourth.overloads.values()
    assert not is_native(callee.library)
    assert is_native(caller.library)


def test_python_may_call_what_was_compiled_for_callers() -> None:
    module = module_of(CALLER)
    assert module.fourth(3.0) == 81.0
    assert module.square(3.0) == 9.0
    assert module.fourth(2.0) == 16.0
    assert module.square(2) == 4


def test_callers_use_what_was_compiled_for_python() -> None:
    module = module_of(CALLER)
    assert module.square(3.0) == 9.0
    assert module.fourth(3.0) == 81.0
    (callee,) = module.square.overloads.values()
    assert is_native(callee.library)


def test_a_caller_that_does_not_compile_leaves_no_trace() -> None:
    module = module_of(
        """
        from numba import njit

        @njit
        def square(x):
            return x * x

        @njit
        def wrong(x):
            return square(x).nothing_like_it
        """
    )
    with pytest.raises(numba.TypingError):
        module.wrong(3.0)
    assert module.square(3.0) == 9.0

    @numba.njit
    def own(x: float) -> float:
        return x + 1.0

    assert own(1.0) == 2.0
    assert is_native(next(iter(own.overloads.values())).library)


def test_a_callee_raises_through_its_caller() -> None:
    module = module_of(
        """
        from numba import njit

        @njit
        def root(x):
            if x < 0.0:
                raise ValueError("less than zero", 0)
            return x**0.5

        @njit
        def caller(x):
            return root(x)
        """
    )
    assert module.caller(4.0) == 2.0
    with pytest.raises(ValueError, match="less than zero"):
        module.caller(-1.0)


def test_a_callee_prints_through_its_caller(capfd: pytest.CaptureFixture[str]) -> None:
    # It finds the text in an environment, the one object of Python's that its code refers to.
    module = module_of(
        """
        from numba import njit

        @njit
        def tell(x):
            print("told", x)

        @njit
        def caller(x):
            tell(x)
        """
    )
    module.caller(4)
    assert capfd.readouterr().out == "told 4\n"


AFTERWARDS = """
import numba, numpy as np
from numba.extending import overload

def told(x): ...

@overload(told)
def _(x):
    def implementation(x):
        print("told", x)
        if x < 0:
            raise ValueError("negative", x)
        return np.zeros(x).size
    return implementation

import builtins
builtins.told = told
from irgrad.runtime.load import load_module

source = '''
from numba import njit

@njit
def emitted(x):
    return told(x)
'''
module = load_module(source, "aa" * 16, jit=True)
module.__dict__["told"] = told
assert module.emitted(2) == 2

@numba.njit
def own(x):
    return told(x) + np.zeros(x).size

assert own(3) == 6
try:
    own(-1)
except ValueError as error:
    assert error.args[0] == "negative", error
else:
    raise AssertionError("nothing raised")
"""


def test_others_use_overloads_of_numba_that_emitted_code_used_first(children: Any) -> None:
    output, _ = children.run(AFTERWARDS)
    assert output == "told 2\ntold 3\ntold -1"


def test_what_is_stored_needs_no_callee(children: Any, directory: Path) -> None:
    digest = next(_digests)
    source = textwrap.dedent(CALLER)
    assert load_module(source, digest, jit=True).fourth(3.0) == 81.0
    assert [path.name.split("-")[0] for path in directory.rglob("*.nbc")] == [
        f"irgrad_{digest}.fourth"
    ]
    children.run(
        "from irgrad.runtime.load import load_module\n"
        f"module = load_module({source!r}, {digest!r}, jit=True)\n"
        "assert module.fourth(3.0) == 81.0\n"
        "assert sum(module.fourth.stats.cache_hits.values()) == 1\n"
        "assert not module.square.overloads\n"
        "assert module.square(3.0) == 9.0\n"
    )


def test_arrays_pass_between_them() -> None:
    module = module_of(
        """
        import numpy as np
        from numba import njit

        @njit
        def doubled(x):
            return np.concatenate((x, x))

        @njit
        def caller(x):
            return doubled(np.sort(x)).sum()
        """
    )
    x = np.array([3.0, 1.0])
    assert module.caller(x) == 8.0
    np.testing.assert_array_equal(module.doubled(x), [3.0, 1.0, 3.0, 1.0])
