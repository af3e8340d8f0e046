"""Every op, declared once: its NumPy spellings, type rule, derivative, emission and samples."""

from irgrad.ops import (
    contract,
    control,
    create,
    cumulative,
    elementwise,
    fill,
    floating,
    index,
    integers,
    operand,
    outputs,
    reduce,
    rounding,
    shape,
    stacking,
    statistics,
    views,
)
from irgrad.ops.registry import OPS

__all__ = [
    "OPS",
    "contract",
    "control",
    "create",
    "cumulative",
    "elementwise",
    "fill",
    "floating",
    "index",
    "integers",
    "operand",
    "outputs",
    "reduce",
    "rounding",
    "shape",
    "stacking",
    "statistics",
    "views",
]
