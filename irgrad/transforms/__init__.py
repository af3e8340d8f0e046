"""Transforms of functions: they nest freely, and each compiles as one."""

from irgrad.transforms.gradients import grad, hvp, jvp, value_and_grad, vjp

__all__ = ["grad", "hvp", "jvp", "value_and_grad", "vjp"]
