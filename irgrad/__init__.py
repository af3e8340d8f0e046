"""irgrad: compiled derivatives of plain NumPy functions, as readable source.

What a call of a compiled function needs is imported here, the rest when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from irgrad.garbage import full_collections_put_off

with full_collections_put_off():  # which find nothing, and take a fifth of the import
    from irgrad.api import CompiledFunction as CompiledFunction
    from irgrad.api import compile as compile
    from irgrad.errors import IrgradError as IrgradError

if TYPE_CHECKING:
    from irgrad import implicit as implicit
    from irgrad import nn as nn
    from irgrad import ode as ode
    from irgrad import ops as ops
    from irgrad import testing as testing
    from irgrad.control import cond as cond
    from irgrad.control import fori_loop as fori_loop
    from irgrad.control import scan as scan
    from irgrad.control import switch as switch
    from irgrad.control import while_loop as while_loop
    from irgrad.interpret.draw import draw_graph as draw_graph
    from irgrad.interpret.value import Value as Value
    from irgrad.transforms import checkpoint as checkpoint
    from irgrad.transforms import custom_vjp as custom_vjp
    from irgrad.transforms import grad as grad
    from irgrad.transforms import hessian as hessian
    from irgrad.transforms import hvp as hvp
    from irgrad.transforms import jacfwd as jacfwd
    from irgrad.transforms import jacobian as jacobian
    from irgrad.transforms import jacrev as jacrev
    from irgrad.transforms import jvp as jvp
    from irgrad.transforms import value_and_grad as value_and_grad
    from irgrad.transforms import vjp as vjp
    from irgrad.transforms import vmap as vmap
else:
    _PARTS = ("control", "implicit", "inline", "interpret", "nn", "ode", "ops", "pipeline",
              "report", "scipy", "testing", "transforms")  # fmt: skip
    _HOMES = {
        "control": ("cond", "fori_loop", "scan", "switch", "while_loop"),
        "interpret.draw": ("draw_graph",),
        "interpret.value": ("Value",),
        "transforms": (
            "checkpoint", "custom_vjp", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev",
            "jvp", "value_and_grad", "vjp", "vmap",
        ),
    }  # fmt: skip
    _LATE = {name: home for home, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> Any:
        """Import a public name that is asked for the first time."""
        if name in _PARTS:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with full_collections_put_off():
            value = getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_PARTS, *_LATE})


__version__ = "0.1.0"
