"""Solvers inside compiled functions, differentiated by the equations that they solve."""

from irgrad.implicit.brackets import brentq
from irgrad.implicit.linear import cg, gmres
from irgrad.implicit.minimum import minimize
from irgrad.implicit.quadrature import quad
from irgrad.implicit.roots import fixed_point, root

__all__ = ["brentq", "cg", "fixed_point", "gmres", "minimize", "quad", "root"]
