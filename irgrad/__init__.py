"""irgrad: compiled derivatives of plain NumPy functions, as readable source."""

from irgrad.garbage import full_collections_put_off

with full_collections_put_off():  # which find nothing, and take a fifth of the import
    from irgrad import implicit as implicit
    from irgrad import nn as nn
    from irgrad import ode as ode
    from irgrad import ops as ops
    from irgrad import testing as testing
    from irgrad.api import CompiledFunction as CompiledFunction
    from irgrad.api import compile as compile
    from irgrad.control import cond as cond
    from irgrad.control import fori_loop as fori_loop
    from irgrad.control import scan as scan
    from irgrad.control import switch as switch
    from irgrad.control import while_loop as while_loop
    from irgrad.errors import IrgradError as IrgradError
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

__version__ = "0.1.0"
