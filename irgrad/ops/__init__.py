"""Every op, declared once: its NumPy spellings, type rule, derivative, emission and samples."""

from irgrad.ops import contract, create, elementwise, fill, index, operand, reduce, shape, views
from irgrad.ops.registry import OPS

__all__ = [
    "OPS",
    "contract",
    "create",
    "elementwise",
    "fill",
    "index",
    "operand",
    "reduce",
    "shape",
    "views",
]
