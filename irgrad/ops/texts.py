"""Functions of numbers that emitted files define for themselves: plain Python, kept as text.

An elementwise op whose element is more than an expression calls such a function by name; the file
then holds its text, and the texts that it calls. A text may also call irgrad's vector math
(``log``), and C functions of SciPy (``digamma``).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

_BUILTINS = frozenset(dir(builtins))

TEXTS: dict[str, str] = {}
"""The texts by the names of the functions."""

SCIPY_NAMES = {
    "digamma": "psi",
    "gamma_function": "gamma",
    "beta_function": "beta",
    "binomial": "binom",
    **{f"bessel_{name}": name for name in "i0 i1 i0e i1e iv ive j0 j1 jv y0 y1 yv kv kve".split()},
}
"""What scipy.special calls a function that has another name in emitted code."""


def scipy_function(name: str) -> Any:
    """Return the function of scipy.special of this name, ``_zeta`` and the like included."""
    import scipy.special

    return getattr(scipy.special, name, None) or getattr(scipy.special._ufuncs, name)


def emitted_function(text: str) -> Callable[..., Any]:
    """Register the text of a function for emitted files; return it as a function of floats."""
    (definition,) = ast.parse(text).body
    assert isinstance(definition, ast.FunctionDef)
    name = definition.name
    TEXTS[name] = text

    def function(*numbers: Any) -> Any:
        return _plain(name)(*numbers)

    function.__name__ = name
    return function


def calls(text: str) -> list[str]:
    """Return the names of the functions that a text of Python calls, in order of appearance."""
    found = {
        node.func.id: None
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return list(found)


@cache
def _plain(name: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {"np": np}
    exec(TEXTS[name], scope)
    for called in calls(TEXTS[name]):
        if called in scope or called in _BUILTINS:
            continue
        if called in TEXTS:
            scope[called] = _plain(called)
        else:
            own = getattr(np, called, None)
            scope[called] = own or scipy_function(SCIPY_NAMES.get(called, called))
    function: Callable[..., Any] = scope[name]
    return function
